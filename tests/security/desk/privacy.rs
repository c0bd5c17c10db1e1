//! The rights of an apprentice: all that is held about one is found however one looks, handed out whole, and
//! erased so that nothing opens it any more; and what a person opens is told with its reason.

use std::path::{Path, PathBuf};
use std::time::Duration;

use aho_corasick::AhoCorasick;
use domain::etat::Etat;
use domain::id::DeliveryId;
use domain::person::Role;
use domain::{Kind, Opco};
use harness::database::Engine;
use harness::desk::{Browser, Desk, PASSWORD, account, between};
use harness::payload::contract;
use harness::scene::Scene;
use harness::{variable, wait};
use sqlx::{Connection as _, PgConnection};
use store::people::Scope;
use store::{deliveries, events};

use super::apprentice::{Apprentice, apprentice, files_folder, of_several, resembling, with_nir};
use super::{OPTIONAL, Place, on_both};
use crate::PROGRAM;

/// A name that no object has.
const NOBODY: &str = "01900000-0000-7000-8000-000000000000";

/// Looks for somebody and returns the address of what is held.
async fn sought(browser: &mut Browser, fields: &[(&str, &str)]) -> String {
    let answer = browser.submit("/privacy", fields).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    answer.header("location").unwrap().to_owned()
}

async fn by_identity(browser: &mut Browser, who: &Apprentice) -> String {
    let fields = who.identity();
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    sought(browser, &fields).await
}

/// Returns whom a page is about, as its forms say it.
fn subject_of(page: &str) -> String {
    between(page, "name=\"subject\" value=\"", "\"").unwrap()
}

/// Returns what a page's form of erasure sends, but the reason.
fn form(page: &str) -> (String, String) {
    let stamp = between(page, "name=\"stamp\" value=\"", "\"");
    (subject_of(page), stamp.unwrap())
}

/// Returns the reasons that events of a kind hold for a delivery, with who gave them.
async fn told(place: &Place, id: DeliveryId, kind: &str) -> Vec<(String, String)> {
    let mut tx = place.store.reading().await.unwrap();
    let all = events::of_delivery(&mut tx, place.network.tenant, id)
        .await
        .unwrap();
    let of_kind = all.into_iter().filter(|event| event.kind == kind);
    of_kind
        .map(|event| {
            (
                event.actor,
                event.data["reason"].as_str().unwrap_or_default().to_owned(),
            )
        })
        .collect()
}

/// Returns every file below a folder.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                files_below(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// Returns the files in which the database keeps what it holds, as they are on the disk now.
async fn raw(place: &Place) -> Vec<u8> {
    match place.database.engine {
        Engine::Sqlite => {
            let names = ["gateway.db", "gateway.db-wal"];
            let paths = names.map(|name| place.database.folder.join(name));
            paths
                .iter()
                .flat_map(|path| std::fs::read(path).unwrap_or_default())
                .collect()
        }
        Engine::Postgres => {
            let mut conn = PgConnection::connect(&place.database.url).await.unwrap();
            sqlx::query("checkpoint").execute(&mut conn).await.unwrap();
            let (id,): (i64,) = sqlx::query_as(
                "select oid::bigint from pg_database where datname = current_database()",
            )
            .fetch_one(&mut conn)
            .await
            .unwrap();
            let folder = variable("TEST_PG_DATA").unwrap();
            let folder = Path::new(&folder).join("base").join(id.to_string());
            let all = files_below(&folder);
            assert!(!all.is_empty(), "{} is not there", folder.display());
            // A file may go while the server tidies up: what went holds nothing.
            all.iter()
                .flat_map(|path| std::fs::read(path).unwrap_or_default())
                .collect()
        }
    }
}

fn holds(raw: &[u8], needle: &[u8]) -> bool {
    AhoCorasick::new([needle]).unwrap().is_match(raw)
}

/// Does what the manual tells an operator of PostgreSQL to do: rows that were let go of lie in the pages of
/// their tables until these are written anew.
async fn written_anew(place: &Place) {
    if place.database.engine == Engine::Postgres {
        let mut conn = PgConnection::connect(&place.database.url).await.unwrap();
        let sql = "vacuum full object_key, payload, submission, file, stranger, schedule_snapshot, \
                   delivery, dossier, dossier_history, invoice, attempt, refusal";
        sqlx::raw_sql(sql).execute(&mut conn).await.unwrap();
    }
}

