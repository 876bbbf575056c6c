//! Texts that go on.

use bytes::Bytes;
use dormouse_core::{
    Code, Result,
    accounting::Outcome,
    chat::{Chunk, Dialect, Request, Whole},
    money::NanoDollars,
    operation::Operation,
    wire::{
        self, Call, Called, Encode, Opening, Outgoing, Verbatim,
        openai_completions::{OpenAiCompletions, check_translatable, decode_request},
    },
};
use futures::{FutureExt, StreamExt, future::LocalBoxFuture};
use http::HeaderMap;
use serde_json::{Value, json};

use crate::bench::{Bench, Provider, caller, origin};

const FIRST: &str = "data: {\"id\":\"c1\",\"object\":\"text_completion\",\"created\":5,\"model\":\"m\",\"choices\":[{\"text\":\" upon\",\"index\":0,\"logprobs\":null,\"finish_reason\":null}]}\n\n";
const LAST: &str = "data: {\"id\":\"c1\",\"object\":\"text_completion\",\"created\":5,\"model\":\"m\",\"choices\":[{\"text\":\" a\",\"index\":0,\"logprobs\":null,\"finish_reason\":\"length\"}]}\n\n";
const USAGE: &str = "data: {\"id\":\"c1\",\"object\":\"text_completion\",\"created\":5,\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3,\"total_tokens\":10}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

fn whole() -> Value {
    let choice =
        json!({ "text": " upon a", "index": 0, "logprobs": null, "finish_reason": "length" });
    json!({
        "id": "c1",
        "object": "text_completion",
        "created": 5,
        "model": "m",
        "choices": [choice],
        "usage": { "prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10 },
        "more": true,
    })
}

fn streamed(events: &[&str]) -> Provider {
    Provider { kind: "text/event-stream", ..Provider::answering(&events.concat()) }
}

fn read(body: &Value) -> Result<Request> {
    decode_request(&body.to_string().into())
}

fn encoder(request: &Request) -> Box<dyn Encode> {
    let opening = Opening { id: "x".into(), created: 1 };
    wire::served(Dialect::OpenAiCompletions).unwrap().encoder(request, opening)
}

/// Asks, and writes the answer as the caller sees it.
fn complete(bench: &Bench, body: Value) -> LocalBoxFuture<'_, Result<String>> {
    let work = async move {
        let request = read(&body)?;
        let mut encoder = encoder(&request);
        let is_streamed = request.stream.is_some();
        let mut answer = bench.run(bench.gateway.chat(&caller(), request, origin())).await?;
        let (mut whole, mut written) = (Whole::default(), Vec::new());
        while let Some(chunk) = bench.run(answer.chunks.next()).await {
            let Chunk { events, verbatim } = chunk?;
            if is_streamed {
                written.extend(encoder.chunk(&Chunk { events, verbatim }));
                continue;
            }
            events.into_iter().try_for_each(|event| whole.push(event))?;
            written.extend(verbatim.unwrap_or_default());
        }
        match (is_streamed, written.is_empty()) {
            (true, _) => written.extend(encoder.done()),
            (false, true) => written.extend(encoder.whole(&whole)),
            (false, false) => {}
        }
        Ok(String::from_utf8(written).unwrap())
    };
    work.boxed_local()
}

