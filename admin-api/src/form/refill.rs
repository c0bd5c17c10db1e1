//! A form that was refused comes back as it was filled in: nobody types it again, and no list goes back to its
//! first line, where an act would aim at another OPCO or site. Never what is secret, nor who an apprentice is.
//!
//! It is done once for every page, on the page as it leaves: what is written here is what `maud` writes.

mod marks;

use std::cell::RefCell;
use std::rc::Rc;

use super::{CSRF_FIELD, ONCE_FIELD};

/// The fields that are never shown again, whatever form they are in.
const SECRET: [&str; 7] = [
    CSRF_FIELD, ONCE_FIELD, "key", "password", "code", "secret", "nir",
];
/// The kinds of inputs that a person does not type, or not to be seen.
const UNTYPED: [&str; 4] = ["hidden", "password", "file", "submit"];

/// The most fields that are shown again: no form of ours has as many.
const FIELDS_MAX: usize = 200;

/// What a request's form held, for the page that answers it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Typed(Rc<RefCell<Vec<(String, String)>>>);

impl Typed {
    /// Keeps what may be shown again.
    pub(super) fn keep(&self, mut pairs: Vec<(String, String)>) {
        pairs.retain(|(name, _)| !SECRET.contains(&name.as_str()));
        pairs.truncate(FIELDS_MAX);
        for (_, value) in &mut pairs {
            *value = escaped(value);
        }
        self.0.replace(pairs);
    }

    /// Returns what a field held.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        let pairs = self.0.borrow();
        let found = pairs.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.clone())
    }

    /// Fills in the form of a page that was sent to `path`, and tells beside each field what is wrong with it.
    pub(crate) fn refill(&self, page: &str, path: &str) -> String {
        let pairs = self.0.borrow();
        let mut out = String::with_capacity(page.len());
        let mut faults = marks::told(page);
        let mut rest = page;
        while let Some((text, from)) = before(rest, "<form ") {
            out.push_str(text);
            let Some((form, after)) = through(from, "</form>") else {
                rest = from;
                break;
            };
            if is_sent(form, path, &pairs) {
                unfold(&mut out);
                let mut filled = String::with_capacity(form.len());
                fill(&mut filled, form, &pairs);
                // Of forms that are alike one is told about.
                let faults = std::mem::take(&mut faults);
                marks::tell(&mut out, &filled, &faults);
            } else {
                out.push_str(form);
            }
            rest = after;
        }
        out.push_str(rest);
        out
    }
}

/// Splits a text where a mark begins.
fn before<'t>(text: &'t str, mark: &str) -> Option<(&'t str, &'t str)> {
    text.find(mark).and_then(|at| text.split_at_checked(at))
}

/// Splits a text where a mark ends.
fn through<'t>(text: &'t str, mark: &str) -> Option<(&'t str, &'t str)> {
    let at = text.find(mark)?.checked_add(mark.len())?;
    text.split_at_checked(at)
}

/// Returns the value of an attribute, as it is written.
fn attribute<'t>(tag: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// Returns whether a form is the one that was sent: to the same address, for the same act on the same thing.
fn is_sent(form: &str, path: &str, pairs: &[(String, String)]) -> bool {
    let tag = form.split('>').next().unwrap_or_default();
    if attribute(tag, "method") != Some("post") || attribute(tag, "action") != Some(path) {
        return false;
    }
    let inputs = form.split("<input ").skip(1);
    let tags = inputs.filter_map(|rest| rest.split('>').next());
    tags.map(|tag| format!(" {tag}"))
        .filter(|tag| attribute(tag, "type") == Some("hidden"))
        .all(|tag| {
            let (name, value) = (attribute(&tag, "name"), attribute(&tag, "value"));
            let same = |(other, sent): &(String, String)| {
                name == Some(other.as_str()) && value == Some(sent.as_str())
            };
            name.is_some_and(|name| SECRET.contains(&name)) || pairs.iter().any(same)
        })
}

/// Opens what the form is folded in.
fn unfold(out: &mut String) {
    const FOLDED: &str = "<details";
    let Some(at) = out.rfind(FOLDED) else { return };
    let inside = out.get(at..).unwrap_or_default();
    if !inside.contains("</details>") && !inside.contains("<details open") {
        out.insert_str(at.saturating_add(FOLDED.len()), " open");
    }
}

/// Writes a form with what was typed in it.
fn fill(out: &mut String, form: &str, pairs: &[(String, String)]) {
    let sent = |name: Option<&str>| {
        let mut found = pairs
            .iter()
            .filter(|(other, _)| name == Some(other.as_str()));
        found.next().map(|(_, value)| value.as_str())
    };
    let mut chosen = None;
    let mut rest = form;
    while let Some((text, from)) = before(rest, "<") {
        out.push_str(text);
        let Some((tag, after)) = through(from, ">") else {
            rest = from;
            break;
        };
        rest = after;
        if tag.starts_with("<input ") {
            input(out, tag, pairs);
        } else if tag.starts_with("<select ") {
            let value = sent(attribute(tag, "name"));
            let list = before(after, "</select>").map_or(after, |(list, _)| list);
            // What is no line of the list any more leaves it as it is.
            chosen = value.filter(|value| list.contains(&format!(" value=\"{value}\"")));
            out.push_str(tag);
        } else if let Some(value) = chosen.filter(|_| tag.starts_with("<option ")) {
            let is_it = attribute(tag, "value") == Some(value);
            flagged(out, tag, "selected", is_it);
        } else if let Some(value) =
            sent(attribute(tag, "name")).filter(|_| tag.starts_with("<textarea "))
        {
            out.push_str(tag);
            out.push_str(value);
            rest = before(after, "</textarea>").map_or(after, |(_, end)| end);
        } else {
            out.push_str(tag);
        }
    }
    out.push_str(rest);
}

