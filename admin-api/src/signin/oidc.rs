//! Signing in at the deployment's own provider of identities: `OpenID` Connect, code flow with PKCE.
//!
//! What the browser must bring back (state, nonce, verifier) travels in a cookie of its own, so that any
//! replica can finish what another began. It is signed: when it was asked, what for and by which session is
//! not for the browser to say.

mod settings;
mod shared;
mod token;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::clock::Clock;
use domain::{Secret, Timestamp};
use jsonwebtoken::jwk::JwkSet;
use reqwest::Url;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use store::TenantKey;
use subtle::ConstantTimeEq as _;

pub use self::settings::Oidc;
use self::shared::Shared;
pub(crate) use self::token::Identity;
use super::carried;

/// How long a person may take at the provider.
pub(crate) const LASTS: Duration = Duration::from_mins(10);
/// How long what the provider says of itself is believed.
const BELIEVED: Duration = Duration::from_hours(1);
/// The least rest between two readings of its keys: a stranger's token must not have them read each time.
const REST: Duration = Duration::from_secs(30);
const ANSWER_MAX: Duration = Duration::from_secs(10);
const BYTES_MAX: usize = 512 * 1024;
/// What the key is for that signs what the browser keeps.
const QUESTION: &str = "oidc-question";

/// Why nobody is signed in.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Denied {
    /// The provider cannot be reached, or is not what it should be.
    #[error("the provider of identities: {0}")]
    Provider(String),
    /// What came back is not an answer to what this browser asked.
    #[error("the answer does not belong to this browser's question")]
    Stray,
    /// The provider refused, or what it says of the person does not hold.
    #[error("the provider's answer does not hold: {0}")]
    Token(String),
}

/// The provider, and what is known of it.
pub(crate) struct Provider {
    settings: Oidc,
    client: reqwest::Client,
    known: Shared<Known, Denied>,
}

#[derive(Clone)]
struct Known {
    metadata: Metadata,
    keys: JwkSet,
    read_at: Timestamp,
}

/// What a provider publishes of itself (`OpenID` Connect Discovery 1.0 §3).
#[derive(Debug, Clone, Deserialize)]
struct Metadata {
    issuer: String,
    #[serde(deserialize_with = "url")]
    authorization_endpoint: Url,
    #[serde(deserialize_with = "url")]
    token_endpoint: Url,
    #[serde(deserialize_with = "url")]
    jwks_uri: Url,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

/// What a person came for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Purpose {
    /// To sign in.
    SignIn,
    /// To prove again who they are, before a sensitive act.
    Confirm,
}

/// What the browser keeps until it comes back.
#[derive(Serialize, Deserialize)]
pub(crate) struct Asked {
    state: String,
    nonce: String,
    verifier: String,
    at_ms: i64,
    /// Where to go afterwards.
    pub(crate) next: String,
    /// What for.
    pub(crate) purpose: Purpose,
    /// The session that asked, by its hash; nothing where there was none.
    session: Option<String>,
}

/// A question ready to be asked.
pub(crate) struct Begun {
    /// Where the browser goes.
    pub(crate) url: String,
    /// What it keeps.
    pub(crate) cookie: Secret,
}

/// What the provider answers with, through the browser.
#[derive(Deserialize)]
pub(crate) struct Answer {
    code: Option<Secret>,
    state: Option<String>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: Secret,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider")
            .field("issuer", &self.settings.issuer)
            .finish_non_exhaustive()
    }
}

impl Asked {
    /// Reads what the browser kept, if it is what it was given and its session is the one that asked.
    pub(crate) fn read(cookie: &Secret, session: Option<&Secret>, key: &hmac::Key) -> Option<Self> {
        let (text, sign) = cookie.expose().split_once('.')?;
        let sign = URL_SAFE_NO_PAD.decode(sign).ok()?;
        hmac::verify(key, text.as_bytes(), &sign).ok()?;
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let asked: Self = serde_json::from_slice(&bytes).ok()?;
        (asked.session == hashed(session)).then_some(asked)
    }

