//! Tools that are missing because the server that has them is not there.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use dormouse_core::{
    Code, Error, Result,
    chat::Dialect,
    gateway::{Origin, ToolPorts},
    tools::{Tool, Toolbox},
};
use serde_json::{Value, json};

use crate::bench::{Bench, frames, question, question_in, says};

const DIALECTS: [Dialect; 3] = [Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::Anthropic];

/// A server that is down, and how often it was called.
#[derive(Debug, Default)]
struct Down(AtomicUsize);

#[async_trait]
impl Toolbox for Down {
    fn namespace(&self) -> Option<&str> {
        Some("docs")
    }

    async fn tools(&self) -> Result<Vec<Arc<dyn Tool>>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Err(Error::new(Code::UpstreamUnreachable, "it is gone"))
    }
}

fn bench(allowed: &str) -> (Bench, Arc<Down>) {
    let down = Arc::new(Down::default());
    let ports = ToolPorts { toolboxes: vec![down.clone()], ..ToolPorts::default() };
    let set = [("DORMOUSE_TOOLS", allowed)];
    (Bench::having(ports, &set, [says("one"), says("two"), says("three")]), down)
}

#[tokio::test]
async fn a_run_goes_on_without_a_server_and_says_so() {
    let (bench, _) = bench("*");
    let answer = bench.ask(Dialect::OpenAiChat, question("m"), Origin::default()).await.unwrap();
    assert_eq!(answer.degraded, ["mcp:docs"]);
    bench.collect(answer).await.unwrap();
}

#[tokio::test]
async fn every_dialect_says_what_is_missing_where_it_says_how_the_run_ended() {
    for dialect in DIALECTS {
        let (bench, _) = bench("*");
        let whole = bench.whole(dialect, question_in(dialect, "m")).await;
        assert_eq!(whole["dormouse"]["degraded"], json!(["mcp:docs"]), "{whole}");
        let sent = bench.stream(dialect, question_in(dialect, "m")).await;
        let told = |frame: &Value| {
            let about = [&frame["dormouse"], &frame["response"]["dormouse"]];
            about.iter().any(|about| about["degraded"] == json!(["mcp:docs"]))
        };
        assert_eq!(frames(&sent).iter().filter(|frame| told(frame)).count(), 1, "{sent}");
    }
}

#[tokio::test]
async fn a_server_whose_tools_nobody_may_use_is_neither_asked_nor_missed() {
    let (bench, down) = bench("*,!docs__*");
    let whole = bench.whole(Dialect::OpenAiChat, question("m")).await;
    assert_eq!(whole["dormouse"].get("degraded"), None, "{whole}");
    let (bench, other) = self::bench("*");
    let mut body = question("m");
    body["dormouse"]["tools"] = json!(["add"]);
    let answer = bench.ask(Dialect::OpenAiChat, body, Origin::default()).await.unwrap();
    assert!(answer.degraded.is_empty());
    bench.collect(answer).await.unwrap();
    assert_eq!([&down, &other].map(|it| it.0.load(Ordering::Relaxed)), [0, 0]);
}
