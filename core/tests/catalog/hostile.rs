//! Catalogs that are made to hurt.

use dormouse_core::catalog::{Catalog, MAX_BYTES};
use proptest::prelude::*;

use crate::{example, problems, read, refused};

#[test]
fn a_catalog_has_a_size() {
    let fits = format!("{}{}", crate::A, "#".repeat(MAX_BYTES - crate::A.len()));
    read(&fits).unwrap();
    refused(&format!("{fits}#"), "1:1", "is longer than 1048576 bytes");
}

#[test]
fn aliases_do_not_explode() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for at in 1..12 {
        let aliases = vec![format!("*a{}", at - 1); 9].join(", ");
        text.push_str(&format!("a{at}: &a{at} [{aliases}]\n"));
    }
    let problems = problems(&text);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains("aliases unfold to too much"), "{problems:?}");
    let long = format!("a: &a '{}'\nb: [{}]\n", "x".repeat(500_000), vec!["*a"; 50].join(", "));
    assert!(crate::problems(&long)[0].contains("aliases unfold to too much"));
}

#[test]
fn an_alias_of_what_it_stands_in_is_refused() {
    refused("models: &a [*a]", "1:13: models[0]", "alias of what it stands in");
}

#[test]
fn nesting_has_an_end() {
    let deep = format!("models: {}{}", "[".repeat(200), "]".repeat(200));
    assert!(problems(&deep)[0].contains("nested more than 32 deep"));
    let blocks: String = (0..200).map(|at| format!("{}a:\n", " ".repeat(at))).collect();
    assert!(problems(&blocks)[0].contains("nested more than 32 deep"));
}

#[test]
fn lists_have_an_end() {
    let models = vec!["{name: a, provider: machine}"; 4097].join(",");
    refused(&format!("models: [{models}]"), "1:9: models", "at most 4096 items");
}

#[test]
fn a_logical_model_stands_for_so_many_models_and_no_more() {
    let candidates = |count: usize| {
        let all: Vec<_> = (0..count).map(|at| format!("{{model: machine/m{at}}}")).collect();
        format!(
            "models: [{{name: x, provider: machine}}]\nlogical_models: [{{name: l, candidates: [{}]}}]",
            all.join(", ")
        )
    };
    assert_eq!(read(&candidates(64)).unwrap().logical_models()[0].candidates.len(), 64);
    let place = problems(&candidates(65)).pop().unwrap();
    assert!(
        place.contains("logical_models[0].candidates") && place.contains("more than 64"),
        "{place}"
    );
}

#[test]
fn long_names_are_shortened_in_messages() {
    let problems =
        problems(&format!("{}: 1\nmodels: [{{name: a, provider: machine}}]", "x".repeat(900)));
    assert!(problems[0].len() < 400, "{}", problems[0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_text_makes_it_panic(text in "[ -~\\n\\t&*!|>'\"%@`{}\\[\\]:,#?üß\\u{0}-]{0,80}") {
        drop(read(&text));
    }

    /// The example with a piece cut out, or replaced.
    #[test]
    fn no_change_to_a_right_catalog_makes_it_panic(
        start in 0usize..7000, length in 0usize..60, with in "[ a-z:\\[\\]{}*&\\n'\"$-]{0,10}",
    ) {
        let text: Vec<char> = example().chars().collect();
        let start = start.min(text.len());
        let end = (start + length).min(text.len());
        let changed: String =
            text[..start].iter().copied().chain(with.chars()).chain(text[end..].iter().copied()).collect();
        if let Err(problems) = read(&changed) {
            prop_assert!(!problems.listed().is_empty());
            let lines = changed.lines().count() + 1;
            for problem in problems.listed() {
                prop_assert!((1..=lines).contains(&problem.line) && problem.column >= 1);
            }
        }
        Catalog::variables(&changed);
    }
}
