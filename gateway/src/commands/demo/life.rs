//! The second act: one contract at each OPCO through its whole life, from its filing to the last euro.
//!
//! They began some thirteen months ago and are over, so that every échéance is open: nobody waits a year
//! for the end. Flows that the shipped matrix leaves closed are opened under the label of the sandbox.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use domain::calendar::day_in_france;
use domain::clock::Clock as _;
use domain::person::Language;
use domain::{Capability, Opco, Siret, Status};
use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::{Value, json};
use simulator::{Handle, Kind, LedgerEntry, Overrides, Payment};

use super::contract::{Apprentice, Employer, instant};
use super::course::Course;
use super::erp::{self, Life, Sent};
use super::network;
use super::steps::Steps;
use crate::commands::client::Api;
use crate::commands::failure::Failure;
use crate::pdf::{Face, Sheet};

/// How long the second act may take, on the demo's clock.
const PATIENCE: Duration = Duration::from_hours(3);
/// The same in real time, at least.
const REAL_PATIENCE_MIN: Duration = Duration::from_mins(2);
/// How often the ERPs look, in real time.
const LOOK_EVERY: Duration = Duration::from_millis(400);
/// What an OPCO's accounting takes here, on the demo's clock, in milliseconds.
const PAYMENT_MS: u32 = 20_000;
/// The account of the demo's centres, the one the simulator knows.
const IBAN: &str = "FR7699999999990000000000153";
/// The flows of a whole life.
const FLOWS: [(Capability, simulator::Capability); 5] = [
    (Capability::DossiersV1, simulator::Capability::DossiersV1),
    (Capability::Conventions, simulator::Capability::Conventions),
    (Capability::Factures, simulator::Capability::Factures),
    (Capability::Certificats, simulator::Capability::Certificats),
    (Capability::Documents, simulator::Capability::Documents),
];

/// One contract and all that follows it.
#[derive(Debug)]
pub(super) struct Story {
    /// The OPCO.
    pub(super) opco: Opco,
    site: usize,
    employer: Employer,
    apprentice: Apprentice,
    starts: String,
    contract: Option<String>,
    /// What was handed in after it, by door.
    pieces: Vec<(&'static str, String)>,
    billed: bool,
    /// How many of these the OPCO has.
    arrived: usize,
    /// The dossier as last read.
    pub(super) life: Option<Life>,
    /// What a door refused, which it must not.
    pub(super) refused: Option<String>,
}

impl Story {
    /// Returns whether an entry of an OPCO's register is its contract.
    pub(super) fn is_of(&self, entry: &LedgerEntry) -> bool {
        entry.opco == self.opco.slug()
            && entry.pairing.nom == self.apprentice.nom
            && self.starts == entry.pairing.date_debut_contrat
    }

    /// Returns whether the last euro is there.
    pub(super) fn is_settled(&self) -> bool {
        self.life.as_ref().is_some_and(|life| {
            let lines = &life.echeances;
            let paid = lines
                .iter()
                .all(|line| line.left_cents == 0 && line.under_review_cents == 0);
            let all_told = self.paid_invoices() == life.factures.len();
            let all_there = self.billed && self.arrived == self.pieces.len();
            life.etat.as_deref() == Some("SOLDE")
                && !lines.is_empty()
                && paid
                && all_told
                && all_there
        })
    }

    /// Returns what has been paid, in cents.
    pub(super) fn paid_cents(&self) -> i64 {
        let lines = self.life.iter().flat_map(|life| &life.echeances);
        lines.fold(0, |sum, line| sum.saturating_add(line.paid_cents))
    }

    /// Returns how many invoices the OPCO has paid.
    pub(super) fn paid_invoices(&self) -> usize {
        let bills = self.life.iter().flat_map(|life| &life.factures);
        bills
            .filter(|bill| bill.etat.as_deref() == Some("REGLE"))
            .count()
    }

