//! The web, and what must not be reached through it.

use std::sync::Arc;

use dormouse_core::tools::{Fixed, SearchEngine, Target, Tool, WebFetch, WebSearch, is_public};
use dormouse_core::{ports::HttpClient, settings::Secret};
use serde_json::json;

use crate::{
    bench::{Bench, failure, text},
    internet::{Internet, Page},
};

fn fetching(web: &Arc<Internet>) -> Bench {
    let web: Arc<dyn HttpClient> = web.clone();
    Bench::of(vec![Arc::new(Fixed(vec![Arc::new(WebFetch::new(Some(web))) as Arc<dyn Tool>]))])
}

/// Networks by their first and last addresses, and single addresses, that are not of the public internet.
const INSIDE: &str = "\
    0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.255 127.0.0.1 \
    127.255.255.254 168.63.129.16 169.254.0.1 169.254.169.254 169.254.170.2 172.16.0.1 \
    172.31.255.255 192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1 192.168.255.255 198.18.0.1 \
    198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 :: \
    ::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:8.8.8.8 ::127.0.0.1 64:ff9b::a00:1 64:ff9b:1::1 \
    100::1 2001::1 2001:0:53aa:64c::1 2001:db8::1 2002:7f00:1::1 3fff::1 5f00::1 fc00::1 \
    fd00:ec2::254 fe80::1 fec0::1 ff02::1";
const OUTSIDE: &str = "\
    1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 \
    169.253.255.255 172.15.255.255 172.32.0.0 192.167.255.255 192.169.0.0 223.255.255.255 \
    2606:4700:4700::1111 2001:4860:4860::8888 2a00:1450::1";

#[test]
fn no_address_but_those_of_the_public_internet_is_public() {
    for (addresses, public) in [(INSIDE, false), (OUTSIDE, true)] {
        for address in addresses.split_whitespace() {
            assert_eq!(is_public(address.parse().unwrap()), public, "{address}");
        }
    }
}

#[test]
fn urls_that_lead_inside_are_refused_however_they_are_written() {
    for url in [
        "http://localhost/",
        "http://LOCALHOST:8080/",
        "http://localhost./",
        "http://a.localhost/",
        "http://printer.local/",
        "http://metadata.google.internal/",
        "http://vault/",
        "http://127.0.0.1/",
        "http://127.0.0.1./",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://1.2.3.4.5/",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[fe80::1%25eth0]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://user@example.com/",
        "http://user:word@127.0.0.1/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "unix://2f746d70/x",
        "//example.com/",
        "example.com",
        "http://",
        "http:///x",
        "http://example.com:22/",
        "http://example.com:0/",
        "http://ex%61mple.com/",
        "http://bücher.example/",
        "http://１２７.0.0.1/",
    ] {
        assert!(Target::parse(url).is_err(), "{url}");
    }
    for url in [
        "https://example.com",
        "http://example.com:8080/a?b=c#d",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]/",
        "https://xn--bcher-kva.example/",
        "https://a_b.example.com./",
    ] {
        assert!(Target::parse(url).is_ok(), "{url}: {:?}", Target::parse(url));
    }
}

#[tokio::test]
async fn a_page_is_read_as_text() {
    let page = Page::html("<title>Dormice</title><h1>Dormice</h1><p>They sleep&nbsp;a lot.</p>");
    let web = Internet::of([("https://example.com/mice", page)]);
    let said =
        fetching(&web).call("web_fetch", json!({ "url": "https://example.com/mice#top" })).await;
    let wanted =
        "url: https://example.com/mice\nstatus: 200\ntitle: Dormice\n\nDormice\nThey sleep a lot.";
    assert_eq!(text(&said), wanted);
}

#[tokio::test]
async fn redirects_are_followed_from_public_to_public() {
    let web = Internet::of([
        ("https://example.com/a", Page::redirect("/b?x=1")),
        ("https://example.com/b?x=1", Page::redirect("c/d")),
        ("https://example.com/c/d", Page::redirect("//example.org/e")),
        ("https://example.org/e", Page::redirect("http://example.net:8080/f")),
        ("http://example.net:8080/f", Page::plain("here")),
    ]);
    let said = fetching(&web).call("web_fetch", json!({ "url": "https://example.com/a" })).await;
    assert_eq!(text(&said), "url: http://example.net:8080/f\nstatus: 200\n\nhere");
}

#[tokio::test]
async fn a_redirect_to_a_private_address_is_not_followed() {
    for inside in [
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://169.254.169.254/x",
        "http://db/",
        "file:///x",
    ] {
        let web = Internet::of([("https://example.com/a", Page::redirect(inside))]);
        let said =
            fetching(&web).call("web_fetch", json!({ "url": "https://example.com/a" })).await;
        assert!(
            failure(&said).starts_with("the page redirects to a URL that "),
            "{inside}: {said:?}"
        );
        assert_eq!(web.asked().len(), 1, "{inside} was asked");
    }
}

