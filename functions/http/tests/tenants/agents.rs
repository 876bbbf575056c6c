//! Agents, over HTTP: what they make of a request, and the sessions with them.

use http::Method;
use serde_json::{Value, json};

use crate::bench::{Bench, Reply, Tenant};

const SYSTEM: &str = "You write programs that cost $5 at most.";

async fn post(us: &Tenant, path: impl Into<String>, body: Value) -> Reply {
    us.ask(&Method::POST, path, body).await
}

async fn get(us: &Tenant, path: impl Into<String>) -> Reply {
    us.ask(&Method::GET, path, json!({})).await
}

async fn session(us: &Tenant, agent: &str) -> String {
    let begun = post(us, format!("/a1/agents/{agent}/sessions"), json!({})).await;
    assert_eq!(begun.status, 201, "{begun:?}");
    format!("/a1/agents/{agent}/sessions/{}", begun.json()["id"].as_str().unwrap())
}

fn contents(messages: &Value) -> Vec<&str> {
    messages.as_array().unwrap().iter().map(|it| it["content"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_agent_speaks_first_and_says_who_answers_and_how() {
    let bench = Bench::new();
    let us = bench.tenant(&json!({ "tenant": "acme" })).await;
    let said = json!({ "message": "Hello", "max_tokens": 500, "top_p": 0.5 });
    let answered = post(&us, "/a1/agents/coder/chat", said).await;
    assert_eq!(answered.status, 200, "{answered:?}");
    assert_eq!(answered.json()["choices"][0]["message"]["content"], "Hi");
    let asked = bench.provider.last();
    assert_eq!(contents(&asked["messages"]), [SYSTEM, "Hello"]);
    assert_eq!(asked["messages"][0]["role"], "system");
    let fields = ["model", "temperature", "top_p", "max_tokens"].map(|field| asked[field].clone());
    assert_eq!(fields, [json!("big"), json!(0.2), json!(0.5), json!(100)]);

    let said =
        json!({ "message": "Hello", "system": "In Rust.", "max_tokens": 7, "temperature": 1 });
    post(&us, "/a1/agents/coder/chat", said).await;
    let asked = bench.provider.last();
    assert_eq!(contents(&asked["messages"]), [format!("{SYSTEM}\n\nIn Rust.").as_str(), "Hello"]);
    assert_eq!((&asked["temperature"], &asked["max_tokens"]), (&json!(1.0), &json!(7)));
}

#[tokio::test]
async fn a_session_goes_on_with_the_same_bytes_until_it_is_forgotten() {
    let bench = Bench::new();
    let us = bench.tenant(&json!({ "tenant": "acme" })).await;
    let session = session(&us, "coder").await;
    let path = format!("{session}/chat");
    let answered = post(&us, &path, json!({ "message": "one" })).await;
    assert!(session.ends_with(answered.headers["x-conversation-id"].to_str().unwrap()));
    let first = bench.provider.last()["messages"].to_string();
    let answered = post(&us, &path, json!({ "message": "two", "stream": true })).await;
    assert!(answered.body.ends_with("data: [DONE]\n\n"), "{answered:?}");
    let second = bench.provider.last()["messages"].clone();
    assert_eq!(contents(&second), [SYSTEM, "one", "Hi", "two"]);
    assert!(second.to_string().starts_with(first.trim_end_matches(']')));

    let shown = get(&us, &session).await.json();
    assert_eq!((&shown["object"], &shown["agent"]), (&json!("agent.session"), &json!("coder")));
    assert_eq!(contents(&shown["messages"]), ["one", "Hi", "two", "Hi"]);
    let listed = get(&us, "/a1/agents/coder/sessions?limit=1").await.json();
    assert_eq!((&listed["data"][0]["id"], &listed["has_more"]), (&shown["id"], &json!(false)));
    assert_eq!(get(&us, "/a1/agents/tutor/sessions").await.json()["data"], json!([]));

    let deleted = us.ask(&Method::DELETE, &session, json!({})).await;
    assert_eq!(deleted.json()["deleted"], true);
    assert_eq!(get(&us, &session).await.status, 404);
    assert_eq!(post(&us, &path, json!({ "message": "three" })).await.status, 404);
}

#[tokio::test]
async fn a_session_outlives_an_answer_that_failed_and_is_with_one_agent() {
    let bench = Bench::new();
    let us = bench.tenant(&json!({ "tenant": "acme" })).await;
    let session = session(&us, "coder").await;
    bench.provider.fails_once(400, r#"{"error":{"message":"no"}}"#);
    let path = format!("{session}/chat");
    assert_eq!(post(&us, &path, json!({ "message": "one" })).await.status, 400);
    assert_eq!(get(&us, &session).await.json()["turns"], 0);
    assert_eq!(post(&us, &path, json!({ "message": "one" })).await.status, 200);
    assert_eq!(get(&us, &session).await.json()["turns"], 1);

    let others = session.replace("coder", "tutor");
    for (method, path) in [
        (Method::GET, others.clone()),
        (Method::DELETE, others.clone()),
        (Method::POST, format!("{others}/chat")),
    ] {
        let reply = us.ask(&method, path, json!({ "message": "Hello" })).await;
        assert_eq!(reply.status, 404, "{method}: {reply:?}");
    }
    let plain = post(&us, "/c1/chat", json!({ "model": "m", "message": "Hello" })).await;
    let plain = plain.headers["x-conversation-id"].to_str().unwrap().to_owned();
    let path = format!("/a1/agents/coder/sessions/{plain}");
    assert_eq!(get(&us, path).await.status, 404, "a conversation that is no session");
}

#[tokio::test]
async fn a_compacted_session_goes_on_elsewhere_with_the_same_agent() {
    let bench = Bench::new();
    let us = bench.tenant(&json!({ "tenant": "acme" })).await;
    let session = session(&us, "coder").await;
    for word in ["one", "two"] {
        post(&us, format!("{session}/chat"), json!({ "message": word })).await;
    }
    let id = session.rsplit('/').next().unwrap();
    let compacted = post(&us, format!("/c1/conversations/{id}/compact"), json!({})).await;
    assert_eq!(compacted.status, 200, "{compacted:?}");
    let successor = session.replace(id, compacted.json()["id"].as_str().unwrap());
    for (method, path) in [(Method::GET, ""), (Method::POST, "/chat")] {
        let moved = us.ask(&method, format!("{session}{path}"), json!({ "message": "x" })).await;
        assert_eq!(moved.status, 308, "{moved:?}");
        assert_eq!(moved.headers["location"], format!("{successor}{path}"));
    }
    assert_eq!(get(&us, &successor).await.json()["agent"], "coder");
    assert_eq!(get(&us, format!("{session}?archived=true")).await.status, 200);
}

#[tokio::test]
async fn an_agent_is_a_model_in_every_dialect_of_chats() {
    let bench = Bench::new();
    let us = bench.tenant(&json!({ "tenant": "acme" })).await;
    let messages = json!([{ "role": "user", "content": "Hello" }]);
    for (path, body) in [
        ("/v1/chat/completions", json!({ "messages": messages })),
        ("/v1/messages", json!({ "messages": messages, "max_tokens": 50 })),
        ("/v1/responses", json!({ "input": "Hello" })),
    ] {
        let mut body = body;
        body["model"] = json!("agent/coder");
        let answered = post(&us, path, body).await;
        assert_eq!(answered.status, 200, "{path}: {answered:?}");
        let asked = bench.provider.last();
        assert_eq!(contents(&asked["messages"]), [SYSTEM, "Hello"], "{path}");
        assert_eq!(asked["model"], "big", "{path}");
    }
    let refused = json!({ "model": "agent/coder", "prompt": "Hello" });
    let refused = post(&us, "/v1/completions", refused).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.json()["error"]["param"]),
        (400, &json!("model"))
    );
    // What is no agent's name is a model's.
    post(&us, "/v1/responses", json!({ "model": "agent/nobody", "input": "Hello" })).await;
    assert_eq!(bench.provider.last()["model"], "agent/nobody");
}

#[tokio::test]
async fn a_continued_response_of_an_agent_has_its_instructions_once() {
    let bench = Bench::new();
    let us = bench.tenant(&json!({ "tenant": "acme" })).await;
    let first = post(&us, "/v1/responses", json!({ "model": "agent/coder", "input": "one" })).await;
    let second = json!({
        "model": "agent/coder", "input": "two", "previous_response_id": first.json()["id"],
    });
    let second = post(&us, "/v1/responses", second).await;
    assert_eq!(second.status, 200, "{second:?}");
    assert_eq!(contents(&bench.provider.last()["messages"]), [SYSTEM, "one", "Hi", "two"]);
}

#[tokio::test]
async fn what_an_agent_says_itself_is_not_said_by_its_callers() {
    let bench = Bench::new();
    let us = bench.tenant(&json!({ "tenant": "acme" })).await;
    for (field, value) in [("model", "small"), ("conversation_id", "conv_1"), ("session_id", "s")] {
        let mut body = json!({ "message": "Hello" });
        body[field] = json!(value);
        let refused = post(&us, "/a1/agents/coder/chat", body).await;
        let param = &refused.json()["error"]["param"];
        assert_eq!((refused.status.as_u16(), param), (400, &json!(field)), "{refused:?}");
    }
    let unknown = get(&us, "/a1/agents/codr").await;
    assert_eq!(unknown.status, 404);
    assert!(unknown.body.contains("did you mean `coder`?"), "{unknown:?}");
}

#[tokio::test]
async fn instructions_are_shown_to_administrators_alone() {
    let bench = Bench::new();
    let us = bench.tenant(&json!({ "tenant": "acme" })).await;
    let body = json!({ "model": "agent/coder", "session_id": "s",
        "messages": [{ "role": "user", "content": "one" }] });
    let answered = post(&us, "/v1/chat/completions", body).await;
    let id = answered.headers["x-conversation-id"].to_str().unwrap();
    let kept = get(&us, &format!("/c1/conversations/{id}")).await.json();
    assert_eq!(contents(&kept["messages"]), ["one", "Hi"]);
    let mut shown = get(&us, "/a1/agents/coder").await.json();
    assert_eq!(shown["description"], "Writes programs.");
    assert_eq!(shown.get("system"), None);
    assert_eq!(get(&us, "/a1/agents").await.json()["data"][0], shown);
    shown["system"] = json!(SYSTEM);
    assert_eq!(get(&bench.admin(), "/a1/agents/coder").await.json(), shown);
}

#[tokio::test]
async fn agents_are_reloaded_as_a_whole_or_not_at_all() {
    let bench = Bench::new();
    let us = bench.tenant(&json!({ "tenant": "acme" })).await;
    assert_eq!(post(&us, "/a1/reload", json!({})).await.status, 403);
    let admin = bench.admin();
    bench.agents.change("agents:\n- {name: new, system: New.}\n- {name: new, sistem: x}\n");
    let refused = post(&admin, "/a1/reload", json!({})).await;
    assert_eq!(refused.status, 400, "{refused:?}");
    for problem in ["agents.yaml:3:3: agents[1].system: is missing", "did you mean `system`?"] {
        assert!(refused.body.contains(problem), "{refused:?}");
    }
    assert_eq!(get(&us, "/a1/agents/coder").await.status, 200);
    assert_eq!(get(&us, "/a1/agents/new").await.status, 404);

    bench.agents.change("agents: [{name: new, system: New., model: m}]");
    let reloaded = post(&admin, "/a1/reload", json!({})).await.json();
    assert_eq!(reloaded["data"][0]["name"], "new");
    assert_eq!(get(&us, "/a1/agents/coder").await.status, 404);
    assert_eq!(post(&us, "/a1/agents/new/chat", json!({ "message": "Hello" })).await.status, 200);
}

#[tokio::test]
async fn an_agent_says_whose_hands_act_and_with_which_tools() {
    let bench = Bench::new();
    let us = bench.tenant(&json!({ "tenant": "acme" })).await;
    let tools = |asked: &Value| match asked["tools"].as_array() {
        Some(tools) => tools.iter().map(|it| it["function"]["name"].clone()).collect(),
        None => Vec::new(),
    };
    for path in ["/a1/agents/reckoner/chat", "/v1/chat/completions"] {
        let said = json!([{ "role": "user", "content": "Hello" }]);
        let mut body = json!({ "messages": said });
        if path.starts_with("/v1") {
            body["model"] = json!("agent/reckoner");
            body["dormouse"] = json!({ "mode": "emulate", "tools": ["*"], "max_steps": 1 });
        }
        let answered = post(&us, path, body).await;
        assert_eq!(answered.status, 200, "{path}: {answered:?}");
        assert_eq!(answered.json()["dormouse"]["ending"], "done", "{answered:?}");
        assert_eq!(tools(&bench.provider.last()), ["calculator"], "{path}");
    }
    // What it leaves open is the request's to say.
    let body =
        json!({ "message": "Hello", "dormouse": { "mode": "loop", "tools": ["calculator"] } });
    let answered = post(&us, "/a1/agents/coder/chat", body).await;
    assert_eq!(answered.json()["dormouse"]["ending"], "done", "{answered:?}");
    post(&us, "/a1/agents/coder/chat", json!({ "message": "Hello" })).await;
    assert!(tools(&bench.provider.last()).is_empty());

    let shown = get(&us, "/a1/agents/reckoner").await.json();
    assert_eq!((&shown["mode"], &shown["limits"]["max_steps"]), (&json!("loop"), &json!(2)));
}
