//! `index`: builds the SIRET index from the public file, looks into one, compares two.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, Subcommand};
use domain::Opco;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use opco::siro::build::{self, BuildError};
use opco::siro::diff::{self, Change};
use opco::siro::import::{self, ImportError};
use opco::siro::{self, Index, Line, OpenError};
use serde::Serialize;

use crate::commands::failure::{Code, Exit, Failure};
use crate::commands::output::{self, Format, Out};
use crate::commands::{Context, words};

/// Arguments of `index`.
#[derive(Debug, Args)]
pub(crate) struct IndexArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    #[command(about = "Construit l'index SIRET → OPCO depuis le fichier SIRO de data.gouv.fr")]
    Build(BuildArgs),
    #[command(about = "Décrit un index, et le vérifie en entier avec --verify")]
    Info(InfoArgs),
    #[command(about = "Compare deux index : établissements disparus, nouveaux, déplacés")]
    Diff(DiffArgs),
}

#[derive(Debug, Args)]
struct BuildArgs {
    #[arg(
        value_name = "SIRO.csv",
        help = "Fichier SIRET|IDCC|OPCO_PROPRIETAIRE|OPCO_GESTION ; `-` : entrée standard"
    )]
    source: PathBuf,
    #[arg(
        long,
        value_name = "FICHIER",
        help = "Index à écrire ; l'ancien est gardé sous FICHIER.previous"
    )]
    output: PathBuf,
    #[arg(
        long,
        value_name = "AAAA-MM-JJ",
        help = "Jour de publication du fichier (défaut : sa date de modification)"
    )]
    published: Option<Date>,
    #[arg(
        long,
        value_name = "FICHIER",
        help = "Index en service auquel comparer (défaut : celui qui est remplacé)"
    )]
    previous: Option<PathBuf>,
    #[arg(
        long,
        help = "Accepte un extrait : peu de couples (IDCC, OPCO), sans comparer à l'index remplacé"
    )]
    allow_small: bool,
}

#[derive(Debug, Args)]
struct InfoArgs {
    #[arg(
        value_name = "INDEX",
        help = "Index à décrire (défaut : l'extrait fourni)"
    )]
    index: Option<PathBuf>,
    #[arg(
        long,
        help = "Relit chaque page : somme de contrôle, ordre, répertoire"
    )]
    verify: bool,
}

#[derive(Debug, Args)]
struct DiffArgs {
    #[arg(value_name = "ANCIEN", help = "Index en service")]
    old: PathBuf,
    #[arg(value_name = "NOUVEAU", help = "Index à comparer")]
    new: PathBuf,
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        help = "Liste aussi jusqu'à N établissements déplacés"
    )]
    list: usize,
}

/// What an index is, for machines.
#[derive(Debug, Serialize)]
struct Info {
    lines: u64,
    companies: u64,
    unassigned: u64,
    managed: u64,
    malformed: u64,
    repeated: u64,
    pairs: u32,
    published: String,
    source: String,
    source_bytes: u64,
    source_sha256: String,
    bytes: usize,
    opcos: BTreeMap<&'static str, u64>,
    verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
}

/// What changed between two indexes, for machines.
#[derive(Debug, Serialize)]
struct Changes {
    new: u64,
    gone: u64,
    moved: u64,
    agreement: u64,
    unchanged: u64,
    moves: Vec<Move>,
}

#[derive(Debug, Serialize)]
struct Move {
    from: Option<Opco>,
    to: Option<Opco>,
    establishments: u64,
}

/// One establishment that moved, for machines.
#[derive(Debug, Serialize)]
struct Moved {
    siret: String,
    from: Option<Opco>,
    to: Option<Opco>,
}

/// Runs one of the three.
pub(crate) fn run(context: &Context, args: &IndexArgs) -> Result<Exit, Failure> {
    match &args.what {
        What::Build(args) => build(context, args),
        What::Info(args) => info(context, args),
        What::Diff(args) => compare(context, args),
    }
}

