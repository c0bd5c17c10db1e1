//! Dossiers with their money: contracts, schedules and invoices, sealed as the gateway seals them, put
//! straight where they stand.

use std::sync::Arc;

use domain::clock::{Clock as _, SystemClock};
use domain::echeancier::EtatFacture;
use domain::id::{ContractId, DeliveryId, DossierId, SnapshotId, TenantId};
use domain::{Environment, Kind, Opco, Receipt, Secret, Siret, Status, Timestamp};
use jiff::ToSpan as _;
use jiff::civil::Date;
use serde_json::json;
use store::invoices::NewInvoice;
use store::settle::NewDossier;
use store::{
    NewDelivery, NewEvent, Standing, Store, TenantKey, deliveries, dossiers, invoices, schedules,
};

use crate::contracts::{Contracts, SITES};
use crate::setup;

/// Échéances of a schedule.
const LINES: i64 = 6;
/// What became of those that were billed, an invoice each.
const ETATS: [EtatFacture; 3] = [
    EtatFacture::Regle,
    EtatFacture::EnCoursInstruction,
    EtatFacture::Rejete,
];
/// Deliveries of one transaction.
const BATCH: usize = 200;

/// What every row of one network is made with.
struct Clerk<'a> {
    store: &'a Store,
    tenant: TenantId,
    keys: Arc<TenantKey>,
    today: Date,
    now: Timestamp,
}

/// Puts dossiers into a network: of the échéances of each, one is paid, one under review, one refused, one
/// open and not billed.
pub(crate) async fn fill(store: &Store, tenant: TenantId, count: u64) -> anyhow::Result<()> {
    let clerk = Clerk {
        store,
        tenant,
        keys: store.keys(tenant).await?,
        today: setup::today(),
        now: SystemClock.now(),
    };
    let contracts = Contracts::new(clerk.today)?;
    let mut waiting = Vec::new();
    for n in 0..count {
        let mut body = Vec::new();
        contracts.write(n, &mut body);
        let contract = clerk.delivery(n, Kind::Dossier, &body, None)?;
        let of: ContractId = contract.id.into();
        let mut pieces = vec![contract];
        for echeance in (1..).take(ETATS.len()) {
            pieces.push(clerk.invoice(n, of, echeance)?);
        }
        waiting.push((n, pieces));
        if waiting.len() >= BATCH || n + 1 == count {
            clerk.put(std::mem::take(&mut waiting)).await?;
        }
    }
    Ok(())
}

fn site(n: u64) -> anyhow::Result<Siret> {
    Ok(SITES[(n / 7 % 4) as usize].parse()?)
}