    /// Says where it stands, in French.
    pub(super) fn stands(&self) -> String {
        if let Some(refused) = &self.refused {
            return format!("refusé : {refused}");
        }
        let etat = self.life.as_ref().and_then(|life| life.etat.clone());
        etat.unwrap_or_else(|| "en route".to_owned())
    }
}

/// Plays the second act.
pub(super) async fn play(
    course: &Course,
    steps: &mut Steps,
    seed: u64,
) -> Result<Vec<Story>, Failure> {
    let clock = course.clock();
    for opco in Opco::ALL.iter().copied() {
        open(course, opco).await?;
    }
    steps.step("second acte : les flux fermés sont ouverts en « bac à sable » chez les onze OPCO");
    let then = day_in_france(clock.now()).saturating_sub(13.months());
    let mut stories = begin(course, then, seed).await?;
    steps.step("onze contrats d'il y a treize mois, chacun avec sa convention, déposés d'un coup");
    let started = Instant::now();
    let patience = clock.real(PATIENCE).max(REAL_PATIENCE_MIN);
    while started.elapsed() < patience {
        look(course, &mut stories).await?;
        for story in &mut stories {
            bill(course, story, then).await?;
        }
        steps.now(&counts(&stories));
        if stories.iter().all(Story::is_settled) || stories.iter().any(|one| one.refused.is_some())
        {
            break;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(stories)
}

fn counts(stories: &[Story]) -> String {
    let billed = stories.iter().filter(|one| one.billed).count();
    let settled = stories.iter().filter(|one| one.is_settled()).count();
    let paid = stories
        .iter()
        .fold(0, |sum, one| one.paid_cents().saturating_add(sum));
    format!(
        "{billed}/{} dossiers facturés, {} € réglés, {}",
        stories.len(),
        paid / 100,
        Language::Fr.counted(settled, "soldé", "soldés")
    )
}

/// Opens every flow of a whole life at an OPCO, on both sides, and lets its accounting be quick.
async fn open(course: &Course, opco: Opco) -> Result<(), Failure> {
    let overrides = FLOWS.iter().fold(
        Overrides {
            payment: Some(Payment {
                payment_ms: Some(PAYMENT_MS),
                ..Payment::default()
            }),
            ..Overrides::default()
        },
        |open, (_, flow)| open.with(*flow, simulator::Openness::Recette),
    );
    course
        .opcos()
        .configure(opco.slug(), &overrides)
        .map_err(|error| Failure::internal("opening the flows of the simulator", error))?;
    let now = course.clock().now();
    for (flow, _) in FLOWS {
        network::switch(course.store(), opco, flow, now).await?;
    }
    Ok(())
}

/// Hands in the contracts, each followed at once by its agreement.
async fn begin(course: &Course, then: Date, seed: u64) -> Result<Vec<Story>, Failure> {
    let mut stories = Vec::new();
    for (place, (opco, employer)) in super::stories::first_employers().into_iter().enumerate() {
        let apprentice = Apprentice::of(500 + place, seed, then);
        let mut story = Story {
            opco,
            // The first site of each centre has every key, and attests its mandates.
            site: if place.is_multiple_of(2) { 0 } else { 2 },
            employer,
            apprentice,
            starts: String::new(),
            contract: None,
            pieces: Vec::new(),
            billed: false,
            arrived: 0,
            life: None,
            refused: None,
        };
        let body = course.written(story.site, then, &story.employer, &story.apprentice);
        let (Some(body), Some(api)) = (body, course.api(story.site)) else {
            continue;
        };
        let starts = body.pointer("/cerfa/contrat/dateDebutContrat");
        let starts = starts.and_then(Value::as_str).unwrap_or_default();
        story.starts = starts.chars().take(10).collect();
        match erp::send(api, &format!("vie-{}", opco.slug()), &body).await? {
            Sent::Accepted(accepted) => {
                let agreement = agreement(&body, &accepted.id);
                story.contract = Some(accepted.id);
                hand_in(api, &mut story, "conventions", &agreement).await?;
            }
            Sent::Refused { said, .. } => story.refused = Some(said),
        }
        stories.push(story);
    }
    Ok(stories)
}

async fn hand_in(
    api: &Api,
    story: &mut Story,
    door: &'static str,
    body: &Value,
) -> Result<(), Failure> {
    let place = story.pieces.len();
    let key = format!("vie-{}-{door}-{place}", story.opco.slug());
    match erp::send_to(api, &format!("/api/v1/{door}"), &key, body).await? {
        Sent::Accepted(accepted) => story.pieces.push((door, accepted.id)),
        Sent::Refused { said, .. } => story.refused = Some(format!("{door} : {said}")),
    }
    Ok(())
}

/// Reads what the OPCOs say of each.
async fn look(course: &Course, stories: &mut [Story]) -> Result<(), Failure> {
    let mut dossiers: HashMap<String, String> = HashMap::new();
    let mut arrived: HashSet<String> = HashSet::new();
    for api in course.apis() {
        let there = erp::deliveries(api).await?.into_iter();
        let there = there.filter(|delivery| delivery.status == Status::Delivered);
        arrived.extend(there.map(|delivery| delivery.id));
        for dossier in erp::dossiers(api).await? {
            dossiers.insert(dossier.delivery_id, dossier.id);
        }
    }
    for story in stories {
        let pieces = story.pieces.iter();
        story.arrived = pieces.filter(|(_, id)| arrived.contains(id)).count();
        let dossier = story.contract.as_ref().and_then(|id| dossiers.get(id));
        if let (Some(dossier), Some(api)) = (dossier, course.api(story.site)) {
            story.life = Some(erp::life(api, dossier).await?);
        }
    }
    Ok(())
}

/// Bills what can be billed, once the schedule is there, and certifies the training.
async fn bill(course: &Course, story: &mut Story, then: Date) -> Result<(), Failure> {
    let owed = story.life.as_ref().map(|life| life.facturable.clone());
    let owed = owed.unwrap_or_default();
    let (false, false, Some(contract), Some(api)) = (
        story.billed,
        owed.is_empty(),
        story.contract.clone(),
        course.api(story.site),
    ) else {
        return Ok(());
    };
    story.billed = true;
    let Some(siret) = course.siret(story.site) else {
        return Ok(());
    };
    let today = day_in_france(course.clock().now());
    for line in owed {
        let numero = format!("VIE-{}-{}", story.opco.slug(), line.numero).to_uppercase();
        let cents = line.pedagogie_cents.saturating_add(line.rqth_cents);
        let bill = invoice(&contract, &numero, (line.numero, cents), (siret, today));
        hand_in(api, story, "factures", &bill).await?;
    }
    if let Some(body) = course.written(story.site, then, &story.employer, &story.apprentice) {
        hand_in(
            api,
            story,
            "certificats",
            &certificate(&body, &contract, today),
        )
        .await?;
    }
    Ok(())
}

/// What an OPCO's own register must hold of a whole life.
pub(super) fn complaints(stories: &[Story], opcos: &Handle) -> Vec<String> {
    let mut wrong = Vec::new();
    for story in stories {
        let name = story.opco.name();
        if !story.is_settled() {
            wrong.push(format!(
                "{name} (vie entière) : {}, attendu SOLDE",
                story.stands()
            ));
        }
        let bills = story
            .pieces
            .iter()
            .filter(|(door, _)| *door == "factures")
            .count();
        let taken = |kind| {
            let page = opcos.ledger_of(Some(story.opco.slug()), kind, 0, 0);
            page.map(|page| page.total).unwrap_or_default()
        };
        for (what, taken, wanted) in [
            ("convention", taken(Kind::Convention), 1),
            ("facture", taken(Kind::Facture), bills),
            // Structured where that comes first, else the document that the gateway makes of it.
            (
                "certificat",
                taken(Kind::Certificat) + taken(Kind::Document),
                1,
            ),
        ] {
            if taken != wanted {
                wrong.push(format!(
                    "{name} : {taken} {what} au registre, attendu {wanted}"
                ));
            }
        }
    }
    wrong
}

/// Writes the training agreement of a contract.
fn agreement(contract: &Value, delivery: &str) -> Value {
    let of = |pointer: &str| contract.pointer(pointer).cloned().unwrap_or_default();
    json!({
        "livraison_contrat": delivery,
        "employeur": { "siret": of("/cerfa/employeur/siret") },
        "apprenti": { "nom": of("/cerfa/apprenti/nom"), "prenom": of("/cerfa/apprenti/prenom") },
        "contrat": {
            "dateDebutContrat": of("/cerfa/contrat/dateDebutContrat"),
            "dateFinContrat": of("/cerfa/contrat/dateFinContrat"),
        },
        "organismeFormation": {
            "siret": of("/cerfa/organismeFormation/siret"),
            "uaiCfa": of("/cerfa/organismeFormation/uaiCfa"),
        },
        "formation": {
            "rncp": of("/cerfa/formation/rncp"),
            "intituleQualification": of("/cerfa/formation/intituleQualification"),
            "dateDebutFormation": of("/cerfa/formation/dateDebutFormation"),
            "dateFinFormation": of("/cerfa/formation/dateFinFormation"),
            "dureeFormation": of("/cerfa/formation/dureeFormation"),
        },
        "couts": { "coutTotalPedagogieCFA": 7_800 },
        "mandatEmployeur": true,
        "dateSignature": of("/cerfa/contrat/dateConclusion"),
        "attestationConventionSigneeEntreprise": true,
        "attestationConventionSigneeCFA": true,
        "attestationConventionSignatureProbante": true,
        "attestationConventionConformeJSON": true,
        "fichier": file("convention.pdf", "Convention de formation"),
    })
}

/// Writes the invoice of one échéance.
fn invoice(
    contract: &str,
    numero: &str,
    (echeance, cents): (i64, i64),
    (siret, today): (Siret, Date),
) -> Value {
    let amount = euros(cents);
    json!({
        "livraison_contrat": contract,
        "numero": numero,
        "dateEmission": instant(today),
        "montantTotal": amount,
        "ibanEmetteur": IBAN,
        "siretEmetteur": siret,
        "estCertificatRealisation": true,
        "lignes": [{
            "montant": amount,
            "natureLigne": "PEDAGOGIE",
            "quantite": 1,
            "numeroEcheance": echeance,
        }],
        "fichier": file(&format!("{numero}.pdf"), &format!("Facture {numero}")),
    })
}

/// Writes the certificate of completion of the whole training.
fn certificate(body: &Value, contract: &str, today: Date) -> Value {
    let of = |pointer: &str| body.pointer(pointer).cloned().unwrap_or_default();
    json!({
        "livraison_contrat": contract,
        "typeCertificat": "Final",
        "dateSignature": instant(today),
        "lieuSignatureContrat": "MONTREUIL",
        "representantLegal": { "nom": "ALBATROS", "prenom": "Claude", "qualite": "Direction" },
        "attestationConservationPieces": true,
        "natureAction": "Formation par apprentissage",
        "employeur": { "siret": of("/cerfa/employeur/siret") },
        "apprenti": { "nom": of("/cerfa/apprenti/nom"), "prenom": of("/cerfa/apprenti/prenom") },
        "organismeFormation": { "siret": of("/cerfa/organismeFormation/siret") },
        "echeance": {
            "numero": 1,
            "duree": 675,
            "dateDebut": of("/cerfa/formation/dateDebutFormation"),
            "dateFin": of("/cerfa/formation/dateFinFormation"),
            "echeancePartielle": false,
        },
    })
}

/// Returns cents as an amount of the norm.
fn euros(cents: i64) -> Value {
    let text = format!("{}.{:02}", cents / 100, (cents % 100).abs());
    serde_json::from_str(&text).unwrap_or_default()
}

fn file(name: &str, title: &str) -> Value {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let mut sheet = Sheet::new();
    sheet.title(16, title);
    sheet.paragraph(
        Face::Plain,
        11,
        "Pièce d'exemple : rien de ce qu'elle dit n'existe.",
    );
    json!({ "nom": name, "contenu": STANDARD.encode(sheet.write(title)) })
}
