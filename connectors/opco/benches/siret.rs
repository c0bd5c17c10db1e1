//! The SIRET index at the size of the country: build, open, look up. Run by hand:
//! `cargo bench -p opco --bench siret [-- ROWS]`.
//!
//! The file is made up by a seeded generator: companies of 1.6 establishments on average, agreements
//! and OPCOs in the mix of the real file of June 2026, 3.4 % of the lines without an OPCO.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    reason = "a program run by hand that prints its figures"
)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

use domain::{Opco, Siret};
use jiff::civil::date;
use opco::siro::{Hit, Index, build, import};

/// The size of the country's table, rounded up.
const ROWS: usize = 4_000_000;
/// How many lookups one round makes.
const LOOKUPS: usize = 2_000_000;
/// How many rounds are measured.
const ROUNDS: usize = 5;
/// The real mix: every (IDCC, OPCO) of the file of June 2026 with its establishments.
const PAIRS: &str = include_str!("../data/siro_pairs_202606.csv");

/// A small generator of numbers (xorshift64*): the same file for the same seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }
}

/// The mix, as running totals.
struct Mix {
    ends: Vec<(u64, String)>,
    total: u64,
}

impl Mix {
    fn read() -> Self {
        let (mut ends, mut total) = (Vec::new(), 0);
        for row in PAIRS.lines().skip(1) {
            let fields: Vec<&str> = row.split(',').collect();
            let opco: Opco = fields[1].parse().unwrap();
            total += fields[2].parse::<u64>().unwrap();
            ends.push((total, format!("|{}|{}|\n", fields[0], opco.siro_label())));
        }
        total += total * 34 / 966;
        ends.push((total, "|||\n".to_owned()));
        Self { ends, total }
    }

    fn pick(&self, random: &mut Random) -> &str {
        let drawn = random.below(self.total);
        let place = self.ends.partition_point(|(until, _)| *until <= drawn);
        &self.ends[place].1
    }
}

/// Returns the check digit to put after these digits.
fn luhn(digits: &str) -> u32 {
    let doubled = |(place, digit): (usize, u8)| {
        let n = u32::from(digit - b'0') << (1 - place % 2);
        if n > 9 { n - 9 } else { n }
    };
    (10 - digits.bytes().rev().enumerate().map(doubled).sum::<u32>() % 10) % 10
}

/// Writes a file in the public layout and returns it with every SIRET in it.
fn generate(rows: usize) -> (String, Vec<Siret>) {
    let (mix, mut random) = (Mix::read(), Random(20_260_601));
    let mut text = String::with_capacity(rows * 34);
    text.push_str("SIRET|IDCC|OPCO_PROPRIETAIRE|OPCO_GESTION\n");
    let mut sirets = Vec::with_capacity(rows);
    let step = 80_000_000 / (rows as u64 * 10 / 16 + 1);
    let mut base = 10_000_000;
    while sirets.len() < rows {
        base += 1 + random.below(step.max(2) * 2 - 2);
        // Many small companies, a few large ones.
        let size = match random.below(1_000) {
            0..750 => 1,
            750..970 => 2,
            970..999 => 3 + random.below(10),
            _ => 50 + random.below(200),
        };
        let siren = format!("{base:08}{}", luhn(&format!("{base:08}")));
        let end = mix.pick(&mut random).to_owned();
        for n in 1..=size.min((rows - sirets.len()) as u64) {
            let body = format!("{siren}{n:04}");
            let number = format!("{body}{}", luhn(&body));
            sirets.push(number.parse().unwrap());
            let own = random.below(100) < 3;
            let end = if own { mix.pick(&mut random) } else { &end };
            write!(text, "{number}{end}").unwrap();
        }
    }
    (text, sirets)
}

/// Returns the nanoseconds this thread spent on a core, where the system tells.
///
/// On a busy machine a thread waits for its turn: the clock counts that, this does not.
fn on_core() -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    told.split(' ')
        .next()
        .and_then(|ns| ns.parse().ok())
        .unwrap_or_default()
}

