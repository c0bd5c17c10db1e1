//! What is known around a payload under test, built from the JSON of the fixtures.
#![expect(
    clippy::struct_excessive_bools,
    reason = "the facts of a fixture are as flat as its JSON"
)]

use domain::dossier::{Dossier, join_findings};
use domain::echeancier::Echeancier;
use domain::finding::Finding;
use domain::payload::{Certificat, Convention, Facture, InfosFichier, NatureLigne, Rupture};
use domain::rules::{
    self, AmendmentContext, BillingProfile, CertificatContext, ConventionContext, DocumentContext,
    FactureContext, FileFacts, FileKind, Initial, Known, Origin, RuptureContext,
};
use domain::{Siret, Timestamp};
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Map, Value, json};

const CONTEXT: &str = include_str!("../rules/payload-context.json");
const CONTRACT: &str = include_str!("../rules/base.json");
const DETAIL: &str = include_str!("../fixtures/dossier/dossier-detail.json");

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Facts {
    now: Timestamp,
    dossier: DossierFacts,
    second: Option<DossierFacts>,
    profile: Profile,
    emitters: Option<Vec<Siret>>,
    already_sent: Option<String>,
    adjusted: Option<String>,
    origin: Value,
    file: File,
    initial: Value,
    contrat: Value,
    echeancier: Value,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct DossierFacts {
    found: Option<bool>,
    on_its_way: bool,
    numero_interne: Option<String>,
    numero_externe: Option<String>,
    numero_deca: Option<String>,
    etat: Option<domain::Etat>,
    contrat_known: bool,
    date_rupture: Option<Date>,
    echeancier_known: bool,
    read_at: Option<Timestamp>,
    read_again_after: Option<Timestamp>,
    in_flight: Vec<(i64, i64)>,
    annexes_billed: Vec<(NatureLigne, i64)>,
    certified: Vec<i64>,
    certified_hours: i64,
    certified_until: Option<Date>,
    employer_invoice_sent: bool,
    /// The amount of the only échéance of a second dossier, in euros.
    montant: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    multi_echeances: bool,
    multi_contrats: bool,
    avoir: bool,
    #[serde(rename = "autoEcheance1")]
    auto_echeance_1: bool,
}

#[derive(Deserialize)]
struct File {
    kind: String,
    #[serde(default)]
    bytes: u64,
    #[serde(default)]
    readable: bool,
}

impl File {
    fn facts(&self) -> FileFacts {
        let kind = match self.kind.as_str() {
            "absent" => return FileFacts::Absent,
            "pdf" => FileKind::Pdf,
            "jpeg" => FileKind::Jpeg,
            "png" => FileKind::Png,
            _ => FileKind::Other,
        };
        FileFacts::Given {
            kind,
            bytes: self.bytes,
            readable: self.readable,
        }
    }
}

/// Sets members by pointer; null removes.
pub(crate) fn set(body: &mut Value, changes: &Map<String, Value>) {
    for (pointer, value) in changes {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = body
            .pointer_mut(parent)
            .unwrap_or_else(|| panic!("no {pointer}"));
        match parent {
            Value::Object(object) if value.is_null() => drop(object.remove(name)),
            Value::Object(object) => drop(object.insert(name.to_owned(), value.clone())),
            Value::Array(items) => items[name.parse::<usize>().unwrap()] = value.clone(),
            _ => panic!("{pointer}"),
        }
    }
}

pub(crate) fn body(name: &str) -> Value {
    let text = match name {
        "convention" => include_str!("../fixtures/payload/convention.json"),
        "facture-2-lignes" => include_str!("../fixtures/payload/facture-2-lignes.json"),
        "facture-multi-echeances" => {
            include_str!("../fixtures/payload/facture-multi-echeances.json")
        }
        "facture-multi-contrats" => include_str!("../fixtures/payload/facture-multi-contrats.json"),
        "avoir" => include_str!("../fixtures/payload/avoir.json"),
        "certificat-v2" => include_str!("../fixtures/payload/certificat-v2.json"),
        "document-infosFichier" => include_str!("../fixtures/payload/document-infosFichier.json"),
        "rupture-v2" => include_str!("../fixtures/payload/rupture-v2.json"),
        "avenant" => CONTRACT,
        other => panic!("no payload {other}"),
    };
    let mut body: Value = serde_json::from_str(text).unwrap();
    if name == "avenant" {
        body["cerfa"]["contrat"]["typeContratApp"] = json!(33);
        body["cerfa"]["contrat"]["numeroContratPrecedent"] = json!("093202609010123");
        for period in body["cerfa"]["contrat"]["remunerationsAnnuelles"]
            .as_array_mut()
            .unwrap()
        {
            period["taux"] = json!(61);
        }
    }
    body
}

/// What is known when nothing else is said, on the day the payload was meant for.
pub(crate) fn context(name: &str) -> Value {
    let mut context: Value = serde_json::from_str(CONTEXT).unwrap();
    context["contrat"] = serde_json::from_str(CONTRACT).unwrap();
    let mut detail: Value = serde_json::from_str(DETAIL).unwrap();
    detail.as_object_mut().unwrap().remove("cerfa");
    for line in detail["echeances"].as_array_mut().unwrap() {
        line["montantRegle"] = json!(0);
        line["montantEnCoursInstruction"] = json!(0);
    }
    detail["detailsFacturation"]["fraisPremierEquipementRegles"] = json!(false);
    context["echeancier"] = detail;
    let now = match name {
        "facture-multi-echeances" => "2027-06-06T08:00:00Z",
        "certificat-v2" => "2027-06-03T08:00:00Z",
        _ => "2026-10-06T08:00:00Z",
    };
    context["now"] = json!(now);
    context["dossier"]["readAt"] = json!(now);
    // A schedule that goes on would only say RUP-004.
    context["dossier"]["echeancierKnown"] = json!(name != "rupture-v2");
    context
}

/// What the facts of a fixture point to.
pub(crate) struct World {
    facts: Facts,
    contrat: Dossier,
    pub(crate) echeancier: Echeancier,
    second: Echeancier,
}

impl World {
    pub(crate) fn new(context: Value) -> Self {
        let facts: Facts = serde_json::from_value(context).unwrap();
        let contrat = Dossier::read(facts.contrat.to_string().as_bytes()).unwrap();
        let echeancier = Echeancier::read(&facts.echeancier).unwrap();
        assert_eq!(echeancier.oddities, Vec::<String>::new());
        let amount = facts.second.as_ref().and_then(|second| second.montant);
        let line = json!({"numero": 1, "codification": "A1", "montantTotal": amount, "dateOuverture": "2026-09-01"});
        Self {
            contrat: contrat.dossier,
            echeancier: echeancier.echeancier,
            second: Echeancier::read(&json!({"echeances": [line]}))
                .unwrap()
                .echeancier,
            facts,
        }
    }

    pub(crate) fn known(&self) -> Known<'_> {
        let d = &self.facts.dossier;
        Known {
            found: d.found,
            on_its_way: d.on_its_way,
            numero_interne: d.numero_interne.as_deref(),
            numero_externe: d.numero_externe.as_deref(),
            numero_deca: d.numero_deca.as_deref(),
            etat: d.etat,
            contrat: d.contrat_known.then_some(&self.contrat),
            date_rupture: d.date_rupture,
            echeancier: d.echeancier_known.then_some(&self.echeancier),
            echeancier_read_at: d.read_at,
            read_again_after: d.read_again_after,
            in_flight: &d.in_flight,
            annexes_billed: &d.annexes_billed,
            certified: &d.certified,
            certified_hours: d.certified_hours,
            certified_until: d.certified_until,
            employer_invoice_sent: d.employer_invoice_sent,
        }
    }

    fn second(&self) -> Option<Known<'_>> {
        let d = self.facts.second.as_ref()?;
        Some(Known {
            found: d.found,
            numero_externe: d.numero_externe.as_deref(),
            numero_deca: d.numero_deca.as_deref(),
            etat: d.etat,
            echeancier: Some(&self.second),
            echeancier_read_at: d.read_at,
            ..Known::default()
        })
    }

    pub(crate) fn today(&self) -> Date {
        domain::calendar::day_in_france(self.facts.now)
    }

    fn origin(&self) -> Origin {
        match &self.facts.origin {
            Value::Null => Origin::NotLooked,
            Value::String(_) => Origin::Unknown,
            known => Origin::Known {
                total_cents: known["total"].as_i64().unwrap(),
                credited_cents: known["credited"].as_i64().unwrap(),
            },
        }
    }

    fn facture(&self, body: &[u8]) -> Vec<Finding> {
        let facts = &self.facts;
        let dossiers: Vec<Known<'_>> = std::iter::once(self.known()).chain(self.second()).collect();
        let context = FactureContext {
            now: facts.now,
            dossiers: &dossiers,
            profile: BillingProfile {
                multi_echeances: facts.profile.multi_echeances,
                multi_contrats: facts.profile.multi_contrats,
                avoir: facts.profile.avoir,
                auto_echeance_1: facts.profile.auto_echeance_1,
            },
            emitters: facts.emitters.as_deref(),
            already_sent: facts.already_sent.as_deref(),
            adjusted: facts.adjusted.as_deref(),
            origin: self.origin(),
            file: facts.file.facts(),
        };
        rules::examine_with(&Facture::read(body).unwrap(), |payload| {
            rules::check_facture(payload, &context)
        })
    }

    pub(crate) fn examine(&self, name: &str, body: &[u8]) -> Vec<Finding> {
        let (dossier, today, file) = (self.known(), self.today(), self.facts.file.facts());
        match name {
            "convention" => rules::examine_with(&Convention::read(body).unwrap(), |payload| {
                rules::check_convention(payload, &ConventionContext { dossier, file })
            }),
            "certificat-v2" => rules::examine_with(&Certificat::read(body).unwrap(), |payload| {
                rules::check_certificat(payload, &CertificatContext { today, dossier })
            }),
            "document-infosFichier" => {
                rules::examine_with(&InfosFichier::read(body).unwrap(), |payload| {
                    let on_its_way = dossier.on_its_way;
                    rules::check_document(payload, &DocumentContext { on_its_way, file })
                })
            }
            "rupture-v2" => rules::examine_with(&Rupture::read(body).unwrap(), |payload| {
                rules::check_rupture(payload, &RuptureContext { today, dossier })
            }),
            "avenant" => {
                let reading = Dossier::read(body).unwrap();
                let initial = match &self.facts.initial {
                    Value::String(word) if word == "unknown" => Initial::Unknown,
                    deca => Initial::Known {
                        numero_deca: deca.as_str().or(dossier.numero_deca),
                        contrat: Some(&self.contrat),
                    },
                };
                let found = rules::check_amendment(&reading.dossier, &AmendmentContext { initial });
                join_findings(reading.findings, found)
            }
            _ => self.facture(body),
        }
    }
}
