//! What a scripted provider makes of plain texts: how they go on, and vectors.
#![expect(clippy::indexing_slicing, reason = "indexing JSON values gives null for what is missing")]

use serde_json::{Value, json};

use super::{Answer, form::event, log::Received};

/// A text completion: "and so on", in the form that the request asks for.
pub(super) fn continuation(request: &Received) -> Answer {
    let asked = request.json();
    let object = |choices: Value| {
        json!({
            "id": "cmpl-scripted", "object": "text_completion", "created": 1_700_000_000,
            "model": request.name(), "choices": choices,
        })
    };
    let choice = |text: &str, finish: Option<&str>| json!([{ "text": text, "index": 0, "logprobs": null, "finish_reason": finish }]);
    let usage = json!({ "prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6 });
    if asked["stream"] != json!(true) {
        let mut whole = object(choice(" and so on", Some("stop")));
        whole["usage"] = usage;
        return Answer::json(200, &whole);
    }
    let mut events: Vec<String> =
        [" and", " so", " on"].iter().map(|text| event(&object(choice(text, None)))).collect();
    events.push(event(&object(choice("", Some("stop")))));
    if asked["stream_options"]["include_usage"] == json!(true) {
        let mut last = object(json!([]));
        last["usage"] = usage;
        events.push(event(&last));
    }
    events.push("data: [DONE]\n\n".to_owned());
    Answer::stream(events)
}

/// A vector for each text: its length, 0.5 and −1. Like some servers it knows no base64.
pub(super) fn embeddings(request: &Received) -> Answer {
    let inputs = match &request.json()["input"] {
        Value::Array(inputs) => inputs.clone(),
        one => vec![one.clone()],
    };
    let length = |input: &Value| input.as_str().map_or(0, str::len);
    let data = inputs.iter().enumerate().map(|(index, input)| {
        let vector = json!([length(input), 0.5, -1.0]);
        json!({ "object": "embedding", "index": index, "embedding": vector })
    });
    let tokens: usize = inputs.iter().map(length).sum();
    let usage = json!({ "prompt_tokens": tokens, "total_tokens": tokens });
    let data: Value = data.collect();
    let body = json!({ "object": "list", "data": data, "model": request.name(), "usage": usage });
    Answer::json(200, &body)
}
