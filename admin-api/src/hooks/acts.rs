//! What a person of the dashboard does to webhooks, for its pages and for programs.

use domain::id::WebhookId;
use domain::{Secret, Siret};
use store::webhooks::{self, Attempt, Endpoint};

use super::{HOOKS_MAX, HookError, OVERLAP_HOURS_MAX, SITES_MAX, Since, Unfit, Wanted};
use crate::desk::Desk;
use crate::hand::Hand;
use crate::hooks;
use crate::refusal::{Code, Refusal, both, fitting};
use crate::viewer::Viewer;

/// Something done to a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Send nothing more.
    Pause,
    /// Send again at once.
    Resume,
    /// Give it another secret, the one before signing too for some hours.
    Rotate(Option<u16>),
    /// Tell it of nothing, to see whether it can be told.
    Test,
    /// Try again what was put aside: one dossier's, or everything.
    Retry(Option<i64>),
    /// Tell again from a position of the log.
    Rewind(i64),
    /// Forget it.
    Remove,
}

/// What is told of an act.
#[derive(Debug)]
pub(crate) enum Done {
    /// It is done.
    Quietly,
    /// The next secret, to be shown once.
    Secret(Secret),
    /// How a try went.
    Tried(Attempt),
}

impl Act {
    /// Reads an act by its word and by what it takes; nothing when that does not fit.
    pub(crate) fn read(
        word: &str,
        overlap_hours: Option<u16>,
        position: Option<i64>,
    ) -> Option<Self> {
        match (word, position) {
            ("pause", None) => Some(Self::Pause),
            ("resume", None) => Some(Self::Resume),
            ("rotate", None) => Some(Self::Rotate(overlap_hours)),
            ("test", None) => Some(Self::Test),
            ("retry", position) => Some(Self::Retry(position)),
            ("rewind", Some(position)) => Some(Self::Rewind(position)),
            ("remove", None) => Some(Self::Remove),
            _ => None,
        }
    }
}

/// Makes a webhook; returns its secret, to be shown once. `read` is what was wrong with its sites already.
pub(crate) async fn made(
    desk: &Desk,
    viewer: &Viewer,
    (wanted, read): (Wanted, Result<(), Refusal>),
    reason: &str,
) -> Result<(Endpoint, Secret), Refusal> {
    let unfit = desk.works.hook_fits(&wanted).into_iter();
    let fits = fitting(unfit.map(Refusal::from));
    let sites = read.and_then(|()| reached(viewer, wanted.sites.as_deref()));
    let fits = both(fits, sites);
    let (_, hand) = both(fits, Hand::because(desk, viewer, reason))?;
    let secrets = desk.works.mint_secrets().ok_or(Code::Internal)?;
    let network_key = desk.store.keys(viewer.tenant()).await?;
    let mut tx = desk.store.writing().await?;
    let made = hooks::create(&mut tx, &network_key, wanted, &secrets, &hand).await?;
    tx.commit().await?;
    Ok((made, secrets.shown))
}

fn reached(viewer: &Viewer, sites: Option<&[Siret]>) -> Result<(), Refusal> {
    let known = |siret: &Siret| viewer.sites().iter().any(|site| site.siret == *siret);
    let all =
        |sites: &[Siret]| !sites.is_empty() && sites.len() <= SITES_MAX && sites.iter().all(known);
    if sites.is_none_or(all) {
        return Ok(());
    }
    Err(Refusal::invalid(
        "/sites",
        "Un SIRET n'est pas celui d'un site du réseau.",
        "A SIRET is none of the network's sites.",
    ))
}

