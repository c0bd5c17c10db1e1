//! Whose hand an act is: what every line of the log says of it.

use domain::Timestamp;
use domain::id::TenantId;
use serde_json::Value;
use store::{NewEvent, Tx, events};

/// Who acts, and when.
#[derive(Debug, Clone)]
pub struct Hand {
    /// The name events give them: `person:…`, `cli:…`.
    pub name: String,
    /// Now.
    pub now: Timestamp,
}

impl Hand {
    /// Writes the line of an act in the log of a network, in the act's own transaction.
    pub fn write(&self, tx: &mut Tx, tenant: TenantId, kind: &'static str, data: Value) {
        let event = NewEvent::new(self.now, kind)
            .by(self.name.clone())
            .with(data);
        events::append(tx, tenant, &[event]);
    }
}

/// Returns a name that people give, without what surrounds it; nothing when it is empty, too long or
/// holds a control character: it ends up in tables, in the log and on a terminal.
pub(crate) fn name(text: &str) -> Option<String> {
    const CHARS_MAX: usize = 200;
    let name = text.trim();
    let fits = !name.is_empty() && name.chars().count() <= CHARS_MAX;
    (fits && !name.chars().any(char::is_control)).then(|| name.to_owned())
}
