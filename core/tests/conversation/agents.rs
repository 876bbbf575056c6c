//! Agents send all that was said with each request, and others under the same name.

use dormouse_core::{chat::Dialect, conversation::Address};
use serde_json::{Value, json};

use crate::bench::{Bench, named, says};

fn agent() -> Address {
    Address::Agent("agent".into())
}

fn all(texts: &[&str]) -> Value {
    let role = |place: usize| if place.is_multiple_of(2) { "user" } else { "assistant" };
    let messages = texts.iter().enumerate();
    let messages = messages.map(|(place, text)| json!({ "role": role(place), "content": text }));
    json!({ "model": "m", "max_tokens": 9, "messages": messages.collect::<Value>() })
}

#[tokio::test]
async fn what_an_agent_sends_goes_on_as_it_is_and_is_kept() {
    let bench = Bench::new();
    let body = all(&["one"]);
    let id = bench.ask(&agent(), &body).await.unwrap();
    assert_eq!(bench.bodies()[0], body);
    let body = all(&["one", "answer 1", "two"]);
    assert_eq!(bench.ask(&agent(), &body).await.unwrap(), id);
    assert_eq!(bench.bodies()[1], body);
    assert_eq!(bench.texts(&id).await, ["one", "answer 1", "two", "answer 2"]);
}

#[tokio::test]
async fn what_does_not_go_on_from_it_is_answered_and_leaves_it_alone() {
    let bench = Bench::new();
    let id = bench.ask(&agent(), &all(&["one"])).await.unwrap();
    for aside in [&["Make a title"][..], &["one"], &["one", "something else"]] {
        assert_eq!(bench.ask(&agent(), &all(aside)).await.unwrap(), "", "it belongs to none");
        assert_eq!(bench.bodies().pop().unwrap(), all(aside));
    }
    assert_eq!(bench.texts(&id).await, ["one", "answer 1"]);
    assert_eq!(bench.receipts().await.iter().filter(|it| it.conversation.is_some()).count(), 1);
}

#[tokio::test]
async fn what_says_more_than_a_request_aside_takes_its_place() {
    let bench = Bench::new();
    let aside = bench.ask(&agent(), &all(&["Make a title"])).await.unwrap();
    assert_eq!(bench.ask(&agent(), &all(&["one"])).await.unwrap(), "");
    let main = bench.ask(&agent(), &all(&["one", "answer 2", "two"])).await.unwrap();
    assert_ne!(main, aside);
    let all = all(&["one", "answer 2", "two", "answer 3", "three"]);
    assert_eq!(bench.ask(&agent(), &all).await.unwrap(), main);
    assert_eq!(bench.texts(&main).await.len(), 6);
    assert_eq!(bench.texts(&aside).await.len(), 2, "it can still be read");
    assert_eq!(bench.ask(&named("agent"), &says("four")).await.unwrap(), main);
}

#[tokio::test]
async fn an_agents_requests_at_the_same_time_are_all_answered() {
    let bench = Bench::new();
    let main = bench.begin(&agent(), &all(&["one"])).await.unwrap();
    let aside = bench.begin(&agent(), &all(&["Make a title"])).await.unwrap();
    assert_eq!(aside.conversation, None);
    bench.hear(aside).await.unwrap();
    let id = main.conversation.clone().unwrap();
    bench.hear(main).await.unwrap();
    assert_eq!(bench.texts(&id).await, ["one", "answer 1"]);

    // Both found it free.
    let caller = crate::bench::caller("acme");
    let two = all(&["one", "answer 1", "two"]).to_string();
    let mut begun = Vec::new();
    let mut opened = Vec::new();
    for gateway in &bench.gateways {
        opened.push(gateway.converse(&caller, &agent()).await.unwrap());
    }
    for (gateway, conversing) in bench.gateways.iter().zip(opened) {
        let body = two.clone().into();
        let request = dormouse_core::wire::openai_chat::decode_request(&body).unwrap();
        let origin = dormouse_core::gateway::Origin { conversing, ..Default::default() };
        begun.push(bench.run(Box::pin(gateway.chat(&caller, request, origin))).await.unwrap());
    }
    for answer in begun {
        bench.hear(answer).await.unwrap();
    }
    assert_eq!(bench.texts(&id).await, ["one", "answer 1", "two", "answer 3"]);
}

#[tokio::test]
async fn an_agents_conversation_that_grows_too_long_is_kept_no_further() {
    let bench = Bench::set(&[("DORMOUSE_CONVERSATION_MESSAGES", "3")]);
    let id = bench.ask(&agent(), &all(&["one"])).await.unwrap();
    assert_eq!(bench.ask(&agent(), &all(&["one", "answer 1", "two"])).await.unwrap(), "");
    assert_eq!(bench.texts(&id).await.len(), 2);
}

#[tokio::test]
async fn marks_and_thoughts_that_an_agent_moves_do_not_end_its_conversation() {
    let bench = Bench::new();
    let cache = json!({ "type": "ephemeral" });
    let text = |text: &str, cached: bool| {
        let mut block = json!({ "type": "text", "text": text });
        if cached {
            block["cache_control"] = cache.clone();
        }
        block
    };
    let ask = |messages: Value| json!({ "model": "m", "max_tokens": 9, "messages": messages });
    let one = |cached| json!({ "role": "user", "content": [text("one", cached)] });
    let answer = json!({ "role": "assistant", "content": [text("answer 1", false)] });
    let two = json!({ "role": "user", "content": [text("two", true)] });
    let mut ids = Vec::new();
    for body in [ask(json!([one(true)])), ask(json!([one(false), answer, two]))] {
        let asked = bench.begin_at(0, "acme", &agent(), (Dialect::Anthropic, &body)).await.unwrap();
        ids.push(asked.conversation.clone());
        bench.hear(asked).await.unwrap();
    }
    assert!(ids[0].is_some());
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn any_client_can_go_on_where_an_agent_was() {
    let bench = Bench::new();
    let id = bench.ask(&agent(), &all(&["one"])).await.unwrap();
    assert_eq!(bench.ask(&named("agent"), &says("two")).await.unwrap(), id);
    assert_eq!(bench.last().as_array().unwrap().len(), 3);
}
