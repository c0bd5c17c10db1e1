//! A whole hierarchy from a sheet: pasted or sent, judged line by line, kept once the person has seen it.

use actix_web::{HttpResponse, web};
use domain::person::Language;
use maud::{Markup, html};
use serde::Deserialize;

use super::super::super::layout::{Frame, csrf, notice};
use super::super::super::login::again;
use super::super::super::page;
use super::HERE;
use crate::csv::read::decode;
use crate::desk::Desk;
use crate::form::Sent;
use crate::form::sheet as kept_sheet;
use crate::form::upload::Upload;
use crate::hand::Hand;
use crate::refusal::Refusal;
use crate::tree::sheet::{self, BYTES_MAX, Judged, LINES_MAX};
use crate::viewer::Viewer;

/// The largest form: the sheet and its few fields.
const FORM_MAX: usize = BYTES_MAX + 16 * 1024;
/// The same once it is sealed and written in letters.
const AGAIN_MAX: usize = 2 * FORM_MAX;
/// The word under which a sheet is sealed between the two pages.
const PART: &str = "tree-sheet";

/// What the page of the preview sends back. It is judged anew: nothing of a preview is relied on.
#[derive(Debug, Deserialize)]
pub(crate) struct Keep {
    sheet: String,
}

/// Shows the form.
pub(crate) async fn form(viewer: Viewer) -> HttpResponse {
    page(form_page(&viewer, ""))
}

/// Judges every line, and keeps nothing.
pub(crate) async fn preview(
    desk: web::Data<Desk>,
    viewer: Viewer,
    sent: Upload<FORM_MAX>,
) -> Result<HttpResponse, Refusal> {
    let Upload(parts) = sent;
    let part = |name: &str| parts.get(name).filter(|bytes| !bytes.is_empty());
    let text = part("file").or_else(|| part("text"));
    let language = viewer.language();
    let Some(text) = text.map(|bytes| decode(bytes)) else {
        let said = language.of("La feuille est vide.", "The sheet is empty.");
        return Ok(again(form_page(&viewer, said)));
    };
    match judged(&desk, &viewer, &text).await {
        Ok(judged) => {
            let sealed = kept_sheet::seal(&desk, &viewer, PART, &text).await?;
            Ok(page(preview_page(&viewer, &judged, &sealed)))
        }
        Err(refusal) => Ok(again(form_page(&viewer, refusal.detail(language)))),
    }
}

/// Keeps every good line at once.
pub(crate) async fn keep(
    desk: web::Data<Desk>,
    viewer: Viewer,
    sent: Sent<Keep, AGAIN_MAX>,
) -> Result<HttpResponse, Refusal> {
    let Sent(sent) = sent;
    let text = kept_sheet::open(&desk, &viewer, PART, &sent.sheet).await?;
    let (judged, kept) = kept(&desk, &viewer, &text).await?;
    Ok(page(report_page(&viewer, &judged, kept)))
}

/// Judges the lines of a sheet.
pub(crate) async fn judged(
    desk: &Desk,
    viewer: &Viewer,
    text: &str,
) -> Result<Vec<Judged>, Refusal> {
    let mut tx = desk.store.reading().await?;
    let judged = sheet::judged(&mut tx, viewer.tenant(), text).await?;
    judged.ok_or_else(too_many)
}

/// Judges them and keeps the good ones in one transaction; says how many.
pub(crate) async fn kept(
    desk: &Desk,
    viewer: &Viewer,
    text: &str,
) -> Result<(Vec<Judged>, usize), Refusal> {
    let mut tx = desk.store.writing().await?;
    let judged = sheet::judged(&mut tx, viewer.tenant(), text).await?;
    let judged = judged.ok_or_else(too_many)?;
    let hand = Hand::of(desk, viewer);
    let kept = sheet::keep(&mut tx, viewer.tenant(), &judged, &hand).await?;
    tx.commit().await?;
    Ok((judged, kept))
}

fn too_many() -> Refusal {
    Refusal::invalid(
        "/sheet",
        format!("La feuille a plus de {LINES_MAX} lignes : coupez-la."),
        format!("The sheet has more than {LINES_MAX} lines: cut it."),
    )
}

fn frame<'a>(viewer: &'a Viewer, title: &'a str) -> Frame<'a> {
    Frame {
        viewer,
        section: "/settings",
        title,
        world: None,
    }
}

