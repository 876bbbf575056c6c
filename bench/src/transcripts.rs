//! What a provider streams, in each dialect that is called: a frame for each event or line, with the
//! fields that the provider's own server sends.

use bytes::Bytes;
use dormouse_core::chat::Dialect;
use serde_json::{Value, json};

/// What a provider has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// [`PIECES`] pieces of text.
    Text,
    /// Half as many pieces of thoughts, then a tool call: in as many pieces again, or whole where the
    /// dialect has no pieces of calls.
    Calls,
}

/// Pieces that an answer comes in.
pub const PIECES: usize = 64;
const MODEL: &str = "bench-2026-01-01";
const CREATED: u64 = 1_763_700_000;
const SIGNATURE: &str = "EuYBCkQYAiJAgCs1le6/Pol5Z4JMomVOouGrWdhYNsH3ukzUECbB6iWrSQtsQuRHJID6lWV6";

/// The frames of a streamed answer, those that begin and end it included. `None`: the dialect is not
/// called.
pub fn frames(dialect: Dialect, answer: Answer) -> Option<Vec<Bytes>> {
    let calls = answer == Answer::Calls;
    Some(match dialect {
        Dialect::OpenAiChat => chat(calls),
        Dialect::OpenAiResponses => responses(calls),
        Dialect::Anthropic => anthropic(calls),
        Dialect::Gemini => gemini(calls),
        Dialect::Ollama => ollama(calls),
        Dialect::OpenAiCompletions => return None,
    })
}

/// Pieces as long as tokens are. One in sixteen has characters that JSON must escape.
fn words(count: usize) -> impl Iterator<Item = String> {
    let word = |n: usize| match n % 16 {
        15 => format!(".\n\n\"{n:02}\""),
        7 => format!(" déjà{n:02}"),
        _ => format!(" word{n:02}"),
    };
    (0..count).map(word)
}

