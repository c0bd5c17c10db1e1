//! Why deliveries are stuck: the same cause once, with how many share it, who must act and where.

use std::collections::HashMap;

use domain::id::DeliveryId;
use domain::outcome::FaultItem;
use domain::person::Language;
use domain::proof::Hash;
use domain::rejet::{self, Rejet};
use domain::{Fault, FaultKind, HoldReason, Opco, Status, Timestamp, WaitReason};
use store::deliveries::{self, Scope, Stuck};
use store::{Delivery, StoreError, Tx};

/// How far back what was refused or given up is looked at, in days.
pub(crate) const DAYS: i64 = 60;
/// How many are looked at, the newest first.
pub(crate) const MOST: u32 = 10_000;
/// How many hexadecimal digits name a cause in an address.
const KEY_CHARS: usize = 16;
/// The longest code that is taken for one.
const CODE_CHARS_MAX: usize = 60;

/// Who must act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Who {
    /// Whoever keeps the network's keys and settings.
    Network,
    /// The training centre.
    Cfa,
    /// The OPCO.
    Opco,
    /// Nobody: it goes by itself.
    Nobody,
}

impl Who {
    /// Everybody, in the order in which a morning goes.
    pub(crate) const ALL: [Self; 4] = [Self::Network, Self::Cfa, Self::Opco, Self::Nobody];

    /// Returns the stable word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Cfa => "cfa",
            Self::Opco => "opco",
            Self::Nobody => "nobody",
        }
    }

    /// Returns what people call them.
    pub(crate) fn name(self, language: Language) -> &'static str {
        match self {
            Self::Network => language.of("Le réseau", "The network"),
            Self::Cfa => language.of("Le CFA", "The training centre"),
            Self::Opco => language.of("L'OPCO", "The OPCO"),
            Self::Nobody => language.of("Personne : cela part seul", "Nobody: it goes by itself"),
        }
    }

    /// Returns who must act on what stands there.
    pub(crate) fn of(status: Status, reason: Option<&str>) -> Self {
        let hold = || reason.and_then(|word| word.parse::<HoldReason>().ok());
        let wait = || reason.and_then(|word| word.parse::<WaitReason>().ok());
        match status {
            Status::Held => hold().map_or(Self::Cfa, of_hold),
            Status::Waiting => match wait() {
                Some(WaitReason::Breaker | WaitReason::Dossier | WaitReason::Maintenance) => {
                    Self::Opco
                }
                _ => Self::Nobody,
            },
            Status::Rejected => Self::Cfa,
            Status::Dead => Self::Network,
            _ => Self::Nobody,
        }
    }
}

fn of_hold(reason: HoldReason) -> Who {
    match reason {
        HoldReason::NoKey | HoldReason::NoSoftwareCredential | HoldReason::FileUnreadable => {
            Who::Network
        }
        HoldReason::FlowNotOpen => Who::Opco,
        HoldReason::NoRoute
        | HoldReason::AmbiguousRoute
        | HoldReason::WeakRoute
        | HoldReason::OwnerNotManager
        | HoldReason::MandateMissing
        | HoldReason::ProbableDuplicate
        | HoldReason::OutcomeUnknown
        | HoldReason::ContractMissing
        | HoldReason::RulesBroken => Who::Cfa,
    }
}

/// What tells one cause from another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Kept {
    /// Where the deliveries stand.
    pub(crate) status: Status,
    /// Why they are held.
    pub(crate) reason: Option<HoldReason>,
    /// The operator, when known.
    pub(crate) opco: Option<Opco>,
    /// The rule, or the OPCO's code, or the sort of failure.
    pub(crate) code: Option<String>,
    /// The words, without what differs from one delivery to the next.
    pub(crate) words: Option<String>,
    /// The field concerned, when the words name one.
    pub(crate) field: Option<String>,
}

/// One cause, and what shares it.
#[derive(Debug, Clone)]
pub(crate) struct Cause {
    /// What it is.
    pub(crate) kept: Kept,
    /// Who must act.
    pub(crate) who: Who,
    /// When the oldest was handed in.
    pub(crate) oldest: Timestamp,
    /// Which deliveries, the newest first.
    pub(crate) deliveries: Vec<DeliveryId>,
}

