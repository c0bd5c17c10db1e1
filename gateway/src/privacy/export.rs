//! Handing out all that is held about one person: what a program reads, what a person reads, and the files,
//! in one archive that is made while it leaves.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use admin_api::privacy::{Download, HeldDossier, HeldStranger, Holdings, NotShown, Piece, Subject};
use domain::calendar::{day_in_france, local_in_france};
use domain::event;
use domain::id::{ContractId, TenantId};
use domain::payload::TypeObjet;
use domain::person::Language;
use domain::{Kind, Timestamp};
use serde_json::{Value, json};
use store::{
    Delivery, NewEvent, NirPart, StoreError, TenantKey, Tx, deliveries, dossiers, events, invoices,
    schedules,
};

use super::holdings::gather;
use crate::app::App;
use crate::orphans::Person;
use crate::readable;
use crate::zip::{self, Entry, Source};

/// The name of the form of `donnees.json`.
const FORM: &str = "cfa-gateway/donnees-personnelles/1";
const PREFACE: &str = "\
Ce que la passerelle CFA Gateway détient sur une personne (RGPD, articles 15 et 20).

  donnees.json   tout, pour un programme
  donnees.txt    la même chose, pour une personne
  fichiers/      les fichiers, tels que le centre de formation les a déposés

Les comptes bancaires, qui ne sont jamais ceux de l'apprenti, sont masqués. D'une facture qui porte sur
plusieurs contrats, seules les lignes de cette personne sont là. Le fichier d'une pièce qui porte aussi sur
d'autres personnes n'est pas remis : il les nomme. Un contenu « détruit » l'a été selon les durées de
conservation : il ne peut plus être lu par personne.
";

/// An archive being put together.
struct Parts {
    keys: Arc<TenantKey>,
    json: Value,
    text: String,
    files: Vec<Entry>,
}

/// Opens everything. That it was opened, by whom and why, is in the log before the first byte leaves.
pub(crate) async fn disclose(
    app: &App,
    tenant: TenantId,
    subject: Subject,
    (actor, reason): (&str, &str),
) -> Result<Download, NotShown> {
    let keys = app.store.keys(tenant).await?;
    let now = app.clock.now();
    let mut tx = app.store.writing().await?;
    let held = gather(&mut tx, &keys, subject, now).await?;
    if held.is_several() {
        return Err(NotShown::Several);
    }
    let mut parts = Parts {
        json: json!({
            "format": FORM, "etabli_le": now, "reseau": tenant,
            "livraisons": [], "dossiers": [], "dossiers_sans_erp": [],
        }),
        text: String::new(),
        files: Vec::new(),
        keys,
    };
    for piece in &held.pieces {
        piece_in(app, &mut tx, &mut parts, (piece, &held)).await?;
    }
    for dossier in &held.dossiers {
        dossier_in(&mut tx, &mut parts, dossier).await?;
    }
    for stranger in &held.strangers {
        stranger_in(&mut parts, stranger);
    }
    events::append(&mut tx, tenant, &told(&held, (actor, reason), now));
    tx.commit().await?;
    let bytes = |name: &str, text: String| Entry {
        name: name.to_owned(),
        at: now,
        source: Source::Bytes(text.into_bytes().into()),
    };
    let made = local_in_france(now);
    let text = format!("{PREFACE}\nÉtabli le {made}.\n{}", parts.text);
    let json = serde_json::to_string_pretty(&parts.json).unwrap_or_default();
    let mut entries = vec![
        bytes("donnees.txt", text.replace('\n', "\r\n")),
        bytes("donnees.json", json),
    ];
    entries.extend(parts.files);
    Ok(Download {
        name: format!("donnees-{}.zip", now.strftime("%Y-%m-%d")),
        media_type: "application/zip",
        bytes: None,
        stream: zip::stream(entries),
    })
}

/// Says who took what out, and why: of each delivery, so that its own history tells it.
fn told(held: &Holdings, (actor, reason): (&str, &str), now: Timestamp) -> Vec<NewEvent> {
    let event = || {
        NewEvent::new(now, "privacy.exported")
            .by(actor.to_owned())
            .with(json!({ "reason": reason }))
    };
    let pieces = held
        .pieces
        .iter()
        .map(|one| event().delivery(one.delivery.id));
    let dossiers = held.dossiers.iter().map(|one| one.dossier.id);
    let strangers = held.strangers.iter().map(|one| one.stranger.id);
    let of_dossiers = dossiers.chain(strangers).map(|id| {
        let mut event = event();
        event.dossier = Some(id);
        event
    });
    pieces.chain(of_dossiers).collect()
}

