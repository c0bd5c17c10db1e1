//! What is held about a person, line by line, with what an erasure makes of each and why.

use domain::person::Language;
use maud::{Markup, html};

use super::address;
use crate::pages::layout::{day, instant};
use crate::privacy::{Fate, Holdings, Piece, Why};

/// Says when what was found may be more than one person, and who else resembles them.
pub(super) fn several(held: &Holdings, language: Language) -> Markup {
    html! {
        @if held.is_several() {
            div.notice.error role="alert" {
                p { (language.of(
                    "Ces contrats portent plusieurs NIR, ou un NIR sous plusieurs identités : ce sont peut-être \
                     plusieurs personnes. Choisissez-en une pour exporter ou effacer :",
                    "These contracts bear several NIRs, or one NIR under several identities: they may be several \
                     people. Choose one to export or erase:",
                )) }
                ul {
                    @for (rank, choice) in held.choices.iter().enumerate() {
                        li { a href=(address(*choice)) { (language.of("NIR n° ", "NIR no. ")) (rank + 1) } }
                    }
                }
            }
        }
        @if !held.alike.is_empty() {
            div.notice {
                p { (language.of(
                    "D'autres dossiers ressemblent à ceux-ci (nom et prénom ou jour et mois intervertis, même \
                     identité sous un autre NIR, contenu qui ne s'ouvre pas) sans être de cette personne : rien \
                     d'eux n'est compté ici, ni exporté, ni effacé. À vérifier s'il s'agit d'une erreur de saisie :",
                    "Other dossiers resemble these (names, or day and month, in each other's place, the same \
                     identity under another NIR, content that does not open) and are not this person's: nothing \
                     of them is counted here, handed out or erased. To be checked for a slip of the pen:",
                )) }
                ul {
                    @for (rank, other) in held.alike.iter().enumerate() {
                        li { a href=(address(*other)) { (language.of("Ressemblance n° ", "Likeness no. ")) (rank + 1) } }
                    }
                }
            }
        }
    }
}

pub(super) fn pieces(held: &Holdings, language: Language) -> Markup {
    html! {
        section aria-labelledby="pieces" {
            h2 #pieces { (language.of("Livraisons", "Deliveries")) }
            @if held.pieces.is_empty() {
                p { (language.of("Aucune.", "None.")) }
            } @else {
                div.scroll { table {
                    thead { tr {
                        th scope="col" { (language.of("Quoi", "What")) }
                        th scope="col" { (language.of("Déposée le", "Handed in")) }
                        th scope="col" { (language.of("État", "Status")) }
                        th scope="col" { (language.of("Contenu", "Content")) }
                        th.number scope="col" { (language.of("Fichiers", "Files")) }
                        th.number scope="col" { (language.of("Appels", "Calls")) }
                        th.number scope="col" { (language.of("Événements", "Events")) }
                        th scope="col" { (language.of("À l'effacement", "When erased")) }
                    } }
                    tbody { @for piece in &held.pieces { (piece_row(piece, language)) } }
                } }
            }
        }
    }
}

fn piece_row(piece: &Piece, language: Language) -> Markup {
    let delivery = &piece.delivery;
    let content = match piece.sealed {
        None => language.of("détruit", "destroyed"),
        Some(true) => language.of("scellé, NIR compris", "sealed, NIR included"),
        Some(false) => language.of("scellé, sans NIR", "sealed, without NIR"),
    };
    html! {
        tr {
            td { a href={ "/deliveries/" (delivery.id) } { (delivery.kind.name(language)) } }
            td { (instant(delivery.created_at, language)) }
            td { (delivery.standing.status.name(language)) }
            td { (content) }
            td.number { (piece.files.len()) }
            td.number { (piece.calls) }
            td.number { (piece.events) }
            td { (fate(piece.fate, language)) }
        }
    }
}

pub(super) fn dossiers(held: &Holdings, language: Language) -> Markup {
    html! {
        section aria-labelledby="dossiers" {
            h2 #dossiers { (language.of("Dossiers chez les OPCO", "Dossiers at the OPCOs")) }
            @if held.dossiers.is_empty() && held.strangers.is_empty() {
                p { (language.of("Aucun.", "None.")) }
            } @else {
                ul {
                    @for held in &held.dossiers {
                        li {
                            a href={ "/dossiers/" (held.dossier.id) } {
                                (held.dossier.instance.opco.name()) " "
                                (held.dossier.numero_interne.as_deref().unwrap_or("—"))
                            }
                            ", " (language.counted(held.readings, language.of("lecture d'échéancier", "reading of the schedule"), language.of("lectures d'échéancier", "readings of the schedule")))
                            " — " (fate(held.fate, language))
                        }
                    }
                    @for held in &held.strangers {
                        li {
                            (held.stranger.instance.opco.name()) " " (held.stranger.numero_interne)
                            ", " (language.of("sans envoi d'ERP", "sent by no ERP"))
                            " — " (fate(held.fate, language))
                        }
                    }
                }
            }
        }
    }
}

/// Says what an erasure makes of something, and why.
fn fate(fate: Fate, language: Language) -> Markup {
    html! {
        @match fate {
            Fate::Gone => (language.of("déjà détruit", "destroyed already")),
            Fate::Goes => span.badge.warn { (language.of("part", "goes")) },
            Fate::Stays(why) => {
                span.badge { (language.of("reste", "stays")) } " " (reason(why, language))
            }
        }
    }
}

/// Says why something stays.
pub(crate) fn reason(why: Why, language: Language) -> String {
    match why {
        Why::Accounts(until) => {
            let until = day(until, language);
            match language {
                Language::Fr => format!(
                    "pièce comptable, gardée dix ans (code de commerce, art. L123-22 ; RGPD, art. 17.3.b), jusqu'au {until}"
                ),
                Language::En => format!(
                    "piece of accounts, kept for ten years (code de commerce, art. L123-22; GDPR, art. 17(3)(b)), until {until}"
                ),
            }
        }
        Why::Shared => language
            .of(
                "porte aussi sur d'autres personnes, pour qui elle est encore nécessaire (RGPD, art. 17.1.a) : part avec la dernière d'entre elles",
                "is about other people too, for whom it is still needed (GDPR, art. 17(1)(a)): goes with the last of them",
            )
            .to_owned(),
        Why::Open => language
            .of(
                "le dossier n'est pas terminé chez l'OPCO : ces données y sont encore nécessaires (RGPD, art. 17.1.a)",
                "the dossier is not ended at the OPCO: this data is still needed for it (GDPR, art. 17(1)(a))",
            )
            .to_owned(),
        Why::UnderWay => language
            .of(
                "un envoi de ce dossier est en route ou attend quelqu'un : menez-le à son terme ou annulez-le d'abord",
                "a delivery of this dossier is on its way or waits for somebody: bring it to its end or cancel it first",
            )
            .to_owned(),
    }
}
