//! Whatever a tool does, the model is told, within limits, and the request goes on.

use std::{pin::pin, sync::Arc, time::Duration};

use dormouse_core::tools::{Allowed, Output};
use futures::FutureExt;
use serde_json::json;

use crate::bench::{
    Act, Bench, LIMITS, Scripted, Server, context, failure, fixed, one_field, text,
};

#[tokio::test]
async fn a_tool_is_called_with_what_its_schema_takes() {
    let tool =
        Scripted::new("greet", |input| Act::Answer(Output::text(format!("Hi {}", input["name"]))))
            .taking(one_field("name", &json!({ "type": "string" })));
    let bench = Bench::with([tool]);
    assert_eq!(text(&bench.call("greet", json!({ "name": "Ada" })).await), "Hi \"Ada\"");
    for (input, why) in [
        (json!({}), "`input.name` is missing"),
        (json!({ "name": 1 }), "`input.name` must be string, not a number"),
        (
            json!({ "name": "Ada", "nam": 1 }),
            "`input.nam` is not a known field; did you mean `name`?",
        ),
        (json!(["Ada"]), "the arguments must be a JSON object"),
    ] {
        assert_eq!(failure(&bench.call("greet", input).await), why);
    }
}

#[tokio::test]
async fn arguments_that_are_no_json_are_told_to_the_model() {
    let bench = Bench::with([Scripted::named("a")]);
    let offer = bench.offer(&["*"]).await;
    let called = bench.registry.execute(&offer, ("a", "{\"x\": "), &context(), LIMITS).await;
    assert!(failure(&called).starts_with("the arguments are not JSON: "), "{called:?}");
    let called = bench.registry.execute(&offer, ("a", ""), &context(), LIMITS).await;
    assert_eq!(text(&called), "a", "no arguments are an empty object");
}

#[tokio::test]
async fn a_misspelt_name_is_told_with_the_one_that_was_meant() {
    let bench = Bench::with([Scripted::named("read_file")]);
    let said = failure(&bench.call("read_fil", json!({})).await);
    assert_eq!(said, "there is no tool `read_fil`; did you mean `read_file`?");
}

#[tokio::test]
async fn a_tool_that_is_not_allowed_is_not_there() {
    let bench = Bench::with([Scripted::named("bash"), Scripted::named("calculator")]);
    let offer = bench.offer(&["*", "!bash"]).await;
    assert!(offer.definitions().map(|tool| tool.name.as_str()).eq(["calculator"]));
    let called = bench.registry.execute(&offer, ("bash", "{}"), &context(), LIMITS).await;
    assert_eq!(failure(&called), "there is no tool `bash`");
}

#[tokio::test]
async fn every_list_must_allow_a_tool() {
    let bench = Bench::with(["bash", "calculator", "python"].map(Scripted::named));
    let tenant = Allowed::parse(["*", "!bash"]).unwrap();
    let request = Allowed::parse(["bash", "python"]).unwrap();
    let offer = bench.registry.offer(&[&tenant, &request], &[]).await;
    assert!(offer.definitions().map(|tool| tool.name.as_str()).eq(["python"]));
}

#[tokio::test]
async fn a_tool_that_panics_fails_alone() {
    let bench = Bench::with([Scripted::new("bad", |_| Act::Panic)]);
    assert_eq!(failure(&bench.call("bad", json!({})).await), "`bad` failed: a defect of the tool");
}

#[tokio::test]
async fn a_tool_is_ended_at_its_deadline_and_not_before() {
    let own = Scripted::new("slow", |_| Act::Hang).within(Duration::from_secs(90));
    let bench = Bench::with([Scripted::new("usual", |_| Act::Hang), own]);
    for (name, seconds) in [("usual", 30), ("slow", 90)] {
        let mut call = pin!(bench.call(name, json!({})));
        assert!((&mut call).now_or_never().is_none());
        bench.host.advance(Duration::from_millis(seconds * 1000 - 1));
        assert!((&mut call).now_or_never().is_none(), "{name}");
        bench.host.advance(Duration::from_millis(1));
        let said = failure(&call.now_or_never().unwrap());
        assert_eq!(said, format!("`{name}` was ended: it did not finish within {seconds} s"));
    }
}

#[tokio::test]
async fn a_long_result_is_cut_and_says_so() {
    let bench =
        Bench::with([Scripted::new("long", |_| Act::Answer(Output::text("é".repeat(9000))))]);
    let said = text(&bench.call("long", json!({})).await);
    assert!(said.contains("[… 9808 of 18000 bytes are left out here …]"), "{said}");
    assert!(said.len() < 8192 + 64);
}

#[tokio::test]
async fn secrets_of_the_gateway_are_in_no_result() {
    let leaks = Scripted::new("leaks", |_| Act::Answer(Output::failed("401 for key sk-a-secret")));
    let bench = Bench::with([leaks]);
    assert_eq!(failure(&bench.call("leaks", json!({})).await), "401 for key [redacted]");
}

#[tokio::test]
async fn tools_of_servers_have_the_names_of_their_servers() {
    let server =
        Server("files", Some(fixed([Scripted::named("read.file"), Scripted::named("list")])));
    let bench = Bench::of(vec![Arc::new(fixed([Scripted::named("list")])), Arc::new(server)]);
    let offer = bench.offer(&["*"]).await;
    let names: Vec<_> = offer.definitions().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["files__list", "files__read_file", "list"]);
    assert_eq!(text(&bench.call("files__read_file", json!({})).await), "read.file");
}

#[tokio::test]
async fn of_two_tools_with_one_name_the_first_counts() {
    let says = |text: &'static str| Scripted::new("a", move |_| Act::Answer(Output::text(text)));
    let bench =
        Bench::of(vec![Arc::new(fixed([says("first")])), Arc::new(fixed([says("second")]))]);
    assert_eq!(text(&bench.call("a", json!({})).await), "first");
}

#[tokio::test]
async fn a_toolbox_that_is_down_takes_its_own_tools_down() {
    let bench =
        Bench::of(vec![Arc::new(Server("down", None)), Arc::new(fixed([Scripted::named("a")]))]);
    let offer = bench.offer(&["*"]).await;
    assert_eq!(offer.missing(), ["down"]);
    assert!(offer.get("a").is_some());
}

#[tokio::test]
async fn calls_failures_and_time_are_counted() {
    let fails = Scripted::new("fails", |_| Act::Answer(Output::failed("no")));
    let bench = Bench::with([Scripted::named("works"), fails]);
    for name in ["works", "works", "fails", "nothing"] {
        bench.call(name, json!({})).await;
    }
    let figures = bench.metrics.render().unwrap();
    for line in [
        "dormouse_tool_call_duration_seconds_count{gen_ai_tool_name=\"works\"} 2",
        "dormouse_tool_failures_total{gen_ai_tool_name=\"works\"} 0",
        "dormouse_tool_failures_total{gen_ai_tool_name=\"fails\"} 1",
        "dormouse_tool_failures_total{gen_ai_tool_name=\"unknown\"} 1",
    ] {
        assert!(figures.contains(line), "{line} is missing in\n{figures}");
    }
}
