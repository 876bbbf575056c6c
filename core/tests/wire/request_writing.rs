//! What is sent to a provider: the caller's own bytes where possible, the meaning where not.

use bytes::Bytes;
use dormouse_core::{
    agent::Options,
    chat::{
        CacheHint, Dialect, Extensions, Image, Message, OutputFormat, Part, ReasoningOptions,
        Request, Role, Sampling, Signature, StreamOptions, Tool, ToolChoice,
    },
    wire::{
        MaxTokensField, Outgoing,
        openai_chat::{decode_request, encode_request},
    },
};
use proptest::{collection::vec, option, prelude::*};
use serde_json::{Map, Value, json};

const OUTGOING: Outgoing<'_> = Outgoing {
    model: "m",
    max_output_tokens: None,
    max_tokens_field: MaxTokensField::MaxTokens,
    openai: false,
    stream: false,
    slot: None,
};

fn patched(body: &str, outgoing: &Outgoing<'_>) -> String {
    let request = decode_request(&Bytes::from(body.to_owned())).expect("a request");
    let sent = encode_request(&request, outgoing).expect("a body");
    String::from_utf8(sent.to_vec()).expect("UTF-8")
}

/// A body with odd spacing, numbers and escapes, which must all survive.
fn body(fields: &str) -> String {
    format!(
        "{{\"model\":\"m\",\"messages\":[ {{\"role\":\"user\", \"content\":\"\\u0048i\"}} ],\"odd\":1.50e0{fields}}}"
    )
}

#[test]
fn a_request_that_needs_no_change_is_sent_as_it_came() {
    let body = Bytes::from(format!(" {} ", body(",\"stream\":null,\"stream_options\":null")));
    let request = decode_request(&body).expect("a request");
    let sent = encode_request(&request, &OUTGOING).expect("a body");
    assert_eq!(sent.as_ptr(), body.as_ptr());
    assert_eq!(sent, body);
}

#[test]
fn a_change_keeps_every_other_value_byte_for_byte() {
    let outgoing = Outgoing { model: "other", ..OUTGOING };
    assert_eq!(patched(&body(""), &outgoing), body("").replacen("\"m\"", "\"other\"", 1));
}

#[test]
fn the_slot_of_a_server_is_named_and_every_other_value_keeps_its_bytes() {
    let outgoing = Outgoing { slot: Some(3), ..OUTGOING };
    assert_eq!(patched(&body(""), &outgoing), body(",\"id_slot\":3"));
    let another = body(",\"id_slot\":7");
    assert_eq!(patched(&another, &outgoing), body(",\"id_slot\":3"), "ours wins");
    assert_eq!(patched(&another, &OUTGOING), another, "without one it is the caller's affair");
}

#[test]
fn a_server_with_slots_is_asked_how_far_it_has_read() {
    let outgoing = Outgoing { slot: Some(3), stream: true, ..OUTGOING };
    assert!(patched(&body(""), &outgoing).contains("\"return_progress\":true"));
    let refused = body(",\"return_progress\":false");
    assert!(patched(&refused, &outgoing).contains("\"return_progress\":false"), "the caller wins");
    let unasked = Outgoing { stream: true, ..OUTGOING };
    assert!(!patched(&body(""), &unasked).contains("return_progress"));
    let whole = Outgoing { slot: Some(3), ..OUTGOING };
    assert!(!patched(&body(""), &whole).contains("return_progress"));
}

#[test]
fn what_a_caller_knows_of_llama_cpp_passes() {
    let extras = ",\"grammar\":\"root ::= \\\"a\\\"\",\"id_slot\":2,\"cache_prompt\":false,\"timings_per_token\":true";
    assert_eq!(patched(&body(extras), &OUTGOING), body(extras));
}

#[test]
fn a_provider_that_chooses_the_model_itself_is_not_told_one() {
    let body = "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}";
    assert_eq!(patched(body, &Outgoing { model: "", ..OUTGOING }), body);
    let named = patched(body, &OUTGOING);
    assert_eq!(named, "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"model\":\"m\"}");
}