impl Parts {
    /// Returns where a file is in the archive: by its day, what it is and its number, each once.
    fn named(&self, delivery: &Delivery, number: Option<&str>, ending: &str) -> String {
        let day = day_in_france(delivery.created_at);
        let stem = match safe(number.unwrap_or_default()) {
            number if number.is_empty() => format!("fichiers/{day}_{}", delivery.kind),
            number => format!("fichiers/{day}_{}_{number}", delivery.kind),
        };
        let is_free = |path: &String| self.files.iter().all(|one| one.name != *path);
        let first = format!("{stem}.{ending}");
        let others = (2..).map(|place: u32| format!("{stem}_{place}.{ending}"));
        let mut paths = std::iter::once(first.clone()).chain(others);
        paths.find(is_free).unwrap_or(first)
    }

    fn push(&mut self, list: &str, value: Value) {
        if let Some(Value::Array(list)) = self.json.get_mut(list) {
            list.push(value);
        }
    }

    fn title(&mut self, title: &str) {
        let rule = "=".repeat(title.chars().count());
        // Into a text: writing cannot fail.
        let _ = write!(self.text, "\n{title}\n{rule}\n");
    }

    fn line(&mut self, name: &str, value: &str) {
        let _ = writeln!(self.text, "{name} : {value}");
    }

    fn maybe(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.line(name, value);
        }
    }
}

async fn piece_in(
    app: &App,
    tx: &mut Tx,
    parts: &mut Parts,
    (piece, held): (&Piece, &Holdings),
) -> Result<(), StoreError> {
    let delivery = &piece.delivery;
    let (tenant, id, kind) = (delivery.tenant, delivery.id, delivery.kind);
    let status = delivery.standing.status;
    let sealed = deliveries::payload(tx, tenant, id).await?;
    let open = sealed.and_then(|sealed| parts.keys.open_payload(id, &sealed).ok());
    let nir = match open.as_ref().map(|open| &open.nir) {
        Some(NirPart::Present(nir)) => Some(nir.expose().to_owned()),
        _ => None,
    };
    let mut content = open.and_then(|open| serde_json::from_slice(&open.body).ok());
    let bills_others = bills_others(tx, piece, held).await?;
    let mut shared = bills_others;
    if let Some(content) = &mut content {
        let own = Own::of(delivery, held);
        shared = shown(content, (kind, nir.as_deref()), (&own, bills_others));
    }
    parts.title(&format!("{} {id}", kind.name(Language::Fr)));
    parts.line("Déposée le", &local_in_france(delivery.created_at));
    parts.line("État", status.name(Language::Fr));
    parts.line("Établissement du CFA", delivery.siret_cfa.as_str());
    let opco = delivery.opco.map(domain::Opco::name);
    parts.maybe("OPCO", opco);
    match &content {
        Some(content) => {
            for line in readable::lines(kind, content) {
                parts.line(&line.name, &readable::in_french(&line));
            }
        }
        None => parts.line("Contenu", "détruit"),
    }
    let files = if shared {
        withheld(parts, piece)
    } else {
        files_in(app, parts, (piece, held), content.as_ref()).await
    };
    let history = events::of_delivery(tx, tenant, id).await?;
    for event in &history {
        let name = event::name(&event.kind, Language::Fr).unwrap_or(&event.kind);
        parts.line(&local_in_france(event.at), name);
    }
    let history = history
        .iter()
        .map(|event| json!({ "instant": event.at, "fait": event.kind }));
    let value = json!({
        "livraison": id, "nature": kind, "etat": status, "deposee_le": delivery.created_at,
        "siret_cfa": delivery.siret_cfa, "siret_employeur": delivery.siret_employeur,
        "opco": delivery.opco, "contenu": content, "detruit": content.is_none(),
        "numero_interne": delivery.receipt.numero_interne,
        "numero_externe": delivery.receipt.numero_externe,
        "numero_deca": delivery.receipt.numero_deca,
        "fichiers": files, "historique": history.collect::<Vec<_>>(),
    });
    parts.push("livraisons", value);
    Ok(())
}