/// The arguments of the call, in pieces.
fn arguments() -> Vec<String> {
    let mut pieces = vec![r#"{"path":"src/a.rs","text":""#.to_owned()];
    pieces.extend((0..PIECES / 2 - 2).map(|n| format!(" line{n:02}")));
    pieces.push(r#""}"#.to_owned());
    pieces
}

fn event(name: &str, data: &Value) -> Bytes {
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}

fn chat(calls: bool) -> Vec<Bytes> {
    let frame = |choices: Value, usage: Value| {
        let chunk = json!({
            "id": "chatcmpl-CkQYAiJAgCs1le6Pol5Z4JMomVOou",
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": MODEL,
            "service_tier": "default",
            "system_fingerprint": "fp_560af6e559",
            "choices": choices,
            "usage": usage,
        });
        Bytes::from(format!("data: {chunk}\n\n"))
    };
    let delta = |delta: Value, reason: Option<&str>| {
        let choice =
            json!({ "index": 0, "delta": delta, "logprobs": null, "finish_reason": reason });
        frame(json!([choice]), Value::Null)
    };
    let mut frames = vec![delta(json!({ "role": "assistant", "content": "" }), None)];
    if calls {
        let thought = |text| delta(json!({ "reasoning_content": text }), None);
        frames.extend(words(PIECES / 2).map(thought));
        let call = json!({
            "index": 0,
            "id": "call_abcdefghijklmnop",
            "type": "function",
            "function": { "name": "write_file", "arguments": "" },
        });
        frames.push(delta(json!({ "tool_calls": [call] }), None));
        frames.extend(arguments().into_iter().map(|piece| {
            let call = json!({ "index": 0, "function": { "arguments": piece } });
            delta(json!({ "tool_calls": [call] }), None)
        }));
    } else {
        frames.extend(words(PIECES).map(|text| delta(json!({ "content": text }), None)));
    }
    frames.push(delta(json!({}), Some(if calls { "tool_calls" } else { "stop" })));
    let usage = json!({
        "prompt_tokens": 24,
        "completion_tokens": PIECES,
        "total_tokens": PIECES + 24,
        "prompt_tokens_details": { "cached_tokens": 0, "audio_tokens": 0 },
        "completion_tokens_details": { "reasoning_tokens": 0, "audio_tokens": 0 },
    });
    frames.push(frame(json!([]), usage));
    frames.push(Bytes::from_static(b"data: [DONE]\n\n"));
    frames
}

/// Writes the events of a response, numbered.
#[derive(Default)]
struct Responses {
    frames: Vec<Bytes>,
    output: Vec<Value>,
}

impl Responses {
    fn push(&mut self, name: &str, fields: Value) {
        let mut object = json!({ "type": name, "sequence_number": self.frames.len() });
        if let (Value::Object(object), Value::Object(fields)) = (&mut object, fields) {
            object.extend(fields);
        }
        self.frames.push(event(name, &object));
    }

    fn response(&mut self, name: &str, status: &str) {
        let usage = (status == "completed").then(|| {
            json!({
                "input_tokens": 24,
                "input_tokens_details": { "cached_tokens": 0 },
                "output_tokens": PIECES,
                "output_tokens_details": { "reasoning_tokens": 0 },
                "total_tokens": PIECES + 24,
            })
        });
        let response = json!({
            "id": "resp_68af4030baa48193b0b43b4c2a176a1a",
            "object": "response",
            "created_at": CREATED,
            "status": status,
            "background": false,
            "error": null,
            "incomplete_details": null,
            "instructions": null,
            "max_output_tokens": 4096,
            "model": MODEL,
            "output": self.output,
            "parallel_tool_calls": true,
            "reasoning": { "effort": null, "summary": null },
            "store": false,
            "temperature": 0.7,
            "text": { "format": { "type": "text" } },
            "tool_choice": "auto",
            "tools": [],
            "top_p": 1.0,
            "usage": usage,
            "metadata": {},
        });
        self.push(name, json!({ "response": response }));
    }

    /// An item: what it is at first, the events between, and what it becomes.
    fn item(&mut self, before: &Value, between: Vec<(&str, Value)>, after: Value) {
        let index = self.output.len();
        self.push("response.output_item.added", json!({ "output_index": index, "item": before }));
        for (name, mut fields) in between {
            if let Value::Object(fields) = &mut fields {
                fields.insert("output_index".into(), index.into());
            }
            self.push(name, fields);
        }
        self.push("response.output_item.done", json!({ "output_index": index, "item": after }));
        self.output.push(after);
    }

    fn text(&mut self) {
        let id = "msg_68af40";
        let part = |text: &str| json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] });
        let item = |status: &str, content: Value| {
            json!({
                "id": id,
                "type": "message",
                "status": status,
                "role": "assistant",
                "content": content,
            })
        };
        let at = |mut fields: Value| {
            if let Value::Object(fields) = &mut fields {
                fields.insert("item_id".into(), id.into());
                fields.insert("content_index".into(), 0.into());
            }
            fields
        };
        let whole: String = words(PIECES).collect();
        let mut between = vec![("response.content_part.added", at(json!({ "part": part("") })))];
        between.extend(words(PIECES).map(|text| {
            let fields = json!({ "delta": text, "logprobs": [], "obfuscation": "aGVsbG8gd29y" });
            ("response.output_text.delta", at(fields))
        }));
        let done = at(json!({ "text": whole, "logprobs": [] }));
        between.push(("response.output_text.done", done));
        between.push(("response.content_part.done", at(json!({ "part": part(&whole) }))));
        let after = item("completed", json!([part(&whole)]));
        self.item(&item("in_progress", json!([])), between, after);
    }

    fn thoughts(&mut self) {
        let id = "rs_68af40";
        let part = |text: &str| json!({ "type": "summary_text", "text": text });
        let item = |summary: Value| json!({ "id": id, "type": "reasoning", "summary": summary });
        let at = |field: &str, value: Value| {
            let mut fields = json!({ "item_id": id, "summary_index": 0 });
            if let Value::Object(fields) = &mut fields {
                fields.insert(field.into(), value);
            }
            fields
        };
        let whole: String = words(PIECES / 2).collect();
        let mut between = vec![("response.reasoning_summary_part.added", at("part", part("")))];
        between.extend(
            words(PIECES / 2)
                .map(|text| ("response.reasoning_summary_text.delta", at("delta", text.into()))),
        );
        between.push(("response.reasoning_summary_text.done", at("text", whole.clone().into())));
        between.push(("response.reasoning_summary_part.done", at("part", part(&whole))));
        self.item(&item(json!([])), between, item(json!([part(&whole)])));
    }

    fn call(&mut self) {
        let id = "fc_68af40";
        let item = |status: &str, arguments: &str| {
            json!({
                "id": id,
                "type": "function_call",
                "status": status,
                "arguments": arguments,
                "call_id": "call_abcdefghijklmnop",
                "name": "write_file",
            })
        };
        let pieces = arguments();
        let whole = pieces.concat();
        let mut between: Vec<(&str, Value)> = Vec::new();
        between.extend(pieces.into_iter().map(|piece| {
            let fields = json!({ "item_id": id, "delta": piece, "obfuscation": "aGVsbG8gd29y" });
            ("response.function_call_arguments.delta", fields)
        }));
        let done = json!({ "item_id": id, "arguments": whole });
        between.push(("response.function_call_arguments.done", done));
        self.item(&item("in_progress", ""), between, item("completed", &whole));
    }
}

fn responses(calls: bool) -> Vec<Bytes> {
    let mut out = Responses::default();
    out.response("response.created", "in_progress");
    out.response("response.in_progress", "in_progress");
    if calls {
        out.thoughts();
        out.call();
    } else {
        out.text();
    }
    out.response("response.completed", "completed");
    out.frames
}

