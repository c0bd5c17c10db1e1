//! Every payload of the norm, on each engine, under each policy, with every way to lose what the OPCO
//! answered: one matrix of what becomes of it (design §6.1).
//!
//! One stage for each engine and policy plays all of them: each way to lose an answer has two OPCOs of its
//! own, one that speaks version 1 and one that speaks version 2, and each payload has its own contract.

mod cases;
mod payload;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use harness::database::Engine;
use harness::opcos::WIDE;
use harness::scene::FACTOR;
use harness::stage::{Script, Stage};

use self::cases::Cases;
use self::payload::Payload;
use crate::PROGRAM;

/// How an answer is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Loss {
    /// The process is killed when the attempt is on record and nothing has left.
    Unsent,
    /// The process is killed when the OPCO has it and nobody here knows.
    Taken,
    /// The OPCO has it and hangs up.
    Cut,
    /// The OPCO has it and is silent for too long.
    Silent,
    /// The line breaks before the OPCO has done anything, which nobody here can know.
    Broken,
}

/// What becomes of a payload: a word for the matrix.
type Cell = Result<String, String>;
/// A column of the matrix: what the profile says after a lost answer, and where it is remembered.
type Column = (bool, Engine);

impl Loss {
    const ALL: [Self; 5] = [
        Self::Unsent,
        Self::Taken,
        Self::Cut,
        Self::Silent,
        Self::Broken,
    ];

    fn words(self) -> &'static str {
        match self {
            Self::Unsent => "killed before it left",
            Self::Taken => "killed, the OPCO has it",
            Self::Cut => "answer cut off",
            Self::Silent => "no answer in time",
            Self::Broken => "line broken before",
        }
    }

    /// Returns whether the OPCO has the payload.
    fn arrives(self) -> bool {
        matches!(self, Self::Taken | Self::Cut | Self::Silent)
    }
}

/// How the gateway finds out, kind by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    /// By reading; what no reading shows is the profile's to decide.
    Looked,
    /// By reading, or by sending again: a double is refused by its number.
    Numbered,
    /// By sending again only: no reading shows it, and a double is refused by its number.
    Resent,
    /// Not at all: the profile decides.
    None,
}

/// Where a payload must end, how often it must be at the OPCO, and in how many calls at most.
fn expected(read: Read, loss: Loss, again: bool) -> (&'static str, usize, u64) {
    let there = loss.arrives();
    match read {
        Read::Looked | Read::Numbered if there => ("delivered", 1, 1),
        Read::Numbered | Read::Resent => ("delivered", 1, 2),
        Read::Looked if again => ("delivered", 1, 2),
        Read::Looked => ("held", 0, 1),
        // The profile takes the risk of a second one.
        Read::None if again => ("delivered", 1 + usize::from(there), 2),
        // Nothing can tell whether it is there: a person asks.
        Read::None => ("held", usize::from(there), 1),
    }
}

/// How long a gateway waits, on its own clock.
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    /// For its turn, and for the token it is called with.
    turn: Duration,
    /// For an answer.
    call: Duration,
    /// Until what another had in hand is taken over.
    lease: Duration,
}

/// While nobody dies.
pub(crate) const LIVING: Patience = Patience {
    turn: Duration::from_secs(200),
    call: Duration::from_secs(200),
    lease: Duration::from_mins(8),
};
/// While a death is prepared: everything is still under way when it comes, however slow the machine.
pub(crate) const DYING: Patience = Patience {
    turn: Duration::from_mins(45),
    call: Duration::from_mins(10),
    lease: Duration::from_hours(1),
};

impl Patience {
    /// Schedules are read often, so that the gateway's own reads come between.
    fn settings(self) -> String {
        let (turn, lease) = (self.turn.as_secs(), self.lease.as_secs());
        format!(
            "[server]\nlisten = \"127.0.0.1:0\"\nthreads = 1\n\n\
             [transport]\ntoken_timeout_ms = 600000\n\n\
             [delivery.worker]\nlease_s = {lease}\nturn_wait_s = {turn}\n\n\
             [delivery.poll]\nfirst_s = 20\nhot_s = 20\nlease_s = 120\n\
             schedule_s = 60\nschedule_cold_s = 120\n"
        )
    }

