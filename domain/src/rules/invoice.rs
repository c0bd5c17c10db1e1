//! FAC: the invoice itself, before its dossiers are looked at.

use super::context::{FactureContext, FileFacts, FileKind, Known};
use super::payload::row;
use super::subject::{Found, On};
use super::{Check, FactureCheck, Rule, required};
use crate::finding::Effect;
use crate::form::wire::Shape as _;
use crate::payload::{Facture, Ligne};

/// An invoice under examination.
pub(super) type Invoice<'a> = On<'a, Facture, FactureContext<'a>>;

pub(super) static RULES: [Rule; 10] = [
    Rule {
        effect: Effect::Conflict,
        ..row(
            "FAC-001",
            "seed:001",
            "/numero",
            "Facture déjà transmise.",
            "Le CFA suit l'envoi existant ; pour une autre facture, il prend un autre numéro.",
            Check::Facture(FactureCheck(sent_once)),
        )
    },
    required::FACTURE,
    row(
        "FAC-002",
        "seed:001",
        "/ibanEmetteur",
        "IBAN de l'émetteur absent.",
        "L'IBAN n'est pas renseigné : le CFA donne le sien, connu de l'OPCO, dans son ERP.",
        Check::Facture(FactureCheck(has_account)),
    ),
    row(
        "FAC-003",
        "public: common",
        "/ibanEmetteur",
        "IBAN invalide.",
        "Le CFA recopie l'IBAN de son relevé d'identité bancaire.",
        Check::Reading,
    ),
    row(
        "FAC-005",
        "seed:001",
        "/lignes",
        "Numéro externe du dossier absent.",
        "Le CFA indique sur chaque ligne le numéro externe du dossier, donné par l'OPCO après le dépôt \
         du contrat.",
        Check::Facture(FactureCheck(names_dossiers)),
    ),
    row(
        "FAC-013",
        "seed:001",
        "/siretEmetteur",
        "SIRET émetteur inconnu de l'OPCO.",
        "Le gestionnaire des clés enregistre une clé de ce SIRET pour cet OPCO, ou le CFA corrige le \
         SIRET.",
        Check::Facture(FactureCheck(known_emitter)),
    ),
    row(
        "FAC-014",
        "seed:001",
        "/montantTotal",
        "Le total ne correspond pas à la somme des lignes.",
        "Le CFA corrige le total ou les lignes : ils sont comparés au centime.",
        Check::Facture(FactureCheck(adds_up)),
    ),
    row(
        "FAC-019",
        "seed:001",
        "/lignes",
        "Facture multi-échéances (ou multi-contrats) non acceptée par cet OPCO.",
        "Le CFA émet une facture par échéance et par contrat pour cet OPCO.",
        Check::Facture(FactureCheck(one_each)),
    ),
    row(
        "FAC-020",
        "public:CF",
        required::FICHIER,
        "Fichier de facture absent ou illisible.",
        "Le CFA joint la facture en PDF, lisible et sans mot de passe.",
        Check::Facture(FactureCheck(readable)),
    ),
    row(
        "FAC-028",
        "assumed",
        "/lignes",
        "Quantité ou montant de ligne impossible.",
        "Le CFA donne à chaque ligne une quantité et un montant positifs ; ce qu'il rend fait l'objet \
         d'un avoir.",
        Check::Facture(FactureCheck(possible_lines)),
    ),
];

impl<'a> On<'a, Facture, FactureContext<'a>> {
    /// Returns what is known of the dossier of a line: by its business number; a line without one, on
    /// an invoice about one dossier, is about that one.
    pub(super) fn known(&self, ligne: &Ligne) -> Option<&'a Known<'a>> {
        let Some(numero) = ligne.numero_dossier.as_deref() else {
            return match self.context.dossiers {
                [only] => Some(only),
                _ => None,
            };
        };
        let mut dossiers = self.context.dossiers.iter();
        dossiers.find(|known| known.numero_externe == Some(numero))
    }

    /// Returns the lines with their places, and what is known of their dossiers.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &'a Ligne, Option<&'a Known<'a>>)> {
        let lignes = self.payload.lignes.iter().enumerate();
        lignes.map(|(place, ligne)| (place, ligne, self.known(ligne)))
    }

    /// Returns the first line of each dossier.
    pub(super) fn first_lines(&self) -> impl Iterator<Item = (usize, Option<&'a Known<'a>>)> {
        let lignes = &self.payload.lignes;
        self.lines()
            .filter(move |(place, ligne, _)| {
                let before = lignes.iter().take(*place);
                before
                    .into_iter()
                    .all(|other| other.numero_dossier != ligne.numero_dossier)
            })
            .map(|(place, _, known)| (place, known))
    }
}

