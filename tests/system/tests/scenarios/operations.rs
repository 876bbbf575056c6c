//! The operations beside chat.

use dormouse_testkit::upstream::Answer;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    client::Gateway,
    sse::Events,
    stage::{Stage, within},
};

/// Dollars per million tokens.
const PRICES: (&str, &str) = ("DORMOUSE_PRICES", r#"{"*": {"input": "1", "output": "2"}}"#);

async fn receipt(gateway: &Gateway, reply: &crate::client::Reply) -> Value {
    gateway.get(&format!("/v1/receipts/{}", reply.header("x-dormouse-receipt"))).await.ok()
}

pub(crate) async fn embeddings_come_in_the_encoding_asked_for_and_are_paid_for(stage: Stage) {
    let gateway = stage.gateway(&[PRICES]).await;
    let (id, user) = gateway.key_with_budget("1").await;
    let mut body = json!({ "model": "echo", "input": ["Hello", "Hi"] });

    let reply = user.post("/v1/embeddings", &body).await;

    let answer = reply.ok();
    assert_eq!(answer["data"][0]["embedding"], json!([5, 0.5, -1.0]));
    assert_eq!(answer["data"][1]["embedding"], json!([2, 0.5, -1.0]));
    let receipt = receipt(&user, &reply).await;
    assert_eq!(
        (&receipt["operation"], &receipt["outcome"]),
        (&json!("embeddings"), &json!("completed"))
    );
    assert_eq!(receipt["usage"]["input_tokens"], 7);
    assert_eq!(gateway.budget(&id).await["settled"], "0.000007000");

    body["encoding_format"] = json!("base64");
    let answer = user.post("/v1/embeddings", &body).await.ok();
    assert_eq!(answer["data"][1]["embedding"], "AAAAQAAAAD8AAIC/", "2, 0.5 and -1");

    body["encoding_format"] = json!("float");
    body["dimensions"] = json!(1);
    let answer = user.post("/v1/embeddings", &body).await.ok();
    assert_eq!(answer["data"][0]["embedding"], json!([1.0]));
    body["dimensions"] = json!(4);
    assert_eq!(user.post("/v1/embeddings", &body).await.error(400)["param"], "dimensions");
    body["input"] = json!(["Hello", ""]);
    assert_eq!(user.post("/v1/embeddings", &body).await.error(400)["param"], "input[1]");
}

pub(crate) async fn text_completions_arrive_whole_and_streamed(stage: Stage) {
    let gateway = stage.gateway(&[PRICES]).await;
    let mut body = json!({ "model": "echo", "prompt": "Once upon a time" });

    let reply = gateway.post("/v1/completions", &body).await;

    let answer = reply.ok();
    assert_eq!(answer["object"], "text_completion");
    assert_eq!(answer["choices"][0]["text"], " and so on");
    assert_eq!(receipt(&gateway, &reply).await["operation"], "text_completion");
    assert_eq!(stage.upstream.asked("echo").await.json(), body, "nothing had to change");

    body["stream"] = json!(true);
    let request = gateway.request(Method::POST, "/v1/completions").json(&body);
    let response = within("headers", request.send()).await.unwrap();
    let chunks = Events::of(response).rest().await;
    let text: String = chunks.iter().filter_map(|it| it["choices"][0]["text"].as_str()).collect();
    assert_eq!(text, " and so on");
    assert!(chunks.iter().all(|chunk| chunk.get("usage").is_none()), "{chunks:?}");

    body["prompt"] = json!(["a", 1]);
    assert_eq!(gateway.post("/v1/completions", &body).await.error(400)["param"], "prompt[1]");
}

pub(crate) async fn moderations_say_who_judges(stage: Stage) {
    let gateway = stage.gateway(&[]).await;
    let body = json!({ "input": ["I will kill you", "Good night"] });

    let answer = gateway.post("/v1/moderations", &body).await.ok();

    assert_eq!(answer["model"], "dormouse-wordlist-1");
    assert_eq!(answer["results"][0]["categories"]["harassment/threatening"], true);
    assert_eq!(answer["results"][1]["flagged"], false);
    let bare = gateway.bare(Method::POST, "/v1/moderations").json(&body);
    crate::client::Reply::of(bare).await.error(401);

    let verdict = json!({ "id": "modr-1", "model": "judge-2", "results": [{ "flagged": true }] });
    stage.upstream.always("judge", Answer::json(200, &verdict));
    let gateway = stage.gateway(&[PRICES, ("DORMOUSE_MODERATION_MODEL", "judge")]).await;
    let reply = gateway.post("/v1/moderations", &body).await;
    assert_eq!(reply.ok(), verdict);
    let receipt = receipt(&gateway, &reply).await;
    assert_eq!(
        (&receipt["operation"], &receipt["cost"]),
        (&json!("moderation"), &json!("0.000000000"))
    );
}
