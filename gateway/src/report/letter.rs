//! The daily report as a person reads it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use domain::calendar::french;
use domain::person::Language;
use domain::reconciliation::Sums;
use domain::{Environment, HoldReason, Siret, Status, WaitReason};

use super::{OfSender, OfSite, Report};
use crate::alerts::letters::Audience;

/// The most sites one mail names; the others are counted in its subject.
const SITES_MAX: usize = 100;

/// What and how much, in one line.
pub(super) fn title(report: &Report, seen: &[(&Siret, OfSite)], language: Language) -> String {
    let sum = |of: fn(&OfSite) -> u64| seen.iter().map(|(_, site)| of(site)).sum::<u64>();
    let delivered = sum(|of| of.delivered);
    let refused = sum(|of| of.refused);
    let held = sum(|of| of.held.values().sum());
    let world = match report.environment {
        Environment::Live => "",
        Environment::Test => language.of(" (recette)", " (test)"),
    };
    match language {
        Language::Fr => format!(
            "[CFA Gateway] rapport du {}{world} : {}",
            french(report.day),
            arrived(delivered, refused, held)
        ),
        Language::En => format!(
            "[CFA Gateway] report of {}{world}: {delivered} delivered, {refused} refused, {held} held",
            report.day
        ),
    }
}

/// What became of them, in French, where words go with their numbers.
fn arrived(delivered: u64, refused: u64, held: u64) -> String {
    let said = |count, one, many| Language::Fr.counted(count, one, many);
    format!(
        "{}, {}, {}",
        said(delivered, "arrivé", "arrivés"),
        said(refused, "refusé", "refusés"),
        said(held, "retenu", "retenus")
    )
}

/// Every site that has something to say.
pub(super) fn body(
    report: &Report,
    seen: &[(&Siret, OfSite)],
    (audience, link): (&Audience, &str),
    language: Language,
) -> String {
    let mut text = String::new();
    for (siret, of) in seen.iter().take(SITES_MAX) {
        let name = audience.name(siret);
        let name = name.map_or_else(|| siret.to_string(), |name| format!("{name} ({siret})"));
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{name}");
        let _ = site(&mut text, of, language);
        text.push('\n');
    }
    if seen.len() > SITES_MAX {
        let more = seen.len() - SITES_MAX;
        let one = language.of("autre site", "more site");
        let said = language.counted(more, one, language.of("autres sites", "more sites"));
        let _ = writeln!(text, "… {said}\n");
    }
    let world = report.environment;
    let _ = writeln!(text, "{link}/?world={world}");
    let choose = language.of("Choisir ce que vous recevez : ", "To choose what you get: ");
    let _ = writeln!(text, "{choose}{link}/alerts");
    text
}

fn site(text: &mut String, of: &OfSite, language: Language) -> std::fmt::Result {
    let (sent, delivered, refused) = (of.sent, of.delivered, of.refused);
    match language {
        Language::Fr => writeln!(
            text,
            "  Déposés : {sent} ; arrivés : {delivered} ; refusés : {refused}"
        )?,
        Language::En => writeln!(
            text,
            "  Handed in: {sent}; delivered: {delivered}; refused: {refused}"
        )?,
    }
    for (code, count) in &of.refused_by {
        writeln!(
            text,
            "    {count} {} {code}",
            language.of("refus", "refused,")
        )?;
    }
    let held = |word: &str| {
        let reason = word.parse::<HoldReason>().ok();
        reason.map(|reason| reason.explained(language))
    };
    why(text, language.of("  Retenus", "  Held"), &of.held, held)?;
    let waits = |word: &str| {
        let reason = word.parse::<WaitReason>().ok();
        let status = word.parse::<Status>().ok();
        let reason = reason.map(|reason| reason.explained(language));
        reason.or(status.map(|status| status.explained(language)))
    };
    why(
        text,
        language.of("  En attente", "  Waiting"),
        &of.waiting,
        waits,
    )?;
    for sender in of.senders.values() {
        writeln!(text, "  {}", of_sender(sender, language))?;
    }
    if let Some(money) = of.money {
        writeln!(text, "  {}", sums(money, language))?;
    }
    for (opco, left) in &of.keys {
        let opco = opco.name();
        match (language, left) {
            (Language::Fr, ..0) => writeln!(text, "  Clé {opco} : expirée")?,
            (Language::En, ..0) => writeln!(text, "  Key for {opco}: expired")?,
            (Language::Fr, left) => {
                let left = language.counted(*left, "jour", "jours");
                writeln!(text, "  Clé {opco} : {left}")?;
            }
            (Language::En, left) => {
                let left = language.counted(*left, "day", "days");
                writeln!(text, "  Key for {opco}: {left}")?;
            }
        }
    }
    Ok(())
}

