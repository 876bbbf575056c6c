//! A run in a conversation is one turn of it.

use dormouse_core::chat::Dialect;
use serde_json::{Value, json};

use crate::bench::{Bench, Reply, calls, question, says};

const CHAT: Dialect = Dialect::OpenAiChat;
const CALL: (&str, &str, &str) = ("a", "add", r#"{"a":1,"b":2}"#);

async fn say(bench: &Bench, body: Value) {
    let origin = bench.conversation("talk").await;
    let answer = bench.ask(CHAT, body, origin).await.unwrap();
    bench.collect(answer).await.unwrap();
}

fn more() -> Value {
    let mut body = question("m");
    body["messages"] = json!([{ "role": "user", "content": "And twice that?" }]);
    body
}

#[tokio::test]
async fn the_next_question_goes_on_from_every_step() {
    let bench = Bench::new([calls([CALL]), says("It is 3."), says("6")]);
    say(&bench, question("m")).await;
    say(&bench, more()).await;
    let told = bench.told();
    assert!(told[2].starts_with(&told[1]), "{told:#?}");
    let messages = bench.asked()[2]["messages"].clone();
    let roles: Vec<_> = messages.as_array().unwrap().iter().map(|it| &it["role"]).collect();
    assert_eq!(roles, ["user", "assistant", "tool", "assistant", "user"]);
    let names: Vec<String> =
        bench.log.calls.lock().unwrap().iter().map(|it| it.1.workspace.name.clone()).collect();
    let origin = bench.conversation("talk").await;
    assert_eq!(names, [origin.conversing.unwrap().id()], "its files are those of the conversation");
}

#[tokio::test]
async fn what_marks_the_end_is_not_kept() {
    let bench = Bench::new([says("Easy.\nDONE: It is 3."), says("DONE: 6")]);
    let mut first = question("small");
    first["model"] = "small".into();
    say(&bench, first).await;
    let mut second = more();
    second["model"] = "small".into();
    say(&bench, second).await;
    let messages = bench.asked()[1]["messages"].clone();
    assert_eq!(messages[2]["content"], "It is 3.");
}

#[tokio::test]
async fn a_run_that_stopped_short_leaves_a_conversation_that_can_go_on() {
    let bench = Bench::new([calls([CALL]), says("6")]);
    let mut body = question("m");
    body["dormouse"]["max_steps"] = 1.into();
    say(&bench, body).await;
    say(&bench, more()).await;
    let messages = bench.asked()[1]["messages"].clone();
    assert_eq!(messages[2]["content"], "Error: The call was not run.");
    assert_eq!(messages[3]["content"], "[Stopped: the limit of steps was reached.]");
}

#[tokio::test]
async fn a_run_that_failed_gives_the_conversation_back() {
    let bench = Bench::new([calls([CALL]), Reply::Fails, says("3")]);
    let origin = bench.conversation("talk").await;
    let answer = bench.ask(CHAT, question("m"), origin).await.unwrap();
    bench.collect(answer).await.unwrap_err();
    bench.host.run_spawned().await;
    say(&bench, question("m")).await;
    assert_eq!(bench.asked()[2]["messages"].as_array().unwrap().len(), 1, "nothing was kept");
}