#[test]
fn a_streamed_request_always_asks_for_token_counts() {
    let outgoing = Outgoing { stream: true, ..OUTGOING };
    let asked = ",\"stream\":true,\"stream_options\":{\"include_usage\":true}";
    assert_eq!(patched(&body(",\"stream\":true"), &outgoing), body(asked));
    assert_eq!(patched(&body(""), &outgoing), body(asked));
    let options = ",\"stream_options\":{\"include_usage\":false,\"x\":[1.0 ]},\"stream\":false";
    let expected = ",\"stream_options\":{\"include_usage\":true,\"x\":[1.0 ]},\"stream\":true";
    assert_eq!(patched(&body(options), &outgoing), body(expected));
    let complete = body(",\"stream\":true,\"stream_options\": {\"include_usage\": true}");
    assert_eq!(patched(&complete, &outgoing), complete);
}

#[test]
fn a_request_that_is_not_to_be_streamed_says_so() {
    let streamed = body(",\"stream\":true,\"stream_options\":{\"include_usage\":true}");
    assert_eq!(patched(&streamed, &OUTGOING), body(",\"stream\":false"));
}

#[test]
fn a_cap_lowers_the_limit_or_sets_one() {
    let capped = Outgoing { max_output_tokens: Some(5), ..OUTGOING };
    assert_eq!(patched(&body(""), &capped), body(",\"max_tokens\":5"));
    assert_eq!(patched(&body(",\"max_tokens\":9"), &capped), body(",\"max_tokens\":5"));
    assert_eq!(patched(&body(",\"max_tokens\":3"), &capped), body(",\"max_tokens\":3"));
    assert_eq!(patched(&body(""), &OUTGOING), body(""), "an omitted limit stays omitted");
}

#[test]
fn no_other_name_of_the_limit_can_slip_past_the_cap() {
    let capped = Outgoing { max_output_tokens: Some(5), ..OUTGOING };
    let sent =
        patched(&body(",\"n_predict\":999,\"max_completion_tokens\":9,\"max_tokens\":7"), &capped);
    assert_eq!(sent, body(",\"max_tokens\":5"));
    assert_eq!(patched(&body(",\"n_predict\":-1"), &capped), body(",\"max_tokens\":5"));
}

#[test]
fn the_limit_has_the_name_that_the_provider_knows() {
    let newer = Outgoing { max_tokens_field: MaxTokensField::MaxCompletionTokens, ..OUTGOING };
    assert_eq!(patched(&body(",\"max_tokens\":9"), &newer), body(",\"max_completion_tokens\":9"));
    let kept = body(",\"max_completion_tokens\":9");
    assert_eq!(patched(&kept, &newer), kept);
    assert_eq!(patched(&kept, &OUTGOING), body(",\"max_tokens\":9"));
}

#[test]
fn results_in_one_message_become_messages_of_their_own() {
    let result = |id: &str| Part::ToolResult {
        call_id: id.into(),
        parts: vec![Part::Text { text: id.into(), cache: None }],
        is_error: false,
        cache: None,
    };
    let message = Message {
        role: Role::User,
        parts: vec![result("b"), result("a"), Part::Text { text: "go on".into(), cache: None }],
        name: None,
        extensions: Extensions::default(),
    };
    let request = Request { messages: vec![message], original: None, ..smallest() };
    let sent = encode_request(&request, &OUTGOING).expect("a body");
    let sent: Value = serde_json::from_slice(&sent).expect("JSON");
    let expected = json!([
        { "role": "tool", "tool_call_id": "b", "content": "b" },
        { "role": "tool", "tool_call_id": "a", "content": "a" },
        { "role": "user", "content": "go on" },
    ]);
    assert_eq!(sent["messages"], expected);
}

#[test]
fn thoughts_keep_their_signature_on_the_way_through() {
    let signed = Part::Reasoning {
        text: "Hm".into(),
        signature: Some(Signature::new(Dialect::OpenAiChat, "sig")),
        redacted: false,
    };
    let message = Message {
        role: Role::Assistant,
        parts: vec![signed.clone()],
        name: None,
        extensions: Extensions::default(),
    };
    let request = Request { messages: vec![message], original: None, ..smallest() };
    let sent = encode_request(&request, &OUTGOING).expect("a body");
    assert_eq!(decode_request(&sent).expect("a request").messages[0].parts, [signed]);
}

