//! A reply read as an answer, or as the fault it is. Every member is checked for its type: the other
//! side is not trusted.

use domain::Receipt;
use domain::dossier::Pairing;
use domain::echeancier::Echeancier;
use domain::facture_etat::FactureEtat;
use serde_json::{Map, Value};

use crate::answer::{
    Answer, DossierDetail, EtatDossier, KeyInfo, Numeros, Page, PieceReceipt, ServiceStatus,
};
use crate::call::{BodyEnd, Reply};
use crate::norm::lenient::{self, NotJson, member, unwrapped};
use crate::norm::{drift, fault, word};
use crate::operation::{Operation, Piece};
use crate::profile::Profile;

/// The blocks of a contract that may carry a `V2` suffix on read (protocol §6.1).
const BLOCKS: [&str; 8] = [
    "employeur",
    "apprenti",
    "maitre1",
    "maitre2",
    "formation",
    "contrat",
    "organismeFormation",
    "organismeFormationLieuFormationPrincipal",
];

/// The names of the two lists that come in pages (protocol §3.6).
const LISTS: [&str; 2] = ["EtatDossierResult", "factures"];

/// Reads a reply. `secrets` are the texts of ours that must not be kept if the OPCO echoes them.
///
/// # Errors
///
/// The fault that the status or the body tells of.
pub fn decode(
    profile: &Profile,
    operation: &Operation,
    reply: &Reply,
    secrets: &[&str],
) -> Result<Answer, domain::Fault> {
    if !(200..300).contains(&reply.status) {
        return Err(fault::read(profile, operation, reply, secrets));
    }
    let unreadable = |why: &str| fault::unreadable(operation, reply, why, secrets);
    if reply.body_end != BodyEnd::Whole {
        return Err(unreadable("cut"));
    }
    let mut body = match lenient::json(&reply.body) {
        Err(NotJson::Empty) if may_be_silent(profile, operation) => {
            return Ok(Answer::Piece(PieceReceipt::default()));
        }
        body => body.map_err(|why| unreadable(&why.to_string()))?,
    };
    lenient::uncapitalise(&mut body);
    lenient::plain(&mut body);
    match operation {
        Operation::Status => status(&body).map(Answer::Status),
        Operation::FileDossier { .. } => receipt(profile, &body).map(Answer::Receipt),
        Operation::FilePiece { piece, .. } => {
            piece_receipt(profile, *piece, &body).map(Answer::Piece)
        }
        Operation::Etats { .. } => page(body, drift::of_etats, |line| {
            etat_dossier(profile, line.as_object()?)
        })
        .map(Answer::Etats),
        Operation::FacturesEtats { .. } => {
            page(body, drift::of_factures, etat_facture).map(Answer::FacturesEtats)
        }
        Operation::Detail { .. } => single(&body)
            .and_then(|detail| self::detail(profile, detail))
            .map(|detail| Answer::Detail(Box::new(detail))),
        Operation::Liste { .. } => liste(profile, &body).map(Answer::Liste),
        Operation::KeyInfo { .. } => key_info(&body).map(Answer::KeyInfo),
    }
    .ok_or_else(|| unreadable("the body is not the answer of this route"))
}

impl DossierDetail {
    /// Returns the norm's pairing key, when every part of it is there (protocol §5).
    pub fn pairing(&self) -> Option<Pairing> {
        let text = |path| self.cerfa.pointer(path).and_then(lenient::text);
        let day = |path| self.cerfa.pointer(path).and_then(lenient::day);
        Some(Pairing {
            nom: text("/apprenti/nom")?,
            prenom: text("/apprenti/prenom")?,
            date_naissance: day("/apprenti/dateNaissance")?,
            siret_employeur: text("/employeur/siret")?.parse().ok()?,
            date_debut_contrat: day("/contrat/dateDebutContrat")?,
        })
    }
}

fn status(body: &Value) -> Option<ServiceStatus> {
    let object = unwrapped(body)?;
    let versions = match member(object, "supportedVersions") {
        Some(Value::Array(versions)) => versions.iter().filter_map(lenient::text).collect(),
        _ => Vec::new(),
    };
    Some(ServiceStatus {
        status: text(object, "status")?,
        versions,
        uptime_s: member(object, "uptime")
            .and_then(lenient::integer)
            .and_then(|seconds| u64::try_from(seconds).ok()),
    })
}

/// Without a number there is no receipt: the OPCO may have taken the contract or not.
fn receipt(profile: &Profile, body: &Value) -> Option<Receipt> {
    let object = unwrapped(body)?;
    let numeros = numeros(profile, object);
    if numeros.numero_interne.is_some() {
        return Some(numeros);
    }
    let cerfa = self::numeros(profile, member(object, "cerfa")?.as_object()?);
    cerfa.numero_interne.is_some().then_some(cerfa)
}

