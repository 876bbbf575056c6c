//! Runs in the background whose process is killed, or has no more time: another goes on, behind the last step that
//! was recorded.
//!
//! Nothing here depends on how fast a machine is. The model goes on from what it reads, as models do, so that a
//! call which is broken off may be made again; and who works on a run counts its attempts, of which each but the
//! last may have broken off one thing.

use std::{collections::BTreeSet, time::Duration};

use dormouse_testkit::{
    servers::{PostgresServer, RedisServer},
    upstream::{Answer, Gate, Upstream},
};
use serde_json::{Value, json};

use crate::{
    client::{Gateway, Reply},
    runs::{are_numbered, ask, begin, completed, data, events, frames, the_run},
    stage::{Stage, within},
};

/// Long enough for a slow machine to give its signs of life.
const LEASE: (&str, &str) = ("DORMOUSE_RUN_LEASE", "5s");
const POLL: (&str, &str) = ("DORMOUSE_RUNS_POLL", "200ms");
/// What the model notes, one word a step.
const WORDS: [&str; 3] = ["hazel", "oak", "moss"];
const ANSWER: &str = "All is noted.";
const MODEL: &str = "keeper";
/// Where the service is called that notes a word.
const NOTES: &str = "/v1/notes";
/// How long before its end a function stops working.
const MARGIN: Duration = Duration::from_secs(10);

/// A model that notes word after word, and says so, behind `gate`, when it has read that all are noted.
fn script(upstream: &Upstream, gate: &Gate) {
    let gate = gate.clone();
    upstream.answers(MODEL, move |asked| match WORDS.get(results(&asked.json()).len()) {
        Some(word) => Answer::tool_calls(&[("note", &[&json!({ "word": word }).to_string()])]),
        None => Answer::text(&["All is ", "noted."]).gated(3, &gate),
    });
    upstream.answers(NOTES, |asked| Answer::json(200, &json!({ "noted": asked.json()["word"] })));
}

/// The results of tools that a model is told.
fn results(asked: &Value) -> Vec<Value> {
    let messages = asked["messages"].as_array().into_iter().flatten();
    messages.filter(|message| message["role"] == "tool").cloned().collect()
}

/// A catalog with the model and the service.
fn catalog(upstream: &Upstream) -> String {
    let base = upstream.base_url();
    format!(
        "providers:
  - {{name: scripted, api: openai, base_url: {base:?}}}
default_provider: scripted
tools:
  - name: note
    description: Notes a word.
    url: {base}/notes
    input_schema: {{type: object, properties: {{word: {{type: string}}}}, required: [word]}}
"
    )
}

fn request() -> Value {
    let hands = json!({ "mode": "loop", "tools": ["note"] });
    json!({ "model": MODEL, "input": "Note three words.", "dormouse": hands })
}

/// Follows a response from its first event until it tells of the last result.
async fn seen(gateway: &Gateway, path: &str) -> Vec<String> {
    let request = gateway.request(reqwest::Method::GET, &format!("{path}?stream=true"));
    let mut response = within("headers", request.send()).await.unwrap();
    let (mut seen, mut buffer) = (Vec::new(), String::new());
    let is_result = |frame: &&String| frame.starts_with("event: response.mcp_call.completed\n");
    while seen.iter().filter(is_result).count() < WORDS.len() {
        let piece = within("an event", response.chunk()).await.unwrap();
        let piece = piece.unwrap_or_else(|| panic!("more is to come after {seen:?}"));
        buffer += std::str::from_utf8(&piece).unwrap();
        let (whole, rest) = frames(&buffer);
        seen.extend(whole);
        buffer = rest.to_owned();
    }
    are_numbered(&seen, 0);
    seen
}

/// What the upstream was asked of model and service.
struct Asked {
    model: Vec<Value>,
    /// The words, each with the key by which the service may tell that it has noted it already.
    notes: Vec<(String, String)>,
}

impl Asked {
    /// Everything since this was last asked.
    async fn now(upstream: &Upstream, (model, notes): (usize, usize)) -> Self {
        let mut asked = Self { model: Vec::new(), notes: Vec::new() };
        for _ in 0..model {
            asked.model.push(upstream.asked(MODEL).await.json());
        }
        for _ in 0..notes {
            let note = upstream.asked(NOTES).await;
            let key = note.headers["idempotency-key"].to_str().unwrap().to_owned();
            asked.notes.push((note.json()["word"].as_str().unwrap().to_owned(), key));
        }
        asked
    }
}

