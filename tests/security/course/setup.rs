//! The administrator's part: a network with its site and its secrets, made by the product's own
//! commands.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::Opco;
use harness::database::Database;
use serde_json::Value;

use super::OPCOS;
use crate::PROGRAM;
use crate::canary::{Canary, Dice};

/// What a shown API key starts with that is no secret: the prefix by which people tell keys apart.
const PREFIX: usize = 13;

const SITE: &str = "98765432400019";

/// What the administrator works with.
pub(super) struct Setup<'a> {
    pub(super) database: &'a Database,
    pub(super) settings: &'a str,
    pub(super) input: PathBuf,
    pub(super) said: Vec<(String, Vec<u8>)>,
    pub(super) canaries: Vec<Canary>,
}

impl Setup<'_> {
    /// Creates a network with its site and secrets; returns the API key of its ERP and the
    /// CFA key at the first OPCO.
    pub(super) async fn network(&mut self, dice: &mut Dice) -> (String, String) {
        for line in [
            "network create --name Essais".to_owned(),
            "cfa create --name Essais --siren 987654324".to_owned(),
            format!("site create --name Essais --siret {SITE} --uai 0939999N"),
            format!(
                "mandate create --siret {SITE} --reference M-ESSAI --signed-on 2026-01-01 \
                 --from 2026-01-01"
            ),
        ] {
            self.admin(&line, "").await;
        }
        let pem = opco::generate_proof_key().unwrap();
        let file = self.input.join("dpop.pem");
        std::fs::write(&file, pem.expose()).unwrap();
        self.private_parts(pem.expose());
        let mut keys = Vec::new();
        for opco in OPCOS {
            let secret = dice.key();
            let at = format!("--opco {opco} --environment test");
            let dpop = match opco {
                Opco::Afdas => format!(" --dpop-key-file {}", file.display()),
                _ => String::new(),
            };
            let line = format!("software create {at} --client-id editeur --secret-file -{dpop}");
            self.admin(&line, &secret).await;
            self.canaries
                .extend(Canary::halved("an OAuth secret", &secret));
            let key = dice.key();
            self.canaries.extend(Canary::halved("a CFA key", &key));
            let line = format!("key create --siret {SITE} {at} --key-file -");
            self.admin(&line, &key).await;
            keys.push(key);
        }
        (self.credential().await, keys.remove(0))
    }

    /// The one place where an API key is shown.
    async fn credential(&mut self) -> String {
        let line = "credential create --label ERP --environment test --quota-per-minute 1000000 \
                    --format json";
        let written = self.admin(line, "").await;
        let shown = written.lines().find_map(|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            Some(line.get("key")?.as_str()?.to_owned())
        });
        let key = shown.unwrap();
        let (_, last) = self.said.pop().unwrap();
        let rest = String::from_utf8(last).unwrap().replacen(&key, "", 1);
        self.said.push((line.to_owned(), rest.into_bytes()));
        self.canaries
            .extend(Canary::halved("an API key", &key[PREFIX..]));
        key
    }

    /// Plants what is private in an RSA key: not its public modulus, which is sent.
    fn private_parts(&mut self, pem: &str) {
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = STANDARD.decode(body).unwrap();
        for from in [400, 700, 1_000] {
            let part = &der[from..from + 24];
            self.canaries
                .push(Canary::bytes("a part of the DPoP key", part));
        }
    }

    async fn admin(&mut self, line: &str, input: &str) -> String {
        let line = format!("admin {line}");
        let args: Vec<&str> = line.split(' ').collect();
        let run = PROGRAM.run(self.database, self.settings, &args, &[], input);
        let output = run.await;
        let written = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(written.clone()).unwrap();
        assert!(output.status.success(), "{line}: {text}");
        self.said.push((line, written));
        text
    }
}
