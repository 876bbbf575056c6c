//! Pictures and documents that come inline are kept apart from what was said, and told as the same bytes.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use dormouse_core::{
    Code,
    blobs::RecordsBlobs,
    chat::Dialect,
    conversation::{Address, MAX_APART},
    files::{NewFile, Shelf},
    gateway::Origin,
    ports::{BlobPage, Blobs, Page, Records},
};
use serde_json::{Value, json};

use crate::bench::{Bench, caller, code, named, says};

const HOUR: Duration = Duration::from_secs(3600);

fn base64(fill: u8, length: usize) -> String {
    BASE64_STANDARD.encode(vec![fill; length])
}

fn picture(fill: u8) -> Value {
    large(fill, 10_000)
}

fn large(fill: u8, length: usize) -> Value {
    let url = format!("data:image/png;base64,{}", base64(fill, length));
    json!({ "type": "image_url", "image_url": { "url": url } })
}

fn shows(parts: &Value) -> Value {
    json!({ "model": "m", "messages": [{ "role": "user", "content": parts }] })
}

async fn blobs(bench: &Bench) -> Vec<String> {
    let blobs = RecordsBlobs::new(bench.store.clone(), bench.host.clone());
    let listed = blobs.list("acme", BlobPage::default()).await.unwrap();
    listed.into_iter().map(|blob| blob.name).collect()
}

/// How many records of a collection there are, and the bytes of the largest.
async fn kept(bench: &Bench, collection: &str) -> (usize, usize) {
    let page = Page { limit: 100, ..Page::default() };
    let records = bench.store.page("acme", collection, page).await.unwrap();
    (records.len(), records.iter().map(|record| record.value.len()).max().unwrap_or_default())
}

fn assert_growing(bench: &Bench) {
    for pair in bench.told().windows(2) {
        assert!(pair[1].starts_with(&pair[0]), "{} does not begin with {}", pair[1], pair[0]);
    }
}

#[tokio::test]
async fn a_picture_is_kept_once_and_told_as_the_same_bytes() {
    let bench = Bench::new();
    let file = json!({ "filename": "a.pdf", "file_data": format!("data:application/pdf;base64,{}", base64(9, 5000)) });
    let id = bench.ask(&named("a"), &shows(&json!([picture(1)]))).await.unwrap();
    let again = json!([picture(1), { "type": "file", "file": file }, picture(2), picture(1)]);
    bench.ask(&named("a"), &shows(&again)).await.unwrap();
    bench.ask(&named("a"), &says("So?")).await.unwrap();
    assert_growing(&bench);
    assert_eq!(bench.last()[0]["content"][0], picture(1));
    assert_eq!(bench.last()[2]["content"][3], picture(1));

    let names = blobs(&bench).await;
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(names.iter().all(|name| name.starts_with(&format!("{id}/"))), "{names:?}");
    let (turns, largest) = kept(&bench, "conversations.turns").await;
    assert!(turns == 3 && largest < 1500, "{largest}");
    let (session, turns) = bench.read(&id).await.unwrap();
    assert_eq!(session.apart, 4 * 10_000 + 5000);
    assert!(session.bytes < 3000, "{}", session.bytes);
    assert!(serde_json::to_string(&turns[0]).unwrap().contains(&base64(1, 10_000)));

    bench.gateways[1].conversations().delete("acme", &id).await.unwrap();
    assert!(blobs(&bench).await.is_empty());
}

#[tokio::test]
async fn dialects_go_on_from_one_anothers_pictures() {
    let bench = Bench::new();
    let data = base64(1, 10_000);
    let anthropic = json!({ "model": "m", "max_tokens": 9, "messages": [{ "role": "user", "content": [
        { "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": data } },
    ] }] });
    let responses = json!({ "model": "m", "input": [{ "role": "user", "content": [
        { "type": "input_image", "image_url": format!("data:image/png;base64,{data}") },
    ] }] });
    for (dialect, body) in [
        (Dialect::Anthropic, &anthropic),
        (Dialect::OpenAiChat, &shows(&json!([picture(2)]))),
        (Dialect::OpenAiResponses, &responses),
        (Dialect::OpenAiChat, &says("So?")),
    ] {
        let answer = bench.begin_at(0, "acme", &named("a"), (dialect, body)).await.unwrap();
        bench.hear(answer).await.unwrap();
    }
    assert_growing(&bench);
    let last = bench.last();
    for (at, fill) in [(0, 1), (2, 2), (4, 1)] {
        let url = &last[at]["content"][0]["image_url"]["url"];
        assert_eq!(url, &picture(fill)["image_url"]["url"], "{at}");
    }
    assert_eq!(blobs(&bench).await.len(), 2);
}