/// Whether the server's files can be read here.
fn is_readable(place: &Place) -> bool {
    place.database.engine == Engine::Sqlite || variable("TEST_PG_DATA").is_some()
}

on_both! { OPTIONAL;
    async fn one_apprentice_is_found_however_one_looks_and_nobody_else(place) {
        let who = apprentice(&place, 1, Etat::Solde).await;
        let other = apprentice(&place, 2, Etat::Solde).await;
        let mut browser = place.signed_in("dpo@cfa.example", Role::Admin).await;
        let ways = [
            by_identity(&mut browser, &who).await,
            sought(&mut browser, &[("nir", &format!("{} {}", &who.nir[..5], &who.nir[5..]))]).await,
            sought(&mut browser, &[("numero", &who.numero)]).await,
            sought(&mut browser, &[("numero", &who.contract.to_string())]).await,
            sought(&mut browser, &[("numero", &who.agreement.to_string())]).await,
        ];
        for way in &ways {
            let page = browser.get(way).await;
            assert_eq!(page.status, 200, "{}", page.text);
            for id in [who.contract, who.agreement, who.certificate, who.invoice] {
                assert!(page.text.contains(&id.to_string()), "{way}: {id}: {}", page.text);
            }
            assert!(page.text.contains(&who.dossier.to_string()), "{}", page.text);
            assert!(!page.text.contains(&other.contract.to_string()), "{}", page.text);
            // Nothing of the person is in an address, nor on a page that opens nothing.
            for (_, text) in who.identity() {
                assert!(!way.to_lowercase().contains(&text.to_lowercase()), "{way}");
            }
            assert!(!way.contains(&who.nir) && !page.text.contains(&who.nir));
        }
        let nobody = [("nom", "PERSONNE"), ("prenom", "Ici"), ("date_naissance", "2001-01-01")];
        let way = sought(&mut browser, &nobody).await;
        assert!(browser.get(&way).await.text.contains("Rien n'est tenu"));
        let refused = browser.submit("/privacy", &[("nom", "SEUL")]).await;
        assert!(refused.status == 400 || refused.text.contains("role=\"alert\""), "{}", refused.text);
        // The searches are on record, and what was looked for is not.
        let mut tx = place.store.reading().await.unwrap();
        let log = events::after(&mut tx, place.network.tenant, 0, 1_000).await.unwrap();
        let searches: Vec<_> = log.iter().filter(|event| event.kind == "privacy.searched").collect();
        assert_eq!(searches.len(), 6);
        let said = format!("{searches:?}").to_lowercase();
        assert!(!said.contains(&who.nir) && !said.contains(&who.identity()[0].1) && !said.contains("personne ici"));
    }

    async fn two_people_of_one_name_are_told_apart_before_anything_leaves_or_goes(place) {
        let one = apprentice(&place, 10, Etat::Solde).await;
        let other = with_nir(&place, 10, Etat::Solde, 11).await;
        let mut browser = place.signed_in("dpo@cfa.example", Role::Admin).await;
        let way = by_identity(&mut browser, &one).await;
        let page = browser.get(&way).await.text;
        assert!(page.contains(&one.contract.to_string()) && page.contains(&other.contract.to_string()), "{page}");
        assert!(page.contains("plusieurs NIR") && !page.contains("/privacy/erase"), "{page}");
        let subject = way.split_once("subject=").unwrap().1.to_owned();
        for path in ["/privacy/export", "/privacy/erase"] {
            let sent = [("subject", subject.as_str()), ("stamp", "x"), ("reason", "demande")];
            let refused = browser.submit(path, &sent).await;
            assert!(refused.text.contains("choisissez-en un"), "{path}: {}", refused.text);
        }
        let way = sought(&mut browser, &[("nir", &other.nir)]).await;
        let page = browser.get(&way).await.text;
        assert!(!page.contains(&one.contract.to_string()) && page.contains(&other.contract.to_string()), "{page}");
        assert!(page.contains("/privacy/erase"), "{page}");
    }

    async fn whoever_resembles_a_person_is_offered_and_never_taken_for_them(place) {
        let one = apprentice(&place, 20, Etat::Solde).await;
        let other = resembling(&place, 20, 21).await;
        let mut browser = place.signed_in("dpo@cfa.example", Role::Admin).await;
        for (who, not) in [(&one, &other), (&other, &one)] {
            for way in [
                by_identity(&mut browser, who).await,
                sought(&mut browser, &[("numero", &who.numero)]).await,
            ] {
                let page = browser.get(&way).await.text;
                assert!(page.contains(&who.contract.to_string()), "{page}");
                assert!(page.contains("ressemblent") && !page.contains("plusieurs NIR"), "{page}");
                for id in [not.contract, not.agreement, not.certificate, not.invoice] {
                    assert!(!page.contains(&id.to_string()), "{page}");
                }
                let offered = between(&page, "/privacy/person?subject=", "\"").unwrap();
                let page = browser.get(&format!("/privacy/person?subject={offered}")).await.text;
                assert!(page.contains(&not.contract.to_string()), "{page}");
            }
        }
        let way = by_identity(&mut browser, &one).await;
        let (subject, stamp) = form(&browser.get(&way).await.text);
        let sent = [("subject", subject.as_str()), ("stamp", stamp.as_str()), ("reason", "demande")];
        let done = browser.submit("/privacy/erase", &sent).await;
        assert!(done.status == 200 && done.text.contains("Effacé"), "{}", done.text);
        let mut tx = place.store.reading().await.unwrap();
        for (id, held) in [(one.contract, false), (one.agreement, false), (other.contract, true), (other.agreement, true)] {
            let sealed = deliveries::payload(&mut tx, place.network.tenant, id).await.unwrap();
            assert_eq!(sealed.is_some(), held, "{id}");
        }
    }

    async fn a_copy_holds_everything_readable_and_is_told_with_its_reason(place) {
        let who = apprentice(&place, 3, Etat::Engage).await;
        let mut browser = place.signed_in("dpo@cfa.example", Role::Admin).await;
        let way = by_identity(&mut browser, &who).await;
        let subject = subject_of(&browser.get(&way).await.text);
        let without = browser.submit("/privacy/export", &[("subject", &subject)]).await;
        assert!(without.text.contains("Dites pourquoi"), "{}", without.text);
        let number = format!("demande de {}", who.nir);
        for path in ["/privacy/export", "/privacy/erase"] {
            let sent = [("subject", subject.as_str()), ("stamp", "x"), ("reason", number.as_str())];
            let refused = browser.submit(path, &sent).await;
            assert!(refused.text.contains("NIR ou d'un IBAN") || refused.text.contains("NIR ou d&#39;un IBAN"), "{path}: {}", refused.text);
        }
        assert_eq!(told(&place, who.contract, "privacy.exported").await, []);
        let sent = [("subject", subject.as_str()), ("reason", "demande du 2 septembre")];
        let answer = browser.submit("/privacy/export", &sent).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.header("content-type"), Some("application/zip"));
        assert!(answer.header("cache-control").unwrap().contains("no-store"));
        let text = &answer.text;
        assert!(text.starts_with("PK\u{3}\u{4}"), "an archive");
        for (_, value) in [("nom", who.sent.text("/cerfa/apprenti/nom")), ("courriel", who.sent.text("/cerfa/apprenti/courriel"))] {
            assert!(text.contains(value), "{value}");
        }
        for expected in [who.nir.as_str(), &who.inside, &who.numero, "nom de naissance", "donnees.json", "echeanciers"] {
            assert!(text.contains(expected), "{expected}");
        }
        // Files are named by what people know, not by our identifiers.
        let day = domain::calendar::day_in_france(place.now());
        assert!(text.contains(&format!("fichiers/{day}_convention")), "{day}");
        assert!(!text.contains(&format!("fichiers/{}", who.file)), "a file is named by an identifier");
        assert!(!text.contains("FR7612345678901234567890123"), "an account is another's");
        for id in [who.contract, who.agreement, who.certificate, who.invoice] {
            let told = told(&place, id, "privacy.exported").await;
            assert_eq!(told.len(), 1, "{id}");
            assert!(told[0].0.starts_with("person:") && told[0].1 == "demande du 2 septembre", "{told:?}");
        }
        // Nothing of it was left in clear on the disk.
        for path in files_below(&place.database.folder) {
            let bytes = std::fs::read(&path).unwrap_or_default();
            assert!(!holds(&bytes, who.inside.as_bytes()), "{}", path.display());
        }
    }

    async fn what_is_opened_is_told_with_its_reason_and_masked(place) {
        let who = apprentice(&place, 4, Etat::Engage).await;
        let mut browser = place.signed_in("audit@cfa.example", Role::Auditor).await;
        let path = format!("/deliveries/{}", who.contract);
        let open = format!("{path}/open");
        let page = browser.get(&path).await.text;
        assert!(page.contains("Contenu scellé") && page.contains(&format!("{path}/evidence")), "{page}");
        let without = browser.submit(&open, &[("what", "payload")]).await;
        assert!(without.text.contains("Dites pourquoi"), "{}", without.text);
        let sent = [("what", "payload"), ("reason", "écart signalé par l'OPCO")];
        let opened = browser.submit(&open, &sent).await;
        assert_eq!(opened.status, 200, "{}", opened.text);
        assert!(opened.text.contains(who.sent.text("/cerfa/apprenti/nom")), "{}", opened.text);
        assert!(opened.text.contains("NIR de l&#39;apprenti") || opened.text.contains("NIR de l'apprenti"), "{}", opened.text);
        assert!(opened.text.contains("1 — Française"), "{}", opened.text);
        assert!(!opened.text.contains(&who.nir) && !opened.text.contains("FR7612345678901234567890123"));
        let told = told(&place, who.contract, "payload.opened").await;
        assert!(told.len() == 1 && told[0].0.starts_with("person:") && told[0].1 == "écart signalé par l'OPCO", "{told:?}");
        // The history says who, by the name people know.
        let page = browser.get(&path).await.text;
        assert!(page.contains("payload.opened") && page.contains(">Une personne<"), "{page}");
        let file = format!("file:{}", who.file);
        let of_file = format!("/deliveries/{}/open", who.agreement);
        let answer = browser.submit(&of_file, &[("what", &file), ("reason", "contrôle")]).await;
        assert!(answer.text.contains(&who.inside), "{}", answer.text);
        assert!(answer.header("content-disposition").unwrap().starts_with("attachment"));
        // A file is opened where it is, and nowhere else.
        let elsewhere = browser.submit(&open, &[("what", &file), ("reason", "contrôle")]).await;
        assert_eq!(elsewhere.status, 404, "{}", elsewhere.text);
        let certificate = format!("/deliveries/{}/open", who.certificate);
        let answer = browser.submit(&certificate, &[("what", "certificate"), ("reason", "contrôle")]).await;
        assert!(answer.status == 200 && answer.text.starts_with("%PDF-"), "{}", answer.text);
        // After a while the password is asked for again.
        place.later(Duration::from_mins(11));
        let late = browser.submit(&open, &sent).await;
        assert!(late.header("location").unwrap().starts_with("/confirm"), "{}", late.text);
        // A manager is told that it was opened, and opens nothing.
        let mut manager = place.signed_in("gestion@cfa.example", Role::Operator).await;
        assert!(!manager.get(&path).await.text.contains(&open));
    }

    async fn what_is_under_way_is_not_erased(place) {
        let who = apprentice(&place, 5, Etat::Engage).await;
        let mut browser = place.signed_in("dpo@cfa.example", Role::Admin).await;
        let way = by_identity(&mut browser, &who).await;
        let page = browser.get(&way).await.text;
        assert!(page.contains("terminé chez l'OPCO") || page.contains("terminé chez l&#39;OPCO"), "{page}");
        assert!(!page.contains("action=\"/privacy/erase\""), "{page}");
        let subject = subject_of(&page);
        let sent = [("subject", subject.as_str()), ("stamp", "x"), ("reason", "demande")];
        let refused = browser.submit("/privacy/erase", &sent).await;
        assert!(refused.text.contains("role=\"alert\""), "{}", refused.text);
        assert_eq!(told(&place, who.contract, "privacy.erased").await, []);
    }

    async fn an_erased_apprentice_is_nowhere_and_the_log_still_holds(place) {
        if !is_readable(&place) {
            return;
        }
        let who = apprentice(&place, 6, Etat::Solde).await;
        let other = apprentice(&place, 7, Etat::Solde).await;
        let tenant = place.network.tenant;
        let before = raw(&place).await;
        for (what, bytes) in who.traces.iter().chain(&other.traces) {
            assert!(holds(&before, bytes), "the search finds what is there: {what}");
        }
        let stored = files_below(&files_folder(&place)).len();
        let mut browser = place.signed_in("dpo@cfa.example", Role::Admin).await;
        let way = by_identity(&mut browser, &who).await;
        let page = browser.get(&way).await.text;
        assert!(page.contains("L123-22"), "why the invoice stays: {page}");
        let (subject, stamp) = form(&page);
        // What was shown is what is erased, or nothing is.
        let sent = [("subject", subject.as_str()), ("stamp", "autre"), ("reason", "demande")];
        let changed = browser.submit("/privacy/erase", &sent).await;
        assert!(changed.text.contains("a changé depuis"), "{}", changed.text);
        // And only by whoever proved who they are a moment ago.
        place.later(Duration::from_mins(11));
        let sent = [("subject", subject.as_str()), ("stamp", stamp.as_str()), ("reason", "demande du 2")];
        let late = browser.submit("/privacy/erase", &sent).await;
        assert!(late.header("location").unwrap().starts_with("/confirm"), "{}", late.text);
        browser.submit("/confirm", &[("password", PASSWORD), ("next", "/privacy")]).await;
        let done = browser.submit("/privacy/erase", &sent).await;
        assert!(done.status == 200 && done.text.contains("Effacé"), "{}", done.text);

        wait::until("the file is gone", async || {
            (files_below(&files_folder(&place)).len() + 1 == stored).then_some(())
        })
        .await;
        // A snapshot that somebody else holds keeps what it sees for as long.
        let after = wait::until("what was erased is on no disk", async || {
            place.store.scrub().await.unwrap();
            written_anew(&place).await;
            let after = raw(&place).await;
            let still = who.traces.iter().any(|(_, bytes)| holds(&after, bytes));
            (!still).then_some(after)
        })
        .await;
        for (what, bytes) in &other.traces {
            assert!(holds(&after, bytes), "another's is untouched: {what}");
        }
        assert!(holds(&after, &who.kept), "the invoice stays for the accounts");
        assert_eq!(told(&place, who.contract, "privacy.erased").await[0].1, "demande du 2");
        assert_eq!(told(&place, who.invoice, "privacy.erased").await, []);
        // Nobody finds the person any more; whoever has the number sees what stays, and why.
        let way = by_identity(&mut browser, &who).await;
        assert!(browser.get(&way).await.text.contains("Rien n'est tenu"));
        let way = sought(&mut browser, &[("numero", &who.numero)]).await;
        let page = browser.get(&way).await.text;
        assert!(page.contains(&who.invoice.to_string()) && page.contains("déjà détruit"), "{page}");
        // Once more changes nothing.
        let subject = subject_of(&page);
        let sent = [("subject", subject.as_str()), ("stamp", "x"), ("reason", "encore")];
        let again = browser.submit("/privacy/erase", &sent).await;
        assert!(again.text.contains("role=\"alert\""), "{}", again.text);

        // The log is whole: every event proven, the erased ones too.
        while store::proofs::Grown::Nothing != place.store.grow_log(tenant, place.now(), 1_000).await.unwrap() {}
        let audited = place.store.audit_log(tenant, &[]).await.unwrap();
        assert!(audited.findings.is_empty() && audited.events > 0, "{audited:?}");
        let mut tx = place.store.reading().await.unwrap();
        assert!(deliveries::payload(&mut tx, tenant, who.contract).await.unwrap().is_none());
        assert!(deliveries::payload(&mut tx, tenant, who.invoice).await.unwrap().is_some());
        // The OPCO's words are gone with the person, and do not come back; those of others stay.
        assert!(store::privacy::is_wordless(&mut tx, tenant, who.invoice).await.unwrap());
        assert!(store::privacy::is_erased(&mut tx, tenant, who.dossier).await.unwrap());
        assert!(!store::privacy::is_wordless(&mut tx, tenant, other.invoice).await.unwrap());
    }

    async fn a_document_of_several_goes_with_the_last_of_them_and_is_handed_out_to_none(place) {
        let (ana, bea) = (apprentice(&place, 30, Etat::Solde).await, apprentice(&place, 31, Etat::Solde).await);
        let document = of_several(&place, Kind::Document, &[&ana, &bea]).await;
        // Of an invoice nothing but what is known of it tells that it bills both.
        of_several(&place, Kind::Facture, &[&ana, &bea]).await;
        let named = document.to_string();
        let tenant = place.network.tenant;
        let held = async || {
            let mut tx = place.store.reading().await.unwrap();
            deliveries::payload(&mut tx, tenant, document).await.unwrap().is_some()
        };
        let mut browser = place.signed_in("dpo@cfa.example", Role::Admin).await;
        for (rank, who) in [&ana, &bea].into_iter().enumerate() {
            let way = by_identity(&mut browser, who).await;
            let page = browser.get(&way).await.text;
            assert!(page.contains(&named), "{rank}: {page}");
            // Listed in the copy of each, and its file handed out with none.
            let (subject, stamp) = form(&page);
            let copy = [("subject", subject.as_str()), ("reason", "demande")];
            let copy = browser.submit("/privacy/export", &copy).await.text;
            assert!(copy.contains(&named) && copy.contains(&who.inside), "{rank}");
            assert!(copy.contains("non remis") && !copy.contains("Les deux"), "{rank}: {copy}");
            // The first leaves it to the other; the last takes it along.
            assert_eq!(page.contains("porte aussi sur d&#39;autres personnes") || page.contains("porte aussi sur d'autres personnes"), rank == 0, "{page}");
            let sent = [("subject", subject.as_str()), ("stamp", stamp.as_str()), ("reason", "demande")];
            let done = browser.submit("/privacy/erase", &sent).await;
            assert!(done.status == 200 && done.text.contains("Effacé"), "{}", done.text);
            assert_eq!(done.text.contains(&format!("/deliveries/{named}")), rank == 0, "what remains is named: {}", done.text);
            assert_eq!(held().await, rank == 0, "{rank}");
            assert_eq!(told(&place, document, "privacy.erased").await.len(), rank);
        }
    }

    async fn a_document_of_two_who_are_erased_at_the_same_moment_is_not_left_for_ever(place) {
        let (ana, bea) = (apprentice(&place, 32, Etat::Solde).await, apprentice(&place, 33, Etat::Solde).await);
        let document = of_several(&place, Kind::Document, &[&ana, &bea]).await;
        let tenant = place.network.tenant;
        let keys = place.store.keys(tenant).await.unwrap();
        let mut browser = place.signed_in("dpo@cfa.example", Role::Admin).await;
        let way = by_identity(&mut browser, &ana).await;
        let (subject, stamp) = form(&browser.get(&way).await.text);
        // The erasure of the other: it holds the document, has destroyed the contract, and has not ended.
        let mut other = place.store.writing().await.unwrap();
        deliveries::find_for_update(&mut other, tenant, document).await.unwrap();
        let lane = keys.fingerprint("lane", "gone");
        store::privacy::erase_delivery(&mut other, tenant, bea.contract, lane).await.unwrap();
        let ends = async {
            // Longer than an erasure takes that waits for nobody.
            tokio::time::sleep(Duration::from_millis(700)).await;
            other.commit().await.unwrap();
        };
        let sent = [("subject", subject.as_str()), ("stamp", stamp.as_str()), ("reason", "demande")];
        let (told, ()) = tokio::join!(browser.submit("/privacy/erase", &sent), ends);
        assert_ne!(told.status, 200, "it is more than what was shown: {}", told.text);
        let (subject, stamp) = form(&browser.get(&way).await.text);
        let sent = [("subject", subject.as_str()), ("stamp", stamp.as_str()), ("reason", "demande")];
        let done = browser.submit("/privacy/erase", &sent).await;
        assert!(done.status == 200 && done.text.contains("Effacé"), "{}", done.text);
        let mut tx = place.store.reading().await.unwrap();
        assert!(deliveries::payload(&mut tx, tenant, document).await.unwrap().is_none());
    }

    async fn an_erasure_is_done_again_after_an_older_copy_was_put_back(place) {
        // A copy from before the erasure is a database that holds what the log kept elsewhere says is erased.
        let who = apprentice(&place, 9, Etat::Solde).await;
        let line = |id: &str, of: &str| format!("{{\"kind\":\"privacy.erased\",\"{of}\":\"{id}\",\"actor\":\"person:x\"}}\n");
        let kept = [
            line(&who.contract.to_string(), "delivery_id"),
            line(&who.agreement.to_string(), "delivery_id"),
            line(&who.dossier.to_string(), "dossier_id"),
            line(NOBODY, "delivery_id"),
            "{\"kind\":\"privacy.searched\"}\n".to_owned(),
        ]
        .concat();
        let args = ["admin", "privacy", "reapply", "--from", "-", "--format", "json"];
        for said in ["\"erased\":3", "\"erased\":0"] {
            let run = PROGRAM.run(&place.database, "", &args, &[], &kept).await;
            let written = String::from_utf8([run.stdout, run.stderr].concat()).unwrap();
            assert!(run.status.success() && written.replace(' ', "").contains(said), "{said}: {written}");
        }
        let tenant = place.network.tenant;
        let mut tx = place.store.reading().await.unwrap();
        for (id, held) in [(who.contract, false), (who.agreement, false), (who.invoice, true), (who.certificate, true)] {
            assert_eq!(deliveries::payload(&mut tx, tenant, id).await.unwrap().is_some(), held, "{id}");
        }
        drop(tx);
        let mut browser = place.signed_in("dpo@cfa.example", Role::Admin).await;
        let way = by_identity(&mut browser, &who).await;
        assert!(browser.get(&way).await.text.contains("Rien n'est tenu"));
        assert_eq!(told(&place, who.contract, "privacy.erased").await.len(), 1);
    }

    async fn the_schedule_of_each_class_says_what_goes_and_when(place) {
        let who = apprentice(&place, 8, Etat::Solde).await;
        let mut browser = place.signed_in("audit@cfa.example", Role::Auditor).await;
        let page = browser.get("/retention").await;
        assert!(page.status == 200 && page.text.contains("Durées de conservation"), "{}", page.text);
        let count = async |browser: &mut Browser, class: &str, horizon: usize| {
            let told = browser.get("/admin/v1/retention").await.json();
            let classes = told["classes"].as_array().unwrap();
            let class = classes.iter().find(|one| one["class"] == class).unwrap();
            class["going"][horizon]["count"].as_u64().unwrap()
        };
        assert_eq!(count(&mut browser, "nirs", 3).await, 0);
        // The NIR of a contract nobody shredded goes 90 days after its end: told a month before, and then.
        place.later(Duration::from_hours(24 * 80));
        let mut browser = place.signed_in("audit2@cfa.example", Role::Auditor).await;
        assert_eq!(count(&mut browser, "nirs", 0).await, 0);
        assert_eq!(count(&mut browser, "nirs", 2).await, 1);
        drop(who);
    }
}

