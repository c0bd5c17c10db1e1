//! Keys in bulk from a sheet: pasted or sent, judged line by line, kept once the person has seen it.

use actix_web::{HttpResponse, web};
use domain::calendar::day_in_france;
use domain::person::{Language, Right};
use domain::{Environment, Siret};
use maud::{Markup, html};
use serde::Deserialize;
use store::keys;

use super::super::layout::{Frame, csrf, in_world, notice};
use super::super::login::again;
use super::super::page;
use super::{day, system_name, systems};
use crate::csv::read::decode;
use crate::desk::Desk;
use crate::form::Sent;
use crate::form::sheet as kept_sheet;
use crate::form::upload::Upload;
use crate::hand::Hand;
use crate::keyring::sheet::{self, BYTES_MAX, Judge, Judged, LINES_MAX};
use crate::keyring::{self, NewKey};
use crate::refusal::{Code, Refusal};
use crate::viewer::Viewer;

/// The largest form: the sheet and its few fields.
const FORM_MAX: usize = BYTES_MAX + 16 * 1024;
/// The same once it is sealed and written in letters.
const SEALED_MAX: usize = 2 * 1024 * 1024;
/// The word under which a sheet is sealed between the two pages.
const PART: &str = "key-sheet";

/// What the address of the page holds.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    world: String,
}

/// What the page of the preview sends back.
#[derive(Debug, Deserialize)]
pub(crate) struct Keep {
    sheet: String,
}

/// Shows the form.
pub(crate) async fn form(viewer: Viewer, asked: web::Query<Asked>) -> HttpResponse {
    let world = viewer.world(asked.world.parse().ok());
    page(form_page(&viewer, world, ""))
}

/// Judges every line, and keeps nothing.
pub(crate) async fn preview(
    desk: web::Data<Desk>,
    viewer: Viewer,
    sent: Upload<FORM_MAX>,
) -> Result<HttpResponse, Refusal> {
    let Upload(parts) = sent;
    let part = |name: &str| parts.get(name).filter(|bytes| !bytes.is_empty());
    let text = |name: &str| part(name).map(|bytes| decode(bytes));
    let world: Environment = text("world")
        .and_then(|world| world.parse().ok())
        .ok_or(Code::Invalid)?;
    let language = viewer.language();
    let Some(text) = text("file").or_else(|| text("text")) else {
        let said = language.of("La feuille est vide.", "The sheet is empty.");
        return Ok(again(form_page(&viewer, world, said)));
    };
    let Some(judged) = judged(&desk, &viewer, world, &text).await? else {
        return Ok(again(form_page(&viewer, world, &too_many(language))));
    };
    let sealed = kept_sheet::seal(&desk, &viewer, PART, &format!("{world}\n{text}")).await?;
    Ok(page(preview_page(&viewer, world, &judged, &sealed)))
}

/// Keeps every good line at once.
pub(crate) async fn keep(
    desk: web::Data<Desk>,
    viewer: Viewer,
    sent: Sent<Keep, SEALED_MAX>,
) -> Result<HttpResponse, Refusal> {
    let Sent(sent) = sent;
    let (world, text) = open(&desk, &viewer, &sent.sheet).await?;
    let judged = judged(&desk, &viewer, world, &text).await?;
    let judged = judged.ok_or(Code::Invalid)?;
    let kept = kept(&desk, &viewer, &judged).await?;
    Ok(page(report_page(&viewer, world, &judged, kept)))
}

/// Judges the lines of a sheet by what the person may and what the sites have; nothing when there are too many.
pub(crate) async fn judged(
    desk: &Desk,
    viewer: &Viewer,
    environment: Environment,
    text: &str,
) -> Result<Option<Vec<Judged>>, Refusal> {
    let reach = viewer.require(Right::ManageKeys)?;
    let sites: Vec<Siret> = viewer
        .sites()
        .iter()
        .map(|site| site.siret)
        .filter(|siret| reach.covers(siret))
        .collect();
    let judge = Judge {
        environment,
        today: day_in_france(desk.clock.now()),
        sites: &sites,
        systems: &systems(desk),
    };
    let Some(mut judged) = sheet::read(text, &judge) else {
        return Ok(None);
    };
    let network_key = desk.store.keys(viewer.tenant()).await?;
    let mut tx = desk.store.reading().await?;
    let known = keys::list(&mut tx, viewer.tenant()).await?;
    sheet::compare(&mut judged, &known, &network_key);
    Ok(Some(judged))
}

/// Keeps the good lines in one transaction; says how many.
pub(crate) async fn kept(
    desk: &Desk,
    viewer: &Viewer,
    judged: &[Judged],
) -> Result<usize, Refusal> {
    let good = judged.iter().filter_map(|line| line.result.as_ref().ok());
    let good: Vec<NewKey> = good.cloned().collect();
    let kept = good.len();
    let network_key = desk.store.keys(viewer.tenant()).await?;
    let hand = Hand::of(desk, viewer);
    let mut tx = desk.store.writing().await?;
    keyring::stage_all(&mut tx, &network_key, good, &hand).await?;
    tx.commit().await?;
    Ok(kept)
}

/// Opens a sheet that came back from the browser, with the world it is of.
async fn open(desk: &Desk, viewer: &Viewer, sent: &str) -> Result<(Environment, String), Refusal> {
    let clear = kept_sheet::open(desk, viewer, PART, sent).await?;
    let (world, text) = clear.split_once('\n').ok_or_else(kept_sheet::stale)?;
    let world = world.parse().map_err(|_| kept_sheet::stale())?;
    Ok((world, text.to_owned()))
}

