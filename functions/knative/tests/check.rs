//! `dormouse check`, as a person or a pipeline runs it.

#![cfg(test)]

use std::{fs, path::Path, process::Command};

use dormouse_core::{agents::Agents, catalog::Catalog};
use tempfile::TempDir;

/// Runs it in an empty environment but for `variables`: success, standard output, standard error.
fn run(arguments: &[&str], variables: &[(&str, &str)]) -> (bool, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_dormouse"))
        .arg("check")
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

/// Writes `text` to a file that lasts as long as the folder.
fn written(text: &str) -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("catalog.yaml");
    fs::write(&file, text).unwrap();
    (folder, file.display().to_string())
}

#[test]
fn the_example_of_the_documentation_is_ok() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/catalog.md");
    let page = fs::read_to_string(page).unwrap();
    let example = page.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let (_folder, file) = written(example);
    let names = Catalog::variables(example);
    let variables: Vec<_> = names.iter().map(|name| (name.as_str(), "a")).collect();
    let (ok, said, wrong) = run(&["--config", &file], &variables);
    assert_eq!((ok, wrong.as_str()), (true, ""));
    assert_eq!(said, "ok: 4 providers, 6 models, 2 logical models\n");
    assert!(page.contains(said.trim_end()), "the documentation says what is said");
}

#[test]
fn everything_wrong_is_printed_with_its_place() {
    let (_folder, file) = written(
        "providers:\n- name: a\n  api: openia\n  base_url: ${BASE}\nmodels: [{name: m, provider: b}]\n",
    );
    let (ok, said, wrong) = run(&["--config", &file], &[]);
    assert_eq!((ok, said.as_str()), (false, ""));
    let lines: Vec<_> = wrong.lines().collect();
    let places =
        ["3:8: providers[0].api: ", "4:13: providers[0].base_url: ", "5:30: models[0].provider: "];
    assert_eq!(lines.len(), places.len(), "{wrong}");
    for (line, place) in lines.iter().zip(places) {
        assert!(line.starts_with(&format!("{file}:{place}")), "{line}");
    }
}

#[test]
fn the_variable_may_hold_the_catalog() {
    let catalog = ("DORMOUSE_CONFIG", "\nmodels: [{name: a, provider: machine}]");
    let (ok, said, _) = run(&[], &[catalog]);
    assert_eq!((ok, said.as_str()), (true, "ok: 0 providers, 1 model, 0 logical models\n"));
}

#[test]
fn a_catalog_and_an_upstream_contradict_each_other() {
    let (_folder, file) = written("models: [{name: a, provider: machine}]");
    let (ok, _, wrong) = run(&["--config", &file, "--upstream", "http://u/v1"], &[]);
    assert!(!ok);
    assert!(wrong.contains("DORMOUSE_UPSTREAM") && wrong.contains("DORMOUSE_CONFIG"), "{wrong}");
}

#[test]
fn settings_are_a_catalog_too() {
    let (ok, said, _) = run(&["--upstream", "http://u/v1"], &[]);
    assert_eq!((ok, said.as_str()), (true, "ok: 1 provider, 0 models, 0 logical models\n"));
}

#[test]
fn the_schema_can_be_printed() {
    let (_, of_agents, _) = run(&["--schema", "agents"], &[]);
    assert_eq!(of_agents, format!("{:#}\n", Agents::schema()));
    let (ok, said, _) = run(&["--schema"], &[]);
    assert!(ok);
    assert_eq!(said, format!("{:#}\n", Catalog::schema()));
}

#[test]
fn a_gateway_with_a_wrong_catalog_does_not_start() {
    let (_folder, file) = written("models: []");
    let output = Command::new(env!("CARGO_BIN_EXE_dormouse"))
        .args(["serve", "--listen", "127.0.0.1:0", "--store", "memory:", "--config", &file])
        .env_clear()
        .output()
        .unwrap();
    assert!(!output.status.success());
    let wrong = String::from_utf8(output.stderr).unwrap();
    assert!(wrong.contains(&format!("{file}:1:9: models: is an empty list")), "{wrong}");
}

#[test]
fn agents_are_checked_with_the_catalog() {
    let (_folder, file) = written("agents: [{name: a, system: S}, {name: b, system: S}]\n");
    let (ok, said, wrong) = run(&["--agents", &file], &[]);
    assert_eq!((ok, wrong.as_str()), (true, ""));
    assert_eq!(said, "ok: 0 providers, 0 models, 0 logical models, 2 agents\n");

    let (_folder, broken) = written("agents: [{name: a}]\n");
    let (ok, _, wrong) = run(&["--agents", &broken, "--config", "\nmodels: []"], &[]);
    assert!(!ok);
    assert!(wrong.contains("DORMOUSE_CONFIG:2:9: models: "), "{wrong}");
    assert!(wrong.contains(&format!("{broken}:1:10: agents[0].system: is missing")), "{wrong}");
}
