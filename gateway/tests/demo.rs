//! The demo, as a person runs it: every story ends as it must, at all eleven OPCOs.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

#[test]
fn the_demo_succeeds_and_reaches_the_eleven_opcos_in_both_versions() {
    // A slower clock than usual leaves time limits that a busy machine can keep.
    let ran = Command::new(env!("CARGO_BIN_EXE_cfa-gateway"))
        .args(["demo", "--format", "json", "--clock-factor", "30"])
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8(ran.stdout).unwrap(),
        String::from_utf8(ran.stderr).unwrap(),
    );
    assert!(ran.status.success(), "{err}\n{out}");
    let lines: Vec<Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(lines.len() >= 44, "{}", lines.len());
    let delivered = || lines.iter().filter(|line| line["status"] == "delivered");
    let of = |name: &str| -> BTreeSet<String> {
        delivered()
            .map(|line| line[name].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(of("opco").len(), 11);
    assert_eq!(of("version").len(), 2);
    for line in &lines {
        assert_eq!(line["as_expected"], true, "{line}");
    }
}
