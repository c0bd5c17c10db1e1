//! The columns of the list of deliveries: the same on the page and in the sheet.

use domain::person::Language;
use domain::{Opco, Status};
use maud::{Markup, html};
use store::Delivery;

use super::layout::local;
use super::today::why;
use crate::causes;

/// One column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    Kind,
    Opco,
    Standing,
    Why,
    Site,
    Employer,
    Number,
    External,
    Deca,
    Attempts,
    Changed,
    Fault,
    Id,
}

impl Column {
    /// Every column, in the order of a line.
    pub(crate) const ALL: [Self; 13] = [
        Self::Kind,
        Self::Opco,
        Self::Standing,
        Self::Why,
        Self::Site,
        Self::Employer,
        Self::Number,
        Self::External,
        Self::Deca,
        Self::Attempts,
        Self::Changed,
        Self::Fault,
        Self::Id,
    ];
    /// What is shown unless other columns are asked for.
    const USUAL: [Self; 6] = [
        Self::Kind,
        Self::Opco,
        Self::Standing,
        Self::Why,
        Self::Site,
        Self::Number,
    ];

    /// Returns the columns an address names, in their order; the usual ones when it names none.
    pub(crate) fn chosen(words: &[String]) -> Vec<Self> {
        let named = |column: &Self| words.iter().any(|word| word == column.as_str());
        let chosen: Vec<Self> = Self::ALL.into_iter().filter(named).collect();
        if chosen.is_empty() {
            Self::USUAL.to_vec()
        } else {
            chosen
        }
    }

    /// Returns the word of addresses.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Opco => "opco",
            Self::Standing => "status",
            Self::Why => "why",
            Self::Site => "site",
            Self::Employer => "employer",
            Self::Number => "number",
            Self::External => "external",
            Self::Deca => "deca",
            Self::Attempts => "attempts",
            Self::Changed => "changed",
            Self::Fault => "fault",
            Self::Id => "id",
        }
    }

    /// Returns what people call it.
    pub(crate) fn name(self, language: Language) -> &'static str {
        match self {
            Self::Kind => language.of("Quoi", "What"),
            Self::Opco => "OPCO",
            Self::Standing => language.of("Où elle en est", "Where it stands"),
            Self::Why => language.of("Pourquoi", "Why"),
            Self::Site => "Site",
            Self::Employer => language.of("Employeur", "Employer"),
            Self::Number => language.of("Numéro interne", "Internal number"),
            Self::External => language.of("Numéro externe", "External number"),
            Self::Deca => "DECA",
            Self::Attempts => language.of("Envois", "Sends"),
            Self::Changed => language.of("Dernier changement", "Last change"),
            Self::Fault => language.of("Dernier échec", "Last failure"),
            Self::Id => language.of("Identifiant", "Identifier"),
        }
    }

    /// Returns what it says of a delivery.
    pub(crate) fn text(self, delivery: &Delivery, language: Language) -> String {
        let receipt = &delivery.receipt;
        let standing = delivery.standing;
        match self {
            Self::Kind => delivery.kind.name(language).to_owned(),
            Self::Opco => delivery.opco.map_or("", Opco::name).to_owned(),
            Self::Standing => standing.status.name(language).to_owned(),
            Self::Why => reason(delivery, language),
            Self::Site => delivery.siret_cfa.to_string(),
            Self::Employer => delivery
                .siret_employeur
                .map(|siret| siret.to_string())
                .unwrap_or_default(),
            Self::Number => receipt.numero_interne.clone().unwrap_or_default(),
            Self::External => receipt.numero_externe.clone().unwrap_or_default(),
            Self::Deca => receipt.numero_deca.clone().unwrap_or_default(),
            Self::Attempts => delivery.attempts.to_string(),
            Self::Changed => local(delivery.updated_at, language),
            Self::Fault => delivery
                .fault
                .as_ref()
                .map(|fault| fault.detail.clone())
                .unwrap_or_default(),
            Self::Id => delivery.id.to_string(),
        }
    }
}

/// A part of a reason.
enum Part {
    /// In our words.
    Ours(String),
    /// In those of the OPCO, as it said them.
    Theirs(String),
}

/// Says in words why a delivery stands where it does: what holds it, what the OPCO said, when the gateway
/// goes on by itself. Nothing where there is nothing to explain.
fn reason(delivery: &Delivery, language: Language) -> String {
    let parts = parts(delivery, language).into_iter();
    let texts = parts.map(|part| match part {
        Part::Ours(text) => text,
        Part::Theirs(words) => format!("« {words} »."),
    });
    // A line of a sheet is one line.
    let texts: Vec<String> = texts.collect();
    texts.join(" ").replace(['\n', '\r'], " ")
}