#[tokio::test]
async fn a_whole_answer_passes_untouched_and_is_booked_as_what_it_is() {
    let bench = Bench::new(Provider::answering(&whole()));

    let said = complete(&bench, json!({ "model": "dear", "prompt": "Once" })).await.unwrap();

    assert_eq!(said, whole().to_string());
    let receipt = bench.receipt().await;
    assert_eq!(
        (receipt.operation, receipt.outcome),
        (Operation::TextCompletion, Outcome::Completed)
    );
    assert_eq!(receipt.cost, NanoDollars(7 * 1_000 + 3 * 10_000));
    assert_eq!(bench.asked()[0].0, "/v1/completions");
    let metrics = bench.gateway.figures().await.unwrap();
    assert!(metrics.contains(r#"gen_ai_operation_name="text_completion""#), "{metrics}");
}

#[tokio::test]
async fn a_stream_passes_untouched_but_for_the_usage_that_nobody_asked_for() {
    for (include_usage, expected) in
        [(false, [FIRST, LAST, DONE].concat()), (true, [FIRST, LAST, USAGE, DONE].concat())]
    {
        let bench = Bench::new(streamed(&[FIRST, LAST, USAGE, DONE]));
        let options = json!({ "include_usage": include_usage });
        let body =
            json!({ "model": "m", "prompt": "Once", "stream": true, "stream_options": options });
        assert_eq!(complete(&bench, body).await.unwrap(), expected);
        assert_eq!(bench.asked()[0].1["stream_options"]["include_usage"], true);
        assert_eq!(bench.receipt().await.usage.output, 3);
    }
}

#[tokio::test]
async fn an_error_in_a_stream_is_an_error() {
    let error = "data: {\"error\":{\"message\":\"out of memory\",\"type\":\"server_error\"}}\n\n";
    let bench = Bench::new(streamed(&[FIRST, error]));
    let body = json!({ "model": "dear", "prompt": "Once", "stream": true });
    let error = complete(&bench, body).await.unwrap_err();
    assert_eq!((error.code(), error.message()), (Code::UpstreamFailed, "out of memory"));
    let receipt = bench.receipt().await;
    assert_eq!((receipt.outcome, receipt.usage.output), (Outcome::Failed, 2));
}

#[tokio::test]
async fn an_omitted_limit_stays_omitted_unless_money_needs_one() {
    let bench = Bench::new(Provider::answering(&whole()));
    for (body, limit) in [
        (json!({ "model": "free", "prompt": "Once" }), Value::Null),
        (json!({ "model": "dear", "prompt": "Once" }), json!(100)),
        (json!({ "model": "dear", "prompt": "Once", "max_tokens": 5 }), json!(5)),
        (json!({ "model": "dear", "prompt": "Once", "max_tokens": 0, "echo": true }), json!(0)),
    ] {
        complete(&bench, body.clone()).await.unwrap();
        let (_, asked) = bench.asked().pop().unwrap();
        assert_eq!(asked["max_tokens"], limit, "{body}");
    }
}

#[tokio::test]
async fn every_answer_to_every_text_is_held_for() {
    let bench = Bench::new(Provider { stalls: true, ..streamed(&[FIRST]) });
    let mut held = Vec::new();
    for more in [json!({}), json!({ "n": 2 }), json!({ "n": 1, "best_of": 3 })] {
        let mut body =
            json!({ "model": "dear", "prompt": ["a", "b"], "max_tokens": 1000, "stream": true });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let request = read(&body).unwrap();
        let answer = bench.run(bench.gateway.chat(&caller(), request, origin())).await.unwrap();
        held.push(bench.held().await.0 / 10_000_000);
        drop(answer);
        bench.host.run_spawned().await;
    }
    assert_eq!(held, [2, 4, 6], "thousands of output tokens");
}

#[test]
fn what_is_written_anew_says_what_was_asked() {
    let body = json!({
        "model": "a", "prompt": ["x", [1, 2]], "suffix": "s", "echo": true, "best_of": 2, "logprobs": 3,
        "temperature": 0.5, "stop": ["."], "n": 2, "seed": 4, "user": "u", "logit_bias": { "1": 2 },
        "max_tokens": 9, "top_p": 0.5, "presence_penalty": 1.0, "frequency_penalty": 1.0,
    });
    let mut request = read(&body).unwrap();
    request.original = None;
    let outgoing = Outgoing {
        model: "a",
        max_output_tokens: None,
        max_tokens_field: wire::MaxTokensField::MaxCompletionTokens,
        stream: false,
        slot: None,
        openai: false,
    };
    let Call { path, body: written, .. } =
        OpenAiCompletions.encode_request(&request, &outgoing).unwrap();
    assert_eq!(path, "completions");
    assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), body);
}

#[test]
fn answers_without_bytes_are_written_as_text_completions() {
    let request = read(&json!({ "model": "m", "prompt": "Once", "stream": true, "stream_options": { "include_usage": true } })).unwrap();
    let mut decoder = OpenAiCompletions.decoder(Verbatim { pass: false, hide_usage: false });
    let mut chunks = decoder.push([FIRST, LAST, USAGE, DONE].concat().as_bytes()).unwrap();
    chunks.extend(decoder.finish().unwrap());
    let mut encoder = encoder(&request);
    let mut written: Vec<Bytes> = chunks.iter().map(|chunk| encoder.chunk(chunk)).collect();
    written.push(encoder.done());
    let written = String::from_utf8(written.concat()).unwrap();
    let lines: Vec<&str> = written.split("\n\n").filter(|line| !line.is_empty()).collect();
    let objects: Vec<Value> = lines
        .iter()
        .filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok())
        .collect();
    let text: String = objects.iter().filter_map(|it| it["choices"][0]["text"].as_str()).collect();
    assert_eq!(text, " upon a");
    assert!(objects.iter().all(|it| it["object"] == "text_completion" && it["id"] == "cmpl-x"));
    let reasons: Vec<_> =
        objects.iter().filter_map(|it| it["choices"][0]["finish_reason"].as_str()).collect();
    assert_eq!(reasons, ["length"]);
    assert_eq!(objects.last().unwrap()["usage"]["completion_tokens"], 3);
    assert_eq!(lines.last(), Some(&"data: [DONE]"));
}

