//! Sends mails: one at a time, over TLS, again for three days while the mail server does not take them.

mod post;

use std::path::PathBuf;
use std::time::Duration;

use domain::Secret;
use serde::{Deserialize, Serialize};
use store::StoreError;
use store::mails::{self, Mail, Outcome};

pub(crate) use self::post::Mailer;
use crate::app::App;
use crate::config::{Problem, within};
use crate::{pause, rounds};

/// How often is looked for mails that are due, on the gateway's clock.
const EVERY: Duration = Duration::from_secs(15);
/// For how long one sender has a mail: longer than any exchange with a mail server. Of several taken at once
/// the last would wait for all the others, and another process could send it meanwhile: each is taken when it
/// is sent.
const LEASE: Duration = Duration::from_mins(10);
/// How many mails one round sends.
const A_ROUND: u32 = 20;
/// The rests between tries; the last one serves for all that follow.
const RESTS: [Duration; 5] = [
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(15),
    Duration::from_hours(1),
    Duration::from_hours(3),
];
/// For how long a mail is tried.
const PATIENCE: Duration = Duration::from_hours(72);

/// The section `[smtp]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The mail server.
    pub host: String,
    /// Its port; 465 or 587 by the way of TLS, when absent.
    pub port: Option<u16>,
    /// How the way there is kept secret.
    #[serde(default)]
    pub security: Security,
    /// What we sign in with.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// Who the mails are from.
    pub from: String,
    /// Certificates of authorities (PEM) that its own may come from, besides those the system trusts.
    pub ca_file: Option<PathBuf>,
    /// How long the server may take to answer, in seconds.
    #[serde(default = "timeout_s")]
    pub timeout_s: u64,
}

/// How the way to the mail server is kept secret.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// TLS after a first exchange in clear; without it nothing is sent.
    #[default]
    Starttls,
    /// TLS from the first byte.
    Tls,
    /// None: on this very machine only.
    None,
}

fn timeout_s() -> u64 {
    30
}

impl Settings {
    /// Lists what cannot be used.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> = within("smtp.timeout_s", self.timeout_s, 1, 120)
            .into_iter()
            .collect();
        if self.host.trim().is_empty() {
            problems.push(Problem::new("smtp.host", "il faut un serveur"));
        }
        if self.security == Security::None && !self.is_near() {
            let said =
                "sans TLS, seul un serveur de cette machine même (127.0.0.1, ::1, localhost)";
            problems.push(Problem::new("smtp.security", said));
        }
        if self.from.parse::<lettre::message::Mailbox>().is_err() {
            let said = "il faut une adresse, telle que « CFA Gateway <passerelle@exemple.fr> »";
            problems.push(Problem::new("smtp.from", said));
        }
        if let Some(file) = &self.ca_file
            && let Err(why) = post::authorities(file)
        {
            problems.push(Problem::new("smtp.ca_file", why));
        }
        if self.user.is_some() != self.password.is_some() {
            let said = "user et password vont ensemble";
            problems.push(Problem::new("smtp.password", said));
        }
        problems
    }

    /// Returns whether the server is this very machine.
    fn is_near(&self) -> bool {
        let address = self.host.parse::<std::net::IpAddr>();
        self.host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }
}

/// Runs until the process is asked to stop.
pub(crate) async fn run(app: App) {
    let failed = "the mails to send could not be looked at";
    rounds::run(&app, (EVERY, EVERY), failed, round).await;
}

/// Sends what is due.
async fn round(app: &App) -> Result<(), StoreError> {
    let Some(mailer) = &app.mailer else {
        return Ok(());
    };
    for _ in 0..A_ROUND {
        if app.tasks.is_stopping() {
            break;
        }
        let now = app.clock.now();
        let until = pause::later(now, LEASE);
        let taken = app.store.claim_mails(now, until, &app.owner, 1).await?;
        for (id, why) in &taken.dropped {
            tracing::info!(mail.id = %id, why, "a mail is not sent: its reader may not have it any more");
            app.metrics.mail(why);
        }
        let Some((mail, address)) = taken.due.first() else {
            if taken.dropped.is_empty() {
                break;
            }
            continue;
        };
        let outcome = send(app, mailer, mail, address).await;
        app.metrics.mail(match outcome {
            Outcome::Sent => "sent",
            Outcome::Later(_) => "later",
            Outcome::GivenUp(why) => why,
        });
        let mut tx = app.store.writing().await?;
        mails::settle(&mut tx, mail, &app.owner, outcome, app.clock.now()).await?;
        tx.commit().await?;
    }
    Ok(())
}

async fn send(app: &App, mailer: &Mailer, mail: &Mail, address: &str) -> Outcome {
    let now = app.clock.now();
    match mailer.send(mail, address, now).await {
        Ok(()) => Outcome::Sent,
        Err(refused) if refused.for_good => {
            tracing::warn!(mail.id = %mail.id, error = %refused, "the mail server refuses a mail");
            Outcome::GivenUp("refused")
        }
        Err(failed) if pause::later(mail.created_at, PATIENCE) <= now => {
            tracing::warn!(mail.id = %mail.id, error = %failed, "a mail is given up after three days");
            Outcome::GivenUp("late")
        }
        Err(failed) => {
            tracing::warn!(mail.id = %mail.id, error = %failed, tries = mail.tries, "a mail is tried again later");
            Outcome::Later(pause::later(now, rest(mail.tries)))
        }
    }
}

/// Returns how long to wait after so many tries.
fn rest(tries: u32) -> Duration {
    let place = usize::try_from(tries)
        .unwrap_or(usize::MAX)
        .saturating_sub(1);
    let rest = RESTS.get(place).or(RESTS.last());
    rest.copied().unwrap_or_default()
}

#[cfg(test)]
mod tests;
