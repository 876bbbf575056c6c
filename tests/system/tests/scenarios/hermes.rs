//! Agents with a loop of their own, as Hermes agents have, with models from `/v1` and tools from `/mcp`.

use dormouse_testkit::upstream::Answer;
use serde_json::{Value, json};

use crate::{
    client::Gateway,
    llama::MODEL,
    sdk::{python, run},
    stage::{ADMIN_KEY, Stage, within},
    weather::{begin, the_model_read_it},
};

/// Has one do a task with `model`. Returns what it called, and its answer.
async fn hermes(gateway: &Gateway, model: &str, settings: &[(&str, &str)]) -> Value {
    let mut client = python("hermes.py").await;
    client.env("CHECK_URL", gateway.base()).env("CHECK_KEY", ADMIN_KEY).env("CHECK_MODEL", model);
    client.envs(settings.iter().copied());
    serde_json::from_str(&run(client).await).unwrap()
}

pub(crate) async fn one_does_a_task(stage: Stage) {
    let sum = |name: &str| Answer::tool_calls(&[(name, &[r#"{"expression":"6*7"}"#])]);
    stage.upstream.once("calls", sum("mcp_dormouse_calculator"));
    stage.upstream.once("calls", sum("mcp_dormouse_list_models"));
    stage.upstream.once("calls", Answer::text(&["It is ", "42."]));
    let printed = "I calculate.\n<tool_call>\n{\"name\": \"mcp_dormouse_calculator\", \
                   \"arguments\": {\"expression\": \"6*7\"}}\n</tool_call>";
    stage.upstream.once("prints", Answer::text(&[printed]));
    stage.upstream.once("prints", Answer::text(&["It is 42."]));
    let gateway = stage.gateway(&[]).await;
    let emulating = stage.gateway(&[("DORMOUSE_EMULATE_TOOLS", "true")]).await;

    let called = hermes(&gateway, "calls", &[]).await;

    assert_eq!(called["answer"], "It is 42.");
    assert_eq!(called["done"][0][2], r#"{"result": "42"}"#);
    assert!(called["done"][1][2].as_str().unwrap().starts_with(r#"{"error": "#), "{called}");
    let offered = gateway.get("/v1/tools").await.ok()["data"].as_array().unwrap().len();
    assert_eq!(called["offered"], offered);

    let read = hermes(&emulating, "prints", &[]).await;
    assert_eq!(read["done"].as_array().unwrap().len(), 1, "{read}");
    assert_eq!(read["done"][0][0], "mcp_dormouse_calculator");
    assert_eq!(read["done"][0][2], r#"{"result": "42"}"#);
    within("the request", stage.upstream.asked("prints")).await;
    let told = within("the request", stage.upstream.asked("prints")).await.json();
    let last = told["messages"].as_array().unwrap().last().unwrap()["content"].to_string();
    assert!(last.contains("<tool_response>") && last.contains("42"), "{last}");
}

pub(crate) async fn one_works_with_a_real_model(stage: Stage) {
    let (llama, gateway) = begin(&stage, &[]).await;
    let steers = json!({
        "tool_choice": "required", "parallel_tool_calls": false, "logit_bias": { "3": 100 },
    });
    let settings = [("CHECK_TOOLS", "weather"), ("CHECK_FIRST", &*steers.to_string())];

    let called = hermes(&gateway, MODEL, &settings).await;

    assert_eq!(called["done"].as_array().unwrap().len(), 1, "{called}");
    assert_eq!(called["done"][0][0], "mcp_dormouse_weather");
    let city = the_model_read_it(&stage, &llama).await;
    assert!(called["done"][0][1].as_str().unwrap().contains(&city), "{called}");
    assert_ne!(called["answer"], "");
}
