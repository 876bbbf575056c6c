//! What was said before is put in front of what is said now, and always as the same bytes.

use dormouse_core::{
    Code,
    chat::{Dialect, Part},
    conversation::Address,
};
use serde_json::{Value, json};

use crate::bench::{Bench, Reply, caller, code, named, says};

#[tokio::test]
async fn a_conversation_is_told_to_the_model_from_its_beginning() {
    let bench = Bench::new();
    bench.ask(&named("a"), &says("one")).await.unwrap();
    bench.ask(&named("a"), &says("two")).await.unwrap();
    let said = [("user", "one"), ("assistant", "answer 1"), ("user", "two")];
    let expected: Value =
        said.iter().map(|(role, text)| json!({ "role": role, "content": text })).collect();
    assert_eq!(bench.last(), expected);
}

#[tokio::test]
async fn each_request_begins_with_the_bytes_of_the_one_before() {
    let bench = Bench::new();
    let call = json!([{ "id": "c1", "type": "function", "function": {
        "name": "look", "arguments": "{ \"at\":  1.50 }",
    } }]);
    let thinks =
        json!({ "reasoning_content": "Hm", "reasoning_signature": "proof", "content": "é" });
    bench.script([
        Reply::Message(json!({ "content": Value::Null, "tool_calls": call }), 5, 5),
        Reply::Message(thinks, 9, 9),
    ]);
    let tools = json!([{ "type": "function", "function": { "name": "look", "parameters": {} } }]);
    let picture =
        json!({ "type": "image_url", "image_url": { "url": "data:image/png;base64,AA==" } });
    let first = json!({ "content": [{ "type": "text", "text": "Look" }, picture], "role": "user" });
    let result = json!({ "role": "tool", "tool_call_id": "c1", "content": "a cat" });
    let system = json!({ "role": "system", "content": "Be brief." });
    for messages in
        [json!([system, first]), json!([result]), json!([{ "role": "user", "content": "So?" }])]
    {
        let body = json!({ "model": "m", "messages": messages, "tools": tools });
        bench.ask(&named("a"), &body).await.unwrap();
    }
    let told = bench.told();
    assert_eq!(told.len(), 3);
    for pair in told.windows(2) {
        assert!(pair[1].starts_with(&pair[0]), "{} does not begin with {}", pair[1], pair[0]);
    }
    assert_eq!(bench.last()[2]["tool_calls"], call);
    assert_eq!(bench.last()[4]["reasoning_signature"], "proof");
}

#[tokio::test]
async fn a_requests_own_system_prompt_wins_and_is_kept() {
    let bench = Bench::new();
    let with = |system: Option<&str>, text: &str| {
        let mut messages = vec![json!({ "role": "user", "content": text })];
        if let Some(system) = system {
            messages.insert(0, json!({ "role": "system", "content": system }));
        }
        json!({ "model": "m", "messages": messages })
    };
    let mut heard = Vec::new();
    for system in [Some("A"), None, Some("B"), None, Some("B"), None] {
        bench.ask(&named("a"), &with(system, "x")).await.unwrap();
        let last = bench.last();
        let systems = last.as_array().unwrap().iter().filter(|it| it["role"] == "system").count();
        assert_eq!(systems, 1);
        heard.push(last[0]["content"].as_str().unwrap().to_owned());
    }
    assert_eq!(heard, ["A", "A", "B", "B", "B", "B"]);
    let (_, turns) = bench.read(&bench.ask(&named("a"), &says("x")).await.unwrap()).await.unwrap();
    let kept: Vec<usize> = turns.iter().map(|turn| turn.system.len()).collect();
    assert_eq!(kept, [1, 0, 1, 0, 0, 0, 0], "only where it changed");
}

