//! The catalog: what a file may say, what is said against a wrong one, and where names lead.

#![cfg(test)]

mod built;
mod expansion;
mod hostile;
mod mcp;
mod placed;
mod references;
mod resolving;
mod schema;
mod settings;
mod shapes;
mod tenants;

use dormouse_core::catalog::{Catalog, Problems};

/// The whole catalog of the documentation.
fn example() -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/catalog.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, rest) = page.split_once("```yaml\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// Reads `text` where every variable is set to `value-of-NAME`.
fn read(text: &str) -> Result<Catalog, Problems> {
    Catalog::read(text, |name| Some(format!("value-of-{name}")))
}

/// Every problem of `text`, as `line:column: path: message`.
fn problems(text: &str) -> Vec<String> {
    let problems = read(text).expect_err("a wrong catalog");
    problems.listed().iter().map(ToString::to_string).collect()
}

/// Checks that `text` has one problem, at `place` (`line:column: path`), whose message holds `why`.
#[track_caller]
fn refused(text: &str, place: &str, why: &str) {
    let problems = problems(text);
    let [problem] = problems.as_slice() else { panic!("not one problem: {problems:#?}") };
    let rest = problem.strip_prefix(place).unwrap_or_else(|| panic!("not at {place}: {problem}"));
    assert!(rest.starts_with(": ") && rest.contains(why), "not `{why}`: {problem}");
}

/// The provider `a`, in one line.
const A: &str = "providers: [{name: a, api: openai, base_url: http://a/v1}]\n";
