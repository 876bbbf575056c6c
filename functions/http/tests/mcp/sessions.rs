//! Sessions outlive processes, and belong to one key.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::bench::{Bench, Reply, USUAL, collect};

async fn ping(bench: &Bench, key: &str, session: &str) -> Reply {
    let headers = [USUAL, &[("mcp-session-id", session)]].concat();
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }).to_string();
    collect(bench.send_as(key, &Method::POST, &headers, body).await).await
}

#[tokio::test]
async fn any_process_goes_on_with_a_session() {
    let bench = Bench::new();
    let session = bench.session().await;
    let other = bench.beside();
    assert_eq!(other.ask(&session, "ping", json!({})).await, json!({}));
    let tools = other.ask(&session, "tools/list", json!({})).await;
    assert_eq!(tools["tools"][0]["name"], "echo");
}

#[tokio::test]
async fn nobody_elses_session_is_there() {
    let bench = Bench::new();
    let session = bench.session().await;
    let (stranger, colleague) = (bench.key_of("zoo").await, bench.key_of("default").await);
    for (key, session) in [
        (&stranger, session.as_str()),
        // Another key of the same tenant.
        (&colleague, session.as_str()),
        (&colleague, "00000000000000000000000000000000"),
        (&colleague, "../secrets/seal"),
        (&colleague, ""),
    ] {
        let reply = ping(&bench, key, session).await;
        assert_eq!(reply.status, 404, "{session}: {reply:?}");
        assert_eq!(reply.json()["id"], 1);
    }
}

#[tokio::test]
async fn a_session_ends_when_its_client_says_so_and_after_a_day() {
    let bench = Bench::new();
    let session = bench.session().await;
    let workspace = format!("mcp-{session}");
    bench.files.put(("default", &workspace), "a.txt", b"a");
    let headers = [("mcp-session-id", session.as_str())];
    let gone = |reply: Reply| (reply.status.as_u16(), reply.body);
    let ended = collect(bench.send(&Method::DELETE, &headers, "").await).await;
    assert_eq!(gone(ended), (204, String::new()));
    assert!(bench.files.is_empty(), "the files of a session go with it");
    assert_eq!(ping(&bench, crate::bench::KEY, &session).await.status, 404);
    let again = collect(bench.send(&Method::DELETE, &headers, "").await).await;
    assert_eq!(again.status, 404);
    let none = collect(bench.send(&Method::DELETE, &[], "").await).await;
    assert_eq!(none.status, 400);

    let session = bench.session().await;
    bench.host.advance(Duration::from_secs(24 * 60 * 60 + 1));
    assert_eq!(ping(&bench, crate::bench::KEY, &session).await.status, 404);
}

#[tokio::test]
async fn there_is_nothing_to_listen_to() {
    let bench = Bench::new();
    let reply = collect(bench.send(&Method::GET, &[("accept", "text/event-stream")], "").await);
    let reply = reply.await;
    assert_eq!((reply.status.as_u16(), reply.header("allow")), (405, "POST, DELETE"));
    assert!(reply.json()["error"]["code"].is_i64());
    let reply = collect(bench.send(&Method::HEAD, &[], "").await).await;
    assert_eq!((reply.status.as_u16(), reply.body.as_str()), (200, ""));
}

#[tokio::test]
async fn tools_of_one_session_share_a_workspace_that_others_do_not() {
    let bench = Bench::new();
    let (one, two) = (bench.session().await, bench.session().await);
    let call = json!({ "name": "echo", "arguments": {} });
    for session in [&one, &one, &two] {
        bench.ask(session, "tools/call", call.clone()).await;
    }
    let without = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call });
    bench.post(&[], &without).await;
    let contexts = bench.seen.contexts.lock().unwrap().clone();
    let names: Vec<&str> = contexts.iter().map(|it| it.workspace.name.as_str()).collect();
    let (one, two) = (format!("mcp-{one}"), format!("mcp-{two}"));
    assert_eq!(names, [one.as_str(), &one, &two, "mcp-key-fixed"]);
    assert!(contexts.iter().all(|it| it.workspace.tenant == "default"));
    // The same id in the same session is the same call; in no session it is another every time.
    assert_eq!(contexts[0].idempotency_key, contexts[1].idempotency_key);
    assert_ne!(contexts[1].idempotency_key, contexts[2].idempotency_key);
}

#[tokio::test]
async fn a_client_without_a_session_may_ask_as_well() {
    let bench = Bench::new();
    let list = json!({ "jsonrpc": "2.0", "id": "x", "method": "tools/list" });
    let listed: Value = bench.post(&[], &list).await.json();
    assert_eq!(listed["result"]["tools"].as_array().unwrap().len(), 4);
    assert!(listed["result"].get("resultType").is_none(), "older clients do not know it");
}
