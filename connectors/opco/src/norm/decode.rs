//! A reply read as an answer, or as the fault it is. Every member is checked for its type: the other
//! side is not trusted.

use domain::dossier::Pairing;
use domain::{Receipt, Secret};
use serde_json::{Map, Value};

use crate::call::{
    Answer, BodyEnd, DossierDetail, Echeance, EtatDossier, FraisAnnexe, KeyInfo, Operation, Page,
    Reply, ServiceStatus,
};
use crate::norm::fault;
use crate::norm::lenient::{self, member, unwrapped};
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
    let body = lenient::json(&reply.body).map_err(|why| unreadable(&why.to_string()))?;
    match operation {
        Operation::Status => status(&body).map(Answer::Status),
        Operation::FileDossier { .. } => receipt(&body).map(Answer::Receipt),
        Operation::Etats { .. } => page(profile, body).map(Answer::Etats),
        Operation::Detail { .. } => unwrapped(&body)
            .and_then(|object| detail(profile, object))
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
fn receipt(body: &Value) -> Option<Receipt> {
    let object = unwrapped(body)?;
    let numeros = numeros(object);
    if numeros.numero_interne.is_some() {
        return Some(numeros);
    }
    let cerfa = self::numeros(member(object, "cerfa")?.as_object()?);
    cerfa.numero_interne.is_some().then_some(cerfa)
}

fn numeros(object: &Map<String, Value>) -> Receipt {
    Receipt {
        numero_interne: text(object, "numeroInterne"),
        numero_externe: text(object, "numeroExterne"),
        numero_deca: text(object, "numeroDeca"),
        etat: text(object, "etat"),
    }
}

/// A bare array (V1), `{total, page, EtatDossierResult}` (V2), or the latter wrapped in an array.
fn page(profile: &Profile, body: Value) -> Option<Page> {
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
    };
    for line in &lines {
        match line
            .as_object()
            .and_then(|line| etat_dossier(profile, line))
        {
            Some(item) => page.items.push(item),
            None => page.skipped = page.skipped.saturating_add(1),
        }
    }
    // Lines of which none can be used are not a list of dossiers.
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
    member(object, "numeroInterne").is_none()
        && (list_of(object).is_some() || member(object, "total").is_some())
}

/// Returns the name of the list: `EtatDossierResult`, or the only array there is.
fn list_of(object: &Map<String, Value>) -> Option<String> {
    let mut arrays = object
        .iter()
        .filter(|(_, value)| value.is_array())
        .map(|(name, _)| name);
    let first = arrays.next()?;
    if let Some(named) = object
        .keys()
        .find(|name| name.eq_ignore_ascii_case("EtatDossierResult"))
    {
        return Some(named.clone());
    }
    arrays.next().is_none().then(|| first.clone())
}

fn etat_dossier(profile: &Profile, line: &Map<String, Value>) -> Option<EtatDossier> {
    let numeros = numeros(line);
    Some(EtatDossier {
        numero_interne: numeros.numero_interne?,
        numero_externe: numeros.numero_externe,
        numero_deca: numeros.numero_deca,
        etat: numeros.etat.as_deref().and_then(|raw| profile.etat(raw)),
        etat_brut: numeros.etat,
    })
}

fn liste(profile: &Profile, body: &Value) -> Option<Vec<DossierDetail>> {
    let items = match body {
        Value::Array(items) => items,
        Value::Object(object) if member(object, "cerfa").is_some() => {
            return Some(vec![detail(profile, object)?]);
        }
        Value::Object(object) => object.get(&list_of(object)?)?.as_array()?,
        _ => return None,
    };
    items
        .iter()
        .map(|item| detail(profile, item.as_object()?))
        .collect()
}

