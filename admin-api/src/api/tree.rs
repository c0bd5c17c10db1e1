//! The hierarchy of a network, for programs.

use actix_web::{HttpResponse, web};
use domain::id::{CfaId, MandateId, SiteId};
use domain::{Environment, Timestamp};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use store::mandates::{Mandate, Scope};
use store::tenants::Site;
use utoipa::{IntoParams, ToSchema};

use crate::csv::read::decode;
use crate::desk::Desk;
use crate::form::Document;
use crate::pages::settings::tree::{import as sheets, one};
use crate::refusal::{self, Code, Refusal};
use crate::tree::acts::{self, TreeAct};
use crate::tree::census::{self, Bounded, Leaf, StillOpen, Tree};
use crate::tree::sheet::{self, BYTES_MAX};
use crate::viewer::Viewer;

/// Of which world the figures are.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct TreeAsked {
    /// `live` or `test`; production when absent, or recette in a network that has not gone live.
    #[param(value_type = Option<String>)]
    environment: Option<Environment>,
}

/// What is done with a sheet.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct TreeSheetAsked {
    /// Judge the lines and keep none.
    #[serde(default)]
    preview: bool,
}

/// A network: its training centres and their sites.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TreeBody {
    /// The world of the figures.
    #[schema(value_type = String)]
    environment: Environment,
    cfas: Vec<TreeCfa>,
    /// How much the whole network may hand in.
    ceiling: Option<CeilingBody>,
}

/// A training centre.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TreeCfa {
    #[schema(value_type = String, format = Uuid)]
    id: CfaId,
    name: String,
    siren: String,
    sites: Vec<TreeSite>,
}

/// A site.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TreeSite {
    #[schema(value_type = String, format = Uuid)]
    id: SiteId,
    name: String,
    siret: String,
    uai: Option<String>,
    /// Since when it takes no new contract in.
    #[schema(value_type = Option<String>, format = DateTime)]
    closed_at: Option<Timestamp>,
    /// API keys of ERPs that may send for it.
    credentials: u64,
    /// CFA keys in use or staged.
    keys: u64,
    /// Dossiers that are neither refused, cancelled nor settled.
    dossiers: u64,
    /// The hour of what last happened.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_active: Option<Timestamp>,
    /// How much it may hand in.
    ceiling: Option<CeilingBody>,
}

/// How much may be handed in, and what was.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Ceiling)]
pub(crate) struct CeilingBody {
    per_minute: Option<u32>,
    /// In a day of France.
    per_day: Option<u32>,
    this_minute: u64,
    today: u64,
    author: String,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// A site, and what is still open there.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SiteOpen {
    #[schema(value_type = String, format = Uuid)]
    id: SiteId,
    #[schema(value_type = String, format = Uuid)]
    cfa: CfaId,
    name: String,
    siret: String,
    uai: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    closed_at: Option<Timestamp>,
    ceiling: Option<CeilingBody>,
    /// The mandates attested for it, the newest first.
    mandates: Vec<MandateBody>,
    /// In production, then in recette.
    open: Vec<OpenBody>,
}

/// The mandates of a site's employers, attested once between two days.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SiteMandate)]
pub(crate) struct MandateBody {
    /// By which it is ended.
    #[schema(value_type = String, format = Uuid)]
    id: MandateId,
    reference: String,
    #[schema(value_type = String, format = Date)]
    signed_on: Date,
    /// The first day it covers.
    #[schema(value_type = Option<String>, format = Date)]
    from: Option<Date>,
    /// The last; no end when absent.
    #[schema(value_type = Option<String>, format = Date)]
    until: Option<Date>,
}

impl From<Mandate> for MandateBody {
    fn from(mandate: Mandate) -> Self {
        let (from, until) = match mandate.scope {
            Scope::Site { from, until } => (Some(from), until),
            Scope::Delivery(_) => (None, None),
        };
        Self {
            id: mandate.id,
            reference: mandate.reference,
            signed_on: mandate.signed_on,
            from,
            until,
        }
    }
}

/// What is still open at a site, in one world.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StillOpen)]
pub(crate) struct OpenBody {
    #[schema(value_type = String)]
    environment: Environment,
    /// Deliveries on their way.
    on_the_way: u64,
    /// Deliveries that wait for a person.
    held: u64,
    dossiers: u64,
    credentials: u64,
    keys: u64,
}

/// What becomes of a sheet.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TreeReport {
    /// How many lines are good.
    good: usize,
    /// Whether they were kept.
    kept: bool,
    lines: Vec<TreeLine>,
}

/// One line of a sheet.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TreeLine {
    /// Where it is, from 1.
    line: usize,
    /// Its SIRET, when the line is good.
    siret: Option<String>,
    /// Whether its training centre is made too.
    makes_cfa: bool,
    /// Why it is left out.
    finding: Option<&'static str>,
}

impl From<Bounded> for CeilingBody {
    fn from(bounded: Bounded) -> Self {
        let ceiling = bounded.ceiling;
        Self {
            per_minute: ceiling.per_minute,
            per_day: ceiling.per_day,
            this_minute: bounded.this_minute,
            today: bounded.today,
            author: ceiling.author,
            updated_at: ceiling.updated_at,
        }
    }
}

impl From<Leaf> for TreeSite {
    fn from(leaf: Leaf) -> Self {
        let Site {
            id,
            name,
            siret,
            uai,
            closed_at,
            ..
        } = leaf.site;
        Self {
            id,
            name,
            siret: siret.to_string(),
            uai,
            closed_at,
            credentials: leaf.credentials,
            keys: leaf.keys,
            dossiers: leaf.dossiers,
            last_active: leaf.last_active,
            ceiling: leaf.bounded.map(CeilingBody::from),
        }
    }
}