/// What became of what one credential handed in that day, in one line.
fn of_sender(sender: &OfSender, language: Language) -> String {
    let all = |counts: &BTreeMap<String, u64>| counts.values().sum::<u64>();
    let (held, waiting) = (all(&sender.held), all(&sender.waiting));
    let (sent, delivered, refused) = (sender.sent, sender.delivered, sender.refused);
    let label = &sender.label;
    match language {
        Language::Fr => format!(
            "Expéditeur « {label} » : {}, dont à ce jour {}, {waiting} en attente",
            language.counted(sent, "déposé", "déposés"),
            arrived(delivered, refused, held)
        ),
        Language::En => format!(
            "Sender “{label}”: {sent} handed in, of which by now {delivered} delivered, {refused} \
             refused, {held} held, {waiting} waiting"
        ),
    }
}

fn why(
    text: &mut String,
    title: &str,
    counts: &BTreeMap<String, u64>,
    explained: impl Fn(&str) -> Option<&'static str>,
) -> std::fmt::Result {
    if counts.is_empty() {
        return Ok(());
    }
    let all: u64 = counts.values().sum();
    writeln!(text, "{title} : {all}")?;
    for (word, count) in counts {
        writeln!(text, "    {count} : {}", explained(word).unwrap_or(word))?;
    }
    Ok(())
}

fn sums(money: Sums, language: Language) -> String {
    let [due, billed, paid] =
        [money.due_cents, money.billed_cents, money.paid_cents].map(|cents| euros(cents, language));
    match language {
        Language::Fr => format!("Argent : {due} dus, {billed} facturés, {paid} payés"),
        Language::En => format!("Money: {due} due, {billed} billed, {paid} paid"),
    }
}

fn euros(cents: i64, language: Language) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    let (whole, rest) = (cents.unsigned_abs() / 100, cents.unsigned_abs() % 100);
    format!("{sign}{whole}{}{rest:02} €", language.of(',', '.'))
}

#[cfg(test)]
mod tests {
    use domain::Opco;

    use super::*;

    fn of() -> OfSite {
        OfSite {
            sent: 5,
            delivered: 3,
            refused: 2,
            refused_by: BTreeMap::from([("E12".to_owned(), 2)]),
            held: BTreeMap::from([("no_key".to_owned(), 4)]),
            waiting: BTreeMap::from([("queued".to_owned(), 1)]),
            money: Some(Sums {
                due_cents: 123_456,
                paid_cents: -5,
                ..Sums::default()
            }),
            keys: vec![(Opco::Akto, 7), (Opco::Atlas, -1)],
            senders: BTreeMap::from([(
                domain::id::CredentialId::new("2026-09-01T00:00:00Z".parse().unwrap()),
                OfSender {
                    label: "ERP Lumière".to_owned(),
                    sent: 5,
                    delivered: 2,
                    refused: 1,
                    held: BTreeMap::from([("no_key".to_owned(), 2)]),
                    waiting: BTreeMap::new(),
                },
            )]),
        }
    }

    #[test]
    fn a_person_reads_what_became_of_the_day_and_why() {
        let siret: Siret = "73282932000074".parse().unwrap();
        let report = Report {
            environment: Environment::Live,
            day: "2026-09-01".parse().unwrap(),
            sites: BTreeMap::from([(siret, of())]),
        };
        let seen = [(&siret, of())];
        assert_eq!(
            title(&report, &seen, Language::Fr),
            "[CFA Gateway] rapport du 01/09/2026 : 3 arrivés, 2 refusés, 4 retenus"
        );
        let audience = Audience {
            listeners: Vec::new(),
            sites: Vec::new(),
        };
        let link = "https://passerelle.example";
        let french = body(&report, &seen, (&audience, link), Language::Fr);
        for line in [
            "73282932000074\n",
            "  Déposés : 5 ; arrivés : 3 ; refusés : 2\n",
            "    2 refus E12\n",
            "  Retenus : 4\n",
            "  Expéditeur « ERP Lumière » : 5 déposés, dont à ce jour 2 arrivés, 1 refusé, 2 retenus, 0 en attente\n",
            "  Argent : 1234,56 € dus, 0,00 € facturés, -0,05 € payés\n",
            "  Clé AKTO : 7 jours\n  Clé Atlas : expirée\n",
            "https://passerelle.example/?world=live\n",
        ] {
            assert!(french.contains(line), "{line}\n{french}");
        }
        let english = body(&report, &seen, (&audience, link), Language::En);
        assert!(english.contains("Money: 1234.56 € due"), "{english}");
    }
}
