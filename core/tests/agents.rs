//! Files of agents: what is read of them, what is wrong with them, and their schema.
#![expect(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::{env, fs, sync::Arc};

use dormouse_core::{
    Error, Result,
    agents::{AgentFile, AgentFiles, Agents},
};
use serde_json::json;

const SCHEMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/agents.schema.json");
const PAGE: &str = include_str!("../../docs/agents.md");

/// Files `0.yaml`, `1.yaml`, … in an environment that has `MODEL`.
#[derive(Debug)]
struct Files(Vec<String>);

impl AgentFiles for Files {
    fn read(&self) -> Result<Vec<AgentFile>> {
        let file = |(at, text): (usize, &String)| AgentFile {
            name: format!("{at}.yaml"),
            text: text.clone(),
        };
        Ok(self.0.iter().enumerate().map(file).collect())
    }

    fn variable(&self, name: &str) -> Option<String> {
        (name == "MODEL").then(|| "big".to_owned())
    }
}

fn read(texts: &[&str]) -> Result<Agents> {
    Agents::read(Arc::new(Files(texts.iter().map(|text| (*text).to_owned()).collect())))
}

fn problems(texts: &[&str]) -> Vec<String> {
    let error: Error = read(texts).unwrap_err();
    assert_eq!(error.param(), Some("DORMOUSE_AGENTS"));
    error.message().lines().map(str::to_owned).collect()
}

#[test]
fn instructions_are_taken_word_for_word_and_models_from_the_environment() {
    let text =
        "agents:\n- name: a\n  system: |\n    Costs ${MODEL} $5.\n\n    Bye.\n  model: ${MODEL}\n";
    let agent = read(&[text]).unwrap().find("a").unwrap();
    assert_eq!(agent.system, "Costs ${MODEL} $5.\n\nBye.");
    assert_eq!(agent.model.as_deref(), Some("big"));
}

#[test]
fn everything_wrong_in_any_file_is_said_at_once_with_its_place() {
    let first = "agents:\n- name: a b\n  system: ''\n  temperature: 3\n- {name: c, system: C, model: agent/a}\n";
    let second = "agents:\n- {name: c, system: C, limits: {max_output_tokens: 0}, colour: red}\n";
    let third = "agents: [\n";
    let found = problems(&[first, second, third, ""]);
    let places = [
        "0.yaml:2:9: agents[0].name: `a b` is not a name",
        "0.yaml:3:11: agents[0].system: is empty",
        "0.yaml:4:16: agents[0].temperature: must be a number from 0 to 2",
        "0.yaml:5:31: agents[1].model: `agent/a` is an agent",
        "1.yaml:2:10: agents[0].name: `c` is taken already, by `agents[1]` of 0.yaml",
        "1.yaml:2:52: agents[0].limits.max_output_tokens: must be a whole number",
        "1.yaml:2:56: agents[0].colour: is not a known field",
        "2.yaml:",
        "3.yaml:1:1: is empty",
    ];
    assert_eq!(found.len(), places.len(), "{found:#?}");
    for (found, place) in found.iter().zip(places) {
        assert!(found.starts_with(place), "{found} is not {place}");
    }
}

#[test]
fn what_has_no_effect_without_the_loop_is_refused() {
    let text = "agents:\n- {name: a, system: S, tools: [bash], limits: {max_steps: 3}}\n- {name: b, system: S, mode: emulate, tools: []}\n- {name: c, system: S, mode: loop, tools: [], limits: {max_steps: 3}}\n- {name: d, system: S, mode: lop}\n";
    let found = problems(&[text]);
    let places = [
        "0.yaml:2:31: agents[0].tools: has no effect without `mode: loop`",
        "0.yaml:2:59: agents[0].limits.max_steps: has no effect without `mode: loop`",
        "0.yaml:3:46: agents[1].tools: has no effect without `mode: loop`",
        "0.yaml:5:30: agents[3].mode: `lop` must be emulate or loop; did you mean `loop`?",
    ];
    assert_eq!(found, places);
}

#[test]
fn the_example_of_the_documentation_is_read() {
    let example = PAGE.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(!read(&[example]).unwrap().list().is_empty());
}

/// `UPDATE_SCHEMA=1 cargo test` rewrites it.
#[test]
fn the_schema_in_the_documentation_is_the_one_of_the_code() {
    let schema = Agents::schema();
    assert!(jsonschema::draft202012::meta::is_valid(&schema));
    let expected = format!("{schema:#}\n");
    if env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(SCHEMA, expected).unwrap();
        return;
    }
    let written = fs::read_to_string(SCHEMA).unwrap();
    assert!(written == expected, "run `UPDATE_SCHEMA=1 cargo test -p dormouse-core --test agents`");
}

#[test]
fn the_schema_is_of_one_mind_with_the_reader() {
    let validator = jsonschema::draft202012::new(&Agents::schema()).unwrap();
    let agent = |more: serde_json::Value| {
        let mut agent = json!({ "name": "a", "system": "S" });
        agent.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "agents": [agent] })
    };
    for (more, fits) in [
        (json!({}), true),
        (json!({ "model": "big", "temperature": 0.5, "top_p": 1 }), true),
        (json!({ "temperature": 2.5 }), false),
        (json!({ "system": "" }), false),
        (json!({ "name": "a b" }), false),
        (json!({ "limits": { "max_output_tokens": 0 } }), false),
        (json!({ "mode": "loop", "tools": ["web_*", "!web_fetch"] }), true),
        (json!({ "mode": "loop", "limits": { "max_steps": 0 } }), false),
        (json!({ "mode": "lop" }), false),
        (json!({ "mode": "loop", "intent": true, "plan": false, "correct": true }), true),
        (json!({ "mode": "loop", "run_code": true, "critique": true, "web": "auto" }), true),
        (json!({ "mode": "loop", "critique": 3, "web": false }), true),
        (json!({ "mode": "loop", "critique": 4 }), false),
        (json!({ "mode": "loop", "web": "always" }), false),
        (json!({ "mode": "loop", "plan": "yes" }), false),
        (json!({ "colour": "red" }), false),
    ] {
        let whole = agent(more);
        assert_eq!(validator.is_valid(&whole), fits, "{whole}");
        // JSON is YAML.
        assert_eq!(read(&[&whole.to_string()]).is_ok(), fits, "{whole}");
    }
    assert_eq!(validator.is_valid(&json!({})), read(&["{}"]).is_ok());
}
