//! One contract and one invoice through the rules: read, judged, written. Run by hand: `./bench rules`, or
//! `cargo bench -p domain --bench rules`.
//!
//! The contract is the one the rules' own tests start from, which breaks no rule on its day; the
//! invoice has three lines over two échéances, against a schedule of eight.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program run by hand that prints its figures"
)]

use std::hint::black_box;
use std::time::Instant;

use domain::echeancier::Echeancier;
use domain::payload::{Facture, Reading};
use domain::rules::{self, BillingProfile, Context, FactureContext, FileFacts, Known, Origin};
use domain::{Dossier, Etat, Timestamp};
use jiff::civil::date;

/// How often each thing is done in one round.
const TIMES: u32 = 20_000;
/// How many rounds are measured; the things take turns.
const ROUNDS: usize = 7;

const CONTRACT: &str = include_str!("../tests/rules/base.json");
const INVOICE: &str = include_str!("../tests/fixtures/payload/facture-multi-echeances.json");
const DETAIL: &str = include_str!("../tests/fixtures/dossier/dossier-detail.json");

/// Runs something and returns the microseconds that one run takes.
fn time(mut run: impl FnMut()) -> f64 {
    let began = Instant::now();
    for _ in 0..TIMES {
        run();
    }
    began.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES)
}

fn main() {
    contract();
    invoice();
}

fn contract() {
    let value: serde_json::Value = serde_json::from_str(CONTRACT).unwrap();
    let body = value.to_string().into_bytes();
    let context = Context {
        today: date(2026, 8, 25),
    };
    let reading = Dossier::read(&body).unwrap();
    let found = rules::examine(&reading, &context);
    let mut named: [(&str, Vec<f64>); 5] = [
        ("read (bytes to contract, all faults)", Vec::new()),
        ("rules (all of them)", Vec::new()),
        ("write (contract to wire form)", Vec::new()),
        ("wire form to text", Vec::new()),
        ("baseline: the bytes to a plain JSON tree", Vec::new()),
    ];
    let written = reading.dossier.write();
    for round in 0..=ROUNDS {
        let times = [
            time(|| drop(black_box(Dossier::read(black_box(&body))))),
            time(|| drop(black_box(rules::examine(black_box(&reading), &context)))),
            time(|| drop(black_box(black_box(&reading).dossier.write()))),
            time(|| drop(black_box(black_box(&written).to_string()))),
            time(|| {
                drop(black_box(serde_json::from_slice::<serde_json::Value>(
                    black_box(&body),
                )));
            }),
        ];
        // The first round warms up.
        for ((_, kept), took) in named.iter_mut().zip(times) {
            if round > 0 {
                kept.push(took);
            }
        }
    }
    println!(
        "rules: one contract of {} bytes, {} findings; {TIMES} times, {ROUNDS} rounds; us each",
        body.len(),
        found.len()
    );
    print(named);
}

fn invoice() {
    let detail: serde_json::Value = serde_json::from_str(DETAIL).unwrap();
    let echeancier = Echeancier::read(&detail).unwrap().echeancier;
    let contrat = Dossier::read(CONTRACT.as_bytes()).unwrap().dossier;
    let now: Timestamp = "2027-06-06T08:00:00Z".parse().unwrap();
    let known = Known {
        numero_externe: Some("APP-26-0001234"),
        numero_deca: Some("093202609010123"),
        etat: Some(Etat::Engage),
        contrat: Some(&contrat),
        echeancier: Some(&echeancier),
        echeancier_read_at: Some(now),
        ..Known::default()
    };
    let context = FactureContext {
        now,
        dossiers: &[known],
        profile: BillingProfile {
            multi_echeances: true,
            ..BillingProfile::default()
        },
        emitters: None,
        already_sent: None,
        adjusted: None,
        origin: Origin::NotLooked,
        file: FileFacts::NotLooked,
    };
    let reading = Facture::read(INVOICE.as_bytes()).unwrap();
    let judge = |reading: &Reading<Facture>| {
        rules::examine_with(reading, |facture| rules::check_facture(facture, &context))
    };
    let mut named: [(&str, Vec<f64>); 2] = [
        ("read (bytes to invoice, all faults)", Vec::new()),
        ("rules (all of them, against the schedule)", Vec::new()),
    ];
    for round in 0..=ROUNDS {
        let times = [
            time(|| drop(black_box(Facture::read(black_box(INVOICE.as_bytes()))))),
            time(|| drop(black_box(judge(black_box(&reading))))),
        ];
        for ((_, kept), took) in named.iter_mut().zip(times) {
            if round > 0 {
                kept.push(took);
            }
        }
    }
    println!(
        "rules: one invoice of {} bytes, {} findings; {TIMES} times, {ROUNDS} rounds; us each",
        INVOICE.len(),
        judge(&reading).len()
    );
    print(named);
}

fn print<const N: usize>(named: [(&str, Vec<f64>); N]) {
    for (name, mut kept) in named {
        kept.sort_by(f64::total_cmp);
        println!(
            "  {name}: {:.2} ({:.2} to {:.2})",
            kept.get(kept.len() / 2).unwrap(),
            kept.first().unwrap(),
            kept.last().unwrap()
        );
    }
}
