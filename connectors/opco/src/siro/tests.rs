//! The index from file to answer, and everything that must be refused on the way.

use std::fmt::Write;

use jiff::civil::date;

use super::diff::{Change, diff};
use super::import::{ImportError, MAX_MALFORMED, read};
use super::*;

const HEADER: &str = "SIRET|IDCC|OPCO_PROPRIETAIRE|OPCO_GESTION\n";

/// Returns the `n`th valid SIRET of a made-up company.
fn siret(company: u64, n: u64) -> domain::Siret {
    let siren = check_digit(company * 10);
    check_digit((siren * 10_000 + n) * 10)
        .to_string()
        .parse()
        .unwrap()
}

/// Replaces the last digit, 0, so that Luhn holds.
fn check_digit(number: u64) -> u64 {
    let sum: u64 = number
        .to_string()
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let n = u64::from(digit - b'0') << (place % 2);
            if n > 9 { n - 9 } else { n }
        })
        .sum();
    number + (10 - sum % 10) % 10
}

fn bytes(lines: &str) -> Vec<u8> {
    let text = format!("{HEADER}{lines}");
    read(text.as_bytes(), true)
        .unwrap()
        .lay_out("essai.csv", date(2026, 9, 24))
        .unwrap()
}

fn index(lines: &str) -> Index {
    Index::from_bytes(bytes(lines)).unwrap()
}

fn many(companies: u64) -> String {
    let labels = ["AKTO", "ATLAS", "OPCO EP", ""];
    let mut lines = String::new();
    for company in 0..companies {
        for n in 1..=1 + company % 3 {
            let label = labels[usize::try_from((company * 7 + n) % 4).unwrap()];
            writeln!(
                lines,
                "{}|{}|{label}|",
                siret(10_000_000 + company * 8_999, n),
                company % 900
            )
            .unwrap();
        }
    }
    lines
}

#[test]
fn every_line_of_the_samples_is_answered_as_the_source_says() {
    let index = sample().unwrap();
    let mut asked = 0;
    for row in include_str!("../../data/siret_samples.csv").lines().skip(1) {
        let fields: Vec<&str> = row.split(',').collect();
        let (siret, opco, status, manager) = (
            fields[0].parse().unwrap(),
            fields[1].parse().ok(),
            fields[2],
            fields[5].parse().ok(),
        );
        match (status, index.lookup(siret).unwrap()) {
            ("assigned" | "unassigned", Hit::Line(line)) => {
                assert_eq!((line.owner, line.manager), (opco, manager), "{siret}");
            }
            ("derived" | "ambiguous" | "escape" | "not_found", Hit::Absent) => {}
            (status, hit) => panic!("{siret} {status}: {hit:?}"),
        }
        asked += 1;
    }
    assert_eq!(asked, 247);
    assert_eq!(index.about().unassigned, 11);
    assert_eq!(index.about().managed, 1);
}

#[test]
fn every_line_is_found_and_its_neighbours_are_not() {
    let lines = many(3_000);
    let index = index(&lines);
    index.verify().unwrap();
    for line in lines.lines() {
        let fields: Vec<&str> = line.split('|').collect();
        let number: domain::Siret = fields[0].parse().unwrap();
        let expected = Line {
            owner: Opco::from_siro_label(fields[2]),
            manager: None,
            idcc: IdccCode::read(fields[1].as_bytes()),
        };
        assert_eq!(index.lookup(number).unwrap(), Hit::Line(expected));
        let stranger = siret(number.as_u64() / 1_000_000, 9_000);
        assert_eq!(index.lookup(stranger).unwrap(), Hit::Absent);
    }
}

#[test]
fn the_order_of_the_source_does_not_change_the_bytes_after_its_hash() {
    let lines = many(200);
    let turned: String = lines.lines().rev().flat_map(|line| [line, "\n"]).collect();
    let (one, other) = (index(&lines), index(&turned));
    assert_eq!(one.about().body_sha256, other.about().body_sha256);
    assert_ne!(one.about().source_sha256, other.about().source_sha256);
}

#[test]
fn a_company_is_unanimous_only_when_every_line_says_the_same() {
    let lines = |ends: &[&str]| {
        let mut text = String::new();
        for (n, end) in (1..).zip(ends) {
            writeln!(text, "{}|{end}", siret(40_000_000, n)).unwrap();
        }
        // Neighbours on both sides must not be counted.
        writeln!(
            text,
            "{}|1486|AFDAS|\n{}|1486|AFDAS|",
            siret(39_999_999, 1),
            siret(40_000_001, 1)
        )
        .unwrap();
        index(&text).company(siret(40_000_000, 1).siren()).unwrap()
    };
    let agreed = lines(&["1486|ATLAS|", "0016|ATLAS|"]);
    assert_eq!(agreed.unanimous(), Some((Opco::Atlas, None)));
    assert_eq!(agreed.lines, 2);
    assert_eq!(
        lines(&["1486|ATLAS|AKTO"]).unanimous(),
        Some((Opco::Atlas, Some(Opco::Akto)))
    );
    assert_eq!(lines(&["1486|ATLAS|", "1486|AKTO|"]).unanimous(), None);
    assert_eq!(lines(&["1486|ATLAS|", "||"]).unanimous(), None);
    assert_eq!(lines(&["1486|ATLAS|", "1486|ATLAS|AKTO"]).unanimous(), None);
    assert_eq!(lines(&[]).unanimous(), None);
}

