//! What became of each delivery of an act upon many, by what people know it by.

use std::collections::BTreeMap;

use domain::person::Language;
use maud::{Markup, html};
use store::bulks::{Bulk, Item, Known};

use super::super::layout::{in_world, instant, local};
use super::{PER_PAGE, Which};
use crate::bulk;
use crate::viewer::Viewer;

/// Shows them, in the order of their turns.
pub(super) fn rows(
    viewer: &Viewer,
    bulk: &Bulk,
    (items, known): (&[Item], &BTreeMap<u32, Known>),
    which: &Which,
) -> Markup {
    let language = viewer.language();
    let address = |item: &Item| {
        let path = format!("/deliveries/{}", item.delivery);
        in_world(&path, Some(bulk.environment))
    };
    let full = items.len() >= usize::try_from(PER_PAGE).unwrap_or(usize::MAX);
    let next = items.last().filter(|_| full).map(|last| {
        let fate = which.fate.map(|fate| format!("&fate={fate}"));
        format!(
            "/bulk/{}?after={}{}",
            bulk.id,
            last.place,
            fate.unwrap_or_default()
        )
    });
    html! {
        div.scroll { table {
            caption.hidden { (language.of("Livraisons, dans l'ordre de leur tour", "Deliveries, in the order of their turn")) }
            thead { tr {
                th.number scope="col" { (language.of("Tour", "Turn")) }
                th scope="col" { (language.of("Livraison", "Delivery")) }
                th scope="col" { (language.of("Sort", "Outcome")) }
                th scope="col" { (language.of("Cause", "Cause")) }
                th scope="col" { (language.of("Quand", "When")) }
            } }
            tbody { @for item in items { tr {
                td.number { (item.place) }
                td {
                    a href=(address(item)) title=(item.delivery) {
                        @match known.get(&item.place) {
                            Some(one) => (known_as(one, language)),
                            None => code { (item.delivery) },
                        }
                    }
                    @if let Some(one) = known.get(&item.place) {
                        div.small { (viewer.site_name(&one.siret_cfa)) }
                    }
                }
                td { (bulk::outcome(item, language)) }
                td { (bulk::cause(item, language)) }
                td { @match item.at { Some(at) => (instant(at, language)), None => "—" } }
            } } }
        } }
        @if let Some(next) = next {
            p { a.button.quiet href=(next) rel="next" { (language.of("Suivantes →", "Next →")) } }
        }
    }
}

/// What people call a delivery: what it carries, with its number, or with when it was handed in.
fn known_as(known: &Known, language: Language) -> String {
    let kind = known.kind.name(language);
    if let Some(number) = &known.number {
        return format!("{kind} {number}");
    }
    let of = language.of("du", "of");
    format!("{kind} {of} {}", local(known.created_at, language))
}

#[cfg(test)]
mod tests {
    use domain::Kind;

    use super::*;

    #[test]
    fn a_delivery_is_called_by_its_number_or_by_when_it_came() {
        let mut known = Known {
            kind: Kind::Facture,
            siret_cfa: "13002526500013".parse().unwrap(),
            number: Some("F-2026-17".to_owned()),
            created_at: "2026-09-01T08:00:00Z".parse().unwrap(),
        };
        assert_eq!(known_as(&known, Language::Fr), "Facture F-2026-17");
        known.number = None;
        assert_eq!(
            known_as(&known, Language::Fr),
            "Facture du 01/09/2026 10:00"
        );
        assert_eq!(
            known_as(&known, Language::En),
            "Invoice of 2026-09-01 10:00"
        );
    }
}