#[test]
fn an_answer_of_another_dialect_is_a_text_completion_to_the_caller() {
    let request = read(&json!({ "model": "m", "prompt": "Once" })).unwrap();
    let message = json!({ "role": "assistant", "content": " upon", "reasoning_content": "hm" });
    let body = json!({ "id": "chat-1", "model": "m", "created": 5, "choices": [{ "index": 0, "message": message, "finish_reason": "stop" }], "usage": { "prompt_tokens": 1, "completion_tokens": 2 } });
    let chat = wire::called(Dialect::OpenAiChat).unwrap();
    let chunk = chat.decode_answer(body.to_string().into(), false).unwrap();
    let mut answer = Whole::default();
    chunk.events.into_iter().try_for_each(|event| answer.push(event)).unwrap();

    let written: Value = serde_json::from_slice(&encoder(&request).whole(&answer)).unwrap();

    let choice = json!({ "text": " upon", "index": 0, "logprobs": null, "finish_reason": "stop" });
    assert_eq!(
        (&written["object"], &written["choices"]),
        (&json!("text_completion"), &json!([choice]))
    );
    assert_eq!(written["usage"]["total_tokens"], 3);
}

#[test]
fn what_a_conversation_cannot_say_is_refused_by_name() {
    for (field, value) in [
        ("prompt", json!(["a", "b"])),
        ("prompt", json!([1, 2])),
        ("suffix", json!("end")),
        ("echo", json!(true)),
        ("best_of", json!(2)),
        ("logprobs", json!(0)),
        ("logit_bias", json!({ "1": 2 })),
        ("max_tokens", json!(0)),
    ] {
        let mut body = json!({ "prompt": "Once" });
        body[field] = value;
        let error = check_translatable(&read(&body).unwrap()).unwrap_err();
        assert_eq!((error.code(), error.param()), (Code::InvalidRequest, Some(field)), "{body}");
    }
    for body in [
        json!({ "prompt": "Once" }),
        json!({ "prompt": ["Once"], "n": 2, "best_of": 2, "echo": false, "suffix": "", "max_tokens": 5 }),
        json!({ "prompt": "Once", "suffix": null, "logprobs": null, "logit_bias": null }),
    ] {
        check_translatable(&read(&body).unwrap())
            .unwrap_or_else(|error| unreachable!("{body}: {error}"));
    }
}

#[test]
fn a_wrong_field_is_named() {
    let format = wire::served(Dialect::OpenAiCompletions).unwrap();
    for (field, value, at) in [
        ("prompt", Value::Null, "prompt"),
        ("prompt", json!([]), "prompt"),
        ("prompt", json!({}), "prompt"),
        ("prompt", json!(["a", 1]), "prompt[1]"),
        ("prompt", json!([1, "a"]), "prompt[1]"),
        ("prompt", json!([[1, -1]]), "prompt[0][1]"),
        ("prompt", json!(vec!["a"; 129]), "prompt"),
        ("n", json!(0), "n"),
        ("best_of", json!(1.5), "best_of"),
        ("logprobs", json!(true), "logprobs"),
        ("echo", json!("yes"), "echo"),
        ("max_tokens", json!(-1), "max_tokens"),
        ("n_predict", json!(0), "n_predict"),
        ("temperature", json!(3), "temperature"),
        ("stop", json!(1), "stop"),
        ("stream", json!("yes"), "stream"),
    ] {
        let mut body = json!({ "model": "m", "prompt": "Once" });
        body[field] = value;
        let error = format.decode_request(&HeaderMap::new(), &body.to_string().into()).unwrap_err();
        assert_eq!((error.code(), error.param()), (Code::InvalidRequest, Some(at)), "{body}");
    }
}
