//! Who calls: the headers of every business call, in the order of protocol §19.

use std::sync::Arc;

use actix_web::http::header::HeaderValue;

use super::Call;
use crate::book::day_of;
use crate::fault::FaultKind;
use crate::identity::{Standing, fingerprint};
use crate::refusal::Refusal;
use crate::settings::Auth;

/// The longest CFA key read, in bytes; real ones pass 1,000 (protocol §3.2).
const LONGEST_KEY: usize = 8 * 1024;

impl Call<'_> {
    /// Checks the headers in the order of protocol §19 and returns the key's fingerprint.
    pub(super) fn identified(&self) -> Result<Arc<str>, Refusal> {
        self.bearer()?;
        let key = self.key()?;
        self.software()?;
        Ok(key)
    }

    pub(super) fn bearer(&self) -> Result<(), Refusal> {
        if self.settings.auth == Auth::KeyOnly {
            return Ok(());
        }
        let token = self
            .header("authorization")
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .ok_or_else(|| Refusal::unauthorized("Jeton absent"))?;
        if self.within(FaultKind::ExpiredToken).is_some() {
            self.desk.identity.forget_token(token);
        }
        if self.desk.identity.token_is_good(token, self.arrival_ms) {
            Ok(())
        } else {
            Err(Refusal::unauthorized("Jeton invalide ou expiré"))
        }
    }

    fn key(&self) -> Result<Arc<str>, Refusal> {
        let refused = |code, text: &str| Err(Refusal::one(403, code, text));
        let key = self
            .request
            .headers()
            .get("x-api-key")
            .map(HeaderValue::as_bytes);
        let key = match key {
            None | Some([]) => return refused("CLE_CFA_INVALIDE", "Clé CFA absente"),
            Some(key) if key.len() > LONGEST_KEY => {
                return refused("CLE_CFA_INVALIDE", "Clé CFA trop longue");
            }
            Some(key) => fingerprint(key),
        };
        self.key.set(Some(Arc::clone(&key)));
        if self.within(FaultKind::ExpiredKey).is_some() {
            return refused("CLE_CFA_EXPIREE", "Clé CFA expirée");
        }
        let today = day_of(self.virtual_ms);
        match self
            .desk
            .identity
            .standing(&key, today, self.sim.settings.strict)
        {
            Standing::Good => Ok(key),
            Standing::Unknown | Standing::Revoked => {
                refused("CLE_CFA_INVALIDE", "Clé CFA invalide")
            }
            Standing::Expired => refused("CLE_CFA_EXPIREE", "Clé CFA expirée"),
        }
    }

    pub(super) fn software(&self) -> Result<(), Refusal> {
        for name in ["EDITEUR", "LOGICIEL", "VERSION"] {
            let value = self.request.headers().get(name.to_ascii_lowercase());
            if value.is_none_or(|value| value.as_bytes().trim_ascii().is_empty()) {
                let text = format!("L'en-tête {name} est obligatoire");
                return Err(Refusal::one(400, "LOGICIEL_NON_AUTORISE", text));
            }
        }
        Ok(())
    }
}
