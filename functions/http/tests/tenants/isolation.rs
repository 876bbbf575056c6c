//! Tenants never meet: whoever asks for another tenant's id is answered as if there never was such an id.
//!
//! The routes are read from the router. One that takes a tenant's id and is not in [`MADE`] fails here.

use std::collections::BTreeSet;

use dormouse_http::{Ids, Route, routes};
use futures::future::BoxFuture;
use http::Method;
use serde_json::json;

use crate::{
    bench::{Bench, Reply, Tenant},
    files::{PNG, keep},
    tools,
};

/// The agent whose sessions are looked at: its name is no tenant's.
const AGENT: &str = "coder";

/// Makes what a route is about, as a tenant, and returns its id.
type Make = for<'a> fn(&'a Tenant) -> BoxFuture<'a, String>;

/// What each route whose path takes a tenant's id is asked for.
const MADE: &[(&str, Make)] = &[
    ("/v1/responses/{id}", a_response),
    ("/v1/responses/{id}/input_items", a_response),
    ("/v1/responses/{id}/cancel", a_background_response),
    ("/v1/runs/{id}", a_run),
    ("/v1/runs/{id}/events", a_run),
    ("/v1/runs/{id}/cancel", a_run),
    ("/v1/sessions/{*id}", a_session),
    ("/c1/conversations/{id}", a_conversation),
    ("/c1/conversations/{id}/compact", a_conversation),
    ("/a1/agents/{name}/sessions/{id}", a_session_with_an_agent),
    ("/a1/agents/{name}/sessions/{id}/chat", a_session_with_an_agent),
    ("/v1/receipts/{id}", a_receipt),
    ("/v1/files/{id}", a_file),
    ("/v1/files/{id}/content", a_file),
    ("/v1/images/{id}", a_picture),
    ("/v1/images/{id}/content", a_picture),
    ("/v1/tools/{id}", a_tool),
];

fn a_file(us: &Tenant) -> BoxFuture<'_, String> {
    Box::pin(keep(us, "/v1/files", b"a secret"))
}

fn a_picture(us: &Tenant) -> BoxFuture<'_, String> {
    Box::pin(keep(us, "/v1/images", PNG))
}

fn a_tool(us: &Tenant) -> BoxFuture<'_, String> {
    Box::pin(async {
        let registered = us.ask(&Method::POST, "/v1/tools", tools::described("stock")).await;
        registered.json()["name"].as_str().unwrap().to_owned()
    })
}

fn a_response(us: &Tenant) -> BoxFuture<'_, String> {
    Box::pin(async {
        let answered = us.answered().await;
        answered.json()["id"].as_str().unwrap().to_owned()
    })
}

fn a_background_response(us: &Tenant) -> BoxFuture<'_, String> {
    Box::pin(async {
        let body = json!({ "model": "m", "input": "Hello", "background": true });
        let answered = us.ask(&Method::POST, "/v1/responses", body).await;
        answered.json()["id"].as_str().unwrap().to_owned()
    })
}

fn a_run(us: &Tenant) -> BoxFuture<'_, String> {
    Box::pin(async {
        a_background_response(us).await;
        let listed = us.ask(&Method::GET, "/v1/runs", json!({})).await;
        listed.json()["data"][0]["id"].as_str().unwrap().to_owned()
    })
}

fn a_session(us: &Tenant) -> BoxFuture<'_, String> {
    Box::pin(async {
        let name = "chats/monday".to_owned();
        let body = json!({ "model": "m", "input": "Hello", "session_id": name });
        let answered = us.ask(&Method::POST, "/v1/responses", body).await;
        assert!(answered.status.is_success(), "{answered:?}");
        name
    })
}

fn a_conversation(us: &Tenant) -> BoxFuture<'_, String> {
    Box::pin(async {
        let body = json!({ "model": "m", "message": "Hello" });
        let answered = us.ask(&Method::POST, "/c1/chat", body).await;
        answered.headers["x-conversation-id"].to_str().unwrap().to_owned()
    })
}

fn a_session_with_an_agent(us: &Tenant) -> BoxFuture<'_, String> {
    Box::pin(async {
        let path = format!("/a1/agents/{AGENT}/sessions");
        let begun = us.ask(&Method::POST, path, json!({})).await;
        begun.json()["id"].as_str().unwrap().to_owned()
    })
}

fn a_receipt(us: &Tenant) -> BoxFuture<'_, String> {
    Box::pin(async {
        let answered = us.answered().await;
        answered.headers["x-dormouse-receipt"].to_str().unwrap().to_owned()
    })
}

/// How `route` is asked: what destroys comes last.
fn methods(route: &Route) -> Vec<Method> {
    let mut methods = route.methods().to_vec();
    if methods.contains(&Method::GET) {
        methods.push(Method::HEAD);
    }
    methods.sort_by_key(|method| *method == Method::DELETE);
    methods
}

/// An id like `id` that nobody has.
fn unknown(id: &str) -> String {
    let (rest, last) = id.split_at(id.len() - 1);
    format!("{rest}{}", if last == "0" { '1' } else { '0' })
}

/// The path of `route`, without a variable for the agent.
fn path(route: &Route) -> String {
    route.path().replace("/{name}/sessions/", &format!("/{AGENT}/sessions/"))
}

/// The path of `route` with an id in it.
fn with_id(route: &Route, id: &str) -> String {
    let path = path(route);
    let (before, after) = path.split_once('{').unwrap();
    let (_, after) = after.split_once('}').unwrap();
    format!("{before}{id}{after}")
}