    fn new(next: &str, (purpose, session): (Purpose, Option<&Secret>), now: Timestamp) -> Self {
        Self {
            state: carried::random(),
            nonce: carried::random(),
            verifier: carried::random(),
            at_ms: now.as_millisecond(),
            next: next.to_owned(),
            purpose,
            session: hashed(session),
        }
    }

    /// Writes it as the browser keeps it.
    fn signed(&self, key: &hmac::Key) -> Secret {
        // Texts and a number: writing them cannot fail.
        let text = URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default());
        let sign = URL_SAFE_NO_PAD.encode(hmac::sign(key, text.as_bytes()).as_ref());
        Secret::new(format!("{text}.{sign}"))
    }

    /// Returns whether an answer is to this question, and came in time.
    fn is_answered_by(&self, answer: &Answer, now: Timestamp) -> bool {
        let state = answer.state.as_deref().unwrap_or_default();
        let same: bool = state.as_bytes().ct_eq(self.state.as_bytes()).into();
        let waited = now.as_millisecond().saturating_sub(self.at_ms);
        same && u128::try_from(waited).is_ok_and(|waited| waited <= LASTS.as_millis())
    }
}

impl Provider {
    /// Makes the client of a provider; nothing is asked of it yet.
    pub(crate) fn new(settings: Oidc, clock: Arc<dyn Clock>) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(ANSWER_MAX)
            .user_agent(concat!("cfa-gateway/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self {
            settings,
            client,
            known: Shared::new(clock),
        })
    }

    /// Returns how it is called on the page.
    pub(crate) fn label(&self) -> &str {
        self.settings.label()
    }

    /// Returns whether its own second factor is relied on.
    pub(crate) fn is_second_factor(&self) -> bool {
        self.settings.trust_second_factor
    }

    /// Prepares the question. `back` is our own address that it answers to.
    pub(crate) async fn begin(
        &self,
        (next, purpose, session): (&str, Purpose, Option<&Secret>),
        back: &str,
        (key, now): (&hmac::Key, Timestamp),
    ) -> Result<Begun, Denied> {
        let known = self.known().await?;
        let asked = Asked::new(next, (purpose, session), now);
        let challenge = digest::digest(&digest::SHA256, asked.verifier.as_bytes());
        let mut url = known.metadata.authorization_endpoint;
        {
            let mut query = url.query_pairs_mut();
            query
                .append_pair("response_type", "code")
                .append_pair("client_id", &self.settings.client_id)
                .append_pair("redirect_uri", back)
                .append_pair("scope", &self.settings.scopes)
                .append_pair("state", &asked.state)
                .append_pair("nonce", &asked.nonce)
                .append_pair("code_challenge", &URL_SAFE_NO_PAD.encode(challenge))
                .append_pair("code_challenge_method", "S256");
            if purpose == Purpose::Confirm {
                // Not whoever sits there since this morning: the person, now.
                query
                    .append_pair("prompt", "login")
                    .append_pair("max_age", "0");
            }
        }
        Ok(Begun {
            url: url.into(),
            cookie: asked.signed(key),
        })
    }

    /// Takes the answer, and returns who the provider says it is.
    pub(crate) async fn finish(
        &self,
        asked: &Asked,
        answer: Answer,
        back: &str,
        now: Timestamp,
    ) -> Result<Identity, Denied> {
        if !asked.is_answered_by(&answer, now) {
            return Err(Denied::Stray);
        }
        if let Some(error) = answer.error {
            let said: String = error
                .chars()
                .filter(|c| c.is_ascii_lowercase() || *c == '_')
                .take(40)
                .collect();
            return Err(Denied::Token(said));
        }
        let code = answer.code.ok_or(Denied::Stray)?;
        let known = self.known().await?;
        let tokens = self.exchange(&known.metadata, &code, asked, back).await?;
        let keys = self.keys_for(&tokens.id_token).await?;
        let identity = token::verify(&tokens.id_token, &keys, &self.expected(asked), now)
            .map_err(|why| Denied::Token(why.to_string()))?;
        if asked.purpose == Purpose::Confirm && !identity.is_since(asked.at_ms) {
            return Err(Denied::Token("the person was not asked again".to_owned()));
        }
        Ok(identity)
    }

    fn expected<'a>(&'a self, asked: &'a Asked) -> token::Expected<'a> {
        token::Expected {
            issuer: &self.settings.issuer,
            client: &self.settings.client_id,
            nonce: &asked.nonce,
        }
    }

    /// Exchanges the code, once, for what the provider says of the person.
    async fn exchange(
        &self,
        metadata: &Metadata,
        code: &Secret,
        asked: &Asked,
        back: &str,
    ) -> Result<Tokens, Denied> {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code.expose()),
            ("redirect_uri", back),
            ("code_verifier", &asked.verifier),
        ];
        let (id, secret) = (
            &self.settings.client_id,
            self.settings.client_secret.expose(),
        );
        let methods = &metadata.token_endpoint_auth_methods_supported;
        let in_form = methods.iter().any(|method| method == "client_secret_post")
            && !methods.iter().any(|method| method == "client_secret_basic");
        let request = self.client.post(metadata.token_endpoint.clone());
        let request = if secret.is_empty() {
            form.push(("client_id", id));
            request
        } else if in_form {
            form.extend([("client_id", id.as_str()), ("client_secret", secret)]);
            request
        } else {
            request.basic_auth(encoded(id), Some(encoded(secret)))
        };
        self.read(request.form(&form), "token endpoint").await
    }

    /// Returns what is known of it, read anew from time to time.
    async fn known(&self) -> Result<Known, Denied> {
        let serves = |known: &Known, now| known.is_within(BELIEVED, now);
        self.known.get(serves, |now| self.discover(now)).await
    }

    /// Returns keys among which is that of a token: a provider may have changed its key since.
    async fn keys_for(&self, token: &Secret) -> Result<JwkSet, Denied> {
        let serves = |known: &Known, now| {
            token::is_signed_by_one_of(token, &known.keys) || known.is_within(REST, now)
        };
        let known = self.known.get(serves, |now| self.discover(now)).await?;
        Ok(known.keys)
    }

    async fn discover(&self, now: Timestamp) -> Result<Known, Denied> {
        let issuer = self.settings.issuer.trim_end_matches('/');
        let url = format!("{issuer}/.well-known/openid-configuration");
        let metadata: Metadata = self.read(self.client.get(url), "discovery").await?;
        if metadata.issuer != self.settings.issuer {
            return Err(Denied::Provider(format!(
                "it calls itself {}, not admin.oidc.issuer",
                metadata.issuer
            )));
        }
        for url in [
            &metadata.authorization_endpoint,
            &metadata.token_endpoint,
            &metadata.jwks_uri,
        ] {
            if !settings::is_safe(url) {
                return Err(Denied::Provider(
                    "one of its addresses is not https://".to_owned(),
                ));
            }
        }
        let keys = self
            .read(self.client.get(metadata.jwks_uri.clone()), "keys")
            .await?;
        Ok(Known {
            metadata,
            keys,
            read_at: now,
        })
    }

    async fn read<T: for<'de> Deserialize<'de>>(
        &self,
        request: reqwest::RequestBuilder,
        what: &str,
    ) -> Result<T, Denied> {
        let failed = |why: String| Denied::Provider(format!("{what}: {why}"));
        let mut answer = request
            .header("accept", "application/json")
            .send()
            .await
            .map_err(|error| failed(error.without_url().to_string()))?;
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(chunk) = answer
            .chunk()
            .await
            .map_err(|error| failed(error.without_url().to_string()))?
        {
            if body.len() + chunk.len() > BYTES_MAX {
                return Err(failed("too long an answer".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        if !status.is_success() {
            return Err(failed(format!("answered {status}")));
        }
        serde_json::from_slice(&body).map_err(|_| failed("not the JSON expected".to_owned()))
    }
}

impl Known {
    fn is_within(&self, span: Duration, now: Timestamp) -> bool {
        now < carried::after(self.read_at, span)
    }
}

fn url<'de, D: Deserializer<'de>>(from: D) -> Result<Url, D::Error> {
    String::deserialize(from)?.parse().map_err(D::Error::custom)
}

/// Returns the key that signs what browsers keep: every replica has it, and nobody else.
pub(crate) fn signing(keys: &TenantKey) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &keys.fingerprint(QUESTION, "").0)
}

/// Names a session without showing it.
fn hashed(session: Option<&Secret>) -> Option<String> {
    session.map(|session| URL_SAFE_NO_PAD.encode(carried::hash(session.expose())))
}

/// Writes a name or a secret as it stands in a basic header (RFC 6749 §2.3.1).
fn encoded(text: &str) -> String {
    let pair = serde_urlencoded::to_string([("", text)]).unwrap_or_default();
    pair.trim_start_matches('=').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn answer(state: &str) -> Answer {
        Answer {
            code: Some(Secret::new("c")),
            state: Some(state.to_owned()),
            error: None,
        }
    }

    #[test]
    fn an_answer_belongs_to_the_question_of_its_own_browser_for_ten_minutes() {
        let asked = Asked::new("/keys", (Purpose::SignIn, None), at(0));
        assert!(asked.is_answered_by(&answer(&asked.state), at(600)));
        assert!(!asked.is_answered_by(&answer(&asked.state), at(601)));
        assert!(!asked.is_answered_by(&answer(&asked.state), at(-1)));
        let other = Asked::new("/keys", (Purpose::SignIn, None), at(0));
        assert!(!asked.is_answered_by(&answer(&other.state), at(1)));
        let silent = Answer {
            state: None,
            ..answer("")
        };
        assert!(!asked.is_answered_by(&silent, at(1)));
    }

    #[test]
    fn what_the_browser_keeps_is_ours_unchanged_and_of_its_session() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        let session = Secret::new("la session qui demande");
        let asked = Asked::new("/keys", (Purpose::Confirm, Some(&session)), at(0));
        let kept = asked.signed(&key);
        let read = Asked::read(&kept, Some(&session), &key).unwrap();
        assert_eq!(
            (read.next.as_str(), read.purpose),
            ("/keys", Purpose::Confirm)
        );
        assert_eq!(read.state, asked.state);
        // Another session's, or one of a browser that had none.
        let other = Secret::new("une autre session");
        assert!(Asked::read(&kept, Some(&other), &key).is_none());
        assert!(Asked::read(&kept, None, &key).is_none());
        let nobody = Asked::new("/keys", (Purpose::SignIn, None), at(0)).signed(&key);
        assert!(Asked::read(&nobody, None, &key).is_some());
        assert!(Asked::read(&nobody, Some(&session), &key).is_none());
        // Another gateway's; and one whose instant was written anew, so that an old proof would do.
        let stranger = hmac::Key::new(hmac::HMAC_SHA256, &[8; 32]);
        assert!(Asked::read(&kept, Some(&session), &stranger).is_none());
        let (_, sign) = kept.expose().split_once('.').unwrap();
        let older = Asked { at_ms: 0, ..read };
        let text = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&older).unwrap());
        for forged in [
            format!("{text}.{sign}"),
            format!("{text}."),
            text.clone(),
            String::new(),
        ] {
            let forged = Secret::new(forged);
            assert!(Asked::read(&forged, Some(&session), &key).is_none());
        }
    }

    #[test]
    fn a_secret_is_written_so_that_no_character_is_lost() {
        assert_eq!(encoded("a:b c+é"), "a%3Ab+c%2B%C3%A9");
    }
}
