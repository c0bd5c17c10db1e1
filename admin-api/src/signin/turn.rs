//! The turn of an answer: those given for one account are judged one after the other, each by what the
//! ones before it left, so that many at once are worth no more than as many in a row.

use domain::Timestamp;
use store::people::{self, Person};
use store::{StoreError, Tx, events};

use super::{Origin, by, carried, throttle};

/// What an account says to one more answer.
pub(super) enum Turn {
    /// It is judged now; no other is until the transaction ends. The account as it stands.
    Mine(Box<Person>),
    /// Nothing is tried before this instant, not even what is right.
    Locked(Timestamp),
    /// There is no such account any more.
    Gone,
}

/// Waits for the turn of an answer.
pub(super) async fn take(
    tx: &mut Tx,
    account: &Person,
    now: Timestamp,
) -> Result<Turn, StoreError> {
    let fresh = people::find_for_update(tx, account.tenant, account.id).await?;
    let Some(fresh) = fresh else {
        return Ok(Turn::Gone);
    };
    let locked = fresh.locked_until.filter(|until| now < *until);
    Ok(locked.map_or(Turn::Mine(Box::new(fresh)), Turn::Locked))
}

/// Returns whether an account still takes what it took when the answer was compared, before its turn.
pub(super) fn proves_the_same(fresh: &Person, compared: &Person) -> bool {
    fresh.state == compared.state
        && fresh.password == compared.password
        && fresh.sealed_totp == compared.sealed_totp
}

/// Counts a wrong answer in its turn and, from some number on, lets nothing be tried for a while.
pub(super) async fn wrong(
    tx: &mut Tx,
    person: &Person,
    what: &str,
    origin: &Origin,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let failures = people::note_failure(tx, person.tenant, person.id).await?;
    let until = throttle::pause(failures).map(|pause| carried::after(now, pause));
    if until.is_some() {
        people::set_lock(tx, person.tenant, person.id, failures, until).await?;
    }
    let event = by(person, now, "person.sign_in_failed").with(serde_json::json!({
        "what": what, "failures": failures, "locked_until": until, "address": origin.address,
    }));
    events::append(tx, person.tenant, &[event]);
    Ok(until)
}