fn input(out: &mut String, tag: &str, pairs: &[(String, String)]) {
    let (name, kind) = (attribute(tag, "name"), attribute(tag, "type"));
    let value = attribute(tag, "value");
    let mut sent = pairs
        .iter()
        .filter(|(other, _)| name == Some(other.as_str()));
    match kind {
        Some("checkbox" | "radio") => {
            let ticked = sent.any(|(_, sent)| value == Some(sent.as_str()));
            flagged(out, tag, "checked", ticked);
        }
        Some(kind) if UNTYPED.contains(&kind) => out.push_str(tag),
        _ => {
            let Some((_, sent)) = sent.next() else {
                out.push_str(tag);
                return;
            };
            let bare = match value {
                Some(value) => tag.replacen(&format!(" value=\"{value}\""), "", 1),
                None => tag.to_owned(),
            };
            out.push_str(bare.trim_end_matches('>'));
            out.push_str(" value=\"");
            out.push_str(sent);
            out.push_str("\">");
        }
    }
}

/// Writes a tag with or without a word that stands alone in it.
fn flagged(out: &mut String, tag: &str, word: &str, on: bool) {
    let bare = tag.trim_end_matches('>').replace(&format!(" {word}"), "");
    out.push_str(&bare);
    if on {
        out.push(' ');
        out.push_str(word);
    }
    out.push('>');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(pairs: &[(&str, &str)]) -> Typed {
        let typed = Typed::default();
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        typed.keep(pairs.iter().map(owned).collect());
        typed
    }

    const PAGE: &str = "<form action=\"/logout\"><input type=\"hidden\" name=\"csrf\" value=\"c\"></form>\
        <details><summary>Clé</summary><form method=\"post\" action=\"/keys\">\
        <input type=\"hidden\" name=\"csrf\" value=\"c\"><input type=\"hidden\" name=\"act\" value=\"new\">\
        <select id=\"o\" name=\"opco\"><option value=\"afdas\" selected>Afdas</option>\
        <option value=\"akto\">AKTO</option></select>\
        <input name=\"label\" required value=\"\"><input name=\"key\" type=\"password\">\
        <input type=\"checkbox\" name=\"read\" value=\"yes\" checked>\
        <textarea name=\"sites\" rows=\"3\"></textarea></form></details>\
        <form method=\"post\" action=\"/keys\"><input type=\"hidden\" name=\"act\" value=\"end\"><input name=\"label\"></form>";

    #[test]
    fn a_refused_form_comes_back_as_it_was_filled_in() {
        let sent = [
            ("act", "new"),
            ("opco", "akto"),
            ("label", "\"><script>1"),
            ("key", "cle-secrete"),
            ("sites", "1\n</textarea>"),
            ("csrf", "mot"),
        ];
        let page = typed(&sent).refill(PAGE, "/keys");
        for there in [
            "<details open>",
            "<option value=\"afdas\">",
            "<option value=\"akto\" selected>",
            "<input name=\"label\" required value=\"&quot;&gt;&lt;script&gt;1\">",
            "<input type=\"checkbox\" name=\"read\" value=\"yes\">",
            "rows=\"3\">1\n&lt;/textarea&gt;</textarea>",
            "<input type=\"hidden\" name=\"act\" value=\"end\"><input name=\"label\"></form>",
        ] {
            assert!(page.contains(there), "{there}: {page}");
        }
        assert!(
            !page.contains("secrete") && !page.contains("mot\""),
            "{page}"
        );
    }

    #[test]
    fn what_was_sent_elsewhere_or_for_something_else_changes_nothing() {
        let sent = typed(&[("act", "new"), ("opco", "akto"), ("label", "x")]);
        assert_eq!(sent.refill(PAGE, "/people"), PAGE);
        let sent = typed(&[("act", "other"), ("opco", "akto")]);
        assert_eq!(sent.refill(PAGE, "/keys"), PAGE);
        assert_eq!(typed(&[]).refill("<form <", "/keys"), "<form <");
        // A line that is gone leaves the list as it is.
        let gone = typed(&[("act", "new"), ("opco", "x"), ("read", "yes")]);
        let page = gone.refill(PAGE, "/keys");
        assert!(page.contains("<option value=\"afdas\" selected>"), "{page}");
    }

    #[test]
    fn what_is_wrong_is_told_beside_its_field_in_the_form_that_was_sent() {
        let told = "<ul><li><a data-at=\"opco\">choisissez &lt;</a></li><li><a data-at=\"label\">trop long</a></li>\
            <li><a data-at=\"sites\">faux</a></li><li><a data-at=\"ailleurs\">rien</a></li></ul>";
        let page =
            typed(&[("act", "new"), ("opco", "akto")]).refill(&format!("{told}{PAGE}"), "/keys");
        for there in [
            "<a href=\"#o\">choisissez &lt;</a>",
            "<select id=\"o\" name=\"opco\" aria-invalid=\"true\" aria-describedby=\"fault-opco\">",
            "</select><p class=\"fault\" id=\"fault-opco\">choisissez &lt;</p>",
            "<input name=\"label\" required value=\"\" aria-invalid=\"true\" aria-describedby=\"fault-label\">\
             <p class=\"fault\" id=\"fault-label\">trop long</p>",
            "</textarea><p class=\"fault\" id=\"fault-sites\">faux</p>",
            "<a data-at=\"ailleurs\">rien</a>",
            "<input type=\"hidden\" name=\"act\" value=\"end\"><input name=\"label\"></form>",
        ] {
            assert!(page.contains(there), "{there}: {page}");
        }
    }
}
