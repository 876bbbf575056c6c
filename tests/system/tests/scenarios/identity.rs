//! Who may ask.

use reqwest::Method;
use serde_json::json;

use crate::{
    client::{Reply, ask},
    stage::{ADMIN_KEY, Stage},
};

pub(crate) async fn without_a_valid_key_nothing_is_answered(stage: Stage) {
    let gateway = stage.gateway(&[]).await;
    for path in ["/v1/models", "/v1/models/echo", "/v1/receipts", "/v1/keys"] {
        let reply = Reply::of(gateway.bare(Method::GET, path)).await;
        assert_eq!(reply.error(401)["code"], "unauthenticated", "{path}");
    }
    let asked = || gateway.bare(Method::POST, "/v1/chat/completions").json(&ask("echo"));
    for request in [
        asked(),
        asked().bearer_auth("sk-wrong"),
        asked().header("x-api-key", "sk-wrong"),
        asked().header("authorization", format!("Basic {ADMIN_KEY}")),
        asked().bearer_auth(""),
        asked().bearer_auth(format!("{ADMIN_KEY}x")),
    ] {
        let reply = Reply::of(request).await;
        assert_eq!(reply.error(401)["code"], "unauthenticated");
        assert_eq!(reply.header("www-authenticate"), "Bearer");
    }
    assert_eq!(stage.upstream.count("echo"), 0);
}

pub(crate) async fn a_key_is_taken_as_bearer_and_as_x_api_key(stage: Stage) {
    let gateway = stage.gateway(&[]).await;
    let asked = || gateway.bare(Method::POST, "/v1/chat/completions").json(&ask("echo"));

    Reply::of(asked().bearer_auth(ADMIN_KEY)).await.ok();
    Reply::of(asked().header("authorization", format!("bearer {ADMIN_KEY}"))).await.ok();
    Reply::of(asked().header("x-api-key", ADMIN_KEY)).await.ok();
}

pub(crate) async fn a_key_works_until_it_is_revoked(stage: Stage) {
    let gateway = stage.gateway(&[]).await;
    let made = gateway.post("/v1/keys", &json!({ "tenant": "acme", "name": "bot" })).await;
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    let (id, text) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let bot = gateway.with_key(text);

    bot.chat(&ask("echo")).await.ok();
    // Shown once: no later answer tells the key.
    let shown = gateway.get(&format!("/v1/keys/{id}")).await;
    assert_eq!(shown.ok()["tenant"], "acme");
    let listed = gateway.get("/v1/keys").await;
    assert!(listed.ok()["data"].as_array().unwrap().iter().any(|key| key["id"] == id));
    for reply in [shown, listed] {
        assert!(!String::from_utf8_lossy(&reply.body).contains(text), "{reply:?}");
    }

    Reply::of(gateway.request(Method::DELETE, &format!("/v1/keys/{id}"))).await.ok();
    bot.chat(&ask("echo")).await.error(401);
}

pub(crate) async fn only_administrators_make_and_see_keys(stage: Stage) {
    let gateway = stage.gateway(&[]).await;
    let (id, user) = gateway.key_with_budget("1").await;

    assert_eq!(user.get("/v1/keys").await.error(403)["code"], "forbidden");
    user.get(&format!("/v1/keys/{id}")).await.error(403);
    user.post("/v1/keys", &json!({ "tenant": "acme" })).await.error(403);
    Reply::of(user.request(Method::DELETE, &format!("/v1/keys/{id}"))).await.error(403);
}

pub(crate) async fn tenants_do_not_see_each_others_receipts(stage: Stage) {
    let gateway = stage.gateway(&[]).await;
    let (_, acme) = gateway.key_with_budget("1").await;
    let other = gateway.post("/v1/keys", &json!({ "tenant": "umbrella" })).await.json();
    let other = gateway.with_key(other["key"].as_str().unwrap());

    let reply = acme.chat(&ask("echo")).await;
    let receipt = format!("/v1/receipts/{}", reply.header("x-dormouse-receipt"));

    assert_eq!(acme.get(&receipt).await.ok()["tenant"], "acme");
    other.get(&receipt).await.error(404);
    other.get(&format!("{receipt}?tenant=acme")).await.error(404);
    assert_eq!(other.get("/v1/receipts?tenant=acme").await.ok()["data"], json!([]));
}
