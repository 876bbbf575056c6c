//! Files and pictures that tenants keep.

use http::{
    HeaderName, HeaderValue, Method,
    header::{CONTENT_TYPE, RANGE},
};
use serde_json::{Value, json};

use crate::bench::{Bench, Reply, Tenant};

pub(crate) const PNG: &[u8] = b"\x89PNG\r\n\x1a\nthe rest";

/// Sends `content` as a form, as OpenAI's clients do.
async fn send(who: &Tenant, path: &str, name: &str, content: &[u8]) -> Reply {
    let boundary = "a-boundary";
    let mut body = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nassistants\r\n--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: text/plain\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(content);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    let kind = format!("multipart/form-data; boundary={boundary}").parse().unwrap();
    who.ask_with(&Method::POST, path, vec![(CONTENT_TYPE, kind)], body).await
}

/// A file of a tenant, by its id.
pub(crate) async fn keep(who: &Tenant, path: &str, content: &[u8]) -> String {
    let reply = send(who, path, "notes.txt", content).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()["id"].as_str().unwrap().to_owned()
}

async fn get(who: &Tenant, path: String) -> Reply {
    who.ask(&Method::GET, path, json!({})).await
}

fn ids(list: &Reply) -> Vec<String> {
    let data = list.json()["data"].as_array().unwrap().clone();
    data.iter().map(|file| file["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_file_is_kept_listed_read_and_deleted() {
    let bench = Bench::new();
    let acme = bench.tenant(&json!({ "tenant": "acme" })).await;
    let sent = send(&acme, "/v1/files", "notes.txt", b"0123456789").await;
    assert_eq!(sent.status, 200, "{sent:?}");
    let file = sent.json();
    let id = file["id"].as_str().unwrap().to_owned();
    assert_eq!((&file["object"], &file["bytes"]), (&json!("file"), &json!(10)));
    assert_eq!((&file["filename"], &file["purpose"]), (&json!("notes.txt"), &json!("assistants")));
    assert_eq!(get(&acme, format!("/v1/files/{id}")).await.json(), file);
    assert_eq!(get(&acme, "/v1/files".into()).await.json()["data"], json!([file]));

    let whole = get(&acme, format!("/v1/files/{id}/content")).await;
    assert_eq!((whole.status.as_u16(), whole.body.as_str()), (200, "0123456789"));
    assert_eq!(whole.headers["content-type"], "text/plain");
    assert_eq!(whole.headers["content-length"], "10");
    assert_eq!(whole.headers["x-content-type-options"], "nosniff");
    assert_eq!(whole.headers["content-disposition"], "attachment");
    let range = |range: &'static str| {
        let headers = vec![(RANGE, HeaderValue::from_static(range))];
        acme.ask_with(&Method::GET, format!("/v1/files/{id}/content"), headers, String::new())
    };
    let part = range("bytes=2-4").await;
    assert_eq!((part.status.as_u16(), part.body.as_str()), (206, "234"));
    assert_eq!(part.headers["content-range"], "bytes 2-4/10");
    assert_eq!(part.headers["content-length"], "3");
    let beyond = range("bytes=10-").await;
    assert_eq!(
        (beyond.status.as_u16(), &beyond.headers["content-range"]),
        (416, &HeaderValue::from_static("bytes */10"))
    );

    let deleted = acme.ask(&Method::DELETE, format!("/v1/files/{id}"), json!({})).await;
    assert_eq!(deleted.json(), json!({ "id": id, "object": "file", "deleted": true }));
    for path in [format!("/v1/files/{id}"), format!("/v1/files/{id}/content")] {
        assert_eq!(get(&acme, path).await.status, 404);
    }
    assert_eq!(acme.ask(&Method::DELETE, format!("/v1/files/{id}"), json!({})).await.status, 404);
    assert!(ids(&get(&acme, "/v1/files".into()).await).is_empty());
}

#[tokio::test]
async fn a_list_is_a_tenants_own_and_comes_in_pages() {
    let bench = Bench::new();
    let acme = bench.tenant(&json!({ "tenant": "acme" })).await;
    let other = bench.tenant(&json!({ "tenant": "other" })).await;
    let mut kept = Vec::new();
    for number in 0..5_u8 {
        kept.push(keep(&acme, "/v1/files", &[number]).await);
        bench.host.advance(std::time::Duration::from_millis(1));
    }
    assert!(ids(&get(&other, "/v1/files".into()).await).is_empty());
    assert!(ids(&get(&acme, "/v1/images".into()).await).is_empty(), "pictures are elsewhere");
    assert_eq!(ids(&get(&acme, "/v1/files?order=asc".into()).await), kept);
    kept.reverse();
    let first = get(&acme, "/v1/files?limit=2".into()).await;
    assert_eq!((ids(&first).as_slice(), &first.json()["has_more"]), (&kept[..2], &json!(true)));
    let rest = get(&acme, format!("/v1/files?limit=3&after={}", kept[1])).await;
    assert_eq!((ids(&rest).as_slice(), &rest.json()["has_more"]), (&kept[2..], &json!(false)));
    let none = get(&acme, "/v1/files?purpose=vision".into()).await;
    assert!(ids(&none).is_empty());
    assert_eq!(ids(&get(&acme, "/v1/files?purpose=assistants&limit=1".into()).await), kept[..1]);
    let wrong = get(&acme, "/v1/files?order=size".into()).await;
    assert_eq!((wrong.status.as_u16(), &wrong.json()["error"]["param"]), (400, &json!("order")));
}

#[tokio::test]
async fn anthropics_clients_are_answered_in_their_shape() {
    let bench = Bench::new();
    let acme = bench.tenant(&json!({ "tenant": "acme" })).await;
    let id = keep(&acme, "/v1/files", b"hello").await;
    let ask = |method: Method, path: String| {
        let version = HeaderName::from_static("anthropic-version");
        let headers = vec![(version, HeaderValue::from_static("2023-06-01"))];
        let acme = acme.clone();
        async move { acme.ask_with(&method, path, headers, String::new()).await }
    };
    let file = ask(Method::GET, format!("/v1/files/{id}")).await.json();
    assert_eq!((&file["type"], &file["size_bytes"]), (&json!("file"), &json!(5)));
    assert_eq!((&file["mime_type"], &file["downloadable"]), (&json!("text/plain"), &json!(true)));
    let list = ask(Method::GET, "/v1/files".into()).await.json();
    assert_eq!((&list["data"], &list["first_id"]), (&json!([file]), &json!(id)));
    let missing = ask(Method::GET, "/v1/files/file_x".into()).await;
    assert_eq!(missing.json()["error"]["type"], "not_found_error");
    let deleted = ask(Method::DELETE, format!("/v1/files/{id}")).await.json();
    assert_eq!(deleted, json!({ "id": id, "type": "file_deleted" }));
}

#[tokio::test]
async fn a_picture_is_known_by_its_content_and_not_by_its_name() {
    let bench = Bench::new();
    let acme = bench.tenant(&json!({ "tenant": "acme" })).await;
    let kept = send(&acme, "/v1/images", "cat.txt", PNG).await;
    assert_eq!((kept.status.as_u16(), &kept.json()["media_type"]), (200, &json!("image/png")));
    let page = send(&acme, "/v1/images", "cat.png", b"<script>").await;
    assert_eq!((page.status.as_u16(), &page.json()["error"]["param"]), (400, &json!("file")));
}

#[tokio::test]
async fn content_is_taken_as_it_is_too_and_what_is_no_file_is_refused() {
    let bench = Bench::with(&[("DORMOUSE_BODY_LIMIT", "1KB")]);
    let acme = bench.tenant(&json!({ "tenant": "acme" })).await;
    let plain = (CONTENT_TYPE, HeaderValue::from_static("text/markdown"));
    let sent = acme
        .ask_with(
            &Method::POST,
            "/v1/files?filename=a.md&purpose=vision",
            vec![plain.clone()],
            "# Hi",
        )
        .await;
    let file = sent.json();
    assert_eq!((&file["filename"], &file["media_type"]), (&json!("a.md"), &json!("text/markdown")));
    let form = (CONTENT_TYPE, HeaderValue::from_static("multipart/form-data; boundary=b"));
    let bare = (CONTENT_TYPE, HeaderValue::from_static("multipart/form-data"));
    let field = |name: &str| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\nx\r\n--b--\r\n")
    };
    for (header, body, param) in [
        (plain.clone(), String::new(), "file"),
        (bare, "x".to_owned(), "file"),
        (form.clone(), "--b\r\nnonsense".to_owned(), "file"),
        (form.clone(), field("purpose"), "file"),
        (form.clone(), field("expires_after[seconds]"), "expires_after[seconds]"),
    ] {
        let reply = acme.ask_with(&Method::POST, "/v1/files", vec![header], body.clone()).await;
        assert_eq!(reply.status, 400, "{body}: {reply:?}");
        assert_eq!(reply.json()["error"]["param"], param, "{body}");
    }
    let large = acme.ask_with(&Method::POST, "/v1/files", vec![plain], "x".repeat(1025)).await;
    assert_eq!(
        (large.status.as_u16(), &large.json()["error"]["code"]),
        (413, &json!("body_too_large"))
    );
}

