//! Setting the second factor up.

use actix_web::{HttpResponse, web};
use domain::Secret;
use maud::{Markup, html};
use qrcode::QrCode;
use qrcode::render::svg;
use serde::Deserialize;
use store::events;
use store::people::{self, TOTP_PART};

use super::layout::{Frame, csrf, drawing, notice};
use super::login::{again, empty};
use super::page;
use crate::desk::Desk;
use crate::form::Sent;
use crate::gate::before;
use crate::refusal::{Code, Refusal};
use crate::signin::{self, carried, totp};
use crate::viewer::Viewer;

/// How many recovery codes a person gets.
const RECOVERY_CODES: usize = 10;
/// How many characters one has: 50 bits, more than a throttled guess can find.
const RECOVERY_CHARS: usize = 10;

/// What the form sends. The secret is the one shown: it counts for nothing until a code proves it.
#[derive(Debug, Deserialize)]
pub(crate) struct Enrolled {
    #[serde(default = "empty")]
    secret: Secret,
    #[serde(default)]
    code: String,
}

/// Shows a new secret, as a drawing and as text.
pub(crate) async fn form(desk: web::Data<Desk>, viewer: Viewer) -> Result<HttpResponse, Refusal> {
    recent(&desk, &viewer)?;
    let secret = totp::secret().ok_or(Code::Internal)?;
    Ok(page(enrol_page(&viewer, &secret, "")))
}

/// Keeps the secret once a code proves that the application has it, and shows the recovery codes.
pub(crate) async fn submit(
    desk: web::Data<Desk>,
    viewer: Viewer,
    sent: Sent<Enrolled>,
) -> Result<HttpResponse, Refusal> {
    recent(&desk, &viewer)?;
    let Sent(sent) = sent;
    let now = desk.clock.now();
    let code: String = sent.code.chars().filter(char::is_ascii_digit).collect();
    let Some(step) = totp::step_of(&sent.secret, &code, now) else {
        let said = viewer.language().of(
            "Ce code n'est pas celui de ce secret, ou l'horloge de votre appareil est fausse.",
            "This code is not of this secret, or your device's clock is wrong.",
        );
        return Ok(again(enrol_page(&viewer, &sent.secret, said)));
    };
    let keys = desk.store.keys(viewer.tenant()).await?;
    let sealed = keys
        .seal_secret(viewer.id().as_bytes(), TOTP_PART, &sent.secret)
        .map_err(store::StoreError::from)?;
    let codes = recovery_codes();
    let hashes: Vec<[u8; 32]> = codes
        .iter()
        .map(|code| carried::hash(&code.replace('-', "")))
        .collect();
    let mut tx = desk.store.writing().await?;
    let person = viewer.person();
    // Only in place of the one this session knows: an account that was closed, or whose second factor was
    // forgotten or set again meanwhile, is left as it is.
    let factors = (person.sealed_totp.as_ref(), &sealed);
    let who = (person.tenant, person.id);
    if !people::set_second_factor(&mut tx, who, factors, step, now).await? {
        return Err(Code::Conflict.into());
    }
    let mine = viewer.token().id;
    if !people::seen(&mut tx, person.tenant, mine, now).await? {
        return Err(Code::SignedOut.into());
    }
    people::set_recovery(&mut tx, person.tenant, person.id, &hashes).await?;
    // Who else was signed in as this person proved less.
    people::end_all(&mut tx, person.tenant, person.id, Some(mine), now).await?;
    let event = signin::by(person, now, "person.second_factor_set");
    events::append(&mut tx, person.tenant, &[event]);
    tx.commit().await?;
    Ok(page(codes_page(&viewer, &codes)))
}

/// Whoever finds a browser left open must not take the account over.
fn recent(desk: &Desk, viewer: &Viewer) -> Result<(), Refusal> {
    let since = before(desk.clock.now(), desk.settings.confirmation());
    if viewer.confirmed_since(since) {
        Ok(())
    } else {
        Err(Code::ConfirmationWanted.into())
    }
}

fn recovery_codes() -> Vec<String> {
    let letters = |text: String| -> String {
        let plain = text.chars().filter(char::is_ascii_alphanumeric);
        plain
            .map(|c| c.to_ascii_uppercase())
            .take(RECOVERY_CHARS)
            .collect()
    };
    let code = || {
        let text = letters(carried::random());
        let (one, other) = text.split_at(text.len() / 2);
        format!("{one}-{other}")
    };
    std::iter::repeat_with(code).take(RECOVERY_CODES).collect()
}

fn enrol_page(viewer: &Viewer, secret: &Secret, said: &str) -> Markup {
    let language = viewer.language();
    let title = language.of("Régler le second facteur", "Set up the second factor");
    let address = totp::address(secret, &viewer.person().email);
    let picture = QrCode::new(address.expose().as_bytes()).map(|code| {
        code.render::<svg::Color<'_>>()
            .min_dimensions(220, 220)
            .dark_color(svg::Color("#000"))
            .light_color(svg::Color("#fff"))
            .build()
    });
    let picture = picture.unwrap_or_default();
    // The drawing is put into the page, where an XML declaration has no place.
    let picture = picture
        .split_once("?>")
        .map_or(picture.as_str(), |(_, svg)| svg);
    Frame {
        viewer,
        section: "/account",
        title,
        world: None,
    }
    .around(&html! {
        h1 { (title) }
        p {
            (language.of(
                "Scannez ce dessin avec une application d'authentification, ou recopiez le secret ; puis donnez le code qu'elle affiche.",
                "Scan this drawing with an authenticator application, or copy the secret; then give the code it shows.",
            ))
        }
        (notice("error", said))
        div.qr role="img" aria-label=(language.of("Code QR du secret", "QR code of the secret")) {
            (drawing(picture.to_owned()))
        }
        p { (language.of("Secret : ", "Secret: ")) code { (secret.expose()) } }
        form.narrow method="post" action="/account/second-factor" {
            (csrf(viewer))
            input type="hidden" name="secret" value=(secret.expose());
            label for="code" { (language.of("Code affiché", "Code shown")) }
            input #code name="code" inputmode="numeric" autocomplete="one-time-code" required;
            button type="submit" { (language.of("Activer", "Turn on")) }
        }
    })
}

fn codes_page(viewer: &Viewer, codes: &[String]) -> Markup {
    let language = viewer.language();
    let title = language.of("Codes de secours", "Recovery codes");
    Frame {
        viewer,
        section: "/account",
        title,
        world: None,
    }
    .around(&html! {
        h1 { (title) }
        p {
            (language.of(
                "Chacun remplace une fois le code de l'application, si vous perdez votre appareil. Ils ne seront plus montrés : imprimez-les ou rangez-les maintenant.",
                "Each replaces the application's code once, if you lose your device. They will not be shown again: print them or put them away now.",
            ))
        }
        ul.codes { @for code in codes { li { code { (code) } } } }
        p { a.button href="/" { (language.of("C'est fait", "Done")) } }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recovery_codes_are_many_and_different() {
        let codes = recovery_codes();
        assert_eq!(codes.len(), RECOVERY_CODES);
        let different: std::collections::HashSet<_> = codes.iter().collect();
        assert_eq!(different.len(), RECOVERY_CODES);
        assert!(
            codes.iter().all(|code| code.len() == RECOVERY_CHARS + 1),
            "{codes:?}"
        );
    }
}