fn smallest() -> Request {
    let body = "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}";
    decode_request(&Bytes::from(body)).expect("a request")
}

fn word() -> impl Strategy<Value = String> {
    "[a-z\"\\\\\n é]{1,8}"
}

fn said() -> impl Strategy<Value = Part> {
    prop_oneof![
        4 => (word(), option::of(option::of("5m|1h"))).prop_map(|(text, ttl)| Part::Text {
            text,
            cache: ttl.map(|ttl| CacheHint { ttl }),
        }),
        1 => (word(), option::of("low|high|auto")).prop_map(|(url, detail)| Part::Image(Image { url, detail, cache: None })),
        1 => word().prop_map(|data| Part::Other {
            dialect: Dialect::OpenAiChat,
            value: json!({ "type": "file", "file": { "file_data": data } }),
        }),
    ]
}

/// Parts of an assistant's turn, in the order in which the format has them.
fn assistant() -> impl Strategy<Value = Vec<Part>> {
    let thoughts = option::of((word(), option::of(word()))).prop_map(|it| {
        it.map(|(text, signature)| Part::Reasoning {
            text,
            signature: signature.map(|text| Signature::new(Dialect::OpenAiChat, text)),
            redacted: false,
        })
    });
    let refusal = option::of(word()).prop_map(|it| it.map(|text| Part::Refusal { text }));
    let call = (word(), word(), word()).prop_map(|(id, name, arguments)| Part::ToolCall {
        id,
        name,
        arguments,
        custom: false,
    });
    (thoughts, vec(said(), 0..3), refusal, vec(call, 0..3)).prop_map(
        |(thoughts, said, refusal, calls)| {
            thoughts.into_iter().chain(said).chain(refusal).chain(calls).collect()
        },
    )
}

fn message() -> impl Strategy<Value = Message> {
    let role = prop::sample::select(vec![Role::System, Role::Developer, Role::User]);
    let result = (word(), vec(said(), 0..3)).prop_map(|(call_id, parts)| {
        vec![Part::ToolResult { call_id, parts, is_error: false, cache: None }]
    });
    let turn = prop_oneof![
        (role, vec(said(), 0..3)),
        (Just(Role::Assistant), assistant()),
        (Just(Role::Tool), result),
    ];
    (turn, option::of(word()), option::of(word())).prop_map(|((role, parts), name, odd)| Message {
        role,
        parts,
        name,
        extensions: odd.map(|odd| extensions("odd", odd)).unwrap_or_default(),
    })
}

fn extensions(field: &str, value: String) -> Extensions {
    Extensions(Map::from_iter([(field.to_owned(), value.into())]))
}

fn tools() -> impl Strategy<Value = (Vec<Tool>, Option<ToolChoice>)> {
    let tool = (option::of(word()), any::<bool>(), option::of(any::<bool>()), option::of(word()));
    (vec(tool, 0..3), 0..5_u8).prop_map(|(tools, choice)| {
        let tools: Vec<Tool> = (0..)
            .zip(tools)
            .map(|(index, (description, schema, strict, odd)): (u32, _)| Tool {
                name: format!("tool-{index}"),
                description,
                input_schema: schema.then(|| json!({ "type": "object", "properties": {} })),
                strict,
                custom: false,
                cache: None,
                extensions: odd.map(|odd| extensions("odd", odd)).unwrap_or_default(),
            })
            .collect();
        let choice = match choice {
            1 => Some(ToolChoice::Auto),
            2 => Some(ToolChoice::None),
            3 if !tools.is_empty() => Some(ToolChoice::Required),
            4 => tools.first().map(|tool| ToolChoice::Named(tool.name.clone())),
            _ => None,
        };
        (tools, choice)
    })
}

