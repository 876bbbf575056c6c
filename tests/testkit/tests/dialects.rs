//! The scripted provider says the same in every dialect that it speaks, to the readers of the gateway.
#![expect(clippy::expect_used, reason = "a test whose tools fail fails")]

use dormouse_core::{
    catalog::Api,
    chat::{FinishReason, Message, Part, Request, Role, StreamOptions, Tool, Whole},
    wire::{self, MaxTokensField, Outgoing, Verbatim},
};
use dormouse_testkit::{
    reading,
    upstream::{Answer, Upstream},
};

/// The APIs that it speaks.
const APIS: [Api; 3] = [Api::OpenAi, Api::Gemini, Api::Ollama];

/// Asks `upstream` as the gateway would.
async fn ask(upstream: &Upstream, api: Api, stream: bool) -> Whole {
    let format = wire::called(api.dialect()).expect("a dialect that is called");
    let request = Request {
        messages: vec![Message::text(Role::User, "Hi")],
        tools: vec![Tool { name: "look".into(), ..Tool::default() }],
        stream: stream.then(StreamOptions::default),
        ..Request::default()
    };
    let outgoing = Outgoing {
        model: "echo",
        max_output_tokens: None,
        max_tokens_field: MaxTokensField::MaxTokens,
        openai: false,
        stream,
        slot: None,
    };
    let call = format.encode_request(&request, &outgoing).expect("a call");
    let url = format!("{}/{}", upstream.base_url_of(api), call.path);
    let answer = client().post(url).body(call.body).send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{api:?}");
    let kind = answer.headers().get("content-type").expect("a type");
    assert_eq!(format.is_stream(kind.to_str().expect("text")), stream, "{api:?}");
    let body = answer.bytes().await.expect("a body");
    if stream {
        reading::streamed(format.decoder(Verbatim::default()), [&body[..]]).whole()
    } else {
        reading::whole(format.decode_answer(body, false)).whole()
    }
}

/// Plain HTTP needs no TLS, but the client insists on a provider of it.
fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

/// The text, and which tools were called with what.
fn said(whole: &Whole) -> (String, Vec<(String, String)>) {
    let (mut text, mut calls) = (String::new(), Vec::new());
    for part in whole.choices.values().flat_map(|choice| &choice.parts) {
        match part {
            Part::Text { text: more, .. } => text.push_str(more),
            Part::ToolCall { name, arguments, .. } => calls.push((name.clone(), arguments.clone())),
            _ => {}
        }
    }
    (text, calls)
}

fn reason(whole: &Whole) -> Option<&FinishReason> {
    whole.choices.get(&0)?.finish_reason.as_ref()
}

#[tokio::test]
async fn one_script_is_the_same_in_every_dialect() {
    let upstream = Upstream::start().await;
    for (api, stream) in APIS.into_iter().flat_map(|api| [(api, true), (api, false)]) {
        upstream.once("echo", Answer::text(&["Well, ", "hello."]).using(11, 5));
        let whole = ask(&upstream, api, stream).await;
        assert_eq!(said(&whole), ("Well, hello.".into(), Vec::new()), "{api:?}");
        assert_eq!(reason(&whole), Some(&FinishReason::Stop), "{api:?}");
        if let Some(usage) = whole.usage {
            assert_eq!((usage.input, usage.output), (11, 5), "{api:?}");
        }
        assert!(whole.usage.is_some(), "{api:?}");
        assert_eq!(whole.model, "echo", "{api:?}");

        let tools: &[(&str, &[&str])] = &[("look", &["{\"at\"", ":1}"]), ("now", &["{}"])];
        upstream.once("echo", Answer::tool_calls(tools));
        let whole = ask(&upstream, api, stream).await;
        let calls = [("look", "{\"at\":1}"), ("now", "{}")];
        let calls = calls.map(|(name, arguments)| (name.to_owned(), arguments.to_owned()));
        assert_eq!(said(&whole), (String::new(), calls.to_vec()), "{api:?}");
        assert_eq!(reason(&whole), Some(&FinishReason::ToolCalls), "{api:?}");

        assert_eq!(said(&ask(&upstream, api, stream).await).0, "You said: Hi", "{api:?}");
    }
    assert_eq!(upstream.count("echo"), 18);
}

#[tokio::test]
async fn the_models_are_listed_where_each_dialect_looks() {
    let upstream = Upstream::start().await;
    for api in APIS {
        let list = wire::called(api.dialect()).expect("a dialect that is called").models();
        let url = format!("{}/{}", upstream.base_url_of(api), list.path);
        let body = client().get(url).send().await.expect("an answer").bytes().await;
        let body: serde_json::Value = serde_json::from_slice(&body.expect("a body")).expect("JSON");
        let name = body.pointer(&format!("/{}/0/{}", list.items, list.id));
        let name = name.and_then(|name| name.as_str()?.strip_prefix(list.prefix));
        assert_eq!(name, Some("echo"), "{api:?}");
    }
}