/// How often the upstream was asked.
fn counts(upstream: &Upstream) -> (usize, usize) {
    (upstream.count(MODEL), upstream.count(NOTES))
}

/// Holds what was done by processes that were `broken_off`, and then by one more, against what there was to do.
async fn nothing_is_repeated(upstream: &Upstream, before: (usize, usize), broken_off: usize) {
    let after = counts(upstream);
    assert_eq!(after.1, before.1, "no tool is called again");
    let least = WORDS.len() + 1 + WORDS.len();
    let twice = after.0 + after.1 - least;
    assert!(twice <= broken_off, "{after:?}: {twice} things were done twice");
    let first = Asked::now(upstream, before).await;
    let keys: BTreeSet<_> = first.notes.iter().collect();
    let words: BTreeSet<_> = first.notes.iter().map(|(word, _)| &**word).collect();
    assert_eq!((keys.len(), words), (WORDS.len(), BTreeSet::from(WORDS)), "{:?}", first.notes);
    let second = Asked::now(upstream, (after.0 - before.0, 0)).await;
    assert!(!second.model.is_empty());
    for again in second.model {
        assert_eq!(results(&again).len(), WORDS.len(), "a step is repeated: {again}");
        assert_eq!(again["messages"], first.model.last().unwrap()["messages"]);
    }
}

