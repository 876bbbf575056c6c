//! What becomes of an upstream's failures.

use dormouse_testkit::upstream::{Answer, Ending, Upstream};
use serde_json::{Value, json};

use crate::{
    client::{ask, ask_streamed},
    sse::text_of,
    stage::{Stage, UNHURRIED},
};

/// An upstream's status, and the status and code that the caller gets for it.
const STATUSES: [(u16, u16, &str); 9] = [
    (400, 400, "upstream_rejected"),
    (401, 502, "upstream_credential"),
    (403, 502, "upstream_credential"),
    (404, 404, "upstream_not_found"),
    (413, 413, "upstream_too_large"),
    (422, 400, "upstream_rejected"),
    (429, 429, "upstream_rate_limited"),
    (500, 502, "upstream_failed"),
    (503, 503, "upstream_unavailable"),
];

pub(crate) async fn each_upstream_status_has_one_answer(stage: Stage) {
    let gateway = stage.gateway(&[UNHURRIED]).await;
    for (theirs, ours, code) in STATUSES {
        let error = json!({ "error": {
            "message": format!("words of the provider for {theirs}"), "type": "their_type",
            "param": null, "code": null,
        }});
        stage.upstream.always("failing", Answer::json(theirs, &error));

        // Streamed or not: a failure that comes early keeps its status.
        for body in [ask("failing"), ask_streamed("failing")] {
            let reply = gateway.chat(&body).await;
            let error = reply.error(ours);
            assert_eq!(reply.header("content-type"), "application/json");
            assert_eq!(ours_or_theirs(&error), code, "{theirs} → {error}");
            if ours < 500 {
                let words = format!("words of the provider for {theirs}");
                assert_eq!(error["message"], words, "clients match on the provider's own words");
            }
        }
    }
}

/// The gateway's code for an error: its own field, or what it adds to a provider's error.
fn ours_or_theirs(error: &Value) -> &str {
    error["code"].as_str().unwrap_or_default()
}

pub(crate) async fn a_rate_limit_keeps_its_retry_after(stage: Stage) {
    let limited = Answer::whole(
        429,
        &[("content-type", "application/json"), ("retry-after", "17")],
        r#"{"error":{"message":"slow down","type":"requests","param":null,"code":"rate_limit_exceeded"}}"#,
    );
    stage.upstream.always("limited", limited);
    let gateway = stage.gateway(&[]).await;

    let reply = gateway.chat(&ask("limited")).await;

    assert_eq!(reply.error(429)["message"], "slow down");
    assert_eq!(reply.header("retry-after"), "17");
}

pub(crate) async fn an_upstream_that_is_not_there_is_502(stage: Stage) {
    let gone = Upstream::start().await.base_url();
    let gateway = stage.gateway_for(&gone, &[UNHURRIED]).await;

    for body in [ask("echo"), ask_streamed("echo")] {
        assert_eq!(gateway.chat(&body).await.error(502)["code"], "upstream_unreachable");
    }
    gateway.get("/v1/models").await.error(502);
}

pub(crate) async fn nonsense_from_the_upstream_is_502(stage: Stage) {
    let json = [("content-type", "application/json")];
    let nonsense = [
        Answer::whole(200, &json, "<html>It works!</html>"),
        Answer::whole(200, &json, ""),
        Answer::whole(200, &json, "[]"),
        Answer::whole(200, &json, "{\"choices\":7}"),
        Answer::raw(["\x16\x03\x01 this is not HTTP\r\n\r\n"]).then(Ending::Close),
        Answer::raw::<&str>([]).then(Ending::Close),
        Answer::raw::<&str>([]).then(Ending::Reset),
        Answer::raw(["HTTP/1.1 200 OK\r\ncontent-le"]).then(Ending::Close),
        Answer::raw([
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{\"ch",
        ])
        .then(Ending::Reset),
        Answer::whole(302, &[("location", "http://127.0.0.1:1/")], ""),
    ];
    let gateway = stage.gateway(&[]).await;
    for answer in nonsense {
        let told = format!("{answer:?}");
        stage.upstream.always("odd", answer);
        let error = gateway.chat(&ask("odd")).await.error(502);
        let code = error["code"].as_str().unwrap();
        assert!(["upstream_invalid", "upstream_failed"].contains(&code), "{told} → {error}");
    }
}

pub(crate) async fn an_answer_that_breaks_off_ends_in_an_error_and_done(stage: Stage) {
    let gateway = stage.gateway(&[]).await;
    // The head, the role and two words.
    let begun = || Answer::text(&["one ", "two ", "three"]).cut_after(4);
    for ending in [Ending::Close, Ending::Reset] {
        stage.upstream.always("breaking", begun().then(ending));

        let chunks = gateway.stream(&ask_streamed("breaking")).await.rest().await;

        let (last, before) = chunks.split_last().unwrap();
        assert_eq!(text_of(before), "one two ", "{ending:?}");
        assert!(last["error"]["message"].is_string(), "{ending:?}: {last}");
        assert!(
            last["error"]["code"].as_str().is_some_and(|it| it.starts_with("upstream_")),
            "{last}"
        );
    }
}

pub(crate) async fn an_error_within_a_stream_is_passed_on(stage: Stage) {
    let error = "data: {\"error\":{\"code\":500,\"message\":\"slot exploded\",\"type\":\"server_error\"}}\n\n";
    let delta = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"one\"},\"finish_reason\":null}]}\n\n";
    stage.upstream.always("failing", Answer::stream([delta, error]));
    let gateway = stage.gateway(&[]).await;

    let chunks = gateway.stream(&ask_streamed("failing")).await.rest().await;

    assert_eq!(text_of(&chunks), "one");
    assert_eq!(chunks.last().unwrap()["error"]["message"], "slot exploded");
}

pub(crate) async fn the_upstreams_credential_is_never_told(stage: Stage) {
    const SECRET: &str = "sk-upstream-very-secret";
    let error =
        json!({ "error": { "message": format!("bad key {SECRET}"), "type": "x", "key": SECRET } });
    stage.upstream.always("telling", Answer::json(400, &error));
    let gateway =
        stage.gateway(&[("DORMOUSE_UPSTREAM_API_KEY", SECRET), ("DORMOUSE_LOG", "debug")]).await;

    let reply = gateway.chat(&ask("telling")).await;

    assert!(reply.error(400)["message"].as_str().unwrap().starts_with("bad key "), "{reply:?}");
    assert!(!String::from_utf8_lossy(&reply.body).contains(SECRET), "{reply:?}");
    assert!(!gateway.output().await.contains(SECRET));
}
