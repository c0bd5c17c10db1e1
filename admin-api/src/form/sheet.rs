//! A sheet on its way through the browser, between the page that shows what would come of it and the one that
//! keeps it: sealed, so that what is in a wrong column is in no page, and nobody else's session opens it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Secret;
use store::SealedSecret;

use crate::desk::Desk;
use crate::refusal::{Code, Refusal};
use crate::viewer::Viewer;

/// How long a preview may be answered, in milliseconds.
const FRESH_MS: i64 = 30 * 60 * 1_000;

/// Seals a sheet; `part` is the word of what it is of.
pub(crate) async fn seal(
    desk: &Desk,
    viewer: &Viewer,
    part: &str,
    text: &str,
) -> Result<String, Refusal> {
    let now = desk.clock.now().as_millisecond();
    let clear = Secret::new(format!("{now}\n{text}"));
    let network_key = desk.store.keys(viewer.tenant()).await?;
    let sealed = network_key.seal_secret(viewer.token().id.as_bytes(), part, &clear);
    let sealed = sealed.map_err(|_| Refusal::from(Code::Internal))?;
    Ok(URL_SAFE_NO_PAD.encode(sealed.as_bytes()))
}

/// Opens what [`seal`] sealed for the same session.
pub(crate) async fn open(
    desk: &Desk,
    viewer: &Viewer,
    part: &str,
    sent: &str,
) -> Result<String, Refusal> {
    let bytes = URL_SAFE_NO_PAD.decode(sent).map_err(|_| stale())?;
    let network_key = desk.store.keys(viewer.tenant()).await?;
    let id = viewer.token().id;
    let sealed = SealedSecret::from_bytes(bytes);
    let clear = network_key
        .open_secret(id.as_bytes(), part, &sealed)
        .map_err(|_| stale())?;
    let (made, text) = clear.expose().split_once('\n').ok_or_else(stale)?;
    let made: i64 = made.parse().map_err(|_| stale())?;
    if desk.clock.now().as_millisecond().saturating_sub(made) > FRESH_MS {
        return Err(stale());
    }
    Ok(text.to_owned())
}

/// Says that a preview cannot be answered any more.
pub(crate) fn stale() -> Refusal {
    Refusal::from(Code::Conflict).saying(
        "Cet aperçu est périmé : envoyez la feuille une nouvelle fois. Rien n'a été gardé.",
        "This preview is out of date: send the sheet again. Nothing was kept.",
    )
}
