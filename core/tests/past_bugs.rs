//! `past_bugs.md` names the test that holds each of its claims: each must be there.

#![cfg(test)]

use std::{fs, path::Path};

/// How many there are.
const CLAIMS: usize = 41;

#[test]
fn every_claim_is_held_by_a_test_or_does_not_apply() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = fs::read_to_string(here.join("tests/past_bugs.md")).expect("the table");
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| line.starts_with("| T-"))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    assert_eq!(rows.len(), CLAIMS);
    for (number, row) in (1..).zip(&rows) {
        let [name, claim, held] = &**row else { panic!("three columns: {row:?}") };
        assert_eq!(*name, format!("T-{number:02}"));
        assert!(claim.ends_with('.'), "{name}: {claim}");
        if held.starts_with("does not apply: ") {
            continue;
        }
        // Every other piece between backticks: a file, then a test in it.
        let mut named = held.split('`').skip(1).step_by(2);
        let mut tests = 0;
        while let (Some(file), Some(test)) = (named.next(), named.next()) {
            let source = fs::read_to_string(here.join("..").join(file)).unwrap_or_default();
            assert!(source.contains(&format!("fn {test}(")), "{name}: no `{test}` in {file}");
            tests += 1;
        }
        assert!(tests > 0, "{name} is held by nothing");
    }
}
