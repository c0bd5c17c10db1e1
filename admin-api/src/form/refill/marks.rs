//! What is wrong with a form is told at the top of its page, with the way to each field, and beside the field:
//! whoever fills it in again hears there why.

use super::{attribute, before, through};

/// What begins the way to a field, at the top of a page.
const MARK: &str = "<a data-at=\"";

/// One thing that is wrong: the field, and what is said of it, as it is written.
#[derive(Debug)]
pub(super) struct Fault<'p> {
    field: &'p str,
    said: &'p str,
}

/// Reads what a page says is wrong.
pub(super) fn told(page: &str) -> Vec<Fault<'_>> {
    let marks = page.split(MARK).skip(1);
    let read = marks.filter_map(|rest| {
        let (field, rest) = rest.split_once("\">")?;
        let (said, _) = rest.split_once("</a>")?;
        Some(Fault { field, said })
    });
    read.collect()
}

/// Writes a form with what is wrong beside each field, and leads to them from what is written already.
pub(super) fn tell(out: &mut String, form: &str, faults: &[Fault<'_>]) {
    let mut written = String::with_capacity(form.len());
    let mut waiting: Option<(&str, String)> = None;
    let mut done: Vec<&str> = Vec::new();
    let mut rest = form;
    while let Some((text, from)) = before(rest, "<") {
        written.push_str(text);
        let Some((tag, after)) = through(from, ">") else {
            rest = from;
            break;
        };
        rest = after;
        if waiting.as_ref().is_some_and(|(end, _)| *end == tag)
            && let Some((end, note)) = waiting.take()
        {
            // What is said of a group stays in it.
            let group = end == "</fieldset>";
            written.push_str(if group { &note } else { tag });
            written.push_str(if group { tag } else { &note });
            continue;
        }
        let end = closing(tag);
        let name = end.and_then(|_| attribute(tag, "name"));
        let of = |fault: &&Fault<'_>| name == Some(fault.field) && !done.contains(&fault.field);
        let (Some(end), Some(fault)) = (end, faults.iter().find(of)) else {
            written.push_str(tag);
            continue;
        };
        done.push(fault.field);
        if let Some(id) = attribute(tag, "id") {
            let way = format!("<a href=\"#{id}\"");
            *out = out.replace(&format!("{MARK}{}\"", fault.field), &way);
        }
        written.push_str(&described(tag, fault.field));
        let note = format!(
            "<p class=\"fault\" id=\"fault-{}\">{}</p>",
            fault.field, fault.said
        );
        if end.is_empty() {
            written.push_str(&note);
        } else {
            waiting = Some((end, note));
        }
    }
    written.push_str(rest);
    out.push_str(&written);
}

/// Returns the tag that ends a field, empty where it has none; nothing for what is no field that one sees.
fn closing(tag: &str) -> Option<&'static str> {
    if tag.starts_with("<input ") {
        let unseen = matches!(attribute(tag, "type"), Some("hidden" | "submit"));
        (!unseen).then_some("")
    } else if tag.starts_with("<select ") {
        Some("</select>")
    } else if tag.starts_with("<textarea ") {
        Some("</textarea>")
    } else if tag.starts_with("<fieldset ") {
        Some("</fieldset>")
    } else {
        None
    }
}

/// Writes the tag of a field with where its fault is told. A group is not wrong itself.
fn described(tag: &str, field: &str) -> String {
    let bare = tag.trim_end_matches('>');
    let wrong = if bare.starts_with("<fieldset ") {
        ""
    } else {
        " aria-invalid=\"true\""
    };
    format!("{bare}{wrong} aria-describedby=\"fault-{field}\">")
}