impl Kept {
    /// Returns what a delivery is stuck on.
    fn of(one: &Stuck) -> Self {
        let fault = one.fault.as_ref();
        let fault = fault.filter(|_| is_told(one.status, one.hold_reason));
        let item = fault.and_then(|fault| fault.items.first());
        Self {
            status: one.status,
            reason: one.hold_reason.filter(|_| one.status == Status::Held),
            opco: one.opco,
            code: fault.map(code),
            words: item.map(|item| rejet::outline(&item.text)),
            field: item.and_then(field),
        }
    }

    /// Returns the word by which an address names it: the same tomorrow, and on every replica.
    pub(crate) fn key(&self) -> String {
        let text = format!(
            "{}|{}|{}|{}|{}|{}",
            self.status,
            self.reason.map_or("", HoldReason::as_str),
            self.opco.map_or("", Opco::slug),
            self.code.as_deref().unwrap_or_default(),
            self.words.as_deref().unwrap_or_default(),
            self.field.as_deref().unwrap_or_default(),
        );
        let hash = Hash::of_content(text.as_bytes()).to_string();
        hash.chars().take(KEY_CHARS).collect()
    }

    fn who(&self) -> Who {
        let known = self.code.as_deref().and_then(|code| code.parse().ok());
        match (self.status, known.map(|rejet: Rejet| rejet.advice().actor)) {
            (Status::Rejected, Some(rejet::Actor::GestionnaireCles)) => Who::Network,
            (Status::Rejected, Some(rejet::Actor::Passerelle)) => Who::Nobody,
            (status, _) => Who::of(status, self.reason.map(HoldReason::as_str)),
        }
    }
}

/// Returns whether the last failure tells more than where a delivery stands.
fn is_told(status: Status, reason: Option<HoldReason>) -> bool {
    match (status, reason) {
        (Status::Rejected | Status::Dead, _) => true,
        (Status::Held, Some(reason)) => matches!(
            reason,
            HoldReason::RulesBroken | HoldReason::NoKey | HoldReason::NoSoftwareCredential
        ),
        _ => false,
    }
}

/// Returns what the OPCO, or a rule, said of a delivery where that is why it stands there: a code, unless words
/// say more than the sort of failure, and the words, without what may be somebody's.
pub(crate) fn told(delivery: &Delivery) -> Option<(Option<String>, Option<String>)> {
    let standing = delivery.standing;
    let fault = delivery.fault.as_ref()?;
    if !is_told(standing.status, standing.hold_reason) {
        return None;
    }
    let words = fault.items.first().map(|item| rejet::outline(&item.text));
    let code = Some(code(fault)).filter(|code| words.is_none() || *code != fault.kind.to_string());
    Some((code, words))
}

/// Returns the code of the first message, else the sort of failure.
fn code(fault: &Fault) -> String {
    let item = fault.items.first().and_then(|item| item.code.as_deref());
    let is_code = |text: &&str| !text.is_empty() && text.len() <= CODE_CHARS_MAX;
    match (item.map(str::trim).filter(is_code), fault.status) {
        (Some(code), _) => code.to_owned(),
        (None, Some(status)) if fault.kind != FaultKind::Rejected => {
            format!("{} {status}", fault.kind)
        }
        (None, _) => fault.kind.to_string(),
    }
}

/// Returns the field a message names: a path (`/employeur/siret`) or dotted words (`employeur.siret`).
fn field(item: &FaultItem) -> Option<String> {
    let trim = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | ']' | '['));
    item.text
        .split_whitespace()
        .map(|word| word.trim_matches(trim))
        .find(|word| is_field(word))
        .map(str::to_owned)
}

fn is_field(word: &str) -> bool {
    let separator = if word.starts_with('/') { '/' } else { '.' };
    let parts: Vec<&str> = word.trim_start_matches('/').split(separator).collect();
    let named = |part: &&str| {
        part.starts_with(|c: char| c.is_ascii_lowercase())
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '[' | ']'))
    };
    let enough = parts.len() > 1 || separator == '/';
    enough && word.len() <= CODE_CHARS_MAX && parts.iter().all(named)
}

