//! What was promised to a client, whoever the provider is.

use dormouse_core::{
    Result,
    chat::{Dialect, Message, Request, Role, Whole},
    wire::{self, Outgoing},
};
use serde_json::Value;

use crate::{
    bench::{Bench, CLIENTS, Reply, request},
    meaning,
};

#[tokio::test]
async fn a_client_that_wants_one_call_at_most_gets_one_from_providers_that_cannot_be_told() {
    for (provider, client) in
        [Dialect::Gemini, Dialect::Ollama].into_iter().flat_map(|it| CLIENTS.map(|c| (it, c)))
    {
        for streams in [false, true] {
            let bench = Bench::new(Reply::answer("answers/parallel_calls", provider, streams));
            let asked = request("tools", client, provider, streams);
            let received = bench.exchange(client, &asked).await.unwrap();
            let heard = meaning::of(client, streams, &received.bytes).unwrap();
            let parts = heard["parts"].as_array().unwrap();
            let kinds: Vec<_> = parts.iter().map(|part| part["type"].as_str().unwrap()).collect();
            assert_eq!(kinds, ["text", "tool_call"], "{heard}");
            assert_eq!(parts[1]["arguments"]["city"], "Paris");
            assert_eq!(heard["finish"], "tool_calls");
            assert_eq!(heard["usage"]["output"], 61, "what was used is told in full");
        }
    }
}

#[tokio::test]
async fn providers_that_can_be_told_are_told_that_one_call_is_the_most() {
    for client in CLIENTS {
        for (provider, pointer, expected) in [
            (Dialect::OpenAiChat, "/parallel_tool_calls", false),
            (Dialect::OpenAiResponses, "/parallel_tool_calls", false),
            (Dialect::Anthropic, "/tool_choice/disable_parallel_tool_use", true),
        ] {
            let bench = Bench::new(Reply::answer("answers/text", provider, false));
            bench.exchange(client, &request("tools", client, provider, false)).await.unwrap();
            let body = bench.asked().unwrap().body;
            assert_eq!(body.pointer(pointer), Some(&Value::from(expected)), "{client:?}: {body}");
        }
    }
}

#[tokio::test]
async fn only_requests_of_the_chat_dialect_show_a_chat_provider_several_system_messages() {
    for client in [Dialect::OpenAiResponses, Dialect::Anthropic] {
        let bench = Bench::new(Reply::answer("answers/text", Dialect::OpenAiChat, false));
        let asked = request("conversation", client, Dialect::OpenAiChat, false);
        bench.exchange(client, &asked).await.unwrap();
        let body = bench.asked().unwrap().body;
        let messages = body["messages"].as_array().unwrap();
        let roles: Vec<_> = messages.iter().map(|it| it["role"].as_str().unwrap()).collect();
        let systems = roles.iter().filter(|role| **role == "system").count();
        assert_eq!((roles[0], systems), ("system", 1), "{body}");
        assert!(!roles.contains(&"developer"), "{body}");
        if client == Dialect::OpenAiResponses {
            assert_eq!(messages[0]["content"], "Be brief.\n\nSpeak English.");
            assert_eq!(messages[3]["content"], "<system>\nBe kind.\n</system>");
        }
    }
}

#[tokio::test]
async fn t_08_thoughts_come_back_to_their_provider_as_it_signed_them() {
    for (provider, proof) in [
        (Dialect::OpenAiResponses, "gAAAAABo_proof-2fQ=="),
        (Dialect::Anthropic, "EqQBCkYIBxgCKkA/proof=="),
        (Dialect::Gemini, "EuIFCt8FAXLI2nxZ0Q+a/0="),
    ] {
        for (client, streams) in CLIENTS.into_iter().flat_map(|it| [(it, false), (it, true)]) {
            let bench = Bench::new(Reply::answer("answers/reasoning", provider, streams));
            let mut asked = request("tools", client, provider, streams);
            let received = bench.exchange(client, &asked).await.unwrap();
            bring_back(&mut asked, client, meaning::whole(client, streams, &received.bytes));
            bench.replies(Reply::answer("answers/text", provider, streams));
            bench.exchange(client, &asked).await.unwrap();
            let body = bench.asked().unwrap().body.to_string();
            assert!(body.contains(proof), "{client:?} to {provider:?} ({streams}): {body}");
        }
    }
}

/// Adds an answer to what is asked next, in the client's own dialect.
fn bring_back(asked: &mut Value, client: Dialect, answer: Result<Whole>) {
    let parts = answer.unwrap().choices.remove(&0).unwrap().parts;
    let message = Message { parts, ..Message::text(Role::Assistant, "") };
    let history = Request { dialect: client, messages: vec![message], ..Request::default() };
    let format = wire::called(client).unwrap();
    let outgoing = Outgoing { max_output_tokens: Some(9), ..Outgoing::default() };
    let call = format.encode_request(&history, &outgoing).unwrap();
    let mut body: Value = serde_json::from_slice(&call.body).unwrap();
    let list = if client == Dialect::OpenAiResponses { "input" } else { "messages" };
    let said = body[list].as_array_mut().unwrap().drain(..);
    asked[list].as_array_mut().unwrap().extend(said);
}
