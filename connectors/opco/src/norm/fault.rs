//! An OPCO's refusal, in whichever of its shapes, read into one fault (protocol §3.5).

use domain::outcome::FaultItem;
use domain::rejet::Rejet;
use domain::{Fault, FaultKind};
use serde_json::{Map, Value};

use crate::call::{BodyEnd, Reply};
use crate::norm::lenient::{self, NotJson};
use crate::norm::mask::masked;
use crate::norm::refus::Refus;
use crate::operation::{Operation, Piece};
use crate::profile::{Auth, Profile};

/// How much of a body is kept.
const RAW_MAX: usize = 4_096;
/// How many messages of one refusal are kept.
const ITEMS_MAX: usize = 50;
/// How much of one message is kept.
pub(crate) const ITEM_TEXT_MAX: usize = 600;

/// Where the text of a refusal may stand, in the order of protocol §3.5, then the problem document's.
const TEXTS: [&str; 7] = [
    "description",
    "message",
    "comment",
    "error_description",
    "error",
    "detail",
    "title",
];

/// The words by which a server in front says that a route is not there, which is no verdict on what
/// was handed over.
const NO_ROUTE: [&str; 4] = [
    "no route matched",
    "no http resource",
    "resource not found",
    "cannot post",
];

/// Reads a reply that is no answer.
pub(crate) fn read(
    profile: &Profile,
    operation: &Operation,
    reply: &Reply,
    secrets: &[&str],
) -> Fault {
    let body = lenient::json(&reply.body);
    let items = match &body {
        Ok(value) if reply.body_end == BodyEnd::Whole => items(value, secrets),
        Ok(_) | Err(_) => Vec::new(),
    };
    let words = Words::of(&items);
    let known = already_known(profile, operation, &items, &words);
    let kind = kind(profile, operation, reply, (&body, &words, known));
    let detail = if kind == FaultKind::Unreadable {
        let why = why_unreadable(reply, &body);
        format!("{operation:?} answered {}: {why}", reply.status)
    } else {
        format!("{operation:?} answered {}", reply.status)
    };
    Fault {
        kind,
        status: Some(reply.status),
        detail,
        items,
        raw: raw(&reply.body, secrets),
        retry_after: reply.retry_after,
    }
}

/// Makes the fault of a reply whose status promised an answer and whose body holds none.
pub(crate) fn unreadable(
    operation: &Operation,
    reply: &Reply,
    why: &str,
    secrets: &[&str],
) -> Fault {
    let why = match reply.body_end {
        BodyEnd::Whole => why,
        end => cut_short(end),
    };
    Fault {
        kind: FaultKind::Unreadable,
        status: Some(reply.status),
        detail: format!("{operation:?} answered {}: {why}", reply.status),
        items: Vec::new(),
        raw: raw(&reply.body, secrets),
        retry_after: reply.retry_after,
    }
}

/// The one table from status to meaning. Only an explicit answer of the OPCO is a verdict: a page
/// of HTML or half a body came from something in between.
fn kind(
    profile: &Profile,
    operation: &Operation,
    reply: &Reply,
    (body, words, known): (&Result<Value, NotJson>, &Words, bool),
) -> FaultKind {
    let whole = reply.body_end == BodyEnd::Whole;
    let explicit = whole && matches!(body, Ok(_) | Err(NotJson::Empty));
    match reply.status {
        300..=399 => FaultKind::Unreadable,
        401 if profile.auth == Auth::KeyOnly => FaultKind::KeyRefused,
        401 => FaultKind::SoftwareRefused,
        405 | 501 => FaultKind::NotSupported,
        408 | 500 | 502..=599 => FaultKind::Unavailable,
        429 => FaultKind::Throttled,
        _ if !explicit => FaultKind::Unreadable,
        403 if words.speak_of(&["logiciel", "editeur"]) => FaultKind::SoftwareRefused,
        403 => FaultKind::KeyRefused,
        status if says_not_found(profile, operation, status, words) => FaultKind::NotFound,
        // Without a body it may come from something in between: no ground to end a dossier on.
        409 if operation.writes() && body.is_ok() => FaultKind::Duplicate,
        400..=499 if known => FaultKind::Duplicate,
        404 | 410 if !operation.writes() || words.are_none() || words.speak_of(&NO_ROUTE) => {
            FaultKind::NotSupported
        }
        400..=499 if words.are_none() => FaultKind::Unreadable,
        400..=499 => FaultKind::Rejected,
        _ => FaultKind::Unreadable,
    }
}

/// Tells whether a refusal says that the OPCO already has what is handed over.
fn already_known(
    profile: &Profile,
    operation: &Operation,
    items: &[FaultItem],
    words: &Words,
) -> bool {
    let invoice = matches!(
        operation,
        Operation::FilePiece {
            piece: Piece::Facture,
            ..
        }
    );
    operation.writes()
        && (words.speak_of(&profile.duplicate_words)
            || (invoice
                && Refus::of(profile, items)
                    .known
                    .contains(&Rejet::FactureDejaConnue)))
}

/// A 404 says it by itself; a 400 needs the words, since it says other things too.
fn says_not_found(profile: &Profile, operation: &Operation, status: u16, words: &Words) -> bool {
    operation.names_a_dossier()
        && status == profile.not_found_status
        && (status == 404 || words.speak_of(&profile.not_found_words))
}

