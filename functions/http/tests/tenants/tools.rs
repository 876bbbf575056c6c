//! `/v1/tools`.

use std::sync::Arc;

use async_trait::async_trait;
use dormouse_core::{
    Code, Error, Result,
    tools::{Tool, Toolbox},
};
use http::Method;
use serde_json::{Value, json};

use crate::bench::{Bench, Reply, Tenant};

/// A tool to register.
pub(crate) fn described(name: &str) -> Value {
    json!({
        "name": name,
        "description": "Tells a price.",
        "method": "GET",
        "url": "https://stocks.example.com/{symbol}",
        "headers": { "x-api-key": "a secret of theirs" },
        "input_schema": {
            "type": "object", "properties": { "symbol": { "type": "string" } }, "required": ["symbol"],
        },
    })
}

async fn execute(who: &Tenant, name: &str, input: Value) -> Reply {
    let body = json!({ "name": name, "input": input });
    who.ask(&Method::POST, "/v1/tools/execute", body).await
}

async fn names(who: &Tenant) -> Vec<String> {
    let listed = who.ask(&Method::GET, "/v1/tools", json!({})).await.json();
    let name = |tool: &Value| tool["name"].as_str().unwrap().to_owned();
    listed["data"].as_array().unwrap().iter().map(name).collect()
}

async fn tenant(bench: &Bench) -> Tenant {
    bench.tenant(&json!({ "tenant": "acme" })).await
}

#[tokio::test]
async fn a_tool_is_called_by_hand() {
    let acme = tenant(&Bench::new()).await;
    let reply = execute(&acme, "calculator", json!({ "expression": "6 * 7" })).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let wanted = json!({
        "object": "tool.result", "name": "calculator", "is_error": false, "output": "42",
        "content": [{ "type": "text", "text": "42" }],
    });
    assert_eq!(reply.json(), wanted);
    let failed = execute(&acme, "calculator", json!({ "expression": "1/0" })).await;
    assert_eq!((failed.status.as_u16(), failed.json()["is_error"].as_bool()), (200, Some(true)));
}

#[tokio::test]
async fn what_is_wrong_with_a_call_is_named() {
    let acme = tenant(&Bench::new()).await;
    for (body, status, param) in [
        (json!({ "name": "calculater" }), 404, "name"),
        (json!({ "name": "calculator" }), 400, "input.expression"),
        (json!({ "name": "calculator", "input": { "expression": 1 } }), 400, "input.expression"),
        (json!({ "name": "current_time", "workspace": "../x" }), 400, "workspace"),
    ] {
        let reply = acme.ask(&Method::POST, "/v1/tools/execute", body.clone()).await;
        assert_eq!(reply.status, status, "{body}: {reply:?}");
        assert_eq!(reply.json()["error"]["param"], param, "{body}");
    }
}

#[tokio::test]
async fn a_tenant_has_the_tools_that_its_configuration_allows() {
    let catalog = "models: [{name: m, provider: machine}]\ntenants: [{name: acme, tools: ['*', '!calculator']}]";
    let bench = Bench::with_catalog(catalog, &[("DORMOUSE_TOOLS", "calc*,current_time")]);
    let zoo = bench.tenant(&json!({ "tenant": "zoo" })).await;
    assert_eq!(names(&zoo).await, ["calculator", "current_time"]);
    let acme = tenant(&bench).await;
    assert!(!names(&acme).await.contains(&"calculator".to_owned()));
    assert_eq!(execute(&acme, "calculator", json!({ "expression": "1" })).await.status, 404);
}

#[tokio::test]
async fn a_tenant_registers_sees_calls_and_deletes_its_tools() {
    let bench = Bench::new();
    let acme = tenant(&bench).await;
    let made = acme.ask(&Method::POST, "/v1/tools", described("stock")).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert!(names(&acme).await.contains(&"stock".to_owned()));
    let shown = acme.ask(&Method::GET, "/v1/tools/stock", json!({})).await;
    assert_eq!(shown.json()["headers"], json!(["x-api-key"]));
    assert!(!shown.body.contains("a secret"), "{shown:?}");
    let called = execute(&acme, "stock", json!({ "symbol": "A" })).await;
    assert_eq!(called.json()["is_error"], false, "{called:?}");
    let gone = acme.ask(&Method::DELETE, "/v1/tools/stock", json!({})).await;
    assert_eq!(gone.json(), json!({ "object": "tool", "name": "stock", "deleted": true }));
    assert!(!names(&acme).await.contains(&"stock".to_owned()));
}

