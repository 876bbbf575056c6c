//! Answers as they should be: whole, streamed, untouched.

use dormouse_testkit::upstream::{Answer, Gate};
use serde_json::{Value, json};

use crate::{
    client::{Reply, ask, ask_streamed},
    sse::{finish_of, text_of},
    stage::{Stage, within},
};

pub(crate) async fn a_whole_answer_arrives(stage: Stage) {
    let gateway = stage.gateway(&[]).await;

    let reply = gateway.chat(&ask("echo")).await;

    let answer = reply.ok();
    assert_eq!(reply.header("content-type"), "application/json");
    assert_eq!(answer["object"], "chat.completion");
    assert_eq!(answer["choices"][0]["message"]["role"], "assistant");
    assert_eq!(answer["choices"][0]["message"]["content"], "You said: Hello there");
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
    assert_eq!(answer["usage"]["prompt_tokens"], 10);
    assert_eq!(answer["usage"]["completion_tokens"], 4);
    assert_eq!(answer["usage"]["total_tokens"], 14);
}

pub(crate) async fn a_streamed_answer_arrives(stage: Stage) {
    let gateway = stage.gateway(&[]).await;

    let mut events = gateway.stream(&ask_streamed("echo")).await;
    let chunks = events.rest().await;

    let first = &chunks[0];
    assert_eq!(first["object"], "chat.completion.chunk");
    assert_eq!(first["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(text_of(&chunks), "You said: Hello there");
    assert_eq!(finish_of(&chunks), Some("stop"));
    let one_answer =
        |chunk: &Value| chunk["id"] == first["id"] && chunk["created"] == first["created"];
    assert!(chunks.iter().all(one_answer), "{chunks:?}");
}

pub(crate) async fn pieces_are_seen_as_they_come(stage: Stage) {
    let gate = Gate::closed();
    let answer = Answer::text(&["one ", "two ", "three"]);
    // Piece 0 is the head, 1 the role.
    stage.upstream.always("slow", answer.gated(3, &gate).gated(4, &gate));
    let gateway = stage.gateway(&[]).await;

    let mut events = gateway.stream(&ask_streamed("slow")).await;
    assert_eq!(events.text().await, "one ");
    gate.let_one_pass();
    assert_eq!(events.text().await, "two ");
    gate.let_one_pass();
    assert_eq!(events.text().await, "three");
    assert_eq!(finish_of(&events.rest().await), Some("stop"));
}

pub(crate) async fn usage_is_streamed_only_to_those_who_ask(stage: Stage) {
    let gateway = stage.gateway(&[]).await;
    let mut body = ask_streamed("echo");

    let unasked = gateway.stream(&body).await.rest().await;
    assert!(unasked.iter().all(|chunk| chunk["usage"].is_null()), "{unasked:?}");
    assert!(unasked.iter().all(|chunk| chunk["choices"] != json!([])), "{unasked:?}");

    body["stream_options"] = json!({ "include_usage": true });
    let asked = gateway.stream(&body).await.rest().await;
    let (last, before) = asked.split_last().unwrap();
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"]["prompt_tokens"], 10);
    assert_eq!(last["usage"]["completion_tokens"], 4);
    assert!(before.iter().all(|chunk| chunk["usage"].is_null()), "{asked:?}");
}

/// A request as no library would write it, with fields that nobody has heard of.
const ODD_REQUEST: &str = r#"{ "messages" :[{"role":"user","content":"Grüße \u00fc","x_cache":{"a":[1,2.50,1e3]}}],
    "top_k":  40,"model":"odd", "vendor_field":{"z":1,"a":{"deep":[null,true]}} , "seed":9007199254740993 }"#;

pub(crate) async fn what_need_not_change_passes_untouched(stage: Stage) {
    let odd = r#"{"id":"x" , "object":"chat.completion","created":1.0,"model":"odd-2","choices":[{"index":0,
        "message":{"role":"assistant","content":"ok","mood":{"z":1,"a":2}},"finish_reason":"stop"}],
        "usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4,"joules":0.50},"timings":{"b":1,"a":1e2}}"#;
    stage.upstream.always("odd", Answer::whole(200, &[("content-type", "application/json")], odd));
    let gateway = stage.gateway(&[]).await;

    let request = gateway.request(reqwest::Method::POST, "/v1/chat/completions");
    let reply =
        Reply::of(request.header("content-type", "application/json").body(ODD_REQUEST)).await;

    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.body, odd);
    let asked = within("the request", stage.upstream.asked("odd")).await;
    assert_eq!(asked.body, ODD_REQUEST);
}

pub(crate) async fn a_stream_that_need_not_change_passes_untouched(stage: Stage) {
    let odd = [
        "data: {\"id\":\"x\",\"created\":1.0,\"object\":\"chat.completion.chunk\",\"model\":\"odd-2\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null,\"mood\":[1,2]}]}\n\n",
        "data: {\"id\":\"x\",\"created\":1.0,\"object\":\"chat.completion.chunk\",\"model\":\"odd-2\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"ok \\u00fc\"},\"finish_reason\":null}]}\n\n",
        "data: {\"id\":\"x\",\"created\":1.0,\"object\":\"chat.completion.chunk\",\"model\":\"odd-2\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
        "data: {\"id\":\"x\",\"created\":1.0,\"object\":\"chat.completion.chunk\",\"model\":\"odd-2\",\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1,\"total_tokens\":4},\"timings\":{\"b\":1.50}}\n\n",
        "data: [DONE]\n\n",
    ];
    let whole = odd.concat();
    // Cut where no event ends.
    let (head, tail) = whole.split_at(300);
    stage.upstream.always("odd", Answer::stream([head, tail]));
    let gateway = stage.gateway(&[]).await;
    let mut body = ask_streamed("odd");
    body["stream_options"] = json!({ "include_usage": true });

    let mut events = gateway.stream(&body).await;
    events.rest().await;

    assert_eq!(String::from_utf8_lossy(&events.raw), whole);
}

pub(crate) async fn a_default_model_answers_those_who_name_none(stage: Stage) {
    let gateway = stage.gateway(&[("DORMOUSE_DEFAULT_MODEL", "echo")]).await;
    let mut body = ask("");
    body.as_object_mut().unwrap().remove("model");

    gateway.chat(&body).await.ok();

    let asked = within("the request", stage.upstream.asked("echo")).await;
    assert_eq!(asked.json()["model"], "echo");
}

pub(crate) async fn the_upstream_gets_its_own_credential_and_headers_only(stage: Stage) {
    let gateway = stage
        .gateway(&[
            ("DORMOUSE_UPSTREAM_API_KEY", "sk-upstream-secret"),
            ("DORMOUSE_UPSTREAM_HEADERS", r#"{"x-title": "tests"}"#),
        ])
        .await;

    gateway.chat(&ask("echo")).await.ok();

    let asked = within("the request", stage.upstream.asked("echo")).await;
    assert_eq!(asked.headers["authorization"], "Bearer sk-upstream-secret");
    assert_eq!(asked.headers["x-title"], "tests");
    let told = format!("{:?}", asked.headers);
    assert!(!told.contains(crate::stage::ADMIN_KEY), "{told}");
}
