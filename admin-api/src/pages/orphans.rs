//! Dossiers that one side alone knows: what each most likely is, why it was not paired, and what to do.

use actix_web::{HttpResponse, web};
use domain::Environment;
use domain::id::{DeliveryId, DossierId};
use domain::orphan::{Action, Fate};
use domain::person::Language;
use maud::{Markup, html};
use serde::Deserialize;

use super::dossiers::opco_and_site;
use super::layout::{Frame, csrf, day, in_world, instant, wrong};
use super::login::again;
use super::page;
use crate::desk::Desk;
use crate::form::Sent;
use crate::gate::redirect;
use crate::orphans::{self, Act, Asked, Contract, Orphan, Page, Proposal, Side};
use crate::refusal::{Code, Refusal};
use crate::viewer::Viewer;

/// What a card's form sends.
#[derive(Debug, Deserialize)]
pub(crate) struct Said {
    /// `adopt`, `ignore`, `reopen`, or `tie`: adopt as the contract proposed.
    act: String,
    delivery: Option<DeliveryId>,
    world: Option<Environment>,
    /// The filters of the page it was sent from.
    #[serde(default)]
    query: String,
    #[serde(default)]
    reason: String,
}

/// Shows a page of them.
pub(crate) async fn list(
    desk: web::Data<Desk>,
    viewer: Viewer,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, Refusal> {
    Ok(page(shown(&desk, &viewer, &asked, &html! {}).await?))
}

/// Acts on one.
pub(crate) async fn act(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<DossierId>,
    sent: Sent<Said>,
) -> Result<HttpResponse, Refusal> {
    let Sent(sent) = sent;
    let asked: Asked = serde_urlencoded::from_str(&sent.query).unwrap_or_default();
    let (action, delivery) = match sent.act.as_str() {
        "tie" => (Action::Adopt, sent.delivery),
        other => (other.parse().map_err(|_| Code::UnknownAct)?, None),
    };
    let act = Act {
        action,
        reason: sent.reason,
        delivery,
    };
    let world = viewer.world(sent.world);
    match orphans::act(&desk, &viewer, *id, (world, act)).await {
        Ok(_) => Ok(redirect(&format!("/orphans?{}", query(&asked)))),
        Err(refusal) if matches!(refusal.code, Code::Invalid | Code::Conflict) => {
            let said = wrong(&refusal, viewer.language());
            Ok(again(shown(&desk, &viewer, &asked, &said).await?))
        }
        Err(refusal) => Err(refusal),
    }
}

fn query(asked: &Asked) -> String {
    serde_urlencoded::to_string(asked).unwrap_or_default()
}

async fn shown(
    desk: &Desk,
    viewer: &Viewer,
    asked: &Asked,
    said: &Markup,
) -> Result<Markup, Refusal> {
    let Page { orphans, next } = orphans::list(desk, viewer, asked).await?;
    let world = asked.world(viewer)?;
    let language = viewer.language();
    let title = language.of("Orphelins", "Orphans");
    let next = next.map(|after| {
        let there = Asked {
            after,
            ..asked.clone()
        };
        format!("/orphans?{}", query(&there))
    });
    let frame = Frame {
        viewer,
        section: "/dossiers",
        title,
        world: Some(world),
    };
    Ok(frame.around(&html! {
        h1 { (title) }
        p.small {
            (language.of(
                "Ce qu'un OPCO connaît et qu'aucun ERP n'a déposé, puis ce qui a été déposé et que l'OPCO ne montre pas. Des noms y figurent : la lecture est consignée.",
                "What an OPCO knows and no ERP sent, then what was sent and the OPCO does not show. Names are shown: that it was read is on record.",
            ))
        }
        (said)
        (filters(viewer, asked, world))
        @if orphans.is_empty() {
            p { (language.of("Aucun.", "None.")) }
        }
        ol.causes { @for orphan in &orphans { (card(viewer, orphan, asked)) } }
        @if let Some(next) = next {
            p { a.button.quiet href=(next) rel="next" { (language.of("Suivants →", "Next →")) } }
        }
    }))
}

fn filters(viewer: &Viewer, asked: &Asked, world: Environment) -> Markup {
    let language = viewer.language();
    let any = language.of("Tous", "Any");
    html! {
        form.filters method="get" action="/orphans" role="search" aria-label=(language.of("Filtres", "Filters")) {
            input type="hidden" name="world" value=(world.as_str());
            div {
                label for="side" { (language.of("Qui le connaît", "Who knows it")) }
                select #side name="side" {
                    option value="" { (any) }
                    option value="opco" selected[asked.side == "opco"] { (language.of("L'OPCO seul", "The OPCO alone")) }
                    option value="cfa" selected[asked.side == "cfa"] { (language.of("Nous seuls", "We alone")) }
                }
            }
            div {
                label for="fate" { (language.of("Sort", "Fate")) }
                select #fate name="fate" {
                    @for fate in Fate::ALL {
                        option value=(fate.as_str()) selected[asked.fate == fate.as_str()] { (fate_name(*fate, language)) }
                    }
                }
            }
            (opco_and_site(viewer, &asked.opco, &asked.site))
            button type="submit" { (language.of("Filtrer", "Filter")) }
            a href=(in_world("/orphans", Some(world))) { (language.of("Effacer", "Clear")) }
        }
    }
}