fn anthropic(calls: bool) -> Vec<Bytes> {
    let named =
        |data: Value| event(data.get("type").and_then(Value::as_str).unwrap_or_default(), &data);
    let start = |index, block: Value| {
        named(json!({ "type": "content_block_start", "index": index, "content_block": block }))
    };
    let delta = |index, delta: Value| {
        named(json!({ "type": "content_block_delta", "index": index, "delta": delta }))
    };
    let stop = |index| named(json!({ "type": "content_block_stop", "index": index }));
    let usage = json!({
        "input_tokens": 24,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": 1,
        "service_tier": "standard",
    });
    let message = json!({
        "id": "msg_01XFDUDYJgAACzvnptvVoYEL",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": [],
        "stop_reason": null,
        "stop_sequence": null,
        "usage": usage,
    });
    let mut frames = vec![named(json!({ "type": "message_start", "message": message }))];
    if calls {
        frames.push(start(0, json!({ "type": "thinking", "thinking": "", "signature": "" })));
        let thought = |text| delta(0, json!({ "type": "thinking_delta", "thinking": text }));
        frames.extend(words(PIECES / 2).map(thought));
        frames.push(delta(0, json!({ "type": "signature_delta", "signature": SIGNATURE })));
        frames.push(stop(0));
        let call = json!({ "type": "tool_use", "id": "toolu_01T1x1fJ34q", "name": "write_file", "input": {} });
        frames.push(start(1, call));
        let piece = |json| delta(1, json!({ "type": "input_json_delta", "partial_json": json }));
        frames.extend(arguments().into_iter().map(piece));
        frames.push(stop(1));
    } else {
        frames.push(start(0, json!({ "type": "text", "text": "" })));
        frames.push(named(json!({ "type": "ping" })));
        let said = |text| delta(0, json!({ "type": "text_delta", "text": text }));
        frames.extend(words(PIECES).map(said));
        frames.push(stop(0));
    }
    let reason = if calls { "tool_use" } else { "end_turn" };
    frames.push(named(json!({
        "type": "message_delta",
        "delta": { "stop_reason": reason, "stop_sequence": null },
        "usage": { "output_tokens": PIECES },
    })));
    frames.push(named(json!({ "type": "message_stop" })));
    frames
}

fn gemini(calls: bool) -> Vec<Bytes> {
    let frame = |part: Value, last: bool| {
        let mut candidate = json!({ "content": { "parts": [part], "role": "model" }, "index": 0 });
        if let (true, Value::Object(candidate)) = (last, &mut candidate) {
            candidate.insert("finishReason".into(), "STOP".into());
        }
        let object = json!({
            "candidates": [candidate],
            "usageMetadata": {
                "promptTokenCount": 24,
                "candidatesTokenCount": PIECES,
                "totalTokenCount": PIECES + 24,
                "promptTokensDetails": [{ "modality": "TEXT", "tokenCount": 24 }],
            },
            "modelVersion": MODEL,
            "responseId": "mAitaLmkHPPlkdUPtdGDgAE",
        });
        Bytes::from(format!("data: {object}\r\n\r\n"))
    };
    let mut frames = Vec::new();
    if calls {
        let thought = |text| frame(json!({ "text": text, "thought": true }), false);
        frames.extend(words(PIECES / 2).map(thought));
        let json: Value = serde_json::from_str(&arguments().concat()).unwrap_or_default();
        let call = json!({ "name": "write_file", "args": json });
        frames.push(frame(json!({ "functionCall": call, "thoughtSignature": SIGNATURE }), false));
    } else {
        frames.extend(words(PIECES).map(|text| frame(json!({ "text": text }), false)));
    }
    frames.push(frame(json!({ "text": "" }), true));
    frames
}

fn ollama(calls: bool) -> Vec<Bytes> {
    let line = |message: Value| {
        let line = json!({
            "model": MODEL,
            "created_at": "2026-01-01T12:00:00.123456789Z",
            "message": message,
            "done": false,
        });
        Bytes::from(format!("{line}\n"))
    };
    let mut frames = Vec::new();
    if calls {
        let thought = |text| line(json!({ "role": "assistant", "content": "", "thinking": text }));
        frames.extend(words(PIECES / 2).map(thought));
        let json: Value = serde_json::from_str(&arguments().concat()).unwrap_or_default();
        let call = json!({ "function": { "name": "write_file", "arguments": json } });
        frames.push(line(json!({ "role": "assistant", "content": "", "tool_calls": [call] })));
    } else {
        let said = |text| line(json!({ "role": "assistant", "content": text }));
        frames.extend(words(PIECES).map(said));
    }
    let last = json!({
        "model": MODEL,
        "created_at": "2026-01-01T12:00:00.123456789Z",
        "message": { "role": "assistant", "content": "" },
        "done": true,
        "done_reason": "stop",
        "total_duration": 4_883_583_458_u64,
        "load_duration": 1_334_875,
        "prompt_eval_count": 24,
        "prompt_eval_duration": 342_546_000,
        "eval_count": PIECES,
        "eval_duration": 4_535_599_000_u64,
    });
    frames.push(Bytes::from(format!("{last}\n")));
    frames
}