#[tokio::test]
async fn pictures_go_when_their_conversation_has_expired_and_not_before() {
    let bench = Bench::new();
    let lives = bench.ask(&named("lives"), &shows(&json!([picture(1)]))).await.unwrap();
    for fill in 2..9 {
        bench.host.advance(23 * HOUR);
        bench.ask(&Address::New, &shows(&json!([picture(fill)]))).await.unwrap();
        bench.ask(&named("lives"), &says("more")).await.unwrap();
        assert!(blobs(&bench).await.len() <= 4, "those of two days, and the living one's");
    }
    assert_eq!(bench.last()[0]["content"][0], picture(1));
    assert!(kept(&bench, "conversations.contents").await.0 <= 4);

    bench.host.advance(72 * HOUR);
    assert!(bench.gateways[0].conversations().list("acme", 0, 9).await.unwrap().is_empty());
    for _ in 0..2 {
        bench.gateways[0].conversations().list("acme", 0, 9).await.unwrap();
    }
    assert_eq!(blobs(&bench).await, Vec::<String>::new(), "{lives}");
    assert_eq!(kept(&bench, "conversations.contents").await.0, 0);
}

#[tokio::test]
async fn a_picture_whose_turn_was_never_added_goes_too() {
    let bench = Bench::new();
    let id = bench.ask(&named("a"), &says("one")).await.unwrap();
    let answer = bench.begin(&named("a"), &shows(&json!([picture(1)]))).await.unwrap();
    bench.gateways[1].conversations().delete("acme", &id).await.unwrap();
    bench.hear(answer).await.unwrap();
    assert_eq!(blobs(&bench).await.len(), 1, "it was kept before it was known");
    bench.host.advance(49 * HOUR);
    bench.ask(&named("b"), &shows(&json!([picture(2)]))).await.unwrap();
    let names = blobs(&bench).await;
    assert!(names.len() == 1 && !names[0].starts_with(&id), "{names:?}");
}

#[tokio::test]
async fn what_goes_on_from_a_conversation_has_its_pictures() {
    let bench = Bench::new();
    let (gateway, caller) = (&bench.gateways[0], caller("acme"));
    let old = bench.ask(&named("a"), &says(&"x".repeat(4000))).await.unwrap();
    bench.ask(&named("a"), &shows(&json!([picture(1)]))).await.unwrap();
    let address = Address::Id(old.clone());
    let compacted = gateway.compact(&caller, &address, Origin::default());
    let new = bench.run(Box::pin(compacted)).await.unwrap().id;
    assert_eq!(blobs(&bench).await.len(), 2);
    gateway.conversations().delete("acme", &old).await.unwrap();
    bench.ask(&named("a"), &says("So?")).await.unwrap();
    assert_eq!(bench.last()[2]["content"][0], picture(1), "{:?}", bench.read(&new).await.unwrap());
    assert_eq!(bench.read(&new).await.unwrap().0.apart, 10_000);
    assert_eq!(blobs(&bench).await.len(), 1);
}

#[tokio::test]
async fn pictures_have_a_limit_of_their_own() {
    let bench = Bench::new();
    bench.ask(&named("a"), &shows(&json!([picture(1)]))).await.unwrap();
    let rest = usize::try_from(MAX_APART).unwrap() - 10_000;
    let error = bench.ask(&named("a"), &shows(&json!([large(2, rest + 1)]))).await.unwrap_err();
    assert_eq!(error.code(), Code::ConversationTooLong);
    assert!(error.message().contains("pictures"), "{error}");
    assert_eq!(bench.told().len(), 1, "no model was called");
    bench.ask(&named("a"), &shows(&json!([picture(2)]))).await.unwrap();
}

#[tokio::test]
async fn a_file_that_was_deleted_since_is_told_as_that() {
    let bench = Bench::new();
    let gateway = &bench.gateways[0];
    let new = NewFile {
        filename: "notes.txt".into(),
        purpose: "assistants".into(),
        media_type: "text/plain".into(),
        content: "notes".into(),
    };
    let file = bench.run(gateway.keep_file("acme", Shelf::Files, new)).await.unwrap().id;
    let named_in = shows(&json!([
        { "type": "text", "text": "Read." },
        { "type": "file", "file": { "file_id": file } },
    ]));
    let id = bench.ask(&named("a"), &named_in).await.unwrap();
    bench.ask(&named("a"), &says("two")).await.unwrap();
    assert_eq!(bench.last()[0]["content"][1]["type"], "file");
    bench.run(gateway.delete_file("acme", Shelf::Files, &file)).await.unwrap();

    bench.ask(&named("a"), &says("three")).await.unwrap();
    let told = bench.told().len();
    let text = format!("[The file {file} was deleted.]");
    assert_eq!(bench.last()[0]["content"][1], json!({ "type": "text", "text": text }));
    let error = bench.ask(&named("a"), &named_in).await.unwrap_err();
    assert_eq!((error.code(), error.param()), (Code::NotFound, Some("file_id")));
    assert!(error.message().contains(&file), "{error}");
    assert_eq!(bench.told().len(), told, "no model was called");
    assert_eq!(code(bench.ask(&Address::New, &named_in).await), Some(Code::NotFound));
    assert_eq!(bench.ask(&named("a"), &says("four")).await.unwrap(), id);
    assert!(bench.told()[told].starts_with(&bench.told()[told - 1]));
}