#[tokio::test]
async fn names_that_are_taken_are_refused() {
    let acme = tenant(&Bench::new()).await;
    acme.ask(&Method::POST, "/v1/tools", described("stock")).await;
    for name in ["stock", "calculator", "execute"] {
        let reply = acme.ask(&Method::POST, "/v1/tools", described(name)).await;
        assert_eq!(reply.status, 409, "{name}: {reply:?}");
        assert_eq!(reply.json()["error"]["param"], "name");
    }
}

#[tokio::test]
async fn a_tool_at_a_private_address_is_refused_by_name() {
    let acme = tenant(&Bench::new()).await;
    let mut tool = described("inside");
    tool["url"] = "http://169.254.169.254/{symbol}".into();
    let reply = acme.ask(&Method::POST, "/v1/tools", tool).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["error"]["param"]), (400, &json!("url")));
}

#[tokio::test]
async fn administrators_register_for_any_tenant_and_others_for_their_own() {
    let bench = Bench::new();
    let (acme, zoo) = (tenant(&bench).await, bench.tenant(&json!({ "tenant": "zoo" })).await);
    let admin = bench.tenant(&json!({ "tenant": "ops", "admin": true })).await;
    admin.ask(&Method::POST, "/v1/tools?tenant=acme", described("theirs")).await;
    assert!(names(&acme).await.contains(&"theirs".to_owned()));
    zoo.ask(&Method::POST, "/v1/tools?tenant=acme", described("smuggled")).await;
    assert!(!names(&acme).await.contains(&"smuggled".to_owned()));
    assert!(names(&zoo).await.contains(&"smuggled".to_owned()));
}

/// A server that is down.
#[derive(Debug)]
struct Down(&'static str);

#[async_trait]
impl Toolbox for Down {
    fn namespace(&self) -> Option<&str> {
        Some(self.0)
    }

    async fn tools(&self) -> Result<Vec<Arc<dyn Tool>>> {
        Err(Error::new(Code::UpstreamUnreachable, "it is gone"))
    }
}

#[tokio::test]
async fn an_answer_says_which_servers_it_had_to_do_without() {
    let bench = Bench::with_toolboxes(vec![Arc::new(Down("docs")), Arc::new(Down("wiki"))]);
    let acme = tenant(&bench).await;
    let said = json!([{ "role": "user", "content": "Hello" }]);
    for (stream, mode, wanted) in [
        (false, "loop", Some("mcp:docs, mcp:wiki")),
        (true, "loop", Some("mcp:docs, mcp:wiki")),
        (true, "emulate", None),
    ] {
        let body = json!({
            "model": "m", "stream": stream, "messages": said, "dormouse": { "mode": mode },
        });
        let reply = acme.ask(&Method::POST, "/v1/chat/completions", body).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let told = reply.headers.get("x-dormouse-degraded").map(|it| it.to_str().unwrap());
        assert_eq!(told, wanted, "{reply:?}");
    }
}

#[tokio::test]
async fn calls_by_hand_are_counted() {
    let bench = Bench::new();
    let acme = tenant(&bench).await;
    execute(&acme, "calculator", json!({ "expression": "1" })).await;
    let figures = acme.ask(&Method::GET, "/metrics", json!({})).await.body;
    let line = "dormouse_tool_call_duration_seconds_count{gen_ai_tool_name=\"calculator\"} 1";
    assert!(figures.contains(line), "{figures}");
}

#[tokio::test]
async fn a_model_that_asks_is_told_of_the_models() {
    let catalog = "models: [{name: one, provider: machine}, {name: two, provider: machine}]";
    let acme = tenant(&Bench::with_catalog(catalog, &[])).await;
    let reply = execute(&acme, "list_models", json!({})).await;
    let told = reply.json()["output"].as_str().unwrap().to_owned();
    assert!(told.starts_with("one\ntwo\n"), "{told}");
}