/// Says whether a success without a body is an answer: only where the norm leaves open what it holds,
/// and the profile says so.
fn may_be_silent(profile: &Profile, operation: &Operation) -> bool {
    match operation {
        Operation::FilePiece {
            piece: piece @ (Piece::Convention | Piece::Certificat | Piece::Document),
            ..
        } => profile.empty_receipts.contains(&piece.kind()),
        _ => false,
    }
}

/// An invoice comes with a number, a termination with the dossier's number or state. What an
/// agreement, a certificate or a document comes with is not known: any object that tells of no
/// error.
fn piece_receipt(profile: &Profile, piece: Piece, body: &Value) -> Option<PieceReceipt> {
    let object = unwrapped(body)?;
    if tells_errors(object) {
        return None;
    }
    let numeros = Numeros {
        facture: numero(object, "numeroInterneFacture"),
        document: numero(object, "numeroInterneDocument"),
    };
    let said = self::numeros(profile, object);
    let (enough, receipt) = match piece {
        Piece::Facture => (
            numeros.facture.is_some() || numeros.document.is_some(),
            Receipt::default(),
        ),
        Piece::Rupture => (said.numero_interne.is_some() || said.etat.is_some(), said),
        Piece::Convention | Piece::Certificat | Piece::Document => (true, Receipt::default()),
    };
    enough.then_some(PieceReceipt { receipt, numeros })
}

fn tells_errors(object: &Map<String, Value>) -> bool {
    match member(object, "errors") {
        Some(Value::Array(errors)) => !errors.is_empty(),
        Some(Value::Object(errors)) => !errors.is_empty(),
        Some(Value::String(error)) => !error.trim().is_empty(),
        Some(Value::Bool(_) | Value::Number(_) | Value::Null) | None => false,
    }
}

/// The numbers, and the state as it may be kept: what tells more than a state is no word of a list.
fn numeros(profile: &Profile, object: &Map<String, Value>) -> Receipt {
    Receipt {
        numero_interne: numero(object, "numeroInterne"),
        numero_externe: numero(object, "numeroExterne"),
        numero_deca: numero(object, "numeroDeca"),
        etat: text(object, "etat").map(|raw| word::etat(profile, raw)),
    }
}

/// A bare array (V1), `{total, page, <list>}` (V2), or the latter wrapped in an array.
fn page<T>(
    body: Value,
    unknown: fn(&[Value]) -> Vec<String>,
    read: impl Fn(&Value) -> Option<T>,
) -> Option<Page<T>> {
    let (lines, total, number) = match body {
        Value::Array(mut items) => match items.as_mut_slice() {
            [Value::Object(only)] if is_paged(only) => paged(only)?,
            _ => {
                let total = u64::try_from(items.len()).ok();
                (items, total, None)
            }
        },
        Value::Object(mut object) => paged(&mut object)?,
        _ => return None,
    };
    let mut page = Page {
        items: Vec::with_capacity(lines.len()),
        total,
        page: number,
        skipped: 0,
        unknown: unknown(&lines),
    };
    for line in &lines {
        match read(line) {
            Some(item) => page.items.push(item),
            None => page.skipped = page.skipped.saturating_add(1),
        }
    }
    // Lines of which none can be used are not a list of states.
    (page.skipped == 0 || !page.items.is_empty()).then_some(page)
}

type Lines = (Vec<Value>, Option<u64>, Option<u64>);

fn paged(object: &mut Map<String, Value>) -> Option<Lines> {
    let count = |name| {
        member(object, name)
            .and_then(lenient::integer)
            .and_then(|count| u64::try_from(count).ok())
    };
    let (total, number) = (count("total"), count("page"));
    let lines = match list_of(object).and_then(|list| object.remove(&list)) {
        Some(Value::Array(lines)) => lines,
        // No list at all says "none" only together with a total of none.
        Some(_) | None if total == Some(0) => Vec::new(),
        Some(_) | None => return None,
    };
    Some((lines, total, number))
}

fn is_paged(object: &Map<String, Value>) -> bool {
    [
        "numeroInterne",
        "numeroInterneFacture",
        "referenceFactureCFA",
    ]
    .iter()
    .all(|name| member(object, name).is_none())
        && (list_of(object).is_some() || member(object, "total").is_some())
}

/// Returns the name of the list: the norm's, or the only array there is.
fn list_of(object: &Map<String, Value>) -> Option<String> {
    let mut arrays = object
        .iter()
        .filter(|(_, value)| value.is_array())
        .map(|(name, _)| name);
    let first = arrays.next()?;
    if let Some(named) = object
        .keys()
        .find(|name| LISTS.iter().any(|list| list.eq_ignore_ascii_case(name)))
    {
        return Some(named.clone());
    }
    arrays.next().is_none().then(|| first.clone())
}