fn build(context: &Context, args: &BuildArgs) -> Result<Exit, Failure> {
    let started = Instant::now();
    let name = args.source.display().to_string();
    let (draft, modified) = if args.source == Path::new("-") {
        (
            import::read(std::io::stdin().lock(), args.allow_small),
            None,
        )
    } else {
        let file = File::open(&args.source).map_err(|error| unreadable(&args.source, &error))?;
        let modified = file.metadata().and_then(|about| about.modified()).ok();
        (import::read(file, args.allow_small), modified)
    };
    let draft = draft.map_err(|error| {
        let code = match error {
            ImportError::Io(_) => Code::InputUnreadable,
            _ => Code::InputInvalid,
        };
        Failure::new(code, format!("{name} refusé : {error}"))
            .remedy("télécharger à nouveau le fichier « Table SIRET-OPCO » ; rien n'a été remplacé")
    })?;
    let modified = modified.and_then(|time| Timestamp::try_from(time).ok());
    let published = args
        .published
        .or_else(|| modified.map(|time| time.to_zoned(TimeZone::UTC).date()))
        .ok_or_else(|| {
            Failure::new(Code::Usage, "jour de publication inconnu")
                .remedy("le donner par --published AAAA-MM-JJ")
        })?;
    let file = args
        .source
        .file_name()
        .map_or(name, |file| file.to_string_lossy().into_owned());
    let bytes = draft
        .lay_out(&file, published)
        .map_err(|error| Failure::new(Code::InputInvalid, error.to_string()))?;
    let next = Index::from_bytes(bytes)
        .map_err(|error| Failure::internal("reading back the new index", error))?;
    guard(args, &next)?;
    let former = build::install(next.as_bytes(), &args.output).map_err(|error| match error {
        BuildError::Io(error) => Failure::new(
            Code::OutputFailed,
            format!("{} : {error}", args.output.display()),
        ),
        BuildError::TooLarge(damaged) => Failure::internal("laying out the index", damaged),
    })?;
    let mut about = describe(&next, true)?;
    about.previous = former.map(|path| path.display().to_string());
    about.seconds = Some(started.elapsed().as_secs_f64());
    show(context, &about)
}

/// Compares the new index with the one it replaces, or with the one that is named.
fn guard(args: &BuildArgs, next: &Index) -> Result<(), Failure> {
    let replaced = (!args.allow_small && args.output.exists()).then(|| args.output.clone());
    let Some(file) = args.previous.clone().or(replaced) else {
        return Ok(());
    };
    let previous = open(&file)?;
    siro::compare(&previous, next).map_err(|error| {
        Failure::new(Code::InputInvalid, format!("nouvel index refusé : {error}")).remedy(
            "vérifier le fichier ; s'il est juste, écrire dans un autre fichier avec --output",
        )
    })
}

fn info(context: &Context, args: &InfoArgs) -> Result<Exit, Failure> {
    let index = match &args.index {
        Some(file) => open(file)?,
        None => siro::sample().map_err(|error| Failure::internal("opening the sample", error))?,
    };
    if args.verify {
        index
            .verify()
            .map_err(|error| Failure::new(Code::InputInvalid, error.to_string()))?;
    }
    show(context, &describe(&index, args.verify)?)
}

