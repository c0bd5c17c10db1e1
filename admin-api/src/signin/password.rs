//! Passwords: argon2id, a few at a time, and what makes one acceptable.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use domain::Secret;
use domain::person::Language;
use tokio::sync::Semaphore;

/// How many hashes run at once: each takes 19 MiB and a core for a while.
const AT_ONCE: usize = 2;
/// The fewest characters of a password.
pub(crate) const CHARS_MIN: usize = 12;
/// The most bytes: what is longer costs us and protects nobody.
const BYTES_MAX: usize = 1_024;
/// The fewest different characters.
const DIFFERENT_MIN: usize = 6;

/// Why a password is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weak {
    /// Fewer than twelve characters.
    Short,
    /// More than anyone types.
    Long,
    /// The same few characters again and again, or a run of the keyboard or the alphabet.
    Simple,
    /// It holds the person's own name or address.
    Personal,
}

impl Weak {
    /// Says what to do.
    pub(crate) fn explained(self, language: Language) -> &'static str {
        match self {
            Self::Short => language.of(
                "Il faut au moins 12 caractères ; une phrase de quelques mots convient bien.",
                "At least 12 characters are needed; a phrase of a few words does well.",
            ),
            Self::Long => language.of(
                "Il faut au plus 1 024 octets.",
                "At most 1,024 bytes are allowed.",
            ),
            Self::Simple => language.of(
                "Ce mot de passe se devine : évitez les suites et les répétitions.",
                "This password can be guessed: avoid runs and repetitions.",
            ),
            Self::Personal => language.of(
                "Le mot de passe ne doit contenir ni votre nom ni votre adresse.",
                "The password must not contain your name or address.",
            ),
        }
    }
}

/// Says whether a password is accepted for someone.
pub(crate) fn check(password: &Secret, email: &str, name: &str) -> Result<(), Weak> {
    let text = password.expose();
    if text.chars().count() < CHARS_MIN {
        return Err(Weak::Short);
    }
    if text.len() > BYTES_MAX {
        return Err(Weak::Long);
    }
    let lower = text.to_lowercase();
    let mut different: Vec<char> = lower.chars().collect();
    different.sort_unstable();
    different.dedup();
    let runs = [
        "0123456789",
        "abcdefghij",
        "azertyuiop",
        "qwertyuiop",
        "motdepasse",
        "password",
    ];
    if different.len() < DIFFERENT_MIN || runs.iter().any(|run| lower.contains(run)) {
        return Err(Weak::Simple);
    }
    let local = email.split('@').next().unwrap_or_default();
    let own = name.split_whitespace().chain([local]);
    let mut own = own.filter(|part| part.chars().count() >= 4);
    if own.any(|part| lower.contains(&part.to_lowercase())) {
        return Err(Weak::Personal);
    }
    Ok(())
}

/// The hashes, a few at a time.
#[derive(Debug, Clone)]
pub(crate) struct Passwords {
    places: Arc<Semaphore>,
    /// What is compared where there is nothing to compare with.
    decoy: Secret,
}

impl Passwords {
    /// Makes the decoy.
    pub(crate) fn new() -> Self {
        Self {
            places: Arc::new(Semaphore::new(AT_ONCE)),
            decoy: hashed(&Secret::new(super::carried::random())),
        }
    }

    /// Returns the hash of a password.
    pub(crate) async fn hash(&self, password: Secret) -> Secret {
        self.slowly(move || hashed(&password))
            .await
            .unwrap_or_else(|| Secret::new(""))
    }

    /// Returns whether a password is the one of this hash. Without a hash it is not, as slowly.
    pub(crate) async fn is_right(&self, password: Secret, hash: Option<Secret>) -> bool {
        let real = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.decoy.clone());
        let equal = self.slowly(move || matches(&password, &hash)).await;
        equal.unwrap_or(false) && real
    }

    async fn slowly<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let _place = self.places.acquire().await.ok()?;
        tokio::task::spawn_blocking(work).await.ok()
    }
}

/// An empty text, which no password matches, when there is no randomness or memory to make one.
fn hashed(password: &Secret) -> Secret {
    let made = Argon2::default().hash_password(password.expose().as_bytes());
    Secret::new(made.map(|hash| hash.to_string()).unwrap_or_default())
}

fn matches(password: &Secret, hash: &Secret) -> bool {
    if password.expose().len() > BYTES_MAX {
        return false;
    }
    PasswordHash::new(hash.expose()).is_ok_and(|parsed| {
        Argon2::default()
            .verify_password(password.expose().as_bytes(), &parsed)
            .is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_matches_its_own_hash_and_no_other() {
        let passwords = Passwords::new();
        let hash = passwords.hash(Secret::new("cheval correct agrafe")).await;
        assert!(hash.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let tried = |text: &str, hash: Option<Secret>| {
            let (passwords, text) = (passwords.clone(), Secret::new(text));
            async move { passwords.is_right(text, hash).await }
        };
        assert!(tried("cheval correct agrafe", Some(hash.clone())).await);
        assert!(!tried("cheval correct agrafes", Some(hash)).await);
        assert!(!tried("cheval correct agrafe", None).await);
        assert!(!tried("", Some(Secret::new(""))).await);
    }

    #[test]
    fn what_can_be_guessed_is_refused_with_the_reason() {
        let weak = |text: &str| check(&Secret::new(text), "ana.diaz@cfa.example", "Ana Diaz");
        assert_eq!(weak("court"), Err(Weak::Short));
        assert_eq!(weak(&"é".repeat(600)), Err(Weak::Long));
        assert_eq!(weak("aaaabbbbaaaabbbb"), Err(Weak::Simple));
        assert_eq!(weak("azertyuiop12"), Err(Weak::Simple));
        assert_eq!(weak("Diaz et compagnie"), Err(Weak::Personal));
        assert_eq!(weak("trois tasses vertes"), Ok(()));
    }
}