/// Asks for present and absent establishments in turn, at random; returns nanoseconds a lookup, by
/// the clock and on the core.
fn lookups(index: &Index, sirets: &[Siret], random: &mut Random) -> [f64; 2] {
    let asked: Vec<Siret> = (0..LOOKUPS)
        .map(|n| {
            let known = sirets[random.below(sirets.len() as u64) as usize];
            if n % 2 == 0 { known } else { stranger(known) }
        })
        .collect();
    let (started, core) = (Instant::now(), on_core());
    let mut found = 0_usize;
    for siret in &asked {
        if let Hit::Line(line) = index.lookup(*siret).unwrap() {
            found += 1;
            black_box(line);
        }
    }
    let spent = [started.elapsed().as_nanos() as f64, on_core() - core];
    assert!(found * 2 >= LOOKUPS, "every known establishment is found");
    spent.map(|spent| spent / LOOKUPS as f64)
}

/// Returns an establishment of the same company that the file does not have.
fn stranger(siret: Siret) -> Siret {
    let body = format!("{}9{}", siret.siren(), &siret.as_str()[10..13]);
    format!("{body}{}", luhn(&body)).parse().unwrap()
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let started = Instant::now();
    let value = work();
    (value, started.elapsed().as_secs_f64())
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let model = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or_default();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!(
        "{cores} cores,{}, load {}",
        model.trim_start_matches(['\t', ':']),
        load.trim()
    )
}

fn main() {
    let rows = std::env::args()
        .find_map(|arg| arg.parse().ok())
        .unwrap_or(ROWS);
    println!("method   one thread; half of the lookups known, half strangers of known companies");
    println!("machine  {}", machine());
    let (text, sirets) = generate(rows);
    let folder = std::env::temp_dir().join(format!("siret-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (source, output): (PathBuf, PathBuf) = (folder.join("siro.csv"), folder.join("siro.idx"));
    std::fs::write(&source, &text).unwrap();
    println!("source   {rows} rows, {} MB", text.len() / 1_000_000);
    drop(text);

    let ((), seconds) = timed(|| {
        let draft = import::read(std::fs::File::open(&source).unwrap(), true).unwrap();
        let bytes = draft.lay_out("siro.csv", date(2026, 9, 24)).unwrap();
        build::install(&bytes, &output).unwrap();
    });
    let size = std::fs::metadata(&output).unwrap().len();
    println!(
        "build    {seconds:.2} s, file {:.1} MB (goal: 5 s)",
        size as f64 / 1e6
    );
    let (index, seconds) = timed(|| Index::open(&output).unwrap());
    println!("open     {:.0} µs (goal: 1000)", seconds * 1e6);
    let (verified, seconds) = timed(|| index.verify());
    verified.unwrap();
    println!("verify   {seconds:.2} s");

    let mut random = Random(7);
    let rounds: Vec<[f64; 2]> = (0..ROUNDS)
        .map(|_| lookups(&index, &sirets, &mut random))
        .collect();
    for (place, name) in ["by the clock", "on the core"].into_iter().enumerate() {
        let mut figures: Vec<f64> = rounds.iter().map(|round| round[place]).collect();
        figures.sort_by(f64::total_cmp);
        let (least, median, most) = (figures[0], figures[ROUNDS / 2], figures[ROUNDS - 1]);
        println!("lookup   {median:.0} ns median {name}, {least:.0} to {most:.0} (goal: 150)");
    }
    let every = sirets.iter().step_by((rows / 200_000).max(1));
    let asked = every.len();
    let (agreed, seconds) = timed(|| {
        every
            .filter(|siret| index.company(siret.siren()).unwrap().unanimous().is_some())
            .count()
    });
    println!(
        "company  {:.0} ns ({agreed} of {asked} unanimous)",
        seconds * 1e9 / asked as f64
    );
    std::fs::remove_dir_all(folder).unwrap();
}