/// Shows the same; whoever has a page read to them hears the OPCO's words in French.
pub(crate) fn reason_shown(delivery: &Delivery, language: Language) -> Markup {
    html! {
        @for part in parts(delivery, language) {
            @match part {
                Part::Ours(text) => { (text) " " },
                Part::Theirs(words) => { span lang="fr" { "« " (words) " »." } " " },
            }
        }
    }
}

fn parts(delivery: &Delivery, language: Language) -> Vec<Part> {
    let standing = delivery.standing;
    let wait = standing.wait_reason.map(domain::WaitReason::as_str);
    let hold = standing.hold_reason.map(domain::HoldReason::as_str);
    let mut parts = match standing.status {
        Status::Delivered => return Vec::new(),
        status => vec![Part::Ours(why(status, wait.or(hold), language))],
    };
    if let Some((code, words)) = causes::told(delivery) {
        let end = if words.is_none() { "." } else { "" };
        parts.extend(code.map(|code| Part::Ours(format!("{code}{end}"))));
        parts.extend(words.map(Part::Theirs));
    }
    if let (Status::Unknown, Some(at)) = (standing.status, delivery.first_lost_at) {
        let lost = language.of("Perdue le ", "Lost on ");
        parts.push(Part::Ours(format!("{lost}{}.", local(at, language))));
    }
    let next = match standing.status {
        Status::Waiting => language.of("Nouvel essai le ", "Next try on "),
        Status::Unknown => language.of("Prochaine vérification le ", "Next check on "),
        _ => "",
    };
    if let Some(due) = standing.due_at.filter(|_| !next.is_empty()) {
        parts.push(Part::Ours(format!("{next}{}.", local(due, language))));
    }
    parts
}

#[cfg(test)]
mod tests {
    use domain::outcome::FaultItem;
    use domain::{
        DeliveryId, Environment, Fault, FaultKind, HoldReason, Kind, Receipt, TenantId, Timestamp,
        WaitReason,
    };
    use store::{Fingerprint, Standing};

    use super::*;

    fn delivery(standing: Standing) -> Delivery {
        let at: Timestamp = "2026-09-01T08:00:00Z".parse().unwrap();
        Delivery {
            tenant: TenantId::new(at),
            id: DeliveryId::new(at),
            environment: Environment::Live,
            kind: Kind::Dossier,
            standing,
            lane: Fingerprint([0; 16]),
            opco: Some(Opco::Akto),
            instance: 1,
            siret_cfa: "13002526500013".parse().unwrap(),
            siret_employeur: None,
            version: None,
            attempts: 1,
            looks: 0,
            first_lost_at: None,
            receipt: Receipt::default(),
            fault: None,
            created_at: at,
            updated_at: at,
            finished_at: None,
        }
    }

    #[test]
    fn why_is_among_the_usual_columns() {
        assert!(Column::chosen(&[]).contains(&Column::Why));
        assert_eq!(Column::chosen(&["kind".to_owned()]), [Column::Kind]);
    }

    #[test]
    fn what_waits_says_for_what_and_until_when() {
        let due = "2026-09-01T12:32:00Z".parse().unwrap();
        let waits = delivery(Standing::waiting(WaitReason::Dossier, due));
        assert_eq!(
            reason(&waits, Language::Fr),
            "L'OPCO doit d'abord faire avancer le dossier : numéro, engagement ou échéancier. \
             Nouvel essai le 01/09/2026 14:32."
        );
        let behind = reason(&delivery(Standing::behind()), Language::Fr);
        assert!(
            behind.starts_with("Un envoi précédent") && !behind.contains("essai"),
            "{behind}"
        );
    }

    #[test]
    fn what_is_held_says_what_to_do_and_what_is_refused_what_the_opco_said() {
        let held = reason(&delivery(Standing::held(HoldReason::NoRoute)), Language::Fr);
        assert!(held.contains("« Choisir l'OPCO »"), "{held}");
        let item = FaultItem {
            code: Some("E12".to_owned()),
            text: "Champ employeur.siret :\n12345678900011 inconnu".to_owned(),
        };
        let refused = Delivery {
            fault: Some(Fault {
                items: vec![item],
                ..Fault::new(FaultKind::Rejected, "refused")
            }),
            ..delivery(Standing::ended(Status::Rejected))
        };
        let said = reason(&refused, Language::Fr);
        assert!(
            said.starts_with("Refusé par l'OPCO. E12 « Champ employeur.siret"),
            "{said}"
        );
        assert!(
            !said.contains("12345678900011") && !said.contains('\n'),
            "{said}"
        );
        assert_eq!(
            reason(&delivery(Standing::ended(Status::Delivered)), Language::Fr),
            ""
        );
    }
}
