//! What holds for a tenant: which level says it, who may change it, and what it does.

use std::time::Duration;

use http::{
    Method,
    header::{ETAG, IF_MATCH},
};
use serde_json::{Value, json};

use crate::bench::{Bench, Tenant};

const CONFIG: &str = "/v1/tenant/config";
const CATALOG: &str = r#"
providers: [{name: lab, api: openai, base_url: "http://provider/v1"}]
models:
  - {name: small, provider: lab}
  - {name: large, provider: lab, price: {input: 1, output: 2}}
default_model: small
tenant_defaults: {max_output_tokens: 2000}
tenants:
  - {name: acme, max_output_tokens: 1000}
"#;

async fn shown(who: &Tenant, path: &str) -> Value {
    let reply = who.ask(&Method::GET, path, json!({})).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()["config"].clone()
}

/// The value of a key, and the level that says it.
fn of<'a>(config: &'a Value, key: &str) -> (&'a Value, &'a str) {
    (&config[key]["value"], config[key]["source"].as_str().unwrap())
}

#[tokio::test]
async fn the_last_level_that_says_something_counts() {
    let bench = Bench::with_catalog(CATALOG, &[]);
    let acme = bench.tenant(&json!({ "tenant": "acme", "admin": true })).await;
    let other = bench.tenant(&json!({ "tenant": "other" })).await;
    let config = shown(&acme, CONFIG).await;
    assert_eq!(of(&config, "default_model"), (&json!("small"), "file"));
    assert_eq!(of(&config, "max_output_tokens"), (&json!(1000), "file"));
    assert_eq!(of(&config, "request_timeout"), (&json!("10m"), "process"));
    assert_eq!(of(&shown(&other, CONFIG).await, "max_output_tokens"), (&json!(2000), "file"));

    let said = json!({ "default_model": "large", "max_output_tokens": 500 });
    let reply = acme.ask(&Method::PUT, CONFIG, said.clone()).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let config = shown(&acme, CONFIG).await;
    assert_eq!(config, reply.json()["config"]);
    assert_eq!(of(&config, "default_model"), (&json!("large"), "stored"));
    assert_eq!(of(&config, "max_output_tokens"), (&json!(500), "stored"));
    assert_eq!(of(&shown(&other, CONFIG).await, "default_model"), (&json!("small"), "file"));

    // What is put replaces what was stored; what it leaves out comes from below.
    acme.ask(&Method::PUT, CONFIG, json!({ "max_output_tokens": 7 })).await;
    let config = shown(&acme, CONFIG).await;
    assert_eq!(of(&config, "default_model"), (&json!("small"), "file"));
    assert_eq!(of(&config, "max_output_tokens"), (&json!(7), "stored"));
    let cleared = acme.ask(&Method::DELETE, CONFIG, json!({})).await;
    assert_eq!(of(&cleared.json()["config"], "max_output_tokens"), (&json!(1000), "file"));
}

#[tokio::test]
async fn without_a_file_the_process_says_everything() {
    let bench = Bench::with(&[("DORMOUSE_DEFAULT_MODEL", "usual")]);
    let acme = bench.tenant(&json!({ "tenant": "acme" })).await;
    let config = shown(&acme, CONFIG).await;
    assert_eq!(of(&config, "default_model"), (&json!("usual"), "process"));
    assert_eq!(of(&config, "max_output_tokens"), (&json!(4096), "process"));
}

#[tokio::test]
async fn what_cannot_be_stored_is_refused_and_named() {
    let bench = Bench::with_catalog(CATALOG, &[]);
    let acme = bench.tenant(&json!({ "tenant": "acme", "admin": true })).await;
    for (said, status, code, param) in [
        (json!({ "request_timeout": "1m" }), 403, "read_only_key", "request_timeout"),
        (json!({ "max_output_token": 1 }), 400, "invalid_request", "max_output_token"),
        (json!({ "max_output_tokens": 0 }), 400, "invalid_request", "max_output_tokens"),
        (json!({ "max_output_tokens": "many" }), 400, "invalid_request", "max_output_tokens"),
        (json!({ "max_output_tokens": null }), 400, "invalid_request", "max_output_tokens"),
        (json!({ "default_model": "huge" }), 400, "invalid_request", "default_model"),
    ] {
        let reply = acme.ask(&Method::PUT, CONFIG, said.clone()).await;
        let error = &reply.json()["error"];
        assert_eq!(reply.status, status, "{said}: {reply:?}");
        assert_eq!((error["code"].as_str(), error["param"].as_str()), (Some(code), Some(param)));
    }
    let near = acme.ask(&Method::PUT, CONFIG, json!({ "defaultmodel": "small" })).await;
    assert!(near.body.contains("did you mean `default_model`?"), "{near:?}");
    assert_eq!(of(&shown(&acme, CONFIG).await, "max_output_tokens"), (&json!(1000), "file"));
}