fn etat_dossier(profile: &Profile, line: &Map<String, Value>) -> Option<EtatDossier> {
    let numeros = numeros(profile, line);
    Some(EtatDossier {
        numero_interne: numeros.numero_interne?,
        numero_externe: numeros.numero_externe,
        numero_deca: numeros.numero_deca,
        etat: numeros.etat.as_deref().and_then(|raw| profile.etat(raw)),
        etat_brut: numeros.etat,
    })
}

/// An invoice without a number, theirs or ours, cannot be told from another.
fn etat_facture(line: &Value) -> Option<FactureEtat> {
    let mut facture = FactureEtat::read(line)?;
    let named = facture.numero_interne_facture.is_some() || facture.reference_facture_cfa.is_some();
    let object = line.as_object()?;
    let told = ["numeroInterneFacture", "referenceFactureCFA"].map(|name| member(object, name));
    // A number that is none is of no invoice of ours.
    let sound = told
        .into_iter()
        .flatten()
        .all(|value| lenient::text(value).is_none() || lenient::numero(value).is_some());
    facture.etat_facture = facture.etat_facture.map(word::etat_facture);
    facture.reference_virement = facture.reference_virement.as_deref().map(word::reference);
    (named && sound).then_some(facture)
}

/// Returns the object that may come wrapped in an array of one.
fn single(body: &Value) -> Option<&Value> {
    match body {
        Value::Array(items) => match items.as_slice() {
            [only] => Some(only),
            _ => None,
        },
        other => Some(other),
    }
}

fn liste(profile: &Profile, body: &Value) -> Option<Vec<DossierDetail>> {
    let items = match body {
        Value::Array(items) => items,
        Value::Object(object) if member(object, "cerfa").is_some() => {
            return Some(vec![detail(profile, body)?]);
        }
        Value::Object(object) => object.get(&list_of(object)?)?.as_array()?,
        _ => return None,
    };
    items.iter().map(|item| detail(profile, item)).collect()
}

fn detail(profile: &Profile, detail: &Value) -> Option<DossierDetail> {
    let object = detail.as_object()?;
    let cerfa = block(object, "cerfa")?.as_object()?;
    let mut numeros = numeros(profile, cerfa);
    let outer = self::numeros(profile, object);
    numeros.numero_interne = numeros.numero_interne.or(outer.numero_interne);
    numeros.numero_externe = numeros.numero_externe.or(outer.numero_externe);
    numeros.etat = numeros.etat.or(outer.etat);
    // `numeroDeca` is marked obsolete beside `contrat.noContrat` (protocol §5).
    numeros.numero_deca = numeros
        .numero_deca
        .or(outer.numero_deca)
        .or_else(|| deca_of_contrat(cerfa));
    let money = Echeancier::read(detail)?;
    Some(DossierDetail {
        etat: numeros.etat.as_deref().and_then(|raw| profile.etat(raw)),
        numeros,
        commentaire_etat: text(cerfa, "commentaireEtat"),
        cerfa: plain_names(cerfa),
        echeancier: money.echeancier,
        oddities: money.oddities,
        unknown: drift::of_detail(detail),
        brut: detail.clone(),
    })
}

fn deca_of_contrat(cerfa: &Map<String, Value>) -> Option<String> {
    let contrat = block(cerfa, "contrat")?.as_object()?;
    // One client writes `0` for none.
    numero(contrat, "noContrat").filter(|number| number != "0")
}

/// Returns a block by its name, or by its name with `V2` after it.
fn block<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    member(object, name)
        .filter(|value| !value.is_null())
        .or_else(|| member(object, &format!("{name}V2")))
}

fn plain_names(cerfa: &Map<String, Value>) -> Value {
    let mut plain = cerfa.clone();
    for name in BLOCKS {
        let suffixed = format!("{name}V2");
        if plain.get(name).is_none_or(Value::is_null)
            && let Some(value) = plain.remove(&suffixed)
        {
            plain.insert(name.to_owned(), value);
        }
    }
    Value::Object(plain)
}

fn key_info(body: &Value) -> Option<KeyInfo> {
    let object = unwrapped(body)?;
    Some(KeyInfo {
        known: text(object, "status")?.eq_ignore_ascii_case("success"),
        date_fin_validite: member(object, "dateFinValidite").and_then(lenient::day),
        comment: text(object, "comment"),
    })
}

fn numero(object: &Map<String, Value>, name: &str) -> Option<String> {
    member(object, name).and_then(lenient::numero)
}

fn text(object: &Map<String, Value>, name: &str) -> Option<String> {
    member(object, name).and_then(lenient::text)
}