#[tokio::test]
async fn another_tenants_id_is_answered_like_one_that_never_was() {
    for route in routes().iter().filter(|route| route.ids() == Ids::Tenant) {
        let Some((_, make)) = MADE.iter().find(|(path, _)| *path == route.path()) else {
            panic!("{} is not proven to keep tenants apart: add it to MADE", route.path());
        };
        let bench = Bench::new();
        let owner = bench.tenant(&json!({ "tenant": "acme" })).await;
        let strangers = [
            bench.tenant(&json!({ "tenant": "zoo" })).await,
            bench.tenant(&json!({ "tenant": "zoo", "admin": true })).await,
        ];
        let id = make(&owner).await;
        let nobodys = unknown(&id);
        for method in methods(route) {
            for (stranger, query) in [(0, ""), (0, "?tenant=acme"), (1, "")] {
                let what = format!("{method} {}{query} by {stranger}", route.path());
                let ask = |id: &str| {
                    let path = format!("{}{query}", with_id(route, id));
                    strangers[stranger].ask(&method, path, json!({ "message": "Hello" }))
                };
                let (theirs, none) = (ask(&id).await, ask(&nobodys).await);
                assert_eq!(theirs.status, 404, "{what}: {theirs:?}");
                assert_eq!(anonymous(theirs, &id), anonymous(none, &nobodys), "{what}");
            }
        }
        for method in methods(route) {
            let said = json!({ "message": "Hello" });
            let reply = owner.ask(&method, with_id(route, &id), said).await;
            assert!(reply.status.is_success(), "{method} {} by its owner: {reply:?}", route.path());
        }
    }
}

/// All that a reply tells, but for the id that was asked for and the id of the request.
fn anonymous(mut reply: Reply, id: &str) -> (u16, Vec<(String, String)>, String) {
    reply.headers.remove("x-correlation-id");
    let headers = reply.headers.iter();
    let headers = headers.map(|(name, value)| (name.to_string(), format!("{value:?}"))).collect();
    (reply.status.as_u16(), headers, reply.body.replace(id, "…"))
}

#[test]
fn nothing_is_proven_of_routes_that_are_gone() {
    let known: BTreeSet<&str> =
        routes().iter().filter(|route| route.ids() == Ids::Tenant).map(Route::path).collect();
    let proven: BTreeSet<&str> = MADE.iter().map(|(path, _)| *path).collect();
    assert_eq!(proven, known);
}

#[test]
fn every_id_in_a_path_is_somebodys() {
    for route in routes() {
        let variables = path(&route).matches('{').count();
        assert!(variables <= 1, "{}: this test only knows of one id", route.path());
        assert_eq!(variables == 1, route.ids() != Ids::None, "{}", route.path());
    }
}

#[test]
fn the_table_of_routes_is_all_there_is() {
    // What an axum router prints of itself: `RouteId(3): "/v1/responses/{id}"`.
    let printed = format!("{:?}", Bench::new().router);
    let after = printed.split("RouteId(").filter_map(|rest| rest.split_once("): \""));
    let served: BTreeSet<&str> =
        after.filter_map(|(_, path)| path.split('"').next()).filter(|it| !internal(it)).collect();
    assert_eq!(served, routes().iter().map(Route::path).collect());
}

/// What axum adds for its fallback.
fn internal(path: &str) -> bool {
    path.contains("__private__")
}

#[tokio::test]
async fn keys_are_seen_by_administrators_alone() {
    let bench = Bench::new();
    let tenant = bench.tenant(&json!({ "tenant": "acme" })).await;
    let other = bench.tenant(&json!({ "tenant": "zoo" })).await;
    for method in [Method::GET, Method::DELETE] {
        let ask = |id: &str| tenant.ask(&method, format!("/v1/keys/{id}"), json!({}));
        let (theirs, none) = (ask(&other.id).await, ask("000000000000").await);
        assert_eq!(theirs.status, 403);
        assert_eq!(anonymous(theirs, &other.id), anonymous(none, "000000000000"), "{method}");
    }
}

#[tokio::test]
async fn another_tenants_response_cannot_be_continued() {
    let bench = Bench::new();
    let owner = bench.tenant(&json!({ "tenant": "acme" })).await;
    let stranger = bench.tenant(&json!({ "tenant": "zoo" })).await;
    let id = a_response(&owner).await;
    let nobodys = unknown(&id);
    let stranger = &stranger;
    let continued = |id: &str| {
        let body = json!({ "model": "m", "input": "Go on", "previous_response_id": id });
        async move { stranger.ask(&Method::POST, "/v1/responses", body).await }
    };
    let (theirs, none) = (continued(&id).await, continued(&nobodys).await);
    assert_eq!(theirs.status, 400, "{theirs:?}");
    assert_eq!(anonymous(theirs, &id), anonymous(none, &nobodys));
}

#[test]
fn every_route_is_in_the_readme() {
    let readme = include_str!("../../../../README.md");
    let (_, api) = readme.split_once("\n## API\n").unwrap();
    let (api, _) = api.split_once("\n## ").unwrap();
    for route in routes() {
        let path = route.path().replace("{*", "{");
        for method in route.methods() {
            // A row names several methods of a path, or several paths: `GET` `DELETE /v1/keys/{id}`.
            let row = api.lines().find(|row| {
                let (what, _) = row.trim_start_matches("| ").split_once(" | ").unwrap_or_default();
                what.contains(method.as_str()) && what.contains(&format!(" {path}`"))
            });
            let verbs = path == "/v1/models/{id}" && method == Method::POST;
            assert!(row.is_some() || verbs, "{method} {path} is missing in the README");
        }
    }
}
