//! The canary scan: after a whole life on canaries, none is in a log, an answer, a metric, a span, a
//! file of the database or a temporary one; and the one planted on purpose at each of these doors is
//! found there.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use harness::database::Engine;
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};

use crate::canary::Canary;
use crate::course::Course;
use crate::scan::{Scanner, Sighting};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_leaves_by_any_door_on_sqlite() {
    scanned(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_leaves_by_any_door_on_postgres() {
    scanned(Engine::Postgres).await;
}

/// The texts planted on purpose, one for each kind of door.
struct Planted {
    shown: String,
    row: String,
    logged: String,
    metric: String,
    span: String,
    temporary: String,
    line: String,
}

impl Planted {
    fn draw(course: &mut Course) -> Self {
        Self {
            shown: course.word(),
            row: course.word(),
            logged: course.word(),
            metric: course.word(),
            span: course.word(),
            temporary: course.word(),
            line: course.word(),
        }
    }

    fn canaries(&self) -> Vec<Canary> {
        [
            ("planted: answer", &self.shown),
            ("planted: row", &self.row),
            ("planted: server log", &self.logged),
            ("planted: metric", &self.metric),
            ("planted: span", &self.span),
            ("planted: temporary file", &self.temporary),
            ("planted: line", &self.line),
        ]
        .map(|(label, word)| Canary::text(label, word))
        .into()
    }
}

async fn scanned(engine: Engine) {
    let Some(mut course) = Course::begin(engine).await else {
        return;
    };
    let planted = Planted::draw(&mut course);
    course.run(&planted.shown).await;
    let scanner = [course.canaries(), planted.canaries()].concat();
    let scanner = Scanner::new(&scanner);

    let mut found = while_it_runs(&mut course, &planted, &scanner).await;
    assert!(
        course.gateway.stop().await.success(),
        "{}",
        course.gateway.said()
    );
    found.extend(once_it_stopped(&mut course, &planted, &scanner).await);

    let (planted, leaked): (Vec<_>, Vec<_>) = found
        .into_iter()
        .filter(|sighting| !by_right(sighting))
        .partition(|sighting| sighting.label.starts_with("planted: "));
    assert!(
        leaked.is_empty(),
        "{} leaks:\n{}",
        leaked.len(),
        listed(&leaked)
    );
    for (label, place) in expected(&course) {
        let seen = planted
            .iter()
            .any(|one| one.label == label && one.place.contains(place));
        assert!(seen, "{label} not seen at {place}:\n{}", listed(&planted));
    }
    course.end().await;
}

/// A batch's result names each row by the key that the ERP itself gave it; and the OPCOs keep the
/// names that they pair contracts by.
fn by_right(sighting: &Sighting) -> bool {
    let ours = !sighting.place.contains("/ledger-");
    let told = sighting.label.ends_with("a key of idempotency") && sighting.place == "answers";
    told || (sighting.label == "a name" && !ours)
}

/// Where each planted text must have been seen: a scan that sees nothing shows nothing.
fn expected(course: &Course) -> Vec<(&'static str, &'static str)> {
    let mut expected = vec![
        ("planted: answer", "answers"),
        ("planted: answer", "check "),
        ("planted: metric", "metrics"),
        ("planted: span", "spans"),
        ("planted: temporary file", "tmp/left-behind"),
        ("planted: temporary file", "deleted file"),
        ("planted: line", "gateway-"),
    ];
    match (course.database.engine, &course.cluster) {
        (Engine::Sqlite, _) => expected.extend([
            ("planted: row", "running: gateway.db-wal"),
            ("planted: row", "stopped: gateway.db"),
        ]),
        (Engine::Postgres, Some(_)) => expected.extend([
            ("planted: row", "PostgreSQL: "),
            ("planted: row", "pg_wal: "),
            ("planted: server log", "PostgreSQL's log"),
        ]),
        (Engine::Postgres, None) => {}
    }
    expected
}

async fn while_it_runs(course: &mut Course, planted: &Planted, scanner: &Scanner) -> Vec<Sighting> {
    let mut found = scanner.bytes("answers", course.erp.heard().as_bytes());
    let metrics = course.erp.get("/metrics").await;
    assert!(metrics.text.contains("http_request"), "{}", metrics.text);
    let metrics = format!("{}planted{{of=\"{}\"}} 1\n", metrics.text, planted.metric);
    found.extend(scanner.bytes("metrics", metrics.as_bytes()));
    for (command, written) in &course.said {
        found.extend(scanner.bytes(command, written));
    }
    let left = course.database.temporary.join("left-behind");
    std::fs::write(&left, &planted.temporary).unwrap();
    found.extend(deleted_files(
        course.gateway.id().unwrap(),
        planted,
        scanner,
    ));
    if course.database.engine == Engine::Sqlite {
        let mut connection = SqliteConnection::connect(&course.database.url)
            .await
            .unwrap();
        let sql = format!(
            "create table planted (text text not null); insert into planted values ('{}')",
            planted.row
        );
        let done = sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut connection)
            .await;
        done.unwrap();
        for name in ["gateway.db", "gateway.db-wal", "gateway.db-shm"] {
            let path = course.database.folder.join(name);
            let bytes = std::fs::read(path).unwrap();
            found.extend(scanner.bytes(&format!("running: {name}"), &bytes));
        }
    }
    if let Some(cluster) = &mut course.cluster {
        cluster.plant(&planted.row, &planted.logged).await;
        found.extend(cluster.scan(scanner).await);
    }
    found
}

async fn once_it_stopped(
    course: &mut Course,
    planted: &Planted,
    scanner: &Scanner,
) -> Vec<Sighting> {
    course.collector.plant(&planted.span).await;
    let (names, spans) = course.collector.spans();
    for name in ["request", "attempt"] {
        assert!(
            names.iter().any(|one| one == name),
            "no span {name}: {names:?}"
        );
    }
    let mut found = scanner.bytes("spans", spans.as_bytes());
    let mut log = OpenOptions::new()
        .append(true)
        .open(&course.gateway.stdout)
        .unwrap();
    writeln!(log, "{}", planted.line).unwrap();
    let log = course.gateway.said();
    assert!(
        log.contains("\"TRACE\"") || log.contains("\"DEBUG\""),
        "the log is not whole: {log}"
    );
    // Logs, settings, the OPCOs' own files, what is left of temporary files, the SQLite file.
    found.extend(scanner.folder("stopped", &course.database.folder, SystemTime::UNIX_EPOCH));
    if course.database.engine == Engine::Sqlite {
        let bytes = std::fs::read(course.database.folder.join("gateway.db")).unwrap();
        found.extend(scanner.bytes("stopped: gateway.db", &bytes));
    }
    if let Some(cluster) = &mut course.cluster {
        found.extend(cluster.scan(scanner).await);
    }
    found
}

/// Looks in the files that a process has open and that no folder shows any more.
fn deleted_files(process: u32, planted: &Planted, scanner: &Scanner) -> Vec<Sighting> {
    let path = std::env::temp_dir().join(format!("deleted-{}", planted.temporary));
    std::fs::write(&path, &planted.temporary).unwrap();
    let _open = std::fs::File::open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    [process, std::process::id()]
        .into_iter()
        .flat_map(deleted_files_of)
        .flat_map(|path| scanner.file("deleted file", &path))
        .collect()
}

fn deleted_files_of(process: u32) -> Vec<PathBuf> {
    let folder = format!("/proc/{process}/fd");
    let entries = std::fs::read_dir(Path::new(&folder)).unwrap();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths
        .filter(|path| {
            let deleted = path
                .read_link()
                .is_ok_and(|target| target.to_string_lossy().ends_with(" (deleted)"));
            deleted && path.metadata().is_ok_and(|about| about.is_file())
        })
        .collect()
}

fn listed(sightings: &[Sighting]) -> String {
    let mut lines: Vec<String> = sightings
        .iter()
        .map(|one| format!("{} in {}: {}", one.label, one.place, one.said))
        .collect();
    lines.sort();
    lines.dedup();
    lines.join("\n")
}