fn detail(profile: &Profile, object: &Map<String, Value>) -> Option<DossierDetail> {
    let cerfa = block(object, "cerfa")?.as_object()?;
    let mut numeros = numeros(cerfa);
    let outer = self::numeros(object);
    numeros.numero_interne = numeros.numero_interne.or(outer.numero_interne);
    numeros.numero_externe = numeros.numero_externe.or(outer.numero_externe);
    numeros.etat = numeros.etat.or(outer.etat);
    // `numeroDeca` is marked obsolete beside `contrat.noContrat` (protocol §5).
    numeros.numero_deca = numeros
        .numero_deca
        .or(outer.numero_deca)
        .or_else(|| deca_of_contrat(cerfa));
    let mut oddities = Vec::new();
    let mut read = Members {
        object,
        path: String::new(),
        oddities: &mut oddities,
    };
    let engagement_cents = read.cents("engagement");
    let echeances = read.each("echeances", echeance);
    let engagements_frais_annexe = read.each("engagementsFraisAnnexe", frais_annexe);
    Some(DossierDetail {
        etat: numeros.etat.as_deref().and_then(|raw| profile.etat(raw)),
        numeros,
        commentaire_etat: text(cerfa, "commentaireEtat"),
        cerfa: plain_names(cerfa),
        engagement_cents,
        comment: text(object, "comment"),
        echeances,
        details_facturation: member(object, "detailsFacturation")
            .filter(|details| details.is_object())
            .cloned(),
        engagements_frais_annexe,
        oddities,
    })
}

fn deca_of_contrat(cerfa: &Map<String, Value>) -> Option<String> {
    let contrat = block(cerfa, "contrat")?.as_object()?;
    // One client writes `0` for none.
    text(contrat, "noContrat").filter(|number| number != "0")
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

fn echeance(read: &mut Members<'_>) -> Echeance {
    Echeance {
        numero: read.optional("numero", lenient::integer),
        codification: read.optional("codification", lenient::text),
        date_ouverture: read.optional("dateOuverture", lenient::day),
        date_debut: read.optional("dateDebut", lenient::day),
        date_fin: read.optional("dateFin", lenient::day),
        montant_total_cents: read.cents("montantTotal"),
        dont_montant_pedagogie_cents: read.cents("dontMontantPedagogie"),
        dont_majoration_rqth_cents: read.cents("dontMajorationRqth"),
        montant_regle_cents: read.cents("montantRegle"),
        montant_en_cours_instruction_cents: read.cents("montantEnCoursInstruction"),
        siret_cfa: read.optional("siretCfa", lenient::text),
        iban: read.optional("iban", lenient::text).map(Secret::new),
    }
}

fn frais_annexe(read: &mut Members<'_>) -> FraisAnnexe {
    FraisAnnexe {
        nature_frais: read
            .optional("natureFrais", lenient::text)
            .map(|nature| nature.to_uppercase()),
        quantite_centiemes: read.cents("quantite"),
        prix_unitaire_cents: read.cents("prixUnitaire"),
        montant_total_cents: read.cents("montantTotal"),
    }
}

fn key_info(body: &Value) -> Option<KeyInfo> {
    let object = unwrapped(body)?;
    Some(KeyInfo {
        known: text(object, "status")?.eq_ignore_ascii_case("success"),
        date_fin_validite: member(object, "dateFinValidite").and_then(lenient::day),
        comment: text(object, "comment"),
    })
}

fn text(object: &Map<String, Value>, name: &str) -> Option<String> {
    member(object, name).and_then(lenient::text)
}

/// An object being read, which notes every member that is there and cannot be read.
struct Members<'a> {
    object: &'a Map<String, Value>,
    path: String,
    oddities: &'a mut Vec<String>,
}

/// How many oddities of one answer are noted.
const ODDITIES_MAX: usize = 20;

impl Members<'_> {
    fn optional<T>(&mut self, name: &str, read: fn(&Value) -> Option<T>) -> Option<T> {
        let value = member(self.object, name)?;
        let found = read(value);
        let blank = value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty());
        if found.is_none() && !blank {
            self.note(name);
        }
        found
    }

    fn cents(&mut self, name: &str) -> Option<i64> {
        self.optional(name, lenient::cents)
    }

    fn each<T>(&mut self, name: &str, read: fn(&mut Members<'_>) -> T) -> Vec<T> {
        let items = match member(self.object, name) {
            Some(Value::Array(items)) => items,
            Some(Value::Null) | None => return Vec::new(),
            Some(_) => {
                self.note(name);
                return Vec::new();
            }
        };
        let mut found = Vec::with_capacity(items.len());
        for (place, item) in items.iter().enumerate() {
            let path = format!("{}/{name}/{place}", self.path);
            match item.as_object() {
                Some(object) => {
                    let mut inner = Members {
                        object,
                        path,
                        oddities: &mut *self.oddities,
                    };
                    found.push(read(&mut inner));
                }
                None => self.note(&format!("{name}/{place}")),
            }
        }
        found
    }

    fn note(&mut self, name: &str) {
        if self.oddities.len() < ODDITIES_MAX {
            self.oddities.push(format!("{}/{name}", self.path));
        }
    }
}