#[test]
fn two_lines_of_one_establishment_agree_or_are_told_apart() {
    let s = siret(41_816_609, 6);
    let same = index(&format!(
        "{s}|1486|ATLAS|\n{s}|0016|ATLAS|\n{s}|1486|ATLAS|\n"
    ));
    let expected = Line {
        owner: Some(Opco::Atlas),
        manager: None,
        idcc: None,
    };
    assert_eq!(same.lookup(s).unwrap(), Hit::Line(expected));
    assert_eq!((same.about().lines, same.about().repeated), (2, 1));
    let torn = index(&format!("{s}|1486|ATLAS|\n{s}|0016|AKTO|\n"));
    assert_eq!(torn.lookup(s).unwrap(), Hit::Several);
    assert_eq!(torn.lines(s).unwrap().count(), 2);
}

#[test]
fn la_poste_keeps_its_establishments_apart() {
    let index = index("35600000009075|5516|AKTO|\n35600000009093|5516|ATLAS|\n");
    let owner = |text: &str| match index.lookup(text.parse().unwrap()).unwrap() {
        Hit::Line(line) => line.owner,
        other => panic!("{other:?}"),
    };
    assert_eq!(owner("35600000009075"), Some(Opco::Akto));
    assert_eq!(owner("35600000009093"), Some(Opco::Atlas));
}

#[test]
fn the_guard_refuses_what_is_not_a_whole_siro_file() {
    let refused = |text: &str, small| read(text.as_bytes(), small).unwrap_err();
    let s = siret(20_000_000, 1);
    let header = "SIRET|IDCC|OPCO_PROPRIETAIRE\n";
    assert!(matches!(
        refused(header, true),
        ImportError::MissingColumn("OPCO_GESTION")
    ));
    assert!(matches!(
        refused("", true),
        ImportError::MissingColumn("SIRET")
    ));
    assert!(matches!(refused(HEADER, true), ImportError::Empty));
    let foreign = format!("{HEADER}{s}|1486|OPCO ATLAS|\n");
    assert!(matches!(
        refused(&foreign, true),
        ImportError::UnknownLabel { line: 2, .. }
    ));
    let foreign = format!("{HEADER}{s}|1486|ATLAS|\n{s}|1486|ATLAS|atlas\n");
    assert!(matches!(
        refused(&foreign, true),
        ImportError::UnknownLabel { line: 3, .. }
    ));
    let small = format!("{HEADER}{s}|1486|ATLAS|\n");
    assert!(matches!(
        refused(&small, false),
        ImportError::FewPairs { found: 1 }
    ));
    let long = format!("{HEADER}{}", "9".repeat(3 << 20));
    assert!(matches!(
        refused(&long, true),
        ImportError::LineTooLong { line: 2 }
    ));
}

#[test]
fn a_thousand_malformed_lines_are_left_out_and_one_more_refuses_the_file() {
    let s = siret(20_000_000, 1);
    let wrong = [
        "12345678901234|1486|ATLAS|\n",
        "1234|1486|ATLAS|\n",
        "x|1486|ATLAS|\n",
    ];
    let bad: String = (0..MAX_MALFORMED - 1)
        .map(|n| wrong[usize::try_from(n % 3).unwrap()])
        .collect();
    let wrong_idcc = format!("{s}|14 86|ATLAS|\n");
    let kept = format!("{bad}{wrong_idcc}{s}|1486|ATLAS|\n");
    assert_eq!(index(&kept).about().malformed, MAX_MALFORMED);
    let text = format!("{HEADER}{bad}{wrong_idcc}{wrong_idcc}{s}|1486|ATLAS|\n");
    assert!(matches!(
        read(text.as_bytes(), true),
        Err(ImportError::TooManyMalformed { .. })
    ));
}

#[test]
fn columns_are_found_by_name_and_windows_line_ends_are_read() {
    let s = siret(20_000_000, 1);
    let text = format!(
        "\u{feff}OPCO_GESTION|SIRET|AUTRE|OPCO_PROPRIETAIRE|IDCC\r\n|{s}|x|L'OPCOMMERCE|1517  \r\n"
    );
    let draft = read(text.as_bytes(), true).unwrap();
    let index = Index::from_bytes(draft.lay_out("x", date(2026, 1, 8)).unwrap()).unwrap();
    let Hit::Line(line) = index.lookup(s).unwrap() else {
        panic!()
    };
    assert_eq!(
        (line.owner, line.idcc),
        (Some(Opco::Opcommerce), IdccCode::new(1517))
    );
}

