//! The files of a run: they go when it ends, unless somebody may come back to them.

use std::sync::{Arc, atomic::Ordering};

use dormouse_core::{
    chat::Dialect,
    gateway::{Answer, Origin, ToolPorts},
    ports::{Sandbox, Workspace},
};
use dormouse_testkit::fakes::FakeSandbox;
use futures::{FutureExt, StreamExt};

use crate::bench::{Bench, Reply, calls, question, says};

const CHAT: Dialect = Dialect::OpenAiChat;
const WRITE: (&str, &str, &str) = ("a", "write_file", r#"{"path": "a.txt", "content": "A"}"#);
const WAIT: (&str, &str, &str) = ("b", "wait", "{}");

/// A gateway with files.
fn bench<const N: usize>(script: [Reply; N]) -> (Bench, Arc<FakeSandbox>) {
    let sandbox = Arc::new(FakeSandbox::new(|_, _| panic!("nothing is run here")));
    let ports = ToolPorts { sandbox: Some(sandbox.clone()), ..ToolPorts::default() };
    (Bench::having(ports, &[("DORMOUSE_TOOLS", "write_file,wait")], script), sandbox)
}

/// How many files there are in a workspace.
async fn files(bench: &Bench, sandbox: &FakeSandbox, name: &str) -> usize {
    bench.host.run_spawned().await;
    let workspace = Workspace { tenant: "acme".into(), name: name.into() };
    sandbox.list(&workspace, "").await.unwrap().len()
}

/// Reads an answer until its tool waits.
async fn until_it_waits(bench: &Bench, answer: &mut Answer) {
    while bench.log.working.load(Ordering::Relaxed) == 0 {
        drop(answer.chunks.next().now_or_never());
        bench.host.run_spawned().await;
    }
}

#[tokio::test]
async fn files_are_there_while_a_run_lasts_and_gone_when_it_has_ended() {
    let (bench, sandbox) = bench([calls([WRITE]), says("done")]);
    let mut answer = bench.ask(CHAT, question("m"), Origin::default()).await.unwrap();
    let run = answer.run.clone().unwrap();
    let mut most = 0;
    while let Some(chunk) = bench.run(answer.chunks.next()).await {
        chunk.unwrap();
        most = most.max(files(&bench, &sandbox, &run).await);
    }
    assert_eq!((most, files(&bench, &sandbox, &run).await), (1, 0));
}

#[tokio::test]
async fn who_leaves_leaves_no_files() {
    let (bench, sandbox) = bench([calls([WRITE]), calls([WAIT])]);
    let mut answer = bench.ask(CHAT, question("m"), Origin::default()).await.unwrap();
    let run = answer.run.clone().unwrap();
    until_it_waits(&bench, &mut answer).await;
    assert_eq!(files(&bench, &sandbox, &run).await, 1);
    drop(answer);
    assert_eq!(files(&bench, &sandbox, &run).await, 0);
}

#[tokio::test]
async fn a_run_that_fails_leaves_no_files() {
    let (bench, sandbox) = bench([calls([WRITE]), Reply::Fails]);
    let answer = bench.ask(CHAT, question("m"), Origin::default()).await.unwrap();
    let run = answer.run.clone().unwrap();
    bench.collect(answer).await.unwrap_err();
    assert_eq!(files(&bench, &sandbox, &run).await, 0);
}

#[tokio::test]
async fn a_gateway_that_stops_leaves_no_files() {
    let (bench, sandbox) = bench([calls([WRITE]), calls([WAIT])]);
    let mut answer = bench.ask(CHAT, question("m"), Origin::default()).await.unwrap();
    let run = answer.run.clone().unwrap();
    until_it_waits(&bench, &mut answer).await;
    bench.gateway.close();
    bench.collect(answer).await.unwrap_err();
    assert_eq!(files(&bench, &sandbox, &run).await, 0);
}

#[tokio::test]
async fn the_files_of_a_conversation_stay() {
    let (bench, sandbox) = bench([calls([WRITE]), says("done")]);
    let origin = bench.conversation("ours").await;
    let answer = bench.ask(CHAT, question("m"), origin).await.unwrap();
    let name = answer.conversation.clone().unwrap();
    bench.collect(answer).await.unwrap();
    assert_eq!(files(&bench, &sandbox, &name).await, 1);
}