#[tokio::test]
async fn redirects_in_circles_end() {
    let web = Internet::of([("https://example.com/a", Page::redirect("/a"))]);
    let said = fetching(&web).call("web_fetch", json!({ "url": "https://example.com/a" })).await;
    assert_eq!(failure(&said), "the page redirects more than 5 times");
    assert_eq!(web.asked().len(), 6);
}

#[tokio::test]
async fn a_long_page_is_read_piece_by_piece() {
    let words: String = (0..3000).map(|number| format!("{number} ")).collect();
    let web = Internet::of([("https://example.com/a", Page::plain(&words))]);
    let bench = fetching(&web);
    let mut start = 0;
    let mut whole = String::new();
    loop {
        let input = json!({ "url": "https://example.com/a", "start": start });
        let said = text(&bench.call("web_fetch", input).await);
        let (_, body) = said.split_once("\n\n").unwrap();
        let Some((piece, note)) = body.split_once("\n\n[characters ") else {
            whole.push_str(body);
            break;
        };
        whole.push_str(piece);
        start = note.split_once("start = ").unwrap().1.trim_end_matches(']').parse().unwrap();
    }
    assert_eq!(whole, words);
}

#[tokio::test]
async fn a_page_without_end_is_left_after_its_limit() {
    let web = Internet::of([("https://example.com/a", Page::endless())]);
    let input = json!({ "url": "https://example.com/a", "start": (4 << 20) - 10 });
    let said = text(&fetching(&web).call("web_fetch", input).await);
    assert!(
        said.contains("the page is longer than 4194304 bytes; the rest was not read"),
        "{said}"
    );
}

#[tokio::test]
async fn what_is_no_text_and_what_is_not_there_say_so() {
    let web = Internet::of([
        ("https://example.com/a.png", Page { media_type: "image/png", ..Page::plain("x") }),
        ("https://example.com/gone", Page { status: 404, ..Page::plain("not here") }),
    ]);
    let bench = fetching(&web);
    let call = |url: &'static str| bench.call("web_fetch", json!({ "url": url }));
    assert!(failure(&call("https://example.com/a.png").await).contains("no text but image/png"));
    assert!(failure(&call("https://example.com/gone").await).contains("status: 404"));
    assert!(failure(&call("https://example.org/").await).contains("cannot be reached"));
}

async fn searched(engine: SearchEngine, web: &Arc<Internet>) -> dormouse_core::tools::Output {
    let key = Some(Secret::new("brave-key"));
    let tool = Arc::new(WebSearch::new(engine, key, web.clone())) as Arc<dyn Tool>;
    let bench = Bench::of(vec![Arc::new(Fixed(vec![tool]))]);
    bench.call("web_search", json!({ "query": "a b&c", "count": 2 })).await
}

#[tokio::test]
async fn every_search_engine_is_asked_and_read_in_its_way() {
    let hit = |text: &str| json!({ "title": "One", "url": "https://one.example/", "content": text, "description": text });
    let brave = json!({ "web": { "results": [hit("a <strong>b</strong>")] } });
    let duck = json!({
        "Heading": "One", "AbstractText": "a b", "AbstractURL": "https://one.example/", "Answer": {},
        "RelatedTopics": [{ "Name": "More", "Topics": [{ "Text": "Two - c", "FirstURL": "https://two.example/" }] }],
    });
    let searxng = json!({ "results": [hit("a b"), hit("x"), hit("beyond the count")] });
    for (engine, url, answer) in [
        (
            SearchEngine::Brave,
            "https://api.search.brave.com/res/v1/web/search?q=a+b%26c&count=2",
            brave,
        ),
        (
            SearchEngine::DuckDuckGo,
            "https://api.duckduckgo.com/?q=a+b%26c&format=json&no_html=1&skip_disambig=1",
            duck,
        ),
        (
            SearchEngine::SearXng("http://10.0.0.5:8888/".into()),
            "http://10.0.0.5:8888/search?q=a+b%26c&format=json",
            searxng,
        ),
    ] {
        let web = Internet::of([(url, Page::json(&answer))]);
        let said = text(&searched(engine.clone(), &web).await);
        assert!(said.starts_with("1. One\n   https://one.example/\n   a b"), "{engine:?}: {said}");
        assert!(!said.contains("beyond"), "{said}");
        let asked = web.asked();
        let shown = asked[0].headers().get("x-subscription-token").map(|it| it.to_str().unwrap());
        assert_eq!(shown, (engine == SearchEngine::Brave).then_some("brave-key"));
    }
}

#[tokio::test]
async fn a_search_that_fails_is_told_to_the_model() {
    let web = Internet::of([]);
    let said = failure(&searched(SearchEngine::Brave, &web).await);
    assert_eq!(said, "the search failed: the search engine cannot be reached");
}