impl Clerk<'_> {
    fn delivery(
        &self,
        n: u64,
        kind: Kind,
        body: &[u8],
        invoice: Option<NewInvoice>,
    ) -> anyhow::Result<NewDelivery> {
        let id = DeliveryId::new(self.now);
        Ok(NewDelivery {
            tenant: self.tenant,
            id,
            environment: Environment::Live,
            kind,
            standing: Standing {
                status: Status::Delivered,
                wait_reason: None,
                hold_reason: None,
                due_at: None,
            },
            lane: self.keys.fingerprint("lane", &n.to_string()),
            opco: Some(Opco::Atlas),
            instance: 1,
            credential: None,
            siret_cfa: site(n)?,
            siret_employeur: None,
            route_json: "{}".to_owned(),
            warnings_json: "[]".to_owned(),
            idempotency: None,
            pairing: None,
            match_keys: [None; 3],
            compared: true,
            sealed: self.keys.seal_payload(id, body, None)?,
            files: Vec::new(),
            invoice,
            about: Vec::new(),
            person: self.keys.fingerprint("person", &n.to_string()),
            rule_set: "banc".to_owned(),
            traceparent: None,
            version: None,
            mandate: None,
            created_at: self.now,
            event: NewEvent::new(self.now, "delivery.accepted").delivery(id),
            claim: None,
        })
    }

    fn invoice(&self, n: u64, of: ContractId, echeance: i64) -> anyhow::Result<NewDelivery> {
        let numero = format!("F{n:06}-{echeance}");
        let siret = site(n)?;
        let body = json!({
            "numero": numero,
            "dateEmission": self.today.to_string(),
            "montantTotal": 1_500.00,
            "siretEmetteur": siret.as_str(),
            "estCertificatRealisation": true,
            "lignes": [{
                "montant": 1_500.00, "natureLigne": "PEDAGOGIE", "quantite": 1,
                "numeroEcheance": echeance,
            }],
        });
        let invoice = NewInvoice {
            siret_emetteur: siret,
            numero,
            contracts: vec![of],
        };
        let body = serde_json::to_vec(&body)?;
        self.delivery(n, Kind::Facture, &body, Some(invoice))
    }

    fn schedule(&self) -> anyhow::Result<String> {
        let mut lines = Vec::new();
        for numero in 1..=LINES {
            let opens = self.today.checked_add(((numero - 5) * 60).days())?;
            lines.push(json!({
                "numero": numero,
                "codification": format!("E{numero}"),
                "dateOuverture": opens.to_string(),
                "montantTotal": 1_500.00,
                "dontMontantPedagogie": 1_500.00,
                "montantRegle": if numero == 1 { 1_500.00 } else { 0.0 },
                "montantEnCoursInstruction": if numero == 2 { 1_500.00 } else { 0.0 },
            }));
        }
        Ok(serde_json::to_string(
            &json!({ "engagement": 9_000.00, "echeances": lines }),
        )?)
    }

    async fn put(&self, batch: Vec<(u64, Vec<NewDelivery>)>) -> anyhow::Result<()> {
        let mut news = Vec::new();
        let mut filed: Vec<(u64, DeliveryId, Vec<DeliveryId>)> = Vec::new();
        for (n, pieces) in batch {
            let ids: Vec<DeliveryId> = pieces.iter().map(|piece| piece.id).collect();
            if let [contract, bills @ ..] = ids.as_slice() {
                filed.push((n, *contract, bills.to_vec()));
            }
            news.extend(pieces);
        }
        self.store.accept(&news).await?;
        let schedule = Secret::new(self.schedule()?);
        let mut tx = self.store.writing().await?;
        for (n, contract, bills) in filed {
            let found = deliveries::find(&mut tx, self.tenant, contract).await?;
            let delivery = found.ok_or_else(|| anyhow::anyhow!("a delivery is gone"))?;
            let new = NewDossier {
                id: DossierId::new(self.now),
                pairing: None,
                receipt: Receipt {
                    numero_interne: Some(format!("I{n:06}")),
                    numero_externe: Some(format!("D{n:06}")),
                    numero_deca: Some(format!("DECA{n:06}")),
                    etat: Some("ENGAGE".to_owned()),
                },
            };
            dossiers::open(&mut tx, &delivery, &new, self.now).await?;
            let found = dossiers::find_by_delivery(&mut tx, &delivery).await?;
            let dossier = found.ok_or_else(|| anyhow::anyhow!("a dossier is gone"))?;
            schedules::hurry(&mut tx, &dossier, self.now).await?;
            let id = SnapshotId::new(self.now);
            let sealed = self
                .keys
                .seal_secret(id.as_bytes(), schedules::PART, &schedule)?;
            schedules::keep(&mut tx, self.tenant, dossier.id, (id, &sealed), self.now).await?;
            for (bill, etat) in bills.iter().zip(ETATS) {
                let told = invoices::Told {
                    etat: Some(etat),
                    ..invoices::Told::default()
                };
                invoices::tell(&mut tx, self.tenant, *bill, &told, self.now).await?;
            }
        }
        tx.commit().await?;
        Ok(())
    }
}