fn compare(context: &Context, args: &DiffArgs) -> Result<Exit, Failure> {
    let (old, new) = (open(&args.old)?, open(&args.new)?);
    let mut listed = Vec::new();
    let difference = diff::diff(&old, &new, |siret, change| {
        if let Change::Moved(Line { owner: from, .. }, Line { owner: to, .. }) = change
            && listed.len() < args.list
        {
            listed.push(Moved {
                siret: format!("{siret:014}"),
                from,
                to,
            });
        }
    });
    let difference =
        difference.map_err(|error| Failure::new(Code::InputInvalid, error.to_string()))?;
    let mut moves: Vec<Move> = difference
        .moves
        .iter()
        .map(|((from, to), establishments)| Move {
            from: *from,
            to: *to,
            establishments: *establishments,
        })
        .collect();
    moves.sort_by_key(|one| std::cmp::Reverse(one.establishments));
    let changes = Changes {
        new: difference.new,
        gone: difference.gone,
        moved: difference.moved,
        agreement: difference.agreement,
        unchanged: difference.unchanged,
        moves,
    };
    let mut out = Out::stdout(context.format());
    let fields = [
        ("nouveaux", changes.new.to_string()),
        ("disparus", changes.gone.to_string()),
        ("déplacés", changes.moved.to_string()),
        ("autre IDCC seulement", changes.agreement.to_string()),
        ("inchangés", changes.unchanged.to_string()),
    ];
    out.record(&changes, &fields)?;
    if context.format() == Format::Table && !changes.moves.is_empty() {
        out.line("")?;
        let cells = |one: &Move| {
            vec![
                named(one.from),
                named(one.to),
                one.establishments.to_string(),
            ]
        };
        out.list(&["DE", "VERS", "ÉTABLISSEMENTS"], &changes.moves, cells)?;
    }
    if !listed.is_empty() {
        let cells = |one: &Moved| vec![one.siret.clone(), named(one.from), named(one.to)];
        out.list(&["SIRET", "DE", "VERS"], &listed, cells)?;
    }
    Ok(Exit::Success)
}

fn open(file: &Path) -> Result<Index, Failure> {
    Index::open(file).map_err(|error| match &error {
        OpenError::Io(cause) => unreadable(file, cause),
        OpenError::Damaged(_) => {
            Failure::new(Code::InputInvalid, format!("{} : {error}", file.display()))
        }
    })
}

fn unreadable(file: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        Code::InputUnreadable,
        format!("{} : {error}", file.display()),
    )
}

fn describe(index: &Index, verified: bool) -> Result<Info, Failure> {
    let about = index.about();
    let shares = index
        .shares()
        .map_err(|error| Failure::new(Code::InputInvalid, error.to_string()))?;
    Ok(Info {
        lines: about.lines,
        companies: about.companies,
        unassigned: about.unassigned,
        managed: about.managed,
        malformed: about.malformed,
        repeated: about.repeated,
        pairs: about.pairs,
        published: about.published.to_string(),
        source: about.source_name.clone(),
        source_bytes: about.source_size,
        source_sha256: hex(&about.source_sha256),
        bytes: index.size(),
        opcos: shares
            .named()
            .map(|(opco, lines)| (opco.slug(), lines))
            .collect(),
        verified,
        previous: None,
        seconds: None,
    })
}

fn show(context: &Context, info: &Info) -> Result<Exit, Failure> {
    let mut out = Out::stdout(context.format());
    let mut fields = vec![
        ("lignes", info.lines.to_string()),
        ("entreprises", info.companies.to_string()),
        ("sans OPCO", info.unassigned.to_string()),
        ("gérées pour un autre OPCO", info.managed.to_string()),
        ("mal formées, écartées", info.malformed.to_string()),
        ("répétées, écartées", info.repeated.to_string()),
        ("couples distincts", info.pairs.to_string()),
        ("publié le", words::day_text(&info.published)),
        (
            "source",
            format!("{} ({} octets)", info.source, info.source_bytes),
        ),
        ("SHA-256 de la source", info.source_sha256.clone()),
        ("taille de l'index", format!("{} octets", info.bytes)),
        (
            "vérifié en entier",
            if info.verified { "oui" } else { "non" }.to_owned(),
        ),
    ];
    let index_of = info
        .previous
        .clone()
        .map(|path| ("index précédent gardé sous", path));
    fields.extend(index_of);
    fields.extend(
        info.seconds
            .map(|seconds| ("construit en", format!("{seconds:.2} s"))),
    );
    fields.extend(Opco::ALL.iter().filter_map(|opco| {
        info.opcos
            .get(opco.slug())
            .map(|lines| (opco.name(), lines.to_string()))
    }));
    out.record(info, &fields)?;
    output::tell(siro::LICENCE);
    Ok(Exit::Success)
}

fn named(opco: Option<Opco>) -> String {
    opco.map_or("sans OPCO", Opco::name).to_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