fn output_format() -> impl Strategy<Value = OutputFormat> {
    prop_oneof![
        Just(OutputFormat::Text),
        Just(OutputFormat::JsonObject),
        (word(), option::of(word()), option::of(any::<bool>())).prop_map(
            |(name, description, strict)| {
                let schema = json!({ "type": "object" });
                OutputFormat::JsonSchema { name, description, schema, strict }
            }
        ),
    ]
}

fn sampling() -> impl Strategy<Value = Sampling> {
    // Sixty-fourths: JSON's reader is not exact to the last bit of a fraction.
    let within = |least: i32, most: i32| {
        option::of((least * 64..=most * 64).prop_map(|n| f64::from(n) / 64.0))
    };
    let floats = (within(0, 2), within(0, 1), within(-2, 2), within(-2, 2));
    let counts = (
        option::of(1..99_u32),
        option::of(any::<i64>()),
        option::of(1..=128_u32),
        option::of(0..=20_u32),
    );
    (floats, counts, vec(word(), 0..4), option::of(any::<bool>())).prop_map(
        |((temperature, top_p, presence_penalty, frequency_penalty), counts, stop, logprobs)| {
            let (top_k, seed, n, top_logprobs) = counts;
            Sampling {
                temperature,
                top_p,
                top_k,
                presence_penalty,
                frequency_penalty,
                seed,
                stop,
                n,
                logprobs,
                top_logprobs,
            }
        },
    )
}

fn request() -> impl Strategy<Value = Request> {
    let rest = (
        option::of(any::<bool>()),
        option::of(1..=u32::MAX),
        option::of(word()),
        any::<bool>(),
        option::of(word()),
        option::of(word()),
    );
    (vec(message(), 1..4), tools(), output_format(), sampling(), rest).prop_map(
        |(messages, (tools, tool_choice), output_format, sampling, rest)| {
            let (parallel_tool_calls, max_output_tokens, reasoning_effort, stream, end_user, odd) =
                rest;
            Request {
                dialect: Dialect::OpenAiChat,
                model: "m".into(),
                messages,
                tools,
                tool_choice,
                parallel_tool_calls,
                output_format,
                sampling,
                max_output_tokens,
                reasoning: ReasoningOptions { effort: reasoning_effort, ..Default::default() },
                stream: stream.then_some(StreamOptions { include_usage: true }),
                end_user: end_user.clone(),
                metadata: end_user.map(|it| Map::from_iter([(it, "v".into())])).unwrap_or_default(),
                agent: Options::default(),
                extensions: odd.map(|odd| extensions("odd", odd)).unwrap_or_default(),
                headers: http::HeaderMap::new(),
                original: None,
            }
        },
    )
}

proptest! {
    #[test]
    fn what_a_request_means_survives(
        request in request(),
        max_tokens_field in prop::sample::select(vec![
            MaxTokensField::MaxTokens, MaxTokensField::MaxCompletionTokens,
        ]),
    ) {
        let outgoing = Outgoing { max_tokens_field, stream: request.stream.is_some(), ..OUTGOING };
        let sent = encode_request(&request, &outgoing).expect("a body");
        let read = Request { original: None, ..decode_request(&sent).expect("a request") };
        prop_assert_eq!(read, request);
    }

    /// The caller's bytes and the vocabulary say the same, whatever the gateway decides.
    #[test]
    fn patching_means_the_same_as_writing(
        request in request(),
        cap in option::of(1..99_u32),
        stream in any::<bool>(),
        model in "[a-z]{1,3}",
    ) {
        let as_sent = Outgoing { stream: request.stream.is_some(), ..OUTGOING };
        let body = encode_request(&request, &as_sent).expect("a body");
        let original = decode_request(&body).expect("a request");
        let outgoing = Outgoing { model: &model, max_output_tokens: cap, stream, ..OUTGOING };
        let patched = encode_request(&original, &outgoing).expect("a body");
        let written = encode_request(&request, &outgoing).expect("a body");
        let meaning = |body: &Bytes| {
            Request { original: None, ..decode_request(body).expect("a request") }
        };
        prop_assert_eq!(meaning(&patched), meaning(&written));
    }
}