#[test]
fn a_truncated_or_altered_file_is_an_error_and_never_a_panic() {
    let good = bytes(&many(300));
    let numbers: Vec<_> = (0..300)
        .map(|company| siret(10_000_000 + company * 8_999, 1))
        .collect();
    for cut in (0..good.len()).step_by(97) {
        assert!(
            Index::from_bytes(good[..cut].to_vec()).is_err(),
            "cut at {cut}"
        );
    }
    for place in (0..good.len()).step_by(13) {
        let mut altered = good.clone();
        altered[place] ^= 0x5A;
        match Index::from_bytes(altered) {
            Err(_) => {}
            Ok(index) => {
                for number in &numbers {
                    drop(index.lookup(*number));
                    drop(index.company(number.siren()));
                }
                assert!(
                    index.verify().is_err(),
                    "a change at byte {place} went unseen"
                );
            }
        }
    }
}

#[test]
fn a_file_is_put_in_place_whole_and_the_former_one_is_kept() {
    let folder = std::env::temp_dir().join(format!("siro-{}", uuid::Uuid::now_v7()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("siro.idx");
    assert_eq!(build::install(&bytes(&many(10)), &path).unwrap(), None);
    let first = Index::open(&path).unwrap();
    let former = build::install(&bytes(&many(20)), &path).unwrap().unwrap();
    assert_eq!(Index::open(&former).unwrap().about(), first.about());
    assert!(Index::open(&path).unwrap().about().lines > first.about().lines);
    assert_eq!(
        std::fs::read_dir(&folder).unwrap().count(),
        2,
        "nothing half-written stays"
    );
    assert!(matches!(
        Index::open(&folder.join("absent")),
        Err(OpenError::Io(_))
    ));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_new_file_is_swapped_in_only_when_the_guard_agrees() {
    let folder = std::env::temp_dir().join(format!("siro-{}", uuid::Uuid::now_v7()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("next.idx");
    let write = |companies, day| {
        let text = format!("{HEADER}{}", many(companies));
        let bytes = read(text.as_bytes(), true)
            .unwrap()
            .lay_out("x", day)
            .unwrap();
        build::install(&bytes, &path).unwrap();
    };
    let holder = Holder::new(sample().unwrap());
    write(1_000, date(2026, 8, 11));
    let held = holder.current();
    holder.reload(&path).unwrap();
    assert!(held.is_sample(), "who holds an index keeps it");
    assert!(!holder.current().is_sample());

    write(800, date(2026, 9, 24));
    assert!(matches!(
        holder.reload(&path),
        Err(ReloadError::Guard(GuardError::Shrunk { .. }))
    ));
    write(1_100, date(2026, 1, 8));
    assert!(matches!(
        holder.reload(&path),
        Err(ReloadError::Older { .. })
    ));
    write(1_100, date(2026, 9, 24));
    holder.reload(&path).unwrap();
    let published = |day| holder.as_of(day).map(|index| index.about().published);
    assert_eq!(published(date(2026, 12, 1)), Some(date(2026, 9, 24)));
    assert_eq!(published(date(2026, 9, 1)), Some(date(2026, 8, 11)));
    assert_eq!(published(date(2026, 1, 1)), None);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_difference_of_two_files_says_gone_new_and_moved() {
    let at = |n| siret(30_000_000, n);
    let old = format!(
        "{}|1486|ATLAS|\n{}|1486|ATLAS|\n{}|16|AKTO|\n",
        at(1),
        at(2),
        at(3)
    );
    let new = format!(
        "{}|1486|AKTO|\n{}|0016|AKTO|\n{}|16|AKTO|\n",
        at(2),
        at(3),
        at(4)
    );
    let mut seen = Vec::new();
    let difference = diff(&index(&old), &index(&new), |siret, change| {
        seen.push((siret, change));
    });
    let difference = difference.unwrap();
    assert_eq!(
        (difference.gone, difference.new, difference.moved),
        (1, 1, 1)
    );
    assert_eq!((difference.unchanged, difference.agreement), (1, 0));
    assert_eq!(
        difference.moves.get(&(Some(Opco::Atlas), Some(Opco::Akto))),
        Some(&1)
    );
    assert_eq!(seen.len(), 3);
    assert!(matches!(seen[1], (siret, Change::Moved(..)) if siret == at(2).as_u64()));
}

#[test]
fn an_idcc_is_read_in_each_of_the_forms_official_files_use() {
    for (text, number) in [("16", 16), ("0016", 16), ("1486  ", 1486), ("01596", 1596)] {
        assert_eq!(
            IdccCode::read(text.as_bytes()).map(IdccCode::number),
            Some(number),
            "{text}"
        );
    }
    for text in ["", "  ", "12345", "99999", "1x", "+16", "000016"] {
        assert_eq!(IdccCode::read(text.as_bytes()), None, "{text}");
    }
    assert_eq!(
        IdccCode::new(16).map(|code| code.to_string()).as_deref(),
        Some("0016")
    );
}
