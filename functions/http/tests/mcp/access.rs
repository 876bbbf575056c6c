//! Who may come in, and what those are told who may not.

use http::Method;
use serde_json::json;

use crate::bench::{Bench, KEY, USUAL, collect, initialize};

#[tokio::test]
async fn whoever_has_no_key_is_told_where_to_look() {
    let bench = Bench::new();
    for (key, method) in [
        ("", Method::POST),
        ("dm_000000000000_wrong", Method::POST),
        ("", Method::GET),
        ("", Method::HEAD),
        ("", Method::DELETE),
    ] {
        let headers = [USUAL, &[("host", "gateway:8080")]].concat();
        let body = initialize("2025-11-25").to_string();
        let reply = collect(bench.send_as(key, &method, &headers, body).await).await;
        assert_eq!(reply.status, 401, "{method}");
        let place = "http://gateway:8080/.well-known/oauth-protected-resource/mcp";
        let challenge = format!("Bearer resource_metadata=\"{place}\"");
        assert_eq!(reply.headers.get_all("www-authenticate").iter().count(), 1);
        assert_eq!(reply.header("www-authenticate"), challenge);
        if method == Method::POST {
            assert_eq!(reply.json()["error"]["data"]["code"], "unauthenticated");
        }
    }
}

#[tokio::test]
async fn t_36_the_resource_that_is_described_is_the_one_that_is_called() {
    let bench = Bench::new();
    let described = bench.get("/.well-known/oauth-protected-resource/mcp").await;
    assert_eq!(described.status, 200);
    assert_eq!(described.json()["resource"], "http://gateway:8080/mcp");
    assert_eq!(described.json()["bearer_methods_supported"], json!(["header"]));
    let whole = bench.get("/.well-known/oauth-protected-resource").await;
    assert_eq!(whole.json()["resource"], "http://gateway:8080");
    let set = [("DORMOUSE_PUBLIC_URL", "https://dormouse.example")];
    let bench = Bench::with(&set, Vec::new());
    let described = bench.get("/.well-known/oauth-protected-resource/mcp").await;
    assert_eq!(described.json()["resource"], "https://dormouse.example/mcp");
}

#[tokio::test]
async fn a_web_page_that_nobody_vouched_for_is_refused_before_its_key_is_looked_at() {
    let bench = Bench::new();
    for key in [KEY, ""] {
        // With DNS rebinding, the page's own host is the one that is called.
        let headers =
            [USUAL, &[("origin", "http://evil.example"), ("host", "evil.example")]].concat();
        let body = initialize("2025-11-25").to_string();
        let reply = collect(bench.send_as(key, &Method::POST, &headers, body).await).await;
        assert_eq!(reply.status, 403);
        assert_eq!(reply.json()["error"]["data"]["code"], "forbidden");
    }
    let local = bench.post(&[("origin", "http://localhost:6274")], &initialize("2025-11-25")).await;
    assert_eq!(local.status, 200);
}