/// Does one act to a webhook of the network.
pub(crate) async fn done(
    desk: &Desk,
    viewer: &Viewer,
    id: WebhookId,
    (act, reason): (Act, &str),
) -> Result<Done, Refusal> {
    if act == Act::Test {
        let mut tx = desk.store.reading().await?;
        let found = webhooks::find(&mut tx, viewer.tenant(), id).await?;
        drop(tx);
        let endpoint = found.ok_or(Code::NotFound)?;
        return Ok(Done::Tried(desk.works.test_hook(&endpoint).await?));
    }
    let network_key = desk.store.keys(viewer.tenant()).await?;
    let mut tx = desk.store.writing().await?;
    let found = webhooks::find(&mut tx, viewer.tenant(), id).await?;
    let endpoint = found.ok_or(Code::NotFound)?;
    let hand = Hand::because(desk, viewer, reason)?;
    let mut told = Done::Quietly;
    match act {
        Act::Test => {}
        Act::Pause => hooks::pause(&mut tx, &endpoint, &hand).await?,
        Act::Resume => hooks::resume(&mut tx, &endpoint, &hand).await?,
        Act::Rotate(hours) => {
            let secrets = desk.works.mint_secrets().ok_or(Code::Internal)?;
            let overlap = (hours, &hand);
            hooks::rotate(&mut tx, &network_key, &endpoint, &secrets, overlap).await?;
            told = Done::Secret(secrets.shown);
        }
        Act::Retry(position) => hooks::retry(&mut tx, &endpoint, position, &hand).await?,
        Act::Rewind(position) => {
            hooks::rewind(&mut tx, &endpoint, Since::Position(position), &hand).await?;
        }
        Act::Remove => hooks::remove(&mut tx, &endpoint, &hand).await?,
    }
    tx.commit().await?;
    Ok(told)
}

impl From<Unfit> for Refusal {
    fn from(why: Unfit) -> Self {
        let url = |fr: &str, en: &str| Self::invalid("/url", fr, en);
        match why {
            Unfit::Form => url(
                "Ce n'est pas une adresse complète, ou elle est trop longue.",
                "This is no complete address, or it is too long.",
            ),
            Unfit::Scheme => url(
                "L'adresse ne commence pas par « https:// ».",
                "The address does not begin with “https://”.",
            ),
            Unfit::Credentials => url(
                "L'adresse porte un identifiant ou un mot de passe.",
                "The address holds a name or a password.",
            ),
            Unfit::Address => url(
                "Cette adresse n'est pas publique : l'exploitant peut ouvrir son réseau.",
                "This address is not public: the operator can open its network.",
            ),
            Unfit::Label => Self::invalid(
                "/label",
                "Le nom compte 100 caractères au plus.",
                "The name has at most 100 characters.",
            ),
            Unfit::Kinds => Self::invalid(
                "/kinds",
                "Un événement nommé n'existe pas : voir la documentation des webhooks.",
                "An event named does not exist: see the documentation of webhooks.",
            ),
        }
    }
}

impl From<HookError> for Refusal {
    fn from(error: HookError) -> Self {
        match error {
            HookError::TooMany => Self::from(Code::Conflict).saying(
                format!("Un réseau a {HOOKS_MAX} webhooks au plus."),
                format!("A network has at most {HOOKS_MAX} webhooks."),
            ),
            HookError::Made => Self::from(Code::Conflict).saying(
                "Ce formulaire a déjà fait un webhook, dont le secret n'a été montré qu'une fois : aucun autre \
                 n'est fait. Si vous ne l'avez pas noté, ouvrez ce webhook et donnez-lui un autre secret.",
                "This form made a webhook already, whose secret was shown only once: no other is made. If you \
                 did not note it, open that webhook and give it another secret.",
            ),
            HookError::Overlap => Self::invalid(
                "/overlap_hours",
                format!("Les deux secrets signent ensemble {OVERLAP_HOURS_MAX} heures au plus."),
                format!("Both secrets sign for at most {OVERLAP_HOURS_MAX} hours."),
            ),
            HookError::Position(head) => Self::invalid(
                "/position",
                format!("Une position va de 0 à {head}, la fin du journal."),
                format!("A position goes from 0 to {head}, the end of the log."),
            ),
            HookError::NotAside => Self::from(Code::Conflict).saying(
                "Rien n'est mis de côté ici : l'ERP l'a peut-être pris entre-temps.",
                "Nothing is put aside here: the ERP may have taken it meanwhile.",
            ),
            HookError::Unknown => Code::NotFound.into(),
            HookError::Sealing => Code::Internal.into(),
            HookError::Store(error) => error.into(),
        }
    }
}
