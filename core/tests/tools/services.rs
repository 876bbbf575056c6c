//! HTTP services as tools, of the operator's and of tenants'.

use std::{sync::Arc, time::Duration};

use dormouse_core::{
    Code,
    catalog::Catalog,
    memory::MemoryRecords,
    ports::{Host, HttpClient, Records},
    tools::{NewTool, RegisteredTools, services},
};
use dormouse_testkit::fakes::TestHost;
use futures::FutureExt;
use serde_json::{Value, json};
use std::pin::pin;

use crate::{
    bench::{Bench, LIMITS, context, failure, text},
    internet::{Internet, Page},
};

const CATALOG: &str = r#"
models: [{name: a, provider: machine}]
tools:
  - name: weather
    description: Tells the weather.
    method: GET
    url: http://10.0.0.7/v1/{city}?units=metric
    headers: {authorization: "Bearer ${KEY}"}
    timeout: 5s
    input_schema:
      type: object
      properties: {city: {type: string}, days: {type: integer, minimum: 1}}
      required: [city]
  - name: ticket
    description: Opens a ticket.
    url: https://tickets.example.com/api
    input_schema: {type: object, properties: {title: {type: string}}, required: [title]}
"#;

fn bench(web: &Arc<Internet>) -> Bench {
    let catalog = Catalog::read(CATALOG, |_| Some("wéather-key".replace('é', "e"))).unwrap();
    let http: Arc<dyn HttpClient> = web.clone();
    Bench::of(vec![Arc::new(services(catalog.tools(), &http))])
}

#[tokio::test]
async fn fields_go_into_the_url_and_the_others_into_the_query() {
    let url = "http://10.0.0.7/v1/New%20York%2F..?units=metric&days=2";
    let web = Internet::of([(url, Page::json(&json!({ "sky": "blue" })))]);
    let said = bench(&web).call("weather", json!({ "city": "New York/..", "days": 2 })).await;
    assert_eq!(text(&said), "{\"sky\":\"blue\"}");
    let asked = web.asked();
    assert_eq!(asked[0].headers()["authorization"], "Bearer weather-key");
    assert!(
        !asked[0].headers().contains_key("idempotency-key"),
        "reading twice does nothing twice"
    );
}