fn fate_name(fate: Fate, language: Language) -> &'static str {
    match fate {
        Fate::Open => language.of("À décider", "To decide"),
        Fate::Adopted => language.of("Adopté", "Adopted"),
        Fate::Ignored => language.of("Écarté", "Set aside"),
    }
}

fn card(viewer: &Viewer, orphan: &Orphan, asked: &Asked) -> Markup {
    let language = viewer.language();
    let dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "—".to_owned());
    html! {
        li.card {
            p.headline {
                strong {
                    @match orphan.side {
                        Side::Opco => { (orphan.opco.name()) (language.of(" le connaît, personne ne l'a déposé", " knows it, nobody sent it")) }
                        Side::Cfa => { (language.of("Déposé, et absent chez ", "Sent, and not shown by ")) (orphan.opco.name()) }
                    }
                }
                @if let Some(fate) = orphan.fate.filter(|fate| *fate != Fate::Open) {
                    " " span.badge { (fate_name(fate, language)) }
                }
            }
            dl {
                dt { "Site" } dd { (viewer.site_name(&orphan.site)) }
                dt { (language.of("Numéro interne", "Internal number")) } dd { (dash(&orphan.numero_interne)) }
                dt { (language.of("Numéro externe", "External number")) } dd { (dash(&orphan.numero_externe)) }
                dt { (language.of("État", "State")) } dd { (orphan.etat.map_or("—", domain::Etat::as_str)) }
                dt { (language.of("Vu depuis", "Seen since")) } dd { (instant(orphan.first_seen_at, language)) }
                @if let Some(contract) = &orphan.contract { (person(contract, language)) }
            }
            @if let Some(proposal) = &orphan.proposal { (pairing(proposal, orphan, language)) }
            @else if orphan.side == Side::Opco && orphan.fate == Some(Fate::Open) {
                p.small { (language.of("Rien de ce qui a été déposé ne lui ressemble.", "Nothing that was sent is like it.")) }
            }
            @if let Some(reason) = &orphan.fate_reason {
                p.small { (language.of("Raison : ", "Reason: ")) (reason) }
            }
            (links(orphan, language))
            (form(viewer, orphan, asked))
        }
    }
}