fn sent_once(on: &Invoice<'_>, found: &mut Found<'_>) {
    if let Some(existing) = on.context.already_sent {
        found.broken(existing);
    }
}

fn has_account(on: &Invoice<'_>, found: &mut Found<'_>) {
    if on.payload.iban_emetteur.is_none() {
        found.bare("/ibanEmetteur");
    }
}

fn names_dossiers(on: &Invoice<'_>, found: &mut Found<'_>) {
    for (place, ligne, known) in on.lines() {
        if ligne.numero_dossier.is_none() {
            let pointer = format!("/lignes/{place}/numeroDossier");
            // The number comes with the contract's own answer.
            let coming =
                known.is_some_and(|known| known.on_its_way && known.numero_externe.is_none());
            if coming {
                found.with_effect(&pointer, None, Effect::Wait);
            } else {
                found.bare(&pointer);
            }
        }
    }
}

fn known_emitter(on: &Invoice<'_>, found: &mut Found<'_>) {
    if let (Some(emitters), Some(siret)) = (on.context.emitters, on.payload.siret_emetteur)
        && !emitters.contains(&siret)
    {
        found.broken(siret);
    }
}

fn adds_up(on: &Invoice<'_>, found: &mut Found<'_>) {
    if let (Some(total), Some(sum)) = (on.payload.montant_total, on.payload.sum_of_lines())
        && !on.payload.lignes.is_empty()
        && total.cents != sum
    {
        found.broken(total);
    }
}

/// Nothing is billed by none of it, and only a credit note takes back. The form of a credit note is
/// each OPCO's own (protocol §13): its lines may be negative either way.
fn possible_lines(on: &Invoice<'_>, found: &mut Found<'_>) {
    let gives_back = on.payload.is_avoir();
    for (place, ligne, _) in on.lines() {
        if let Some(quantite) = ligne.quantite
            && (quantite.hundredths == 0 || (quantite.hundredths < 0 && !gives_back))
        {
            found.at(&format!("/lignes/{place}/quantite"), quantite.write());
        }
        if let Some(montant) = ligne.montant
            && montant.cents < 0
            && !gives_back
        {
            found.at(&format!("/lignes/{place}/montant"), montant);
        }
    }
}

fn one_each(on: &Invoice<'_>, found: &mut Found<'_>) {
    let lignes = &on.payload.lignes;
    let profile = on.context.profile;
    let mut dossiers: Vec<Option<&str>> =
        lignes.iter().map(|l| l.numero_dossier.as_deref()).collect();
    dossiers.sort_unstable();
    dossiers.dedup();
    let several_echeances = lignes.iter().enumerate().any(|(place, ligne)| {
        let before = lignes.iter().take(place);
        before.into_iter().any(|other| {
            other.numero_dossier == ligne.numero_dossier
                && other.numero_echeance != ligne.numero_echeance
        })
    });
    if (several_echeances && !profile.multi_echeances)
        || (dossiers.len() > 1 && !profile.multi_contrats)
    {
        found.bare("/lignes");
    }
}

fn readable(on: &Invoice<'_>, found: &mut Found<'_>) {
    let good = match on.context.file {
        FileFacts::NotLooked => true,
        FileFacts::Absent => false,
        FileFacts::Given {
            kind,
            bytes,
            readable,
        } => kind == FileKind::Pdf && readable && (1..=required::MAX_FILE).contains(&bytes),
    };
    if !good {
        found.bare(required::FICHIER);
    }
}