/// What the gateway itself took in is found by what it left: the purposes of both fingerprints are one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_erp_handed_in_is_found_by_identity_and_nir() {
    let scene = Scene::set(Engine::Sqlite, "").await.unwrap();
    let sent = contract(900).to(Opco::Atlas);
    let id = scene.erp.submit(&sent).await;
    scene.erp.until_delivered(&id).await;
    let folder = harness::folder("desk");
    let desk = Desk::open(OPTIONAL, &folder, scene.clock.clone(), scene.store.clone()).await;
    let roles = [(Role::Admin, Scope::Network)];
    let tenant = scene.network.tenant;
    account(&scene.store, tenant, "dpo@cfa.example", &roles, scene.now()).await;
    let mut browser = Browser::new(&desk.origin);
    browser.sign_in("dpo@cfa.example", PASSWORD).await;
    let birth = &sent.text("/cerfa/apprenti/dateNaissance")[..10];
    let identity = [
        ("nom", sent.text("/cerfa/apprenti/nom")),
        ("prenom", sent.text("/cerfa/apprenti/prenom")),
        ("date_naissance", birth),
    ];
    for fields in [
        identity.as_slice(),
        &[("nir", sent.text("/cerfa/apprenti/nir"))],
    ] {
        let way = sought(&mut browser, fields).await;
        let page = browser.get(&way).await.text;
        assert!(page.contains(&id), "{fields:?}: {page}");
    }
    desk.close().await;
    std::fs::remove_dir_all(&folder).unwrap();
    scene.end().await;
}