impl TreeBody {
    fn new(environment: Environment, tree: Tree) -> Self {
        let cfas = tree.cfas.into_iter().map(|(cfa, sites)| TreeCfa {
            id: cfa.id,
            name: cfa.name,
            siren: cfa.siren.to_string(),
            sites: sites.into_iter().map(TreeSite::from).collect(),
        });
        Self {
            environment,
            cfas: cfas.collect(),
            ceiling: tree.bounded.map(CeilingBody::from),
        }
    }
}

async fn whole(desk: &Desk, viewer: &Viewer, world: Environment) -> Result<TreeBody, Refusal> {
    let mut tx = desk.store.reading().await?;
    let tree = census::read(&mut tx, viewer.tenant(), world, desk.clock.now()).await?;
    Ok(TreeBody::new(world, tree))
}

/// Lists the training centres and sites of the network, with what each has going on.
#[utoipa::path(
    get, path = "/admin/v1/tree", operation_id = "read_tree", tag = "settings",
    params(TreeAsked),
    responses(
        (status = 200, description = "Les CFA et les sites du réseau.", body = TreeBody),
        (status = 400, response = refusal::Refused),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
    ),
)]
pub(crate) async fn show(
    desk: web::Data<Desk>,
    viewer: Viewer,
    asked: web::Query<TreeAsked>,
) -> Result<HttpResponse, Refusal> {
    let world = viewer.world(asked.environment);
    Ok(HttpResponse::Ok().json(whole(&desk, &viewer, world).await?))
}

/// Adds, renames, moves, closes, reopens or bounds a part of the network.
#[utoipa::path(
    post, path = "/admin/v1/tree", operation_id = "change_tree", tag = "settings",
    request_body = TreeAct,
    responses(
        (status = 200, description = "Le réseau après l'acte.", body = TreeBody),
        (status = 400, response = refusal::Refused),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
        (status = 404, response = refusal::Refused),
        (status = 409, response = refusal::Refused),
    ),
)]
pub(crate) async fn act(
    desk: web::Data<Desk>,
    viewer: Viewer,
    sent: Document<TreeAct>,
) -> Result<HttpResponse, Refusal> {
    acts::done(&desk, &viewer, sent.into_inner()).await?;
    let world = viewer.world(None);
    Ok(HttpResponse::Ok().json(whole(&desk, &viewer, world).await?))
}

/// Judges a sheet line by line, and makes the sites of every good line at once.
#[utoipa::path(
    post, path = "/admin/v1/tree/import", operation_id = "import_tree", tag = "settings",
    params(TreeSheetAsked),
    request_body(content = String, content_type = "text/csv",
        description = "CFA ; SIREN ; site ; SIRET ; UAI. 256 Ko au plus."),
    responses(
        (status = 200, description = "Ce que devient chaque ligne.", body = TreeReport),
        (status = 400, response = refusal::Refused),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
        (status = 413, response = refusal::Refused),
    ),
)]
pub(crate) async fn import(
    desk: web::Data<Desk>,
    viewer: Viewer,
    asked: web::Query<TreeSheetAsked>,
    body: web::Payload,
) -> Result<HttpResponse, Refusal> {
    let read = body.to_bytes_limited(BYTES_MAX).await;
    let bytes = read
        .map_err(|_| Refusal::from(Code::TooLarge))?
        .map_err(|_| Refusal::from(Code::Invalid))?;
    let text = decode(&bytes);
    let judged = if asked.preview {
        sheets::judged(&desk, &viewer, &text).await?
    } else {
        sheets::kept(&desk, &viewer, &text).await?.0
    };
    let line = |line: &sheet::Judged| {
        let good = line.result.as_ref().ok();
        TreeLine {
            line: line.number,
            siret: good.map(|good| good.siret.to_string()),
            makes_cfa: good.is_some_and(|good| good.makes_cfa),
            finding: line.result.as_ref().err().map(|finding| finding.as_str()),
        }
    };
    Ok(HttpResponse::Ok().json(TreeReport {
        good: judged.iter().filter(|line| line.result.is_ok()).count(),
        kept: !asked.preview,
        lines: judged.iter().map(line).collect(),
    }))
}

/// Shows a site and what is still open there.
#[utoipa::path(
    get, path = "/admin/v1/tree/{id}", operation_id = "read_site", tag = "settings",
    params(("id" = String, Path, format = Uuid)),
    responses(
        (status = 200, description = "Le site, et ce qui y est encore ouvert.", body = SiteOpen),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
        (status = 404, response = refusal::Refused),
    ),
)]
pub(crate) async fn site(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<SiteId>,
) -> Result<HttpResponse, Refusal> {
    let mut tx = desk.store.reading().await?;
    let shown = one::read(&desk, &viewer, &mut tx, *id).await?;
    drop(tx);
    let open = shown.open.map(|(environment, open)| {
        let StillOpen {
            on_the_way,
            held,
            dossiers,
            credentials,
            keys,
        } = open;
        OpenBody {
            environment,
            on_the_way,
            held,
            dossiers,
            credentials,
            keys,
        }
    });
    Ok(HttpResponse::Ok().json(SiteOpen {
        id: shown.site.id,
        cfa: shown.cfa.id,
        name: shown.site.name,
        siret: shown.site.siret.to_string(),
        uai: shown.site.uai,
        closed_at: shown.site.closed_at,
        ceiling: shown.bounded.map(CeilingBody::from),
        mandates: shown.mandates.into_iter().map(MandateBody::from).collect(),
        open: open.into(),
    }))
}
