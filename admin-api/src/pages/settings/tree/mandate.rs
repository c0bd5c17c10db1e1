//! The mandates attested for a site, and how one more is.

use domain::person::{Language, Right};
use jiff::civil::Date;
use maud::{Markup, html};
use store::mandates::{Mandate, Scope};
use store::tenants::Site;

use super::super::super::layout::{csrf, day};
use super::super::because;
use super::HERE;
use crate::tree::mandates::is_over;
use crate::viewer::Viewer;

/// Shows them, with the form to whoever may add one.
pub(super) fn section(
    viewer: &Viewer,
    site: &Site,
    (found, today): (&[Mandate], Date),
    may: bool,
) -> Markup {
    let language = viewer.language();
    html! {
        h2 #mandates { (language.of("Mandats des employeurs", "Mandates of the employers")) }
        p.small {
            (language.of(
                "Sans mandat donné avec le contrat, ni attestation du site qui couvre le jour du dépôt, un contrat est retenu.",
                "Without a mandate given with the contract, or an attestation of the site that covers the day it is handed in, a contract is held.",
            ))
        }
        @if found.is_empty() {
            p { (language.of("Aucune attestation.", "No attestation.")) }
        } @else {
            ul {
                @for one in found {
                    li {
                        (line(one, language))
                        @if may && !is_over(one, today) { (end_form(viewer, site, one)) }
                    }
                }
            }
        }
        @if may { (form(viewer, site)) }
    }
}

fn line(mandate: &Mandate, language: Language) -> Markup {
    let covers = match mandate.scope {
        Scope::Site { from, until } => Some((from, until)),
        Scope::Delivery(_) => None,
    };
    html! {
        (mandate.reference) ", "
        (language.of("signée le ", "signed on ")) (day(mandate.signed_on, language))
        @if let Some((from, Some(until))) = covers && until < from {
            (language.of(", ne couvre aucun jour", ", covers no day"))
        } @else if let Some((from, until)) = covers {
            (language.of(", couvre depuis le ", ", covers from ")) (day(from, language))
            @match until {
                Some(until) => { (language.of(" jusqu'au ", " to ")) (day(until, language)) },
                None => (language.of(", sans fin", ", without end")),
            }
        }
    }
}

fn end_form(viewer: &Viewer, site: &Site, mandate: &Mandate) -> Markup {
    let language = viewer.language();
    let (on, why) = (format!("on-{}", mandate.id), format!("end-{}", mandate.id));
    html! {
        details {
            summary { (language.of("Mettre fin à ce mandat", "End this mandate")) }
            p.small {
                (language.of(
                    "À partir de ce jour, un contrat sans autre mandat est retenu ; ce qui est déjà en route suit son cours, ce qui est retenu et rejugé ensuite attend un mandat.",
                    "From that day on, a contract without another mandate is held; what is on its way goes on, what is held and judged again later waits for a mandate.",
                ))
            }
            form.narrow method="post" action=(HERE) {
                (csrf(viewer))
                input type="hidden" name="act" value="end-mandate";
                input type="hidden" name="site" value=(site.id);
                input type="hidden" name="mandate" value=(mandate.id);
                label for=(on) { (language.of("Premier jour non couvert (aujourd'hui si vide)", "First day not covered (today when empty)")) }
                input id=(on) name="on" type="date" min=(mandate.signed_on);
                (because(&why, language))
                button.danger type="submit" { (language.of("Mettre fin", "End it")) }
            }
        }
    }
}

fn form(viewer: &Viewer, site: &Site) -> Markup {
    let language = viewer.language();
    html! {
        details {
            summary { (language.of("Enregistrer le mandat du site", "Record the site's mandate")) }
            form.narrow method="post" action=(HERE) {
                (csrf(viewer))
                input type="hidden" name="act" value="attest-mandate";
                input type="hidden" name="site" value=(site.id);
                label for="reference" { (language.of("Référence de l'attestation", "Reference of the attestation")) }
                input #reference name="reference" required maxlength="200" autocomplete="off";
                label for="signed_on" { (language.of("Signée le", "Signed on")) }
                input #signed_on name="signed_on" type="date" required;
                label for="from" { (language.of("Premier jour couvert (aujourd'hui si vide)", "First day covered (today when empty)")) }
                input #from name="from" type="date";
                label for="until" { (language.of("Dernier jour couvert (sans fin si vide)", "Last day covered (no end when empty)")) }
                input #until name="until" type="date";
                button type="submit" { (language.of("Enregistrer le mandat", "Record the mandate")) }
            }
            @if viewer.may(Right::Act) {
                p.small {
                    (language.of("Ce qui est retenu faute de mandat se relance ensuite : ", "What is held for want of a mandate is then started again: "))
                    a href={ "/bulk/new?status=held&reason=mandate_missing&site=" (site.siret) } {
                        (language.of("relancer les contrats de ce site", "try this site's contracts again"))
                    }
                }
            }
        }
    }
}

/// Says what to do about contracts held for want of a mandate, with the way there.
pub(crate) fn advice(viewer: &Viewer) -> Markup {
    let language = viewer.language();
    html! {
        @if viewer.may(Right::ReadSettings) {
            a href=(HERE) { (language.of("Enregistrez le mandat du site", "Record the site's mandate")) }
            (language.of(" (sur sa page), puis relancez ; ou donnez le mandat de chacun sur sa page.",
                " (on its page), then try again; or give each mandate on the delivery's page."))
        } @else {
            (language.of(
                "Faites enregistrer le mandat du site par qui gère le réseau, puis relancez ; ou donnez le mandat de chacun sur sa page.",
                "Have the site's mandate recorded by whoever manages the network, then try again; or give each mandate on the delivery's page.",
            ))
        }
    }
}
