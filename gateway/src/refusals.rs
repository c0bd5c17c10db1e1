//! What OPCOs say when they refuse: the known reasons counted, and the words nobody knows kept for whoever
//! runs the gateway, who makes them known with a few words in a profile.

use domain::outcome::FaultItem;
use domain::rejet::outline;
use domain::{Kind, Timestamp};
use opco::Refus;
pub(crate) use store::refusals::About;
use store::refusals::{self, Said};
use store::{Delivery, StoreError, TenantKey, Tx};

use crate::app::App;

/// The longest code of an OPCO that is kept, and the most digits in it: more may be somebody's number.
const CODE_CHARS_MAX: usize = 40;
const CODE_DIGITS_MAX: usize = 8;

/// Counts and keeps what was said of a delivery. The delivery has its outcome already: what cannot be
/// written here is lost to the count alone.
pub(crate) async fn told(app: &App, delivery: &Delivery, refus: &Refus) {
    let Some(opco) = delivery.opco else { return };
    if refus.known.is_empty() && refus.unknown.is_empty() {
        return;
    }
    if delivery.kind == Kind::Facture {
        app.metrics.refusals(opco, refus);
        for text in &refus.unknown {
            // Its outline alone: a few of its words in the profile make the refusal known, and a name in
            // it must not be in a log line.
            let said = self::text(text);
            tracing::warn!(delivery.id = %delivery.id, said, "a refusal nobody knows");
        }
    }
    let about = About {
        opco,
        environment: delivery.environment,
        kind: delivery.kind,
        delivery: delivery.id,
    };
    if let Err(error) = write(app, delivery, &about, refus).await {
        tracing::warn!(delivery.id = %delivery.id, error = %error, "a refusal could not be counted");
    }
}

async fn write(
    app: &App,
    delivery: &Delivery,
    about: &About,
    refus: &Refus,
) -> Result<(), StoreError> {
    let keys = app.store.keys(delivery.tenant).await?;
    let mut tx = app.store.writing().await?;
    keep(&mut tx, &keys, about, refus, app.clock.now()).await?;
    tx.commit().await
}

/// The same in a transaction of the caller's.
pub(crate) async fn keep(
    tx: &mut Tx,
    keys: &TenantKey,
    about: &About,
    refus: &Refus,
    now: Timestamp,
) -> Result<(), StoreError> {
    let known = refus.known.iter().copied().map(Said::Known);
    let mut said: Vec<Said> = known.collect();
    for item in &refus.unknown {
        let text = Said::Unknown(text(item));
        if !said.contains(&text) {
            said.push(text);
        }
    }
    refusals::tell(tx, keys, about, &said, now).await
}

/// Returns what is kept of a message: its outline, after its code where it has one.
fn text(item: &FaultItem) -> String {
    let outline = outline(&item.text);
    let code = item.code.as_deref().map(str::trim).unwrap_or_default();
    let digits = code.bytes().filter(u8::is_ascii_digit).count();
    let is_code = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let fit = !code.is_empty() && code.len() <= CODE_CHARS_MAX && digits <= CODE_DIGITS_MAX;
    if fit && code.chars().all(is_code) {
        format!("[{code}] {outline}")
    } else {
        outline
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What goes into a log line and is sealed for the operator: never a name nor a number of somebody.
    #[test]
    fn what_is_told_of_a_refusal_is_its_outline() {
        let item = FaultItem {
            code: None,
            text: "Le dossier 42 de Léa Dupont, NIR 2 05 04 93 999 999 92, est clos".to_owned(),
        };
        assert_eq!(text(&item), "Le dossier … de … NIR … est clos");
    }

    #[test]
    fn a_code_stays_and_what_may_be_somebodys_number_does_not() {
        let item = |code: &str| FaultItem {
            code: Some(code.to_owned()),
            text: "Contrat 42 refusé".to_owned(),
        };
        assert_eq!(text(&item("E-042")), "[E-042] Contrat … refusé");
        for hidden in ["", "205049399999992", "deux mots"] {
            assert_eq!(text(&item(hidden)), "Contrat … refusé");
        }
    }
}