/// Puts the files of a piece into the archive, and returns what is told of them.
async fn files_in(
    app: &App,
    parts: &mut Parts,
    (piece, held): (&Piece, &Holdings),
    content: Option<&Value>,
) -> Vec<Value> {
    let delivery = &piece.delivery;
    let number = number(delivery, content).or_else(|| only_number(held));
    let mut files = Vec::new();
    for file in &piece.files {
        let read = app.files.read(&parts.keys, file).await;
        let (Ok(facts), Ok(_)) = (file.facts(&parts.keys), read) else {
            // Lost or damaged: the rest is handed out all the same, and says so.
            parts.line("Fichier", "illisible");
            continue;
        };
        let ending = file.kind.ending();
        let path = parts.named(delivery, number.as_deref(), ending);
        parts.line("Fichier", &path);
        parts.maybe("Nom du fichier", facts.name.as_deref());
        files.push(json!({ "chemin": path, "nom": facts.name, "octets": file.bytes }));
        parts.files.push(Entry {
            name: path,
            at: delivery.created_at,
            source: Source::File {
                files: app.files.clone(),
                keys: Arc::clone(&parts.keys),
                stored: Box::new(file.clone()),
            },
        });
    }
    files
}

/// Returns the number people know a payload by: the invoice's own, or the contract's.
fn number(delivery: &Delivery, content: Option<&Value>) -> Option<String> {
    let own = content.filter(|_| delivery.kind == Kind::Facture);
    let own = own.and_then(|content| content.get("numero")?.as_str());
    let receipt = &delivery.receipt;
    own.map(str::to_owned)
        .or_else(|| receipt.numero_externe.clone())
        .or_else(|| receipt.numero_deca.clone())
        .or_else(|| receipt.numero_interne.clone())
}

/// Returns the number of the person's dossier, where there is one only: what bears none is of that one.
fn only_number(held: &Holdings) -> Option<String> {
    let [one] = held.dossiers.as_slice() else {
        return None;
    };
    let numbers = [&one.dossier.numero_externe, &one.dossier.numero_interne];
    numbers.into_iter().flatten().next().cloned()
}

/// Returns a number as part of a file's name, with what no system refuses.
fn safe(number: &str) -> String {
    const CHARS_MAX: usize = 60;
    let kept = number
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    let text: String = kept.take(CHARS_MAX).collect();
    text.trim_matches('-').to_owned()
}

/// Tells of the files of a piece that is about others too, without them and without their names, which may
/// name these others.
fn withheld(parts: &mut Parts, piece: &Piece) -> Vec<Value> {
    const WHY: &str = "non remis : la pièce porte aussi sur d'autres personnes";
    let files = piece.files.iter().map(|file| {
        parts.line("Fichier", WHY);
        json!({ "octets": file.bytes, "non_remis": WHY })
    });
    files.collect()
}

