//! The authority that dates (RFC 3161): it is sent the hash of a log's last checkpoint, and what it answers is
//! believed once all of it holds.

use std::time::Duration;

use aws_lc_rs::rand;
use domain::proof::{Authorities, Query};
use store::proofs::{self, Due, ProofError};

use super::Told;
use super::settings::Authority;
use crate::app::App;
use crate::pause;

/// The name it is counted under.
pub(super) const NAME: &str = "timestamp";
/// What is posted.
const CONTENT_TYPE: &str = "application/timestamp-query";

/// The authority that is asked.
#[derive(Debug)]
pub(super) struct Asked {
    url: String,
    trusted: Authorities,
    every: Duration,
}

impl Asked {
    pub(super) fn new(authority: &Authority, trusted: Authorities) -> Self {
        Self {
            url: authority.url.clone(),
            trusted,
            every: Duration::from_secs(authority.every_s),
        }
    }

    /// Asks about one log.
    pub(super) async fn ask(&self, app: &App, log: Due) -> Result<Told, ProofError> {
        let Some(shown) = app.store.submission(log.tenant, log.vouched).await? else {
            return Ok(Told::Failed("nothing"));
        };
        let mut nonce = [0; 8];
        if rand::fill(&mut nonce).is_err() {
            return Ok(Told::Failed("randomness"));
        }
        let query = Query::new(shown.note.to_string().as_bytes(), nonce);
        let posted = app
            .vouching
            .post(app, &self.url, CONTENT_TYPE, query.to_der());
        let answer = match posted.await {
            Ok(answer) if answer.status == 200 => answer,
            Ok(_) => return Ok(Told::Silent("refused")),
            Err(outcome) => return Ok(Told::Silent(outcome.as_str())),
        };
        // What is wrong with one answer is wrong with the next: it is not asked more in this round.
        let (token, stamp) = match query.read(&answer.body, &self.trusted) {
            Ok(dated) => dated,
            Err(undated) => return Ok(Told::Silent(undated.as_str())),
        };
        let next = pause::later(app.clock.now(), self.every);
        let mut tx = app.store.writing().await?;
        let of = (log.tenant, shown.said.size);
        proofs::keep_timestamp(&mut tx, of, &token, &stamp, next).await?;
        tx.commit().await?;
        Ok(Told::Vouched)
    }
}
