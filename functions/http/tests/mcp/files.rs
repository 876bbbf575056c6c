//! The files of runs.

use serde_json::{Value, json};

use crate::bench::{Bench, USUAL, collect};
use http::Method;

async fn read_as(bench: &Bench, key: &str, uri: &str) -> Value {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "resources/read",
        "params": { "uri": uri } });
    collect(bench.send_as(key, &Method::POST, USUAL, body.to_string()).await).await.json()
}

#[tokio::test]
async fn what_tools_wrote_in_a_session_is_listed_and_read() {
    let bench = Bench::new();
    let session = bench.session().await;
    let workspace = format!("mcp-{session}");
    let ours = ("default", workspace.as_str());
    bench.files.put(ours, "out/Ergebnis & mehr.txt", "grün".as_bytes());
    bench.files.put(ours, "a.bin", &[0xff, 0x00]);
    bench.files.put(("default", "mcp-another"), "b.txt", b"b");
    let listed = bench.ask(&session, "resources/list", json!({})).await;
    let resources = listed["resources"].as_array().unwrap();
    assert_eq!(resources.len(), 2);
    assert_eq!((&resources[0]["name"], &resources[0]["size"]), (&json!("a.bin"), &json!(2)));
    let uri = resources[1]["uri"].as_str().unwrap();
    assert_eq!(uri, format!("dormouse://runs/{workspace}/files/out/Ergebnis%20%26%20mehr.txt"));
    let text = bench.ask(&session, "resources/read", json!({ "uri": uri })).await;
    assert_eq!(text["contents"][0]["text"], "grün");
    assert_eq!(text["contents"][0]["uri"], uri);
    let bytes = bench.ask(&session, "resources/read", json!({ "uri": resources[0]["uri"] })).await;
    assert_eq!(bytes["contents"][0]["blob"], "/wA=");
    let templates = bench.ask(&session, "resources/templates/list", json!({})).await;
    let template = &templates["resourceTemplates"][0]["uriTemplate"];
    assert_eq!(template, "dormouse://runs/{id}/files/{+path}");
}

#[tokio::test]
async fn the_files_of_any_run_are_read_by_its_tenant_and_nobody_else() {
    let bench = Bench::new();
    let (owner, stranger) = (bench.key_of("acme").await, bench.key_of("zoo").await);
    bench.files.put(("acme", "run_1"), "report.txt", b"secret");
    let theirs = "dormouse://runs/run_1/files/report.txt";
    let found = read_as(&bench, &owner, theirs).await;
    assert_eq!(found["result"]["contents"][0]["text"], "secret");
    let asked = read_as(&bench, &stranger, theirs).await;
    let none = read_as(&bench, &stranger, "dormouse://runs/run_2/files/report.txt").await;
    assert_eq!(asked["error"]["code"], -32002);
    assert_eq!(asked.to_string().replace("run_1", "run_2"), none.to_string());
}

#[tokio::test]
async fn what_is_not_there_is_told_as_the_revision_has_it() {
    let bench = Bench::new();
    let uri = "dormouse://runs/run_1/files/none";
    let error = read_as(&bench, crate::bench::KEY, uri).await["error"].take();
    assert_eq!((&error["code"], &error["data"]["uri"]), (&json!(-32002), &json!(uri)));
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let read = json!({ "jsonrpc": "2.0", "id": 1, "method": "resources/read",
        "params": { "uri": uri, "_meta": meta } });
    let headers = [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "resources/read"),
        ("mcp-name", uri),
    ];
    assert_eq!(bench.post(&headers, &read).await.json()["error"]["code"], -32602);
}