#[tokio::test]
async fn every_dialect_goes_on_where_another_was() {
    let bench = Bench::new();
    let chat =
        |text: &str| json!({ "model": "m", "messages": [{ "role": "user", "content": text }] });
    let asked = [
        (Dialect::OpenAiChat, chat("one")),
        (
            Dialect::Anthropic,
            json!({ "model": "m", "max_tokens": 9, "system": "S", "messages": [{ "role": "user", "content": "two" }] }),
        ),
        (Dialect::OpenAiResponses, json!({ "model": "m", "input": "three" })),
        (Dialect::OpenAiChat, chat("four")),
    ];
    for (gateway, (dialect, body)) in asked.into_iter().enumerate() {
        let answer = bench.begin_at(gateway % 2, "acme", &named("a"), (dialect, &body)).await;
        bench.hear(answer.unwrap()).await.unwrap();
    }
    let texts: Vec<String> = bench
        .last()
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["content"].as_str().unwrap().to_owned())
        .collect();
    let expected = ["S", "one", "answer 1", "two", "answer 2", "three", "answer 3", "four"];
    assert_eq!(texts, expected);
}

#[tokio::test]
async fn who_sends_everything_again_is_not_told_it_twice() {
    let bench = Bench::new();
    bench.ask(&named("a"), &says("one")).await.unwrap();
    let all = json!([
        { "role": "user", "content": "one" },
        { "role": "assistant", "content": "answer 1" },
        { "role": "user", "content": "two" },
    ]);
    let id = bench.ask(&named("a"), &json!({ "model": "m", "messages": all })).await.unwrap();
    assert_eq!(bench.last(), all);
    assert_eq!(bench.texts(&id).await, ["one", "answer 1", "two", "answer 2"]);
}

#[tokio::test]
async fn a_conversation_is_its_tenants_alone() {
    let bench = Bench::new();
    let id = bench.ask(&named("a"), &says("secret")).await.unwrap();
    let body = says("what did I say?");
    let chat = (Dialect::OpenAiChat, &body);
    let answer = bench.begin_at(0, "other", &named("a"), chat).await.unwrap();
    assert_ne!(answer.conversation.as_deref(), Some(id.as_str()), "names are each tenant's own");
    bench.hear(answer).await.unwrap();
    assert!(!bench.told()[1].contains("secret"));
    for address in [Address::Id(id.clone()), named(&id)] {
        let refused = bench.begin_at(0, "other", &address, chat).await;
        assert_eq!(code(refused), Some(Code::NotFound));
    }
    let conversations = bench.gateways[0].conversations();
    assert_eq!(code(conversations.read("other", &id).await), Some(Code::NotFound));
    assert_eq!(code(conversations.delete("other", &id).await), Some(Code::NotFound));
    assert_eq!(conversations.list("other", 0, 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_id_is_as_good_as_a_name() {
    let bench = Bench::new();
    let id = bench.ask(&Address::New, &says("one")).await.unwrap();
    for address in [Address::Id(id.clone()), named(&id)] {
        assert_eq!(bench.ask(&address, &says("two")).await.unwrap(), id);
    }
    assert_eq!(bench.texts(&id).await.len(), 6);
    let unknown = Address::Id("conv_0123456789ab0123456789abcdef0123".into());
    for address in [unknown, Address::Id("nonsense".into())] {
        assert_eq!(code(bench.ask(&address, &says("x")).await), Some(Code::NotFound));
    }
}

#[tokio::test]
async fn a_response_and_a_conversation_are_not_continued_at_once() {
    let bench = Bench::new();
    let body = json!({ "model": "m", "input": "x", "previous_response_id": "resp_1" });
    let refused = bench.begin_at(0, "acme", &named("a"), (Dialect::OpenAiResponses, &body)).await;
    assert_eq!(refused.unwrap_err().param(), Some("previous_response_id"));
}

#[tokio::test]
async fn thoughts_are_kept_with_their_proof_and_shown_without() {
    let bench = Bench::new();
    let thinks =
        json!({ "reasoning_content": "Hm", "reasoning_signature": "proof", "content": "4" });
    bench.script([Reply::Message(thinks, 1, 1)]);
    let id = bench.ask(&named("a"), &says("2+2?")).await.unwrap();
    let (_, turns) = bench.read(&id).await.unwrap();
    let kept = &turns[0].messages[1].parts[0];
    assert!(matches!(kept, Part::Reasoning { signature: Some(it), .. } if it.text == "proof"));
    let shown = dormouse_core::conversation::transcript(&turns, &caller("acme"));
    assert_eq!(shown[1]["reasoning_content"], "Hm");
    assert!(!shown.to_string().contains("proof"));
}