fn why_unreadable(reply: &Reply, body: &Result<Value, NotJson>) -> String {
    match (reply.status, reply.body_end, body) {
        (300..=399, ..) => "a redirect, which is never followed".to_owned(),
        (_, BodyEnd::Whole, Err(why)) => why.to_string(),
        (_, BodyEnd::Whole, Ok(_)) => "a refusal without a reason".to_owned(),
        (_, end, _) => cut_short(end).to_owned(),
    }
}

fn cut_short(end: BodyEnd) -> &'static str {
    match end {
        BodyEnd::Whole => "the body is whole",
        BodyEnd::CutOff => "the connection ended before the body did",
        BodyEnd::TimeUp => "the time was up before the body ended",
        BodyEnd::TooLarge => "the body is larger than what is accepted",
    }
}

/// The messages of a refusal in lower case without accents, to look for words in.
struct Words(Vec<String>);

impl Words {
    fn of(items: &[FaultItem]) -> Self {
        let fold = |item: &FaultItem| {
            let text = lenient::folded(&item.text).replace("deja ete ", "deja ");
            format!(
                "{} {text}",
                lenient::folded(item.code.as_deref().unwrap_or_default())
            )
        };
        Self(items.iter().map(fold).collect())
    }

    fn are_none(&self) -> bool {
        self.0.is_empty()
    }

    fn speak_of<S: AsRef<str>>(&self, words: &[S]) -> bool {
        self.0
            .iter()
            .any(|text| words.iter().any(|word| text.contains(word.as_ref())))
    }
}

/// Collects every message of a body: the text at its top, then each of its `errors`.
pub(crate) fn items(body: &Value, secrets: &[&str]) -> Vec<FaultItem> {
    let mut found = Vec::new();
    match body {
        Value::String(text) => push(&mut found, None, text),
        _ => {
            if let Some(object) = lenient::unwrapped(body) {
                from_object(object, &mut found);
            }
        }
    }
    for item in &mut found {
        item.code = item
            .code
            .take()
            .map(|code| masked(&code, ITEM_TEXT_MAX, secrets));
        item.text = masked(&item.text, ITEM_TEXT_MAX, secrets);
    }
    found
}

fn from_object(object: &Map<String, Value>, found: &mut Vec<FaultItem>) {
    let code = lenient::member(object, "code").and_then(lenient::text);
    match texts_of(object) {
        Some(text) => push(found, code, &text),
        None => {
            if let Some(code) = code {
                push(found, Some(code), "");
            }
        }
    }
    match lenient::member(object, "errors") {
        Some(Value::Array(errors)) => {
            for error in errors {
                from_item(error, found);
            }
        }
        // The form of some frameworks: a list of messages under each field's name.
        Some(Value::Object(by_field)) => {
            for (field, messages) in by_field {
                from_field(field, messages, found);
            }
        }
        Some(Value::String(text)) => push(found, None, text),
        Some(_) | None => {}
    }
}

fn from_item(item: &Value, found: &mut Vec<FaultItem>) {
    match item {
        Value::Object(object) => {
            let code = lenient::member(object, "code").and_then(lenient::text);
            match texts_of(object) {
                Some(text) => push(found, code, &text),
                // Keys vary: print every one (protocol §3.5).
                None => push(found, code, &every_member(object)),
            }
        }
        other => {
            if let Some(text) = lenient::text(other) {
                push(found, None, &text);
            }
        }
    }
}

fn from_field(field: &str, messages: &Value, found: &mut Vec<FaultItem>) {
    match messages {
        Value::Array(messages) => {
            for text in messages.iter().filter_map(lenient::text) {
                push(found, Some(field.to_owned()), &text);
            }
        }
        other => {
            if let Some(text) = lenient::text(other) {
                push(found, Some(field.to_owned()), &text);
            }
        }
    }
}

fn texts_of(object: &Map<String, Value>) -> Option<String> {
    let mut texts: Vec<String> = Vec::new();
    for name in TEXTS {
        if let Some(text) = lenient::member(object, name).and_then(lenient::text)
            && !texts.contains(&text)
        {
            texts.push(text);
        }
    }
    (!texts.is_empty()).then(|| texts.join(" - "))
}

fn every_member(object: &Map<String, Value>) -> String {
    let members = object
        .iter()
        .filter(|(name, _)| !name.eq_ignore_ascii_case("code"))
        .filter_map(|(name, value)| lenient::text(value).map(|text| format!("{name}: {text}")));
    members.collect::<Vec<_>>().join(", ")
}

fn push(found: &mut Vec<FaultItem>, code: Option<String>, text: &str) {
    if found.len() < ITEMS_MAX && (code.is_some() || !text.trim().is_empty()) {
        found.push(FaultItem {
            code,
            text: text.trim().to_owned(),
        });
    }
}

/// Returns the body as it may be kept: cut and masked.
pub(crate) fn raw(body: &[u8], secrets: &[&str]) -> Option<String> {
    if body.is_empty() {
        return None;
    }
    Some(masked(&String::from_utf8_lossy(body), RAW_MAX, secrets))
}