/// Returns whether an invoice is known to bill a contract that is none of the person's; of a document, whether it
/// is known to be about one, or one of the person's invoices is, to which it may belong.
async fn bills_others(tx: &mut Tx, piece: &Piece, held: &Holdings) -> Result<bool, StoreError> {
    let all = held.pieces.iter().map(|one| &one.delivery);
    let own: BTreeSet<ContractId> = all
        .clone()
        .map(|one| ContractId::from(one.id))
        .chain(held.dossiers.iter().map(|one| one.dossier.contract()))
        .collect();
    let concerned = all.filter(|one| match piece.delivery.kind {
        Kind::Facture => one.id == piece.delivery.id,
        Kind::Document => one.kind == Kind::Facture || one.id == piece.delivery.id,
        _ => false,
    });
    for invoice in concerned {
        let billed = invoices::contracts(tx, invoice.tenant, invoice.id).await?;
        if billed.iter().any(|one| !own.contains(one)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The numbers of the person's dossiers.
#[derive(Debug, Default)]
struct Own<'a>(Vec<&'a str>);

impl<'a> Own<'a> {
    /// Gathers those that may stand in a payload: the numbers of another OPCO mean somebody else there.
    fn of(delivery: &Delivery, held: &'a Holdings) -> Self {
        let dossiers = held.dossiers.iter().map(|one| &one.dossier);
        let there = dossiers.filter(|dossier| {
            let opco = delivery.opco;
            opco.is_none_or(|opco| opco == dossier.instance.opco)
        });
        let numbers = there.flat_map(|dossier| {
            [
                &dossier.numero_interne,
                &dossier.numero_externe,
                &dossier.numero_deca,
            ]
        });
        Self(numbers.flatten().map(String::as_str).collect())
    }

    /// Returns whether something is the person's, by the first of these members it has; nothing when it has
    /// none.
    fn has(&self, value: &Value, members: &[&str]) -> Option<bool> {
        let texts = members
            .iter()
            .filter_map(|name| value.get(*name)?.as_str())
            .map(str::trim);
        let numero = texts.into_iter().find(|text| !text.is_empty())?;
        Some(self.0.iter().any(|own| own.eq_ignore_ascii_case(numero)))
    }
}

/// Puts the NIR back in its place, and takes out what is others'. Returns whether the piece is about others
/// too: an invoice may be known to, and so may that to which a document belongs.
fn shown(
    content: &mut Value,
    (kind, nir): (Kind, Option<&str>),
    (own, bills_others): (&Own<'_>, bool),
) -> bool {
    if let (Some(nir), Some(apprenti)) = (nir, content.pointer_mut("/cerfa/apprenti"))
        && let Some(apprenti) = apprenti.as_object_mut()
    {
        apprenti.insert("nir".to_owned(), nir.into());
    }
    let list = match kind {
        Kind::Facture => Some(("lignes", &["numeroDossier", "numeroDeca"][..])),
        Kind::Document => Some(("objets", &["idObjet"][..])),
        _ => None,
    };
    let mut shared = kind == Kind::Facture && bills_others;
    if let Some((list, members)) = list
        && let Some(Value::Array(items)) = content.get_mut(list)
    {
        // What a document belongs to may be an invoice, whose number is no dossier's.
        let of_invoice = |item: &Value| {
            let what = item.get("typeObjet").and_then(Value::as_str);
            what == Some(TypeObjet::Facture.as_str())
        };
        let whose = |item: &Value| {
            if of_invoice(item) {
                return bills_others.then_some(false);
            }
            own.has(item, members)
        };
        shared |= items.iter().any(|item| whose(item) == Some(false));
        // What names no dossier is of the only one the piece is about.
        items.retain(|item| whose(item).unwrap_or(!shared));
    }
    readable::mask_accounts(content);
    shared
}

async fn dossier_in(tx: &mut Tx, parts: &mut Parts, held: &HeldDossier) -> Result<(), StoreError> {
    let dossier = &held.dossier;
    parts.title(&format!(
        "Dossier chez l'OPCO {}",
        dossier.instance.opco.name()
    ));
    parts.maybe("Numéro interne", dossier.numero_interne.as_deref());
    parts.maybe("Numéro externe", dossier.numero_externe.as_deref());
    parts.maybe("Numéro DECA", dossier.numero_deca.as_deref());
    parts.maybe("État", dossier.etat_raw.as_deref());
    let history = dossiers::history(tx, dossier.tenant, dossier.id).await?;
    for entry in &history {
        let etat = entry.etat_raw.as_deref().unwrap_or("—");
        parts.line(&local_in_france(entry.seen_at), etat);
    }
    let history = history
        .iter()
        .map(|entry| json!({ "instant": entry.seen_at, "etat": entry.etat_raw }));
    let history: Vec<Value> = history.collect();
    let mut readings = Vec::new();
    for snapshot in schedules::snapshots(tx, dossier.tenant, dossier.id).await? {
        let open = snapshot.sealed.as_ref().and_then(|sealed| {
            let id = snapshot.id.as_bytes();
            parts.keys.open_secret(id, schedules::PART, sealed).ok()
        });
        let open: Option<Value> = open.and_then(|text| serde_json::from_str(text.expose()).ok());
        let Some(mut open) = open else { continue };
        readable::mask_accounts(&mut open);
        parts.line("Échéancier lu le", &local_in_france(snapshot.first_seen_at));
        for line in readable::lines(Kind::Document, &open) {
            parts.line(&format!("  {}", line.name), &line.value);
        }
        readings.push(json!({
            "lu_le": snapshot.first_seen_at, "revu_le": snapshot.last_seen_at, "echeancier": open,
        }));
    }
    let value = json!({
        "dossier": dossier.id, "opco": dossier.instance.opco, "siret_cfa": dossier.siret_cfa,
        "numero_interne": dossier.numero_interne, "numero_externe": dossier.numero_externe,
        "numero_deca": dossier.numero_deca, "etat": dossier.etat_raw,
        "historique": history, "echeanciers": readings,
    });
    parts.push("dossiers", value);
    Ok(())
}

fn stranger_in(parts: &mut Parts, held: &HeldStranger) {
    let stranger = &held.stranger;
    let told = Person::of_stranger(&parts.keys, stranger);
    let told = told.and_then(|told| serde_json::to_value(told).ok());
    let opco = stranger.instance.opco;
    parts.title(&format!(
        "Dossier lu chez l'OPCO {}, sans envoi d'ERP",
        opco.name()
    ));
    parts.line("Numéro interne", &stranger.numero_interne);
    if let Some(told) = &told {
        for line in readable::lines(Kind::Document, told) {
            parts.line(&line.name, &line.value);
        }
    }
    let value = json!({
        "dossier": stranger.id, "opco": opco, "siret_cfa": stranger.siret_cfa,
        "numero_interne": stranger.numero_interne, "numero_externe": stranger.numero_externe,
        "numero_deca": stranger.numero_deca, "etat": stranger.etat_raw, "lu": told,
    });
    parts.push("dossiers_sans_erp", value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_part_of_a_name_every_system_takes() {
        assert_eq!(safe("F 2026/17: é"), "F-2026-17");
        assert_eq!(safe("../../etc"), "etc");
        assert_eq!(safe("…"), "");
        assert_eq!(safe(&"a".repeat(90)).len(), 60);
    }

    #[test]
    fn of_a_piece_about_several_people_each_gets_their_own_part() {
        let own = Own(vec!["EXT-1", "02A202609010124"]);
        let rest = |kind, mut content: Value, shared| {
            let about_others = shown(&mut content, (kind, None), (&own, shared));
            let list = content.as_object().and_then(|all| all.values().next());
            let left = list.and_then(Value::as_array).map(Vec::len);
            (left.unwrap_or_default(), about_others)
        };
        let lignes = |lignes: Value| json!({ "lignes": lignes });
        let mine = json!({ "numeroDossier": "EXT-1" });
        let other = json!({ "numeroDossier": "EXT-2" });
        let by_deca = json!({ "numeroDeca": "02a202609010124" });
        let other_by_deca = json!({ "numeroDossier": null, "numeroDeca": "02A202609010999" });
        let bare = json!({ "montant": 10 });
        for (items, shared, expected) in [
            (json!([mine, bare]), false, (2, false)),
            (json!([bare]), false, (1, false)),
            (json!([mine, other, bare]), false, (1, true)),
            (json!([by_deca, other_by_deca]), false, (1, true)),
            (json!([bare, other_by_deca]), false, (0, true)),
            // The contracts it bills are known, though no line names them.
            (json!([bare, bare]), true, (0, true)),
        ] {
            let said = items.to_string();
            assert_eq!(
                rest(Kind::Facture, lignes(items), shared),
                expected,
                "{said}"
            );
        }
        let objet = |what: &str, id: &str| json!({ "typeObjet": what, "idObjet": id });
        let both = [
            objet("DOSSIER_APPRENTISSAGE", "EXT-1"),
            objet("DOSSIER_APPRENTISSAGE", "EXT-2"),
        ];
        let objets = |objets: &[Value]| json!({ "objets": objets });
        assert_eq!(rest(Kind::Document, objets(&both), false), (1, true));
        let with_invoice = [both[0].clone(), objet("FACTURE", "F-1")];
        let of = |bills_others| rest(Kind::Document, objets(&with_invoice), bills_others);
        assert_eq!((of(false), of(true)), ((2, false), (1, true)));
        // Another document is not of that invoice.
        assert_eq!(rest(Kind::Document, objets(&both[..1]), true), (1, false));
    }
}
