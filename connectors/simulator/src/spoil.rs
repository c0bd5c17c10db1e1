//! What a fault makes of an answer.

use crate::answer::{Answer, Reply};
use crate::fault::{Fault, FaultKind};
use crate::refusal::Refusal;

/// How deep arrays go unless said otherwise.
const DEEP: usize = 100_000;
/// How large a huge body is unless said otherwise, in bytes.
const HUGE: usize = 32 * 1024 * 1024;

/// Returns what leaves instead of `reply`, which is absent when nothing was done.
pub(crate) fn spoil(fault: &Fault, slug: &str, reply: Option<Reply>) -> Result<Answer, Refusal> {
    let refusal = |status, code, text: &str| {
        Err(Refusal::one(status, code, text).retry_after(fault.retry_after))
    };
    let whole = |status, content_type, body| {
        Ok(Answer::Whole(Reply {
            status,
            content_type,
            headers: Vec::new(),
            body,
        }))
    };
    let json = "application/json; charset=utf-8";
    match fault.kind {
        FaultKind::TooManyRequests => refusal(429, "LIMITE_DEBIT", "Trop d'appels"),
        FaultKind::Down if !fault.close => refusal(503, "OPCO_INDISPONIBLE", "Service arrêté"),
        FaultKind::Unavailable => refusal(503, "OPCO_INDISPONIBLE", "Service indisponible"),
        FaultKind::ServerError => refusal(
            fault.status.unwrap_or(500),
            "OPCO_INDISPONIBLE",
            "Erreur interne",
        ),
        FaultKind::Html => {
            let said = fault.text.as_deref().unwrap_or("502 Bad Gateway");
            let page = format!(
                "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head>\
                 <body><h1>{said}</h1></body></html>"
            );
            whole(fault.status.unwrap_or(502), "text/html", page.into_bytes())
        }
        FaultKind::EmptyBody => whole(fault.status.unwrap_or(200), json, Vec::new()),
        FaultKind::HalfWritten => {
            let stub = || Reply::raw(200, br#"{"numeroInterne": "1", "numeroEx"#.to_vec());
            Ok(Answer::Half(reply.unwrap_or_else(stub)))
        }
        FaultKind::Redirect => {
            let elsewhere = || format!("/{slug}/ailleurs");
            let place = fault.text.clone().unwrap_or_else(elsewhere);
            let mut reply = Reply::raw(fault.status.unwrap_or(302), Vec::new());
            reply.headers.push(("Location", place));
            Ok(Answer::Whole(reply))
        }
        FaultKind::DeepJson => {
            let depth = fault.size.unwrap_or(DEEP);
            let body = [b"[".repeat(depth), b"]".repeat(depth)].concat();
            whole(200, json, body)
        }
        FaultKind::HugeJson => {
            let mut body = br#"{"numeroInterne": ""#.to_vec();
            body.resize(fault.size.unwrap_or(HUGE).max(body.len() + 2) - 2, b'9');
            body.extend_from_slice(b"\"}");
            whole(200, json, body)
        }
        // A hang that nobody ended closes like the lost answers.
        FaultKind::Hang | FaultKind::LostAnswer | FaultKind::DropBeforeCommit | FaultKind::Down => {
            Ok(Answer::Nothing)
        }
        // These are made where the call is known, and never come here.
        FaultKind::Echo
        | FaultKind::Slow
        | FaultKind::RepeatedPage
        | FaultKind::WrappedPage
        | FaultKind::EmptyList
        | FaultKind::PascalCaseErrors
        | FaultKind::ExpiredToken
        | FaultKind::ExpiredKey
        | FaultKind::UnknownState
        | FaultKind::Refusal
        | FaultKind::LateRefusal
        | FaultKind::PartialSettlement
        | FaultKind::ReissuedSchedule => Ok(reply.map_or(Answer::Nothing, Answer::Whole)),
    }
}