#[tokio::test]
async fn a_tenant_keeps_no_more_than_its_quota_and_what_is_deleted_counts_no_more() {
    let bench = Bench::with(&[("DORMOUSE_FILES_QUOTA", "30")]);
    let acme = bench.tenant(&json!({ "tenant": "acme" })).await;
    let other = bench.tenant(&json!({ "tenant": "other" })).await;
    let first = keep(&acme, "/v1/files", b"0123456789").await;
    keep(&acme, "/v1/images", PNG).await;
    let full = send(&acme, "/v1/files", "more.txt", b"0123456789").await;
    let error = full.json()["error"].clone();
    assert_eq!((full.status.as_u16(), &error["code"]), (413, &json!("over_quota")));
    assert_eq!((&error["limit"], &error["required"]), (&json!(30), &json!(10)));
    assert_eq!(ids(&get(&acme, "/v1/files".into()).await), std::slice::from_ref(&first));
    let left = bench.blobs("acme").await;
    assert_eq!(left.len(), 2, "nothing is left of what was refused: {left:?}");
    keep(&other, "/v1/files", b"0123456789").await;

    acme.ask(&Method::DELETE, format!("/v1/files/{first}"), json!({})).await;
    keep(&acme, "/v1/files", b"9876543210").await;
}

#[tokio::test]
async fn files_are_put_into_requests_that_name_them_in_every_dialect() {
    let bench = Bench::new();
    let acme = bench.tenant(&json!({ "tenant": "acme" })).await;
    let picture = keep(&acme, "/v1/images", PNG).await;
    let notes = keep(&acme, "/v1/files", b"hello").await;
    let (png, hello) =
        ("data:image/png;base64,iVBORw0KGgp0aGUgcmVzdA==", "data:text/plain;base64,aGVsbG8=");
    let image = json!({ "type": "image_url", "image_url": { "url": png } });
    let low = json!({ "type": "image_url", "image_url": { "url": png, "detail": "low" } });
    let file = json!({ "type": "file", "file": { "filename": "notes.txt", "file_data": hello } });
    let user = |content: Value| json!([{ "role": "user", "content": content }]);
    for (path, body, expected) in [
        (
            "/v1/chat/completions",
            json!({ "model": "m", "messages": user(json!([{ "type": "file", "file": { "file_id": notes } }])) }),
            &file,
        ),
        (
            "/v1/responses",
            json!({ "model": "m", "input": user(json!([{ "type": "input_image", "detail": "low", "file_id": picture }])) }),
            &low,
        ),
        (
            "/v1/responses",
            json!({ "model": "m", "input": user(json!([{ "type": "input_file", "file_id": notes }])) }),
            &file,
        ),
        (
            "/v1/messages",
            json!({ "model": "m", "max_tokens": 9, "messages": user(json!([{ "type": "image", "source": { "type": "file", "file_id": picture } }])) }),
            &image,
        ),
        (
            "/v1/messages",
            json!({ "model": "m", "max_tokens": 9, "messages": user(json!([{ "type": "document", "source": { "type": "file", "file_id": notes } }])) }),
            &file,
        ),
    ] {
        let reply = acme.ask(&Method::POST, path, body).await;
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
        let asked = bench.provider.last();
        assert_eq!(asked["messages"][0]["content"], json!([expected]), "{path}: {asked}");
    }
}