#[tokio::test]
async fn a_call_that_does_something_has_a_key_and_a_body() {
    let web = Internet::of([(
        "https://tickets.example.com/api",
        Page { status: 201, ..Page::plain("") },
    )]);
    let said = bench(&web).call("ticket", json!({ "title": "Help" })).await;
    assert_eq!(text(&said), "done (201, without a text)");
    let asked = web.asked();
    assert_eq!(asked[0].method(), "POST");
    assert_eq!(asked[0].headers()["idempotency-key"], "run_1/1");
    assert_eq!(asked[0].body(), r#"{"title":"Help"}"#);
}

#[tokio::test]
async fn a_service_that_fails_is_told_without_its_secrets() {
    let page = Page { status: 401, ..Page::plain("no such key: Bearer weather-key") };
    let web = Internet::of([("http://10.0.0.7/v1/x?units=metric", page)]);
    let said = bench(&web).call("weather", json!({ "city": "x" })).await;
    assert_eq!(failure(&said), "the service answered 401: no such key: [redacted]");
    let said = bench(&Internet::of([])).call("weather", json!({ "city": "x" })).await;
    assert_eq!(failure(&said), "the service cannot be reached");
}

#[tokio::test]
async fn a_service_has_the_time_that_the_catalog_gives_it() {
    // Nobody answers: the stream of the answer never ends.
    let bench = Bench::of(vec![Arc::new(services(
        Catalog::read(CATALOG, |_| Some("k".into())).unwrap().tools(),
        &(Arc::new(Silence) as Arc<dyn HttpClient>),
    ))]);
    let mut call = pin!(bench.call("weather", json!({ "city": "x" })));
    assert!((&mut call).now_or_never().is_none());
    bench.host.advance(Duration::from_secs(5));
    assert!(failure(&call.now_or_never().unwrap()).contains("within 5 s"));
}

#[derive(Debug)]
struct Silence;

#[async_trait::async_trait]
impl HttpClient for Silence {
    async fn send(
        &self,
        _: http::Request<bytes::Bytes>,
    ) -> dormouse_core::Result<http::Response<dormouse_core::ports::ByteStream>> {
        std::future::pending().await
    }
}

fn registered(web: &Arc<Internet>) -> RegisteredTools {
    let host: Arc<dyn Host> = Arc::new(TestHost::new());
    let records: Arc<dyn Records> = Arc::new(MemoryRecords::new(Arc::clone(&host)));
    RegisteredTools::new(records, host, Some(web.clone()))
}

fn described(change: &Value) -> NewTool {
    let mut tool = json!({
        "name": "stock",
        "description": "Tells a price.",
        "method": "GET",
        "url": "https://stocks.example.com/{symbol}",
        "headers": { "x-api-key": "stock-secret" },
        "input_schema": {
            "type": "object", "properties": { "symbol": { "type": "string" } }, "required": ["symbol"],
        },
    });
    for (name, value) in change.as_object().unwrap() {
        tool[name] = value.clone();
    }
    serde_json::from_value(tool).unwrap()
}

#[tokio::test]
async fn a_tenants_tool_is_its_own() {
    let page = Page::plain("42, for the key stock-secret");
    let tools = registered(&Internet::of([("https://stocks.example.com/A", page)]));
    tools.register("acme", described(&json!({}))).await.unwrap();
    let bench = Bench::of(vec![Arc::new(tools.toolbox("acme").await.unwrap())]);
    let said = bench.call("stock", json!({ "symbol": "A" })).await;
    assert_eq!(text(&said), "42, for the key [redacted]");
    assert_eq!(tools.toolbox("zoo").await.unwrap().0.len(), 0);
    assert_eq!(tools.get("zoo", "stock").await.unwrap_err().code(), Code::NotFound);
    let again = tools.register("acme", described(&json!({}))).await.unwrap_err();
    assert_eq!((again.code(), again.param()), (Code::Conflict, Some("name")));
    tools.delete("acme", "stock").await.unwrap();
    assert_eq!(tools.delete("acme", "stock").await.unwrap_err().code(), Code::NotFound);
    assert!(tools.list("acme").await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_wrong_with_a_tool_is_named() {
    let tools = registered(&Internet::of([]));
    for (change, field) in [
        (json!({ "name": "a b" }), "name"),
        (json!({ "description": "" }), "description"),
        (json!({ "method": "TRACE" }), "method"),
        (json!({ "url": "https://{symbol}/" }), "url"),
        (json!({ "url": "http://127.0.0.1/{symbol}" }), "url"),
        (json!({ "url": "http://169.254.169.254/{symbol}" }), "url"),
        (json!({ "url": "https://stocks.example.com/{other}" }), "url"),
        (json!({ "input_schema": { "type": "string" } }), "input_schema"),
        (json!({ "headers": { "host": "x" } }), "headers.host"),
        (json!({ "headers": { "x y": "x" } }), "headers.x y"),
        (json!({ "headers": { "x": "a\nb" } }), "headers.x"),
        (json!({ "timeout": "1h" }), "timeout"),
        (json!({ "timeout": "soon" }), "timeout"),
    ] {
        let error = tools.register("acme", described(&change)).await.unwrap_err();
        assert_eq!(
            (error.code(), error.param()),
            (Code::InvalidRequest, Some(field)),
            "{change}: {error}"
        );
    }
}

#[tokio::test]
async fn no_tenant_registers_tools_without_end() {
    let tools = registered(&Internet::of([]));
    for number in 0..64 {
        tools.register("acme", described(&json!({ "name": format!("t{number}") }))).await.unwrap();
    }
    let error = tools.register("acme", described(&json!({}))).await.unwrap_err();
    assert_eq!(error.code(), Code::OverQuota);
    tools.register("zoo", described(&json!({}))).await.unwrap();
    assert_eq!(tools.list("acme").await.unwrap().len(), 64);
}

#[tokio::test]
async fn a_tenants_tool_is_not_led_to_a_private_address() {
    let web = Internet::of([("https://stocks.example.com/A", Page::redirect("http://127.0.0.1/"))]);
    let tools = registered(&web);
    tools.register("acme", described(&json!({}))).await.unwrap();
    let bench = Bench::of(vec![Arc::new(tools.toolbox("acme").await.unwrap())]);
    let offer = bench.offer(&["*"]).await;
    let said =
        bench.registry.execute(&offer, ("stock", r#"{"symbol":"A"}"#), &context(), LIMITS).await;
    assert_eq!(failure(&said), "the service redirects (302), which is not followed");
    assert_eq!(web.asked().len(), 1);
}

#[test]
fn what_is_wrong_with_a_tool_of_the_catalog_has_its_place() {
    let with =
        |tool: &str| format!("models: [{{name: a, provider: machine}}]\ntools:\n  - {{{tool}}}\n");
    const REST: &str =
        "description: x, input_schema: {type: object, properties: {a: {}}, required: [a]}";
    for (tool, place, why) in [
        (format!("name: bash, url: 'http://x/', {REST}"), "3:12: tools[0].name", "is built in"),
        (
            format!("name: a b, url: 'http://x/', {REST}"),
            "3:12: tools[0].name",
            "not the name of a tool",
        ),
        (format!("name: t, url: 'http://{{a}}/', {REST}"), "3:20: tools[0].url", "in its host"),
        (
            format!("name: t, url: 'http://x/{{b}}', {REST}"),
            "3:20: tools[0].url",
            "does not list as `required`",
        ),
        (
            "name: t, url: 'http://x/', description: x, input_schema: {type: array}".into(),
            "3:63: tools[0].input_schema",
            "type: object",
        ),
        (
            format!("name: t, method: TRACE, url: 'http://x/', {REST}"),
            "3:23: tools[0].method",
            "GET, POST",
        ),
        (format!("nam: t, url: 'http://x/', {REST}"), "3:6: tools[0].nam", "did you mean `name`?"),
    ] {
        let problems = Catalog::read(&with(&tool), |_| None).unwrap_err();
        let lines: Vec<String> = problems.lines("").collect();
        assert!(
            lines.iter().any(|it| it.contains(place) && it.contains(why)),
            "{tool}: {lines:#?}"
        );
    }
    let twice =
        format!("name: t, url: 'http://x/', {REST}}}\n  - {{name: t, url: 'http://x/', {REST}");
    let problems = Catalog::read(&with(&twice), |_| None).unwrap_err().to_string();
    assert!(
        problems.contains("4:12: tools[1].name: `t` is taken already, by `tools[0].name`"),
        "{problems}"
    );
}