#[tokio::test]
async fn administrators_alone_change_it_and_see_that_of_others() {
    let bench = Bench::with_catalog(CATALOG, &[]);
    let acme = bench.tenant(&json!({ "tenant": "acme" })).await;
    let admin = bench.tenant(&json!({ "tenant": "ops", "admin": true })).await;
    for method in [Method::PUT, Method::DELETE] {
        let reply = acme.ask(&method, CONFIG, json!({ "max_output_tokens": 1 })).await;
        assert_eq!(reply.status, 403, "{reply:?}");
    }
    let theirs = format!("{CONFIG}?tenant=acme");
    let set = admin.ask(&Method::PUT, &theirs, json!({ "max_output_tokens": 9 })).await;
    assert_eq!((set.status.as_u16(), &set.json()["tenant"]), (200, &json!("acme")));
    assert_eq!(of(&shown(&admin, &theirs).await, "max_output_tokens").0, &json!(9));
    assert_eq!(of(&shown(&acme, CONFIG).await, "max_output_tokens").0, &json!(9));
    assert_eq!(of(&shown(&admin, CONFIG).await, "max_output_tokens").0, &json!(2000));
    let ours = shown(&acme, &format!("{CONFIG}?tenant=ops")).await;
    assert_eq!(of(&ours, "max_output_tokens").0, &json!(9), "their own, whatever they ask for");
    let nobody = admin.ask(&Method::GET, format!("{CONFIG}?tenant=_x"), json!({})).await;
    assert_eq!((nobody.status.as_u16(), &nobody.json()["error"]["param"]), (400, &json!("tenant")));
}

#[tokio::test]
async fn of_two_changes_to_one_state_the_second_is_refused() {
    let bench = Bench::with_catalog(CATALOG, &[]);
    let acme = bench.tenant(&json!({ "tenant": "acme", "admin": true })).await;
    let tag = acme.ask(&Method::GET, CONFIG, json!({})).await.headers[ETAG].clone();
    let put = |tokens: u32, tag| {
        let body = json!({ "max_output_tokens": tokens });
        acme.ask_with(&Method::PUT, CONFIG, vec![(IF_MATCH, tag)], body.to_string())
    };
    let first = put(1, tag.clone()).await;
    assert_eq!(first.status, 200, "{first:?}");
    let second = put(2, tag.clone()).await;
    assert_eq!(
        (second.status.as_u16(), &second.json()["error"]["code"]),
        (409, &json!("conflict"))
    );
    let third = put(3, first.headers[ETAG].clone()).await;
    assert_eq!(third.status, 200, "{third:?}");
    assert_eq!(put(4, "*".parse().unwrap()).await.status, 200);
    let wrong = put(5, "W/1".parse().unwrap()).await;
    assert_eq!((wrong.status.as_u16(), &wrong.json()["error"]["param"]), (400, &json!("If-Match")));
    let clear = |tag| acme.ask_with(&Method::DELETE, CONFIG, vec![(IF_MATCH, tag)], String::new());
    assert_eq!(clear(tag.clone()).await.status, 409);
    assert_eq!(of(&shown(&acme, CONFIG).await, "max_output_tokens").0, &json!(4));
}

