//! The revision 2026-07-28: every request stands for itself, and its headers repeat its body.

use serde_json::{Value, json};

use crate::bench::Bench;

const META: &str = "io.modelcontextprotocol/protocolVersion";

/// A request as a client of the revision sends it, with `_meta` of its own making.
fn request(method: &str, mut params: Value, revision: &str) -> Value {
    params["_meta"] = json!({
        META: revision,
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

fn headers<'a>(method: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let usual = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)];
    [&usual[..], more].concat()
}

#[tokio::test]
async fn a_client_discovers_what_there_is_in_one_request() {
    let bench = Bench::new();
    let discover = request("server/discover", json!({}), "2026-07-28");
    let reply = bench.post(&headers("server/discover", &[]), &discover).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.header("mcp-session-id"), "");
    let result = &reply.json()["result"];
    assert_eq!(result["resultType"], "complete");
    assert_eq!(result["cacheScope"], "private");
    assert_eq!(result["capabilities"], json!({ "tools": {}, "resources": {} }));
    let versions = result["supportedVersions"].as_array().unwrap();
    assert!(versions.contains(&json!("2026-07-28")) && versions.contains(&json!("2025-11-25")));
    assert_eq!(result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "dormouse");
}

#[tokio::test]
async fn tools_are_listed_and_called_without_a_session() {
    let bench = Bench::new();
    let list = request("tools/list", json!({}), "2026-07-28");
    let listed = bench.post(&headers("tools/list", &[]), &list).await.json();
    assert_eq!(listed["result"]["tools"][1]["name"], "echo");
    assert_eq!(listed["result"]["ttlMs"], 0);
    assert_eq!(listed["result"]["resultType"], "complete");
    let params = json!({ "name": "echo", "arguments": { "text": "hi" } });
    let call = request("tools/call", params, "2026-07-28");
    let called = bench.post(&headers("tools/call", &[("mcp-name", "echo")]), &call).await.json();
    assert_eq!(called["result"]["content"], json!([{ "type": "text", "text": "hi" }]));
    assert_eq!(called["result"]["resultType"], "complete");
    let encoded = headers("tools/call", &[("mcp-name", "=?base64?ZWNobw==?=")]);
    assert_eq!(bench.post(&encoded, &call).await.status, 200);
}

#[tokio::test]
async fn headers_that_the_body_contradicts_are_refused() {
    let bench = Bench::new();
    let call = request("tools/call", json!({ "name": "echo" }), "2026-07-28");
    let version = ("mcp-protocol-version", "2026-07-28");
    for (headers, body) in [
        (vec![version], &call),
        (vec![version, ("mcp-method", "tools/list")], &call),
        (headers("tools/call", &[]), &call),
        (headers("tools/call", &[("mcp-name", "fail")]), &call),
        (headers("tools/call", &[("mcp-name", "echo"), ("mcp-name", "echo")]), &call),
        (headers("tools/call", &[("mcp-name", "=?base64?!?=")]), &call),
        (vec![("mcp-method", "tools/call"), ("mcp-name", "echo")], &call),
        (headers("tools/list", &[]), &request("tools/list", json!({}), "2025-11-25")),
    ] {
        let reply = bench.post(&headers, body).await;
        assert_eq!(reply.status, 400, "{headers:?}");
        assert_eq!(reply.json()["error"]["code"], -32020, "{headers:?}");
        assert_eq!(reply.json()["id"], 1);
    }
    assert!(bench.seen.contexts.lock().unwrap().is_empty(), "nothing was called");
}

#[tokio::test]
async fn a_request_that_does_not_say_who_asks_is_refused() {
    let bench = Bench::new();
    let bare = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {} });
    let reply = bench.post(&headers("tools/list", &[]), &bare).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["error"]["code"]), (400, &json!(-32602)));
    let future = request("tools/list", json!({}), "2099-01-01");
    let said = [("mcp-protocol-version", "2099-01-01"), ("mcp-method", "tools/list")];
    let reply = bench.post(&said, &future).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["error"]["code"]), (400, &json!(-32022)));
}

#[tokio::test]
async fn what_was_dropped_from_the_protocol_is_not_there() {
    let bench = Bench::new();
    for method in ["ping", "logging/setLevel", "resources/subscribe", "none"] {
        let asked = request(method, json!({}), "2026-07-28");
        let reply = bench.post(&headers(method, &[]), &asked).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["error"]["code"]), (404, &json!(-32601)));
    }
}
