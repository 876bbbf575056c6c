//! What a key says of whose hands act, and with which tools.

use http::{HeaderName, HeaderValue, Method};
use serde_json::{Value, json};

use crate::bench::{Bench, Reply, Tenant};

const LAB: &str = r#"
providers: [{name: lab, api: openai, base_url: "http://provider/v1"}]
models: [{name: m, provider: lab}]
"#;

async fn chat(who: &Tenant, more: Value) -> Reply {
    let mut body = json!({ "model": "m", "messages": [{ "role": "user", "content": "Hello" }] });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let reply = who.ask(&Method::POST, "/v1/chat/completions", body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply
}

/// Whether the gateway's hands acted.
fn by_gateway(reply: &Reply) -> bool {
    reply.headers.contains_key("x-dormouse-run")
}

fn names(tools: &Value) -> Vec<String> {
    let name = |tool: &Value| {
        let name = tool.get("name").unwrap_or(&tool["function"]["name"]);
        name.as_str().unwrap().to_owned()
    };
    tools.as_array().unwrap().iter().map(name).collect()
}

async fn offered(who: &Tenant) -> Vec<String> {
    names(&who.ask(&Method::GET, "/v1/tools", json!({})).await.json()["data"])
}

/// What is wrong with an order of a key.
async fn refused(bench: &Bench, order: Value) -> Value {
    let reply = bench.admin().ask(&Method::POST, "/v1/keys", order).await;
    assert_eq!(reply.status, 400, "{reply:?}");
    reply.json()["error"]["param"].clone()
}

#[tokio::test]
async fn a_key_says_whose_hands_act_before_its_tenant_does() {
    let catalog = format!("{LAB}tenants: [{{name: acme, mode: loop}}]");
    let bench = Bench::with_catalog(&catalog, &[]);
    for (tenant, mode, wanted) in [
        ("acme", Value::Null, true),
        ("acme", json!("emulate"), false),
        ("zoo", Value::Null, false),
        ("zoo", json!("loop"), true),
    ] {
        let who = bench.tenant(&json!({ "tenant": tenant, "mode": mode })).await;
        assert_eq!(by_gateway(&chat(&who, json!({})).await), wanted, "{tenant} {mode}");
    }
}

#[tokio::test]
async fn a_request_its_headers_and_its_route_count_before_its_key() {
    let bench = Bench::with_catalog(LAB, &[]);
    let who = bench.tenant(&json!({ "tenant": "acme", "mode": "loop" })).await;
    let body = json!({ "dormouse": { "mode": "emulate" } });
    assert!(!by_gateway(&chat(&who, body).await));
    let header = (HeaderName::from_static("x-dormouse-mode"), HeaderValue::from_static("emulate"));
    let body = json!({ "model": "m", "messages": [{ "role": "user", "content": "Hello" }] });
    let path = "/v1/chat/completions";
    let reply = who.ask_with(&Method::POST, path, vec![header], body.to_string()).await;
    assert!(reply.status.is_success() && !by_gateway(&reply), "{reply:?}");

    let route = "routes: [{match: {path: /v1}, protocol: openai-chat, mode: emulate}]";
    let routed = bench.beside(&format!("{LAB}{route}"), &[]);
    assert!(!by_gateway(&chat(&who.at(&routed), json!({})).await));
    let body = json!({ "dormouse": { "mode": "loop" } });
    assert!(by_gateway(&chat(&who.at(&routed), body).await));
}

#[tokio::test]
async fn a_key_has_of_its_tenants_tools_those_that_it_may_use() {
    let bench = Bench::with(&[("DORMOUSE_TOOLS", "calc*,current_time,memory_*")]);
    let tools = json!(["*", "!memory_*", "bash"]);
    let order = json!({ "tenant": "acme", "mode": "loop", "tools": tools });
    let who = bench.tenant(&order).await;
    assert_eq!(offered(&who).await, ["calculator", "current_time"], "but no bash");
    chat(&who, json!({})).await;
    assert_eq!(names(&bench.provider.last()["tools"]), ["calculator", "current_time"]);
    let body = json!({ "name": "memory_put", "input": { "key": "a", "text": "b" } });
    let reply = who.ask(&Method::POST, "/v1/tools/execute", body).await;
    assert_eq!(reply.status, 404, "{reply:?}");

    let colleague = bench.tenant(&json!({ "tenant": "acme" })).await;
    assert!(offered(&colleague).await.contains(&"memory_put".to_owned()));
    let none = bench.tenant(&json!({ "tenant": "acme", "tools": [] })).await;
    assert!(offered(&none).await.is_empty());
}

#[tokio::test]
async fn an_agent_has_of_its_tools_those_that_the_key_may_use() {
    let bench = Bench::new();
    bench.agents.change(
        "agents: [{name: clerk, system: You count., model: m, mode: loop, tools: [calculator, current_time]}]",
    );
    bench.admin().ask(&Method::POST, "/a1/reload", json!({})).await;
    let who = bench.tenant(&json!({ "tenant": "acme", "tools": ["calculator"] })).await;
    let body = json!({ "message": "Hello" });
    let reply = who.ask(&Method::POST, "/a1/agents/clerk/chat", body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(names(&bench.provider.last()["tools"]), ["calculator"]);
}

#[tokio::test]
async fn a_key_that_is_limited_to_tools_puts_none_in_their_place() {
    let bench = Bench::new();
    let colleague = bench.tenant(&json!({ "tenant": "acme" })).await;
    let tool = crate::tools::described("stock");
    colleague.ask(&Method::POST, "/v1/tools", tool.clone()).await;
    let who = bench.tenant(&json!({ "tenant": "acme", "tools": ["stock"] })).await;
    assert_eq!(offered(&who).await, ["stock"]);
    for (method, path) in [(Method::DELETE, "/v1/tools/stock"), (Method::POST, "/v1/tools")] {
        assert_eq!(who.ask(&method, path, tool.clone()).await.status, 403, "{method}");
    }
    assert_eq!(offered(&who).await, ["stock"]);
}

#[tokio::test]
async fn a_key_is_shown_as_it_was_made_and_a_wrong_one_is_refused_by_name() {
    let bench = Bench::new();
    let tools = json!(["calculator", "!bash"]);
    let order = json!({ "tenant": "acme", "mode": "loop", "tools": tools });
    let who = bench.tenant(&order).await;
    let shown = bench.admin().ask(&Method::GET, format!("/v1/keys/{}", who.id), json!({})).await;
    assert_eq!((&shown.json()["mode"], &shown.json()["tools"]), (&json!("loop"), &tools));

    let order = |field: &str, value: Value| json!({ "tenant": "acme", field: value });
    assert_eq!(refused(&bench, order("mode", json!("lop"))).await, "mode");
    assert_eq!(refused(&bench, order("tools", json!(["a b"]))).await, "tools");
    assert_eq!(refused(&bench, order("tools", json!("bash"))).await, "tools");
}