/// The response has every step once.
fn is_whole(response: &Value) {
    let items = response["output"].as_array().unwrap();
    let kinds: Vec<_> = items.iter().map(|item| item["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["mcp_call", "mcp_call", "mcp_call", "message"], "{response}");
    for (item, word) in items.iter().zip(WORDS) {
        assert!(item["output"].as_str().unwrap().contains(word), "{response}");
    }
    assert_eq!(items[3]["content"][0]["text"], ANSWER);
    assert_eq!(response["dormouse"]["ending"], "done");
}

/// Whoever has `seen` the first events and comes again finds the others, by both names that they have.
async fn the_rest_is_there(gateway: &Gateway, path: &str, seen: &[String]) {
    let all = events(gateway, path, None).await;
    let last = data(seen.last().unwrap())["sequence_number"].as_u64().unwrap();
    let rest = events(gateway, path, Some(last)).await;
    assert_eq!([seen, &rest].concat(), all);
    assert!(all.last().unwrap().starts_with("event: response.completed\n"), "{all:?}");

    let run = the_run(gateway).await["id"].as_str().unwrap().to_owned();
    let of_run = gateway.request(reqwest::Method::GET, &format!("/v1/runs/{run}/events"));
    let reply = Reply::of(of_run.header("last-event-id", last.to_string())).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let (numbered, _) = frames(std::str::from_utf8(&reply.body).unwrap());
    for (number, (frame, same)) in (last + 1..).zip(numbered.iter().zip(&rest)) {
        assert!(frame.lines().any(|line| line == format!("id: {number}")), "{frame}");
        assert_eq!(data(frame), data(same));
    }
    assert_eq!(numbered.len(), rest.len());
}

pub(crate) async fn a_killed_gateway_is_succeeded_by_another(stage: Stage) {
    let gate = Gate::closed();
    stage.upstream.once("slow", Answer::text(&["half ", "of it"]).gated(2, &gate));
    stage.upstream.always("slow", Answer::text(&["all ", "of it"]));
    let first = stage.gateway(&[LEASE, POLL]).await;
    let path = begin(&first, ask("slow")).await;
    within("the gate", gate.reached()).await;
    first.kill().await;

    let second = stage.gateway(&[LEASE, POLL]).await;
    let response = completed(&second, &path).await;
    let texts = response["output"].as_array().unwrap().iter();
    let texts: Vec<&Value> = texts.map(|item| &item["content"][0]["text"]).collect();
    assert_eq!(texts, ["all of it"], "what was broken off is no part of it");
    let told = events(&second, &path, None).await;
    assert!(told.last().unwrap().starts_with("event: response.completed\n"), "{told:?}");
    let run = the_run(&second).await;
    assert!(run["attempts"].as_u64().unwrap() > 1, "{run}");
}

/// A gateway is killed while it hears the answer, and another with the same store goes on.
async fn is_killed(stage: Stage, settings: &[(&str, &str)]) {
    let gate = Gate::closed();
    script(&stage.upstream, &gate);
    let catalog = catalog(&stage.upstream);
    let ours = [LEASE, POLL, ("DORMOUSE_CONFIG", &catalog), ("DORMOUSE_UPSTREAM", "")];
    let settings = [&ours, settings].concat();

    let first = stage.gateway(&settings).await;
    let path = begin(&first, request()).await;
    let seen = seen(&first, &path).await;
    within("the gate", gate.reached()).await;
    first.kill().await;
    let before = counts(&stage.upstream);
    gate.open();

    let second = stage.gateway(&settings).await;
    is_whole(&completed(&second, &path).await);
    let attempts = the_run(&second).await["attempts"].as_u64().unwrap();
    assert!(attempts > 1, "{attempts}");
    nothing_is_repeated(&stage.upstream, before, usize::try_from(attempts).unwrap() - 1).await;
    the_rest_is_there(&second, &path, &seen).await;
}

pub(crate) async fn a_killed_run_goes_on_and_repeats_nothing(stage: Stage) {
    is_killed(stage, &[]).await;
}

pub(crate) async fn a_killed_run_goes_on_from_redis(stage: Stage) {
    let server = RedisServer::start().await;
    is_killed(stage, &[("DORMOUSE_STORE", &server.url())]).await;
}

pub(crate) async fn a_killed_run_goes_on_from_postgres(stage: Stage) {
    let server = PostgresServer::start().await;
    is_killed(stage, &[("DORMOUSE_STORE", &server.url())]).await;
}

/// A function that works on runs stops before its time is over, and the next event goes on.
pub(crate) async fn a_function_hands_its_run_over_before_its_time_is_over(stage: Stage) {
    let gate = Gate::closed();
    script(&stage.upstream, &gate);
    let catalog = catalog(&stage.upstream);
    let settings = [("DORMOUSE_CONFIG", &*catalog), ("DORMOUSE_UPSTREAM", "")];
    let front = stage.gateway(&settings).await;
    let path = begin(&front, request()).await;
    let seeing = tokio::spawn({
        let (front, path) = (front.clone(), path.clone());
        async move { seen(&front, &path).await }
    });

    let worker = stage.worker(&settings).await;
    worker.allow(MARGIN + Duration::from_secs(2)).await;
    let mut invocations = 0;
    // One is enough where three steps take less than two seconds.
    while stage.upstream.count(MODEL) <= WORDS.len() || the_run(&front).await["steps"] != 6 {
        worker.get("/").await.ok();
        invocations += 1;
        assert_eq!(the_run(&front).await["status"], "queued", "it is left to the next");
        assert_ne!(front.get(&path).await.ok()["status"], "completed");
    }
    let seen = seeing.await.unwrap();
    let before = counts(&stage.upstream);
    gate.open();
    while the_run(&front).await["status"] == "queued" {
        worker.get("/").await.ok();
        invocations += 1;
    }

    is_whole(&completed(&front, &path).await);
    nothing_is_repeated(&stage.upstream, before, invocations - 1).await;
    the_rest_is_there(&front, &path, &seen).await;
}

/// The files of a run go with it, to a machine that has none of them.
pub(crate) async fn the_files_of_a_killed_run_go_with_it(stage: Stage) {
    let gate = Gate::closed();
    let waiting = gate.clone();
    stage.upstream.answers(MODEL, move |asked| {
        let done = results(&asked.json()).len();
        let command = match WORDS.get(done) {
            Some(word) => format!("echo {word} >>notes.txt"),
            None if done == WORDS.len() => "cat notes.txt".to_owned(),
            None => return Answer::text(&["All is ", "noted."]),
        };
        let call = Answer::tool_calls(&[("bash", &[&json!({ "command": command }).to_string()])]);
        if done == WORDS.len() { call.gated(1, &waiting) } else { call }
    });
    let hands = json!({ "mode": "loop", "tools": ["bash"] });
    let body = json!({ "model": MODEL, "input": "Note three words.", "dormouse": hands });
    let [one, other] = ["one", "other"].map(|it| stage.place(it).display().to_string());
    // Whatever holds programs on this machine: these are harmless.
    let on =
        |place| [LEASE, POLL, ("DORMOUSE_SANDBOX", "warn"), ("DORMOUSE_SANDBOX_DIRECTORY", place)];

    let first = stage.gateway(&on(&one)).await;
    let path = begin(&first, body).await;
    within("the gate", gate.reached()).await;
    first.kill().await;
    gate.open();
    let second = stage.gateway(&on(&other)).await;
    let response = completed(&second, &path).await;

    let items = response["output"].as_array().unwrap();
    assert_eq!(items.len(), WORDS.len() + 2, "{response}");
    let shown = items[WORDS.len()]["output"].as_str().unwrap();
    assert!(shown.ends_with("\nhazel\noak\nmoss"), "{shown}");
    assert_eq!(shown.matches("hazel").count(), 1, "{shown}");
}