/// What is said of a sheet that is too long.
pub(crate) fn too_many(language: Language) -> String {
    match language {
        Language::Fr => format!("La feuille a plus de {LINES_MAX} lignes : coupez-la."),
        Language::En => format!("The sheet has more than {LINES_MAX} lines: cut it."),
    }
}

fn frame<'a>(viewer: &'a Viewer, world: Environment, title: &'a str) -> Frame<'a> {
    Frame {
        viewer,
        section: "/keys",
        title,
        world: Some(world),
    }
}

fn form_page(viewer: &Viewer, world: Environment, said: &str) -> Markup {
    let language = viewer.language();
    let title = language.of("Importer des clés", "Import keys");
    frame(viewer, world, title).around(&html! {
        p { a href=(in_world("/keys", Some(world))) { (language.of("← Clés", "← Keys")) } }
        h1 { (title) }
        (notice("error", said))
        p {
            (language.of(
                "Cinq colonnes, dans cet ordre : SIRET ; OPCO ; clé ; dernier jour ; référent. Les deux dernières peuvent être vides, la ligne de titres est facultative. 1 Mo et 5 000 lignes au plus.",
                "Five columns, in this order: SIRET; OPCO; key; last day; referent. The last two may be empty, the line of titles is optional. At most 1 MB and 5,000 lines.",
            ))
        }
        p { (language.of("Rien n'est gardé avant que vous ayez vu ce que devient chaque ligne.", "Nothing is kept before you have seen what becomes of each line.")) }
        form.narrow method="post" action="/keys/import" enctype="multipart/form-data" autocomplete="off" {
            (csrf(viewer))
            input type="hidden" name="world" value=(world.as_str());
            label for="file" { (language.of("Un fichier CSV", "A CSV file")) }
            input #file name="file" type="file" accept=".csv,.txt,text/csv,text/plain";
            label for="text" { (language.of("ou les lignes, collées", "or the lines, pasted")) }
            textarea #text name="text" rows="8" spellcheck="false" autocomplete="off" {}
            button type="submit" { (language.of("Voir ce que cela donnerait", "See what would come of it")) }
        }
    })
}

fn preview_page(viewer: &Viewer, world: Environment, judged: &[Judged], sealed: &str) -> Markup {
    let language = viewer.language();
    let good = judged.iter().filter(|line| line.result.is_ok()).count();
    let bad = judged.len() - good;
    let title = language.of("Aperçu de l'import", "Preview of the import");
    frame(viewer, world, title).around(&html! {
        h1 { (title) }
        p {
            strong { (good) } " " (language.form(good, language.of("ligne à garder", "line to keep"), language.of("lignes à garder", "lines to keep"))) ", "
            strong { (bad) } (language.of(" à corriger. Rien n'est encore gardé.", " to correct. Nothing is kept yet."))
        }
        div.actions {
            @if good > 0 {
                form.inline method="post" action="/keys/import/keep" {
                    (csrf(viewer))
                    input type="hidden" name="sheet" value=(sealed);
                    button type="submit" { (language.of("Garder les bonnes lignes", "Keep the good lines")) " (" (good) ")" }
                }
            }
            a.button.quiet href=(in_world("/keys/import", Some(world))) { (language.of("Recommencer", "Start again")) }
        }
        (lines(judged, language))
    })
}

fn report_page(viewer: &Viewer, world: Environment, judged: &[Judged], kept: usize) -> Markup {
    let language = viewer.language();
    let title = language.of("Import terminé", "Import done");
    let bad: Vec<&Judged> = judged.iter().filter(|line| line.result.is_err()).collect();
    frame(viewer, world, title).around(&html! {
        h1 { (title) }
        p.notice.done role="status" {
            (language.counted(kept, language.of("clé gardée", "key kept"), language.of("clés gardées", "keys kept")))
            (language.of(
                ", en attente : à essayer, puis à mettre en service.",
                ", staged: to be tried, then put to use.",
            ))
        }
        p { a href=(in_world("/keys?state=staged", Some(world))) { (language.of("Voir les clés en attente", "See the staged keys")) } }
        @if !bad.is_empty() {
            h2 { (language.of("Lignes non gardées", "Lines not kept")) }
            (lines(bad, language))
        }
    })
}

fn lines<'a>(judged: impl IntoIterator<Item = &'a Judged>, language: Language) -> Markup {
    html! {
        div.scroll {
            table {
                thead { tr {
                    th.number scope="col" { (language.of("Ligne", "Line")) }
                    th scope="col" { "SIRET" }
                    th scope="col" { "OPCO" }
                    th scope="col" { (language.of("Dernier jour", "Last day")) }
                    th scope="col" { (language.of("Référent", "Referent")) }
                    th scope="col" { (language.of("Ce qu'elle devient", "What becomes of it")) }
                } }
                tbody {
                    @for line in judged {
                        tr {
                            td.number { (line.number) }
                            td { (line.siret) }
                            @match &line.result {
                                Ok(new) => {
                                    td { (system_name(new.instance)) }
                                    td { (new.expires_on.map_or_else(|| "—".to_owned(), |last| day(last, language))) }
                                    td { (new.referent.as_deref().unwrap_or("—")) }
                                    td { span.badge.good { (language.of("bonne", "good")) } }
                                }
                                Err(finding) => {
                                    td { (line.opco) }
                                    td { "—" }
                                    td { "—" }
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
