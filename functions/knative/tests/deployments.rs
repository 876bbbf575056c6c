//! What the deployment descriptions set, the program reads.
#![expect(clippy::expect_used, reason = "a failed expectation is a failed test")]

use std::{collections::BTreeSet, fs, path::Path};

use dormouse_core::settings::{SETTINGS, Setting};

const PREFIX: &str = "DORMOUSE_";
/// What only the Lambda function reads, before its settings.
const OF_LAMBDA: &str = "DORMOUSE_LAMBDA_INVOKE_MODE";
/// What agents, tools and programs need, wherever they are deployed.
const NEEDED: [&str; 4] =
    ["DORMOUSE_AGENTS", "DORMOUSE_TOOLS", "DORMOUSE_SANDBOX", "DORMOUSE_SANDBOX_KEY"];

fn variables(file: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file);
    let text = fs::read_to_string(path).expect("the file is there").to_ascii_uppercase();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    // The prefix alone stands for all of them.
    let words = words.filter(|word| word.len() > PREFIX.len() && word.starts_with(PREFIX));
    // The component's file, and where Spin lets it call: no settings.
    let words = words.filter(|word| *word != "DORMOUSE_SPIN" && !word.ends_with("_HOSTS"));
    words.map(str::to_owned).collect()
}

#[test]
fn every_variable_of_a_deployment_is_a_setting_and_agents_tools_and_sandbox_can_be_named() {
    let settings: BTreeSet<String> = SETTINGS.iter().map(Setting::variable).collect();
    for file in ["template.yaml", "spin.toml", "knative/service.yaml"] {
        let named = variables(file);
        let unknown: Vec<_> = named.difference(&settings).filter(|it| *it != OF_LAMBDA).collect();
        assert!(unknown.is_empty(), "{file} sets what nobody reads: {unknown:?}");
        for needed in NEEDED {
            assert!(named.contains(needed), "{file} does not name {needed}");
        }
    }
}