fn form_page(viewer: &Viewer, said: &str) -> Markup {
    let language = viewer.language();
    let title = language.of(
        "Importer des CFA et des sites",
        "Import training centres and sites",
    );
    frame(viewer, title).around(&html! {
        p { a href=(HERE) { (language.of("← Réseau, CFA et sites", "← Network, training centres and sites")) } }
        h1 { (title) }
        (notice("error", said))
        p {
            (language.of(
                "Cinq colonnes, dans cet ordre : CFA ; SIREN ; site ; SIRET ; UAI. Un site par ligne ; l'UAI peut être vide, la ligne de titres est facultative. 256 Ko et 2 000 lignes au plus.",
                "Five columns, in this order: training centre; SIREN; site; SIRET; UAI. One site a line; the UAI may be empty, the line of titles is optional. At most 256 KB and 2,000 lines.",
            ))
        }
        p { (language.of("Un CFA qui n'existe pas encore est créé ; un SIRET que le réseau a déjà est laissé comme il est.", "A training centre that is not there yet is made; a SIRET that the network has is left as it is.")) }
        form.narrow method="post" action={ (HERE) "/import" } enctype="multipart/form-data" autocomplete="off" {
            (csrf(viewer))
            label for="file" { (language.of("Un fichier CSV", "A CSV file")) }
            input #file name="file" type="file" accept=".csv,.txt,text/csv,text/plain";
            label for="text" { (language.of("ou les lignes, collées", "or the lines, pasted")) }
            textarea #text name="text" rows="8" spellcheck="false" autocomplete="off" {}
            button type="submit" { (language.of("Voir ce que cela donnerait", "See what would come of it")) }
        }
    })
}

fn preview_page(viewer: &Viewer, judged: &[Judged], sealed: &str) -> Markup {
    let language = viewer.language();
    let good = judged.iter().filter(|line| line.result.is_ok()).count();
    let bad = judged.len().saturating_sub(good);
    let title = language.of("Aperçu de l'import", "Preview of the import");
    frame(viewer, title).around(&html! {
        h1 { (title) }
        p {
            strong { (good) } " " (language.form(good, language.of("site à créer", "site to make"), language.of("sites à créer", "sites to make"))) ", "
            strong { (bad) } " " (language.form(bad, language.of("ligne laissée", "line left out"), language.of("lignes laissées", "lines left out"))) ". "
            (language.of("Rien n'est encore gardé.", "Nothing is kept yet."))
        }
        div.actions {
            @if good > 0 {
                form.inline method="post" action={ (HERE) "/import/keep" } {
                    (csrf(viewer))
                    input type="hidden" name="sheet" value=(sealed);
                    button type="submit" { (language.of("Garder les bonnes lignes", "Keep the good lines")) " (" (good) ")" }
                }
            }
            a.button.quiet href={ (HERE) "/import" } { (language.of("Recommencer", "Start again")) }
        }
        (lines(judged, language))
    })
}

fn report_page(viewer: &Viewer, judged: &[Judged], kept: usize) -> Markup {
    let language = viewer.language();
    let title = language.of("Import terminé", "Import done");
    let bad: Vec<&Judged> = judged.iter().filter(|line| line.result.is_err()).collect();
    frame(viewer, title).around(&html! {
        h1 { (title) }
        p.notice.done role="status" { (language.counted(kept, language.of("site créé", "site made"), language.of("sites créés", "sites made"))) "." }
        p { a href=(HERE) { (language.of("Voir le réseau", "See the network")) } }
        @if !bad.is_empty() {
            h2 { (language.of("Lignes laissées", "Lines left out")) }
            (lines(bad, language))
        }
    })
}

fn lines<'a>(judged: impl IntoIterator<Item = &'a Judged>, language: Language) -> Markup {
    let region = language.of("Lignes", "Lines");
    html! {
        div.scroll tabindex="0" role="region" aria-label=(region) {
            table {
                thead { tr {
                    th.number scope="col" { (language.of("Ligne", "Line")) }
                    th scope="col" { "CFA" }
                    th scope="col" { "Site" }
                    th scope="col" { "SIRET" }
                    th scope="col" { "UAI" }
                    th scope="col" { (language.of("Ce qu'elle devient", "What becomes of it")) }
                } }
                tbody {
                    @for line in judged {
                        tr {
                            td.number { (line.number) }
                            @match &line.result {
                                Ok(new) => {
                                    td {
                                        (new.cfa)
                                        @if new.makes_cfa { " " span.badge { (language.of("nouveau", "new")) } }
                                    }
                                    td { (new.site) }
                                    td { (new.siret) }
                                    td { (new.uai.as_ref().map_or("—", |uai| uai.as_str())) }
                                    td { span.badge.good { (language.of("bonne", "good")) } }
                                }
                                Err(finding) => {
                                    td { "—" } td { "—" } td { "—" } td { "—" }
                                    td { span.badge.bad { (finding.said(language)) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
