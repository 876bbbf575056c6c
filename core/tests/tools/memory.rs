//! Notes that outlive a task.

use std::sync::Arc;

use dormouse_core::{
    memory::MemoryRecords,
    ports::{Host, Records},
    tools::{Context, Fixed, Memory, Output, Tool},
};
use dormouse_testkit::fakes::TestHost;
use serde_json::{Value, json};

use crate::bench::{Bench, LIMITS, context, failure, text};

fn bench() -> Bench {
    let host: Arc<dyn Host> = Arc::new(TestHost::new());
    let records: Arc<dyn Records> = Arc::new(MemoryRecords::new(Arc::clone(&host)));
    let tools = Memory::all(&records, &host).map(|tool| Arc::new(tool) as Arc<dyn Tool>);
    Bench::of(vec![Arc::new(Fixed(tools.into()))])
}

async fn put(bench: &Bench, key: &str, text: &str) -> Output {
    bench.call("memory_put", json!({ "key": key, "text": text })).await
}

async fn found(bench: &Bench, query: &str) -> Vec<String> {
    let said = text(&bench.call("memory_search", json!({ "query": query })).await);
    let key =
        |line: &str| Some(serde_json::from_str::<Value>(line).ok()?["key"].as_str()?.to_owned());
    said.lines().filter_map(key).collect()
}

#[tokio::test]
async fn a_note_is_kept_read_replaced_and_forgotten() {
    let bench = bench();
    let get = || bench.call("memory_get", json!({ "key": "name" }));
    assert_eq!(failure(&get().await), "there is no note `name`");
    assert_eq!(text(&put(&bench, "name", "Ada").await), "kept `name`");
    put(&bench, "name", "Grace").await;
    assert_eq!(text(&get().await), "Grace");
    assert_eq!(text(&put(&bench, "name", "").await), "forgot `name`");
    assert_eq!(failure(&get().await), "there is no note `name`");
}

#[tokio::test]
async fn the_note_with_the_most_words_is_found_first() {
    let bench = bench();
    put(&bench, "tea", "Ada drinks tea in the morning").await;
    put(&bench, "coffee", "Grace drinks coffee, never in the morning").await;
    put(&bench, "weather", "It rains").await;
    assert_eq!(found(&bench, "Who drinks COFFEE?").await, ["coffee", "tea"]);
    assert_eq!(
        text(&bench.call("memory_search", json!({ "query": "snow" })).await),
        "no note was found"
    );
}

#[tokio::test]
async fn tenants_have_memories_of_their_own() {
    let bench = bench();
    put(&bench, "secret", "of acme").await;
    let offer = bench.offer(&["*"]).await;
    let mut workspace = context().workspace;
    workspace.tenant = "zoo".into();
    let stranger = Context { workspace, ..context() };
    for (name, input) in [
        ("memory_get", json!({ "key": "secret" })),
        ("memory_search", json!({ "query": "secret acme" })),
    ] {
        let call = (name, input.to_string());
        let said = bench.registry.execute(&offer, (call.0, &call.1), &stranger, LIMITS).await;
        assert!(text(&said).contains("no note"), "{said:?}");
    }
}

#[tokio::test]
async fn no_tenant_keeps_notes_without_end() {
    let bench = bench();
    for number in 0..1000 {
        assert!(!put(&bench, &format!("note {number}"), "x").await.is_error);
    }
    assert!(failure(&put(&bench, "one more", "x").await).contains("1000 notes already"));
    assert!(!put(&bench, "note 7", "changed").await.is_error, "what is there may change");
    put(&bench, "note 7", "").await;
    assert!(!put(&bench, "one more", "x").await.is_error, "and makes room when forgotten");
    assert_eq!(found(&bench, "note 999").await.first().unwrap(), "note 999", "on the last page");
    for (key, text) in [("k".repeat(129), "x".to_owned()), ("k".into(), "x".repeat(8001))] {
        assert!(failure(&put(&bench, &key, &text).await).contains("at most"));
    }
}