fn person(contract: &Contract, language: Language) -> Markup {
    let name = [&contract.prenom, &contract.nom];
    let name: Vec<&str> = name.into_iter().flatten().map(String::as_str).collect();
    html! {
        dt { (language.of("Apprenti", "Apprentice")) }
        dd {
            (name.join(" "))
            @if let Some(born) = contract.date_naissance { (language.of(", né(e) le ", ", born on ")) (day(born, language)) }
        }
        @if let Some(employer) = &contract.siret_employeur {
            dt { (language.of("Employeur", "Employer")) } dd { (employer) }
        }
        @if let Some(start) = contract.date_debut_contrat {
            dt { (language.of("Début du contrat", "First day")) } dd { (day(start, language)) }
        }
    }
}

/// The contract proposed, how alike it is, and what kept the two apart.
fn pairing(proposal: &Proposal, orphan: &Orphan, language: Language) -> Markup {
    let path = format!("/deliveries/{}", proposal.delivery_id);
    html! {
        div.told {
            p {
                a href=(in_world(&path, Some(orphan.environment))) { (language.of("Contrat proposé", "Contract proposed")) }
                " : " (proposal.likeness) " %, " (proposal.reason.name(language)) ". "
                span.badge { (proposal.status.name(language)) }
                @if proposal.ambiguous { " " span.badge.warn { (language.of("un autre est aussi probable", "another is as likely")) } }
            }
            @if !proposal.mismatches.is_empty() {
                p {
                    (language.of("Cause probable : ", "Probable cause: "))
                    @for (place, what) in proposal.mismatches.iter().enumerate() {
                        @if place > 0 { " ; " }
                        (what.name(language))
                    }
                    "."
                }
            }
            @if let Some(numero) = &proposal.numero_interne {
                p { (language.of("L'OPCO l'a sous le numéro ", "The OPCO has it under ")) code { (numero) } "." }
            }
        }
    }
}

fn links(orphan: &Orphan, language: Language) -> Markup {
    let world = Some(orphan.environment);
    html! {
        p {
            @if let Some(id) = orphan.dossier_id {
                a href=(in_world(&format!("/dossiers/{id}"), world)) { (language.of("Le dossier suivi →", "The dossier followed →")) } " "
            }
            @if let Some(id) = orphan.delivery_id {
                a href=(in_world(&format!("/deliveries/{id}"), world)) { (language.of("La livraison →", "The delivery →")) }
            }
        }
    }
}

fn form(viewer: &Viewer, orphan: &Orphan, asked: &Asked) -> Markup {
    let language = viewer.language();
    let allowed = orphan.fate.map_or(&[][..], Fate::allowed);
    let field = |name: &str| format!("{name}-{}", orphan.id);
    html! {
        @if !allowed.is_empty() {
            form.narrow method="post" action={ "/orphans/" (orphan.id) } {
                (csrf(viewer))
                input type="hidden" name="world" value=(orphan.environment.as_str());
                input type="hidden" name="query" value=(query(asked));
                @if let Some(proposal) = &orphan.proposal {
                    input type="hidden" name="delivery" value=(proposal.delivery_id);
                }
                label for=(field("act")) { (language.of("Que faire", "What to do")) }
                select id=(field("act")) name="act" {
                    @if allowed.contains(&Action::Adopt) && orphan.proposal.is_some() {
                        option value="tie" { (language.of("C'est le contrat proposé", "It is the contract proposed")) }
                    }
                    @for action in allowed {
                        option value=(action.as_str()) { (act_name(*action, language)) }
                    }
                }
                label for=(field("reason")) { (language.of("Pourquoi (entre au journal)", "Why (goes into the log)")) }
                input id=(field("reason")) name="reason" required maxlength="500";
                button type="submit" { (language.of("Faire", "Do it")) }
            }
        }
    }
}

fn act_name(action: Action, language: Language) -> &'static str {
    match action {
        Action::Adopt => language.of(
            "L'adopter : le suivre comme les nôtres",
            "Adopt it: follow it as ours",
        ),
        Action::Ignore => language.of("Ce n'est pas à nous", "It is not ours"),
        Action::Reopen => language.of("Revenir dessus", "Take it back"),
    }
}
