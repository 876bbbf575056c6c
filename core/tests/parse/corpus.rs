//! Every scripted answer of `corpus/` is read as it says there: at once, and in pieces.
//!
//! A file holds the answers of one family. `=== ` begins one, with a claim; lines with `> ` say how it is
//! read; behind `---` stands what is found, a line for each part and each flaw. White space at the end of
//! an answer does not count.

use std::{fs, path::Path};

use dormouse_core::chat::{FinishReason, Part};

use crate::reader::{Setup, characters, read, told};

/// One scripted answer.
struct Case {
    claim: String,
    setup: Setup,
    answer: String,
    found: Vec<String>,
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parse/corpus");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    files.sort();
    let texts = files.iter().map(|file| (file.file_stem().unwrap(), fs::read_to_string(file)));
    texts
        .flat_map(|(name, text)| {
            let text = text.unwrap();
            let cases = text.split("=== ").skip(1);
            let name = name.to_string_lossy();
            cases.map(|case| parse(&name, case)).collect::<Vec<_>>()
        })
        .collect()
}

fn parse(file: &str, case: &str) -> Case {
    let (claim, rest) = case.split_once('\n').unwrap();
    let (answer, found) = rest.split_once("\n---\n").unwrap_or_else(|| panic!("{claim}: no ---"));
    let mut setup = Setup::default();
    let mut answer = answer;
    while let Some((option, rest)) = answer.strip_prefix("> ").and_then(|it| it.split_once('\n')) {
        match option {
            "opened" => setup.reasoning.opened = true,
            "anywhere" => setup.reasoning.anywhere = true,
            "single" => setup.calls.single = true,
            "required" => setup.calls.required = true,
            "cut" => setup.cut = true,
            other => panic!("{claim}: unknown option {other}"),
        }
        answer = rest;
    }
    Case {
        claim: format!("{file}: {claim}"),
        setup,
        answer: answer.trim_end().to_owned(),
        found: found.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect(),
    }
}

#[test]
fn every_answer_is_read_as_it_was_meant() {
    let cases = cases();
    assert!(cases.len() > 100, "the corpus is missing");
    let mut wrong = Vec::new();
    for case in &cases {
        let reading = read(case.setup, &[&case.answer]);
        let found = told(&reading);
        if found != case.found {
            let wanted = case.found.join("\n  ");
            wrong.push(format!("{}\n  {wanted}\nfound\n  {}", case.claim, found.join("\n  ")));
        }
        let called = reading.parts.iter().any(|part| matches!(part, Part::ToolCall { .. }));
        let reason = match (case.setup.cut, called) {
            (true, _) => FinishReason::Length,
            (false, true) => FinishReason::ToolCalls,
            (false, false) => FinishReason::Stop,
        };
        assert_eq!(reading.finish, reason, "{}", case.claim);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn no_answer_depends_on_where_it_is_cut() {
    for case in cases() {
        let whole = told(&read(case.setup, &[&case.answer]));
        let pieces = characters(&case.answer);
        assert_eq!(told(&read(case.setup, &pieces)), whole, "{} in characters", case.claim);
        for (at, _) in case.answer.char_indices() {
            let (one, two) = case.answer.split_at(at);
            assert_eq!(told(&read(case.setup, &[one, two])), whole, "{} cut at {at}", case.claim);
        }
    }
}

#[test]
fn every_call_has_arguments_that_are_an_object() {
    for case in cases() {
        for part in read(case.setup, &[&case.answer]).parts {
            if let Part::ToolCall { name, arguments, .. } = part {
                let value: serde_json::Value = serde_json::from_str(&arguments).unwrap();
                assert!(value.is_object(), "{}: {name}", case.claim);
            }
        }
    }
}