    /// Returns what is said of every OPCO.
    fn of_opcos(self, again: bool) -> String {
        let ms = self.call.as_millis();
        format!(
            "{WIDE}timeout_ms = {ms}\nlook_after_s = [60]\n\
             replay_after_lost = {again}\nresend_after_lost = {again}\n"
        )
    }

    /// Has the gateways started from now on wait like this.
    pub(crate) fn sets(self, stage: &mut Stage, again: bool) {
        let (settings, of_opcos) = (self.settings(), self.of_opcos(again));
        stage.resettle(&Script {
            program: PROGRAM,
            factor: FACTOR,
            settings: &settings,
            of_opcos: &of_opcos,
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_follows_a_lost_answer_is_what_its_kind_and_its_profile_say() {
    let columns = [false, true].map(|again| Engine::ALL.map(|engine| (again, engine)));
    let trials = columns.into_iter().flatten().map(|column| async move {
        // A panic is a column of the matrix, like any other failure.
        let played = AssertUnwindSafe(played(column)).catch_unwind().await;
        let cells = played.unwrap_or_else(|panic| {
            let said = panic.downcast_ref::<String>().cloned();
            let why = said.unwrap_or_else(|| "a panic".to_owned());
            every(&Err(why))
        });
        (column, cells)
    });
    let columns: BTreeMap<Column, Cells> = join_all(trials).await.into_iter().collect();
    let matrix = matrix(&columns);
    #[expect(clippy::print_stdout, reason = "the matrix is what this test shows")]
    {
        println!("{matrix}");
    }
    let target = PROGRAM.0.rsplit_once('/').unwrap().0;
    std::fs::write(format!("{target}/lost-matrix.txt"), &matrix).unwrap();
    let mut cells = columns.values().flat_map(BTreeMap::values);
    assert!(cells.all(Result::is_ok), "\n{matrix}");
}

/// The cells of a column.
type Cells = BTreeMap<(Payload, Loss), Cell>;

fn every(cell: &Cell) -> Cells {
    Payload::ALL
        .into_iter()
        .flat_map(|payload| Loss::ALL.map(|loss| ((payload, loss), cell.clone())))
        .collect()
}

fn matrix(columns: &BTreeMap<Column, Cells>) -> String {
    let mut text = String::from(
        "Each cell: where it ends, how often the OPCO has it, in how many writes, the files kept.\n\n",
    );
    write!(text, "{:<27}{:<26}", "payload", "its answer is lost").unwrap();
    for (again, engine) in columns.keys() {
        let policy = if *again { "resend" } else { "hold" };
        let head = format!("{policy}, {}", engine.name());
        write!(text, "{head:<26}").unwrap();
    }
    text.push('\n');
    let mut broken = BTreeSet::new();
    for (payload, loss) in every(&Ok(String::new())).into_keys() {
        write!(text, "{:<27}{:<26}", payload.words(), loss.words()).unwrap();
        for (column, cells) in columns {
            let cell = cells[&(payload, loss)].as_ref();
            let word = cell.map_or("FAILED", String::as_str);
            write!(text, "{word:<26}").unwrap();
            broken.extend(cell.err().map(|why| format!("{column:?}: {why}")));
        }
        text.push('\n');
    }
    text.extend(broken.into_iter().map(|why| format!("\n{why}\n")));
    text
}

async fn played(column: Column) -> Cells {
    let (again, engine) = column;
    let script = Script {
        program: PROGRAM,
        factor: FACTOR,
        settings: "",
        of_opcos: "",
    };
    let Some(mut stage) = Stage::set(&script, engine, None).await else {
        return every(&Ok("skipped: no server".to_owned()));
    };
    LIVING.sets(&mut stage, again);
    let mut cases = Cases::prepared(&mut stage, column).await;
    DYING.sets(&mut stage, again);
    cases.killed(&mut stage).await;
    stage.later(DYING.lease);
    LIVING.sets(&mut stage, again);
    cases.unanswered(&mut stage).await;
    let cells = cases.ended(&stage, again).await;
    stage.end().await;
    cells
}
