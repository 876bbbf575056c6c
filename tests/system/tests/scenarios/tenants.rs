//! What holds for a tenant, how much it may use, and what it keeps.

use std::time::{SystemTime, UNIX_EPOCH};

use futures::{StreamExt, stream::FuturesUnordered};
use reqwest::{
    Method,
    header::{CONTENT_TYPE, RANGE},
};
use serde_json::json;

use crate::{
    client::{Gateway, Reply, ask},
    stage::Stage,
};

/// How many requests a minute are allowed, and how many come at once.
const ALLOWED: usize = 5;
const ASKED: usize = 40;

/// A gateway that follows what other processes change at once.
const AT_ONCE: (&str, &str) = ("DORMOUSE_TENANT_CONFIG_TTL", "0s");

async fn key(gateway: &Gateway, tenant: &str) -> Gateway {
    let made = gateway.post("/v1/keys", &json!({ "tenant": tenant })).await;
    assert_eq!(made.status, 201, "{made:?}");
    gateway.with_key(made.json()["key"].as_str().expect("a key"))
}

pub(crate) async fn what_holds_differs_from_tenant_to_tenant(stage: Stage) {
    let gateway = stage.gateway(&[AT_ONCE]).await;
    let (acme, other) = (key(&gateway, "acme").await, key(&gateway, "other").await);
    let mut body = ask("echo");
    body.as_object_mut().expect("an object").remove("model");
    assert_eq!(acme.chat(&body).await.error(400)["param"], "model");

    let path = "/v1/tenant/config?tenant=acme";
    let said = json!({ "default_model": "echo" });
    let put = Reply::of(gateway.request(Method::PUT, path).json(&said)).await;
    assert_eq!(put.ok()["config"]["default_model"]["source"], "stored");

    acme.chat(&body).await.ok();
    assert_eq!(stage.upstream.asked("echo").await.json()["model"], "echo");
    assert_eq!(other.chat(&body).await.error(400)["param"], "model");
    let shown = acme.get("/v1/tenant/config").await.ok();
    assert_eq!(shown["config"]["default_model"]["value"], "echo");
    let refused = json!({ "request_timeout": "1m" });
    let refused = Reply::of(gateway.request(Method::PUT, path).json(&refused)).await;
    assert_eq!(refused.error(403)["code"], "read_only_key");

    Reply::of(gateway.request(Method::DELETE, path)).await.ok();
    assert_eq!(acme.chat(&body).await.error(400)["param"], "model");
}

pub(crate) async fn a_rate_limit_is_never_passed(stage: Stage) {
    let allowed = ALLOWED.to_string();
    let limit = ("DORMOUSE_RATE_LIMIT_REQUESTS", allowed.as_str());
    // More than enough, so that it is the limit that refuses.
    let gateway = stage.gateway(&[limit, ("DORMOUSE_WORKERS", "100")]).await;
    let acme = key(&gateway, "acme").await;
    let before = minute();
    let body = ask("echo");
    let replies: Vec<Reply> =
        (0..ASKED).map(|_| acme.chat(&body)).collect::<FuturesUnordered<_>>().collect().await;
    let minutes = minute() - before + 1;

    let (answered, refused): (Vec<_>, Vec<_>) =
        replies.iter().partition(|reply| reply.status == 200);
    assert!(answered.len() >= ALLOWED, "{}", answered.len());
    assert!(answered.len() <= ALLOWED * minutes, "{} in {minutes} minutes", answered.len());
    for reply in refused {
        let error = reply.error(429);
        assert_eq!(error["code"], "rate_limited", "{error}");
        assert_eq!((&error["scope"], &error["limit"]), (&json!("tenant"), &json!(ALLOWED)));
        let wait: u64 = reply.header("retry-after").parse().expect("whole seconds");
        assert!((1..=60).contains(&wait), "{wait}");
    }
    assert_eq!(stage.upstream.count("echo"), answered.len());
}

/// The minute of the clock.
fn minute() -> usize {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    usize::try_from(time.as_secs() / 60).expect("not that many minutes")
}

pub(crate) async fn files_are_kept_and_named_in_requests(stage: Stage) {
    let gateway = stage.gateway(&[]).await;
    let (acme, other) = (key(&gateway, "acme").await, key(&gateway, "other").await);
    // More than one record holds.
    let picture = [b"\x89PNG\r\n\x1a\n".as_slice(), &vec![b'x'; 600_000]].concat();
    let send = acme.request(Method::POST, "/v1/images?filename=cat.png");
    let sent = Reply::of(send.header(CONTENT_TYPE, "image/png").body(picture.clone())).await.ok();
    assert_eq!((&sent["media_type"], &sent["bytes"]), (&json!("image/png"), &json!(600_008)));
    let id = sent["id"].as_str().expect("an id");
    assert_eq!(acme.get("/v1/images").await.ok()["data"], json!([sent]));

    let content = format!("/v1/images/{id}/content");
    let whole = acme.get(&content).await;
    assert_eq!((whole.status, whole.body.as_ref()), (200, picture.as_slice()));
    let part = Reply::of(acme.request(Method::GET, &content).header(RANGE, "bytes=1-3")).await;
    assert_eq!((part.status, part.body.as_ref()), (206, b"PNG".as_slice()));
    assert_eq!(part.header("content-range"), "bytes 1-3/600008");
    for path in [format!("/v1/images/{id}"), content.clone()] {
        assert_eq!(other.get(&path).await.error(404)["code"], "not_found");
    }

    let mut body = ask("echo");
    let named = json!({ "type": "file", "file": { "file_id": id } });
    body["messages"][0]["content"] = json!([named]);
    acme.chat(&body).await.ok();
    let asked = stage.upstream.asked("echo").await.json();
    let url = asked["messages"][0]["content"][0]["image_url"]["url"].as_str().expect("a picture");
    assert!(url.starts_with("data:image/png;base64,iVBORw0KGgp4eHh4"), "{}", &url[..60]);
    assert_eq!(other.chat(&body).await.error(404)["code"], "not_found");

    let deleted = Reply::of(acme.request(Method::DELETE, &format!("/v1/images/{id}"))).await.ok();
    assert_eq!(deleted["deleted"], true);
    acme.get(&content).await.error(404);
}