/// Groups what is stuck by its cause, the largest first.
pub(crate) fn group(stuck: &[Stuck]) -> Vec<Cause> {
    let mut found: HashMap<Kept, Cause> = HashMap::new();
    for one in stuck {
        let kept = Kept::of(one);
        let cause = found.entry(kept.clone()).or_insert_with(|| Cause {
            who: kept.who(),
            kept,
            oldest: one.created_at,
            deliveries: Vec::new(),
        });
        cause.oldest = cause.oldest.min(one.created_at);
        cause.deliveries.push(one.id);
    }
    let mut causes: Vec<Cause> = found.into_values().collect();
    causes.sort_by_cached_key(|cause| {
        let count = std::cmp::Reverse(cause.deliveries.len());
        (count, cause.oldest, cause.kept.key())
    });
    causes
}

/// Reads what is stuck, by cause.
pub(crate) async fn read(
    tx: &mut Tx,
    scope: &Scope,
    now: Timestamp,
) -> Result<Vec<Cause>, StoreError> {
    let stuck = deliveries::stuck(tx, scope, since(now), MOST).await?;
    Ok(group(&stuck))
}

/// Returns since when what was refused or given up is looked at.
pub(crate) fn since(now: Timestamp) -> Timestamp {
    let day = domain::calendar::day_in_france(now);
    let first = day.saturating_sub(jiff::ToSpan::days(DAYS));
    domain::calendar::start_of_day_in_france(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(opco: Opco, code: Option<&str>, text: &str) -> Stuck {
        let at: Timestamp = "2026-09-02T08:00:00Z".parse().unwrap();
        let item = FaultItem {
            code: code.map(str::to_owned),
            text: text.to_owned(),
        };
        Stuck {
            id: DeliveryId::new(at),
            kind: domain::Kind::Dossier,
            status: Status::Rejected,
            hold_reason: None,
            opco: Some(opco),
            siret_cfa: "13002526500013".parse().unwrap(),
            fault: Some(Fault {
                items: vec![item],
                ..Fault::new(FaultKind::Rejected, "refused")
            }),
            created_at: at,
        }
    }

    #[test]
    fn what_differs_in_names_and_numbers_only_is_one_cause() {
        let group = group(&[
            refused(
                Opco::Atlas,
                Some("E12"),
                "Champ employeur.siret : 12345678900011 inconnu",
            ),
            refused(
                Opco::Atlas,
                Some("E12"),
                "Champ employeur.siret : 98765432100022 inconnu",
            ),
            refused(
                Opco::Afdas,
                Some("E12"),
                "Champ employeur.siret : 98765432100022 inconnu",
            ),
        ]);
        assert_eq!(group.len(), 2);
        assert_eq!(group[0].deliveries.len(), 2);
        assert_eq!(group[0].kept.code.as_deref(), Some("E12"));
        assert_eq!(group[0].kept.field.as_deref(), Some("employeur.siret"));
        assert_ne!(group[0].kept.key(), group[1].kept.key());
    }

    #[test]
    fn a_field_is_a_path_or_dotted_words_and_no_sentence() {
        let of = |text: &str| {
            field(&FaultItem {
                code: None,
                text: text.to_owned(),
            })
        };
        assert_eq!(
            of("voir « /contrat/dateDebut »").as_deref(),
            Some("/contrat/dateDebut")
        );
        assert_eq!(
            of("apprenti.nir: manquant").as_deref(),
            Some("apprenti.nir")
        );
        assert_eq!(of("Montant 12.50 refusé. Voir plus bas."), None);
        assert_eq!(of("n/a"), None);
    }

    #[test]
    fn who_acts_is_said_of_every_reason() {
        for reason in HoldReason::ALL {
            assert_ne!(
                Who::of(Status::Held, Some(reason.as_str())),
                Who::Nobody,
                "{reason}"
            );
        }
        assert_eq!(Who::of(Status::Waiting, Some("retry")), Who::Nobody);
        assert_eq!(Who::of(Status::Waiting, Some("breaker")), Who::Opco);
    }
}