#[tokio::test]
async fn another_tenants_file_cannot_be_named_and_a_providers_own_can() {
    let bench = Bench::new();
    let acme = bench.tenant(&json!({ "tenant": "acme" })).await;
    let other = bench.tenant(&json!({ "tenant": "other" })).await;
    let id = keep(&acme, "/v1/files", b"a secret").await;
    let named = |id: &str| {
        let content = json!([{ "type": "file", "file": { "file_id": id } }]);
        json!({ "model": "m", "messages": [{ "role": "user", "content": content }] })
    };
    let reply = other.ask(&Method::POST, "/v1/chat/completions", named(&id)).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["error"]["code"]), (404, &json!("not_found")));
    let source = json!({ "type": "file", "file_id": id });
    let content = json!([{ "type": "document", "source": source }]);
    let body = json!({ "model": "m", "messages": [{ "role": "user", "content": content }] });
    let counted = other.ask(&Method::POST, "/v1/messages/count_tokens", body.clone()).await;
    assert_eq!(counted.status, 404, "{counted:?}");
    let counted = acme.ask(&Method::POST, "/v1/messages/count_tokens", body).await;
    assert_eq!(counted.status, 200, "{counted:?}");
    let theirs = named("file-abc123");
    let reply = other.ask(&Method::POST, "/v1/chat/completions", theirs.clone()).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(bench.provider.last(), theirs);
}