#[tokio::test]
async fn a_request_goes_by_what_holds_for_its_tenant() {
    let bench = Bench::with_catalog(CATALOG, &[]);
    let admin = bench.tenant(&json!({ "tenant": "acme", "admin": true, "budget": "1" })).await;
    let other = bench.tenant(&json!({ "tenant": "other", "budget": "1" })).await;
    let said = json!({ "default_model": "large", "max_output_tokens": 77 });
    admin.ask(&Method::PUT, CONFIG, said).await;
    let hello = json!({ "messages": [{ "role": "user", "content": "Hello" }] });
    for (who, model, limit) in [(&admin, "large", Some(77)), (&other, "small", None)] {
        let reply = who.ask(&Method::POST, "/v1/chat/completions", hello.clone()).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let asked = bench.provider.last();
        assert_eq!(asked["model"], model);
        assert_eq!(asked["max_completion_tokens"].as_u64().or(asked["max_tokens"].as_u64()), limit);
    }
    let named = json!({ "model": "small", "messages": hello["messages"] });
    admin.ask(&Method::POST, "/v1/chat/completions", named).await;
    assert_eq!(bench.provider.last()["model"], "small", "a name in the request comes first");
}

#[tokio::test]
async fn a_change_counts_at_once_here_and_soon_elsewhere_and_requests_read_nothing_for_it() {
    let bench = Bench::with_catalog(CATALOG, &[]);
    let elsewhere = bench.beside(CATALOG, &[]);
    let admin = bench.tenant(&json!({ "tenant": "acme", "admin": true })).await;
    let there = admin.at(&elsewhere);
    let model = async |who: &Tenant, bench: &Bench| {
        let hello = json!({ "messages": [{ "role": "user", "content": "Hello" }] });
        let reply = who.ask(&Method::POST, "/v1/chat/completions", hello.clone()).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        bench.provider.last()["model"].as_str().unwrap().to_owned()
    };
    assert_eq!(model(&admin, &bench).await, "small");
    assert_eq!(model(&there, &elsewhere).await, "small");
    let reads = bench.records.reads_of("config");
    model(&admin, &bench).await;
    model(&there, &elsewhere).await;
    assert_eq!(bench.records.reads_of("config"), reads);

    admin.ask(&Method::PUT, CONFIG, json!({ "default_model": "large" })).await;
    assert_eq!(model(&admin, &bench).await, "large");
    assert_eq!(model(&there, &elsewhere).await, "small");
    bench.host.advance(Duration::from_secs(10));
    assert_eq!(model(&there, &elsewhere).await, "large");
}

#[tokio::test]
async fn what_a_newer_gateway_stored_does_not_stop_an_older_one() {
    let bench = Bench::with_catalog(CATALOG, &[]);
    let acme = bench.tenant(&json!({ "tenant": "acme" })).await;
    let stored = r#"{"max_output_tokens": 5, "tomorrow": true, "default_model": ["a list"], "body_limit": 1}"#;
    bench.records.write("acme", "config", "config", stored).await;
    let config = shown(&acme, CONFIG).await;
    assert_eq!(of(&config, "max_output_tokens"), (&json!(5), "stored"));
    assert_eq!(of(&config, "default_model"), (&json!("small"), "file"));
    assert_eq!(of(&config, "body_limit").1, "process");
}

#[tokio::test]
async fn conversations_are_kept_as_holds_for_their_tenant() {
    let bench = Bench::with_catalog(CATALOG, &[]);
    let acme = bench.tenant(&json!({ "tenant": "acme", "admin": true })).await;
    let other = bench.tenant(&json!({ "tenant": "other" })).await;
    let said = json!({ "conversation_messages": 2, "conversation_compact_at": 0 });
    assert_eq!(acme.ask(&Method::PUT, CONFIG, said).await.status, 200);
    let go_on = async |who: &Tenant| {
        let messages = json!([{ "role": "user", "content": "Go on" }]);
        let body = json!({ "messages": messages, "session_id": "s" });
        who.ask(&Method::POST, "/v1/chat/completions", body).await
    };
    for who in [&acme, &other, &other] {
        let reply = go_on(who).await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    let full = go_on(&acme).await;
    assert_eq!(full.json()["error"]["code"], "conversation_too_long", "{full:?}");

    for (said, param) in [
        (json!({ "conversation_messages": 1 }), "conversation_messages"),
        (json!({ "conversation_compact_at": 101 }), "conversation_compact_at"),
        (json!({ "conversation_ttl": 5 }), "conversation_ttl"),
        (json!({ "compaction_model": "nobody" }), "compaction_model"),
    ] {
        let reply = acme.ask(&Method::PUT, CONFIG, said).await;
        assert_eq!(reply.status, 400, "{reply:?}");
        assert_eq!(reply.json()["error"]["param"], param);
    }
}
