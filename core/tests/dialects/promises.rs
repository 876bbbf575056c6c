//! What was promised to a client, whoever the provider is.

use dormouse_core::{
    Result,
    chat::{Dialect, Message, Request, Role, Whole},
    wire::{self, Outgoing},
};
use http::HeaderMap;
use serde_json::{Value, json};

use crate::{
    bench::{Bench, CLIENTS, PROVIDERS, Reply, request},
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
async fn a_model_hears_that_a_tool_failed_whoever_serves_it() {
    for (said, told) in
        [("no clock", "Error: no clock"), ("ERROR 7: no clock", "ERROR 7: no clock")]
    {
        for (provider, pointer, expected) in [
            (Dialect::OpenAiChat, "/messages/2/content", json!(told)),
            (Dialect::OpenAiResponses, "/input/4/output", json!(told)),
            (Dialect::Ollama, "/messages/2/content", json!(told)),
            (Dialect::Anthropic, "/messages/2/content/0/is_error", json!(true)),
            (Dialect::Gemini, "/contents/2/parts/0/functionResponse/response/error", json!(said)),
        ] {
            let bench = Bench::new(Reply::answer("answers/text", provider, false));
            let mut asked = request("results", Dialect::Anthropic, provider, false);
            *asked.pointer_mut("/messages/2/content/0/content").unwrap() = json!(said);
            bench.exchange(Dialect::Anthropic, &asked).await.unwrap();
            let body = bench.asked().unwrap().body;
            assert_eq!(body.pointer(pointer), Some(&expected), "{provider:?}: {body}");
        }
    }
}

#[tokio::test]
async fn an_answer_ends_at_a_stop_text_also_where_the_provider_knows_none() {
    let provider = Dialect::OpenAiResponses;
    for (client, field, finish) in
        [(Dialect::OpenAiChat, "stop", "stop"), (Dialect::Anthropic, "stop_sequences", "stop_text")]
    {
        for (streams, piece) in [(false, usize::MAX), (true, usize::MAX), (true, 7)] {
            let reply = Reply::answer("answers/text", provider, streams).in_pieces(piece);
            let bench = Bench::new(reply);
            let mut asked = request("stop", client, provider, streams);
            asked[field] = json!(["never said", " blue — the"]);
            let received = bench.exchange(client, &asked).await.unwrap();
            assert!(received.error.is_none(), "{received:?}");
            let heard = meaning::of(client, streams, &received.bytes).unwrap();
            let text = json!([{ "type": "text", "text": "The sky is" }]);
            assert_eq!((&heard["parts"], &heard["finish"]), (&text, &json!(finish)), "{client:?}");
            let usage = &heard["usage"]["output"];
            assert!(streams || usage == 12, "what was written anyway is told: {usage}");
        }
    }
}

#[tokio::test]
async fn white_space_ends_an_answer_though_anthropic_takes_no_such_stop() {
    let bench = Bench::new(Reply::answer("answers/text", Dialect::Anthropic, true));
    let mut asked = request("stop", Dialect::OpenAiChat, Dialect::Anthropic, true);
    asked["stop"] = json!([" ", "never said"]);
    let received = bench.exchange(Dialect::OpenAiChat, &asked).await.unwrap();
    let heard = meaning::of(Dialect::OpenAiChat, true, &received.bytes).unwrap();
    assert_eq!(heard["parts"], json!([{ "type": "text", "text": "The" }]));
    assert_eq!(bench.asked().unwrap().body["stop_sequences"], json!(["never said"]));
}

#[tokio::test]
async fn a_call_that_must_be_made_is_made_also_where_the_provider_cannot_be_told() {
    let said = r#"{"name": "get_weather", "arguments": {"city": "Paris"}}"#;
    for client in CLIENTS {
        for (choice, tools) in [("any", 2), ("get_weather", 1)] {
            let body = json!({
                "model": "qwen3:8b", "message": { "role": "assistant", "content": said },
                "done": true, "done_reason": "stop", "prompt_eval_count": 9, "eval_count": 8,
            });
            let reply = Reply::answer("answers/text", Dialect::Ollama, false);
            let bench = Bench::new(Reply { body: body.to_string().into(), ..reply });
            let mut asked = request("tools", client, Dialect::Ollama, false);
            asked["tool_choice"] = forced(client, choice);
            let received = bench.exchange(client, &asked).await.unwrap();
            let heard = meaning::of(client, false, &received.bytes).unwrap();
            let parts = heard["parts"].as_array().unwrap();
            assert_eq!((parts.len(), &heard["finish"]), (1, &json!("tool_calls")), "{heard}");
            assert_eq!(parts[0]["arguments"], json!({ "city": "Paris" }));
            let sent = bench.asked().unwrap().body;
            assert_eq!(sent.get("tools"), None, "the tools are told in words: {sent}");
            let calls = sent["format"]["anyOf"].as_array().map_or(1, Vec::len);
            assert_eq!(calls, tools, "{sent}");
        }
    }
}

/// A tool choice in the words of `client`: any tool, or the one of this name.
fn forced(client: Dialect, tool: &str) -> Value {
    match (client, tool) {
        (Dialect::Anthropic, "any") => json!({ "type": "any" }),
        (Dialect::Anthropic, name) => json!({ "type": "tool", "name": name }),
        (_, "any") => json!("required"),
        (Dialect::OpenAiResponses, name) => json!({ "type": "function", "name": name }),
        (_, name) => json!({ "type": "function", "function": { "name": name } }),
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

#[tokio::test]
async fn gemini_gets_its_signatures_back_on_the_parts_that_it_signed() {
    const PROOF: &str = "EuIFCt8FAXLI2nxZ0Q+a/0=";
    let call =
        |city: &str| json!({ "functionCall": { "name": "get_weather", "args": { "city": city } } });
    let mut signed = call("Paris");
    signed["thoughtSignature"] = json!(PROOF);
    let calls = json!([{ "text": "I will look." }, signed, call("Rome")]);
    let text = json!([{ "text": "Rain." }, { "text": "", "thoughtSignature": PROOF }]);
    for (parts, signs) in [(&calls, "functionCall"), (&text, "text")] {
        for (client, streams) in CLIENTS.into_iter().flat_map(|it| [(it, false), (it, true)]) {
            let body = json!({
                "candidates": [{ "content": { "role": "model", "parts": parts }, "finishReason": "STOP", "index": 0 }],
                "usageMetadata": { "promptTokenCount": 9, "candidatesTokenCount": 8, "totalTokenCount": 17 },
                "responseId": "r1", "modelVersion": "gemini-3-flash-preview",
            });
            let reply = Reply::answer("answers/text", Dialect::Gemini, streams);
            let body = if streams { format!("data: {body}\n\n") } else { body.to_string() };
            let bench = Bench::new(Reply { body: body.into(), ..reply });
            let mut asked = request("tools", client, Dialect::Gemini, streams);
            if client == Dialect::OpenAiResponses {
                asked["parallel_tool_calls"] = json!(true);
            } else {
                let all = if client == Dialect::Anthropic {
                    json!({ "type": "auto" })
                } else {
                    json!("auto")
                };
                asked["tool_choice"] = all;
                asked.as_object_mut().unwrap().shift_remove("parallel_tool_calls");
            }
            let received = bench.exchange(client, &asked).await.unwrap();
            bring_back(&mut asked, client, meaning::whole(client, streams, &received.bytes));
            bench.replies(Reply::answer("answers/text", Dialect::Gemini, streams));
            bench.exchange(client, &asked).await.unwrap();
            let body = bench.asked().unwrap().body;
            let contents = body["contents"].as_array().unwrap();
            let said = contents.iter().rfind(|it| it["role"] == "model").unwrap()["parts"].clone();
            let said = said.as_array().unwrap();
            let kind = |part: &Value| part.get(signs).is_some();
            let signed: Vec<_> = said
                .iter()
                .filter_map(|part| Some((kind(part), part.get("thoughtSignature")?)))
                .collect();
            assert_eq!(signed, [(true, &json!(PROOF))], "{client:?} ({streams}): {said:?}");
            let first = said.iter().find(|part| kind(part)).unwrap();
            assert!(signs == "text" || first.get("thoughtSignature").is_some(), "{said:?}");
        }
    }
}

#[tokio::test]
async fn t_31_a_caller_s_session_is_a_cache_key_for_openai() {
    let mut asked = request("text", Dialect::Anthropic, Dialect::OpenAiResponses, false);
    asked["metadata"] = json!({ "user_id": "user_1_account_2_session_3" });
    let served = wire::served(Dialect::Anthropic).unwrap();
    let read = served.decode_request(&HeaderMap::new(), &asked.to_string().into()).unwrap();
    for (provider, openai) in [
        (Dialect::OpenAiResponses, false),
        (Dialect::OpenAiChat, true),
        (Dialect::OpenAiChat, false),
    ] {
        let outgoing = Outgoing { model: "m", openai, ..Outgoing::default() };
        let call = wire::called(provider).unwrap().encode_request(&read, &outgoing).unwrap();
        let body: Value = serde_json::from_slice(&call.body).unwrap();
        assert_eq!(body["user"], "user_1_account_2_session_3");
        let knows = provider == Dialect::OpenAiResponses || openai;
        for field in ["prompt_cache_key", "safety_identifier"] {
            let length = body[field].as_str().map(str::len);
            assert_eq!(length, knows.then_some(64), "{field} for {provider:?}: {body}");
        }
    }
}

#[tokio::test]
async fn t_41_a_limit_that_was_left_out_never_becomes_zero() {
    for (client, provider) in CLIENTS.into_iter().flat_map(|it| PROVIDERS.map(|p| (it, p))) {
        let bench = Bench::new(Reply::answer("answers/text", provider, false));
        let mut asked = request("text", client, provider, false);
        for limit in ["max_tokens", "max_completion_tokens", "max_output_tokens"] {
            asked.as_object_mut().unwrap().shift_remove(limit);
        }
        bench.exchange(client, &asked).await.unwrap();
        let body = bench.asked().unwrap().body;
        let limits = [
            "/max_tokens",
            "/max_completion_tokens",
            "/max_output_tokens",
            "/generationConfig/maxOutputTokens",
            "/options/num_predict",
        ];
        let limits: Vec<u64> = limits.iter().filter_map(|at| body.pointer(at)?.as_u64()).collect();
        // Anthropic's API demands a limit.
        let expected: &[u64] = if provider == Dialect::Anthropic { &[4096] } else { &[] };
        assert_eq!(limits, expected, "{client:?} to {provider:?}: {body}");
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
