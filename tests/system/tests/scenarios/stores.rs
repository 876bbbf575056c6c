//! Stores that gateways share over a network: a budget is one for all of them, a conversation too, and a
//! store that dies in the middle of a request leaves nothing half done.

use dormouse_testkit::{
    ministack::MiniStack,
    servers::{PostgresServer, RedisServer, Server},
    upstream::{Answer, Gate},
};
use serde_json::Value;

use crate::{
    budgets::{PRICES, crowd, nanos},
    client::{Gateway, Reply, ask, ask_streamed},
    conversations::{continue_one_another, refuse_the_second_of_two},
    stage::{Stage, UNHURRIED, within},
};

/// How many gateways share a store.
const GATEWAYS: usize = 4;

pub(crate) async fn four_gateways_on_redis_never_pass_a_budget(stage: Stage) {
    let server = RedisServer::start().await;
    never_pass_a_budget(stage, &server.url()).await;
}

pub(crate) async fn four_gateways_on_postgres_never_pass_a_budget(stage: Stage) {
    let server = PostgresServer::start().await;
    never_pass_a_budget(stage, &server.url()).await;
}

pub(crate) async fn a_redis_that_dies_leaves_nothing_half_done(stage: Stage) {
    let mut server = RedisServer::start().await;
    let url = server.url();
    leaves_nothing_half_done(stage, &mut server, &url).await;
}

pub(crate) async fn a_postgres_that_dies_leaves_nothing_half_done(stage: Stage) {
    let mut server = PostgresServer::start().await;
    let url = server.url();
    leaves_nothing_half_done(stage, &mut server, &url).await;
}

pub(crate) async fn gateways_on_redis_continue_one_another(stage: Stage) {
    let server = RedisServer::start().await;
    continue_one_another(stage, &[("DORMOUSE_STORE", &server.url())]).await;
}

pub(crate) async fn gateways_on_postgres_continue_one_another(stage: Stage) {
    let server = PostgresServer::start().await;
    continue_one_another(stage, &[("DORMOUSE_STORE", &server.url())]).await;
}

pub(crate) async fn of_two_at_once_the_second_is_refused_on_redis(stage: Stage) {
    let server = RedisServer::start().await;
    refuse_the_second_of_two(stage, &[("DORMOUSE_STORE", &server.url())]).await;
}

pub(crate) async fn of_two_at_once_the_second_is_refused_on_postgres(stage: Stage) {
    let server = PostgresServer::start().await;
    refuse_the_second_of_two(stage, &[("DORMOUSE_STORE", &server.url())]).await;
}

pub(crate) async fn gateways_on_dynamodb_continue_one_another(stage: Stage) {
    let server = MiniStack::start().await;
    let store = table(&server);
    continue_one_another(stage, &on_table(&store)).await;
}

pub(crate) async fn of_two_at_once_the_second_is_refused_on_dynamodb(stage: Stage) {
    let server = MiniStack::start().await;
    let store = table(&server);
    refuse_the_second_of_two(stage, &on_table(&store)).await;
}

/// A table in `server`, which the first gateway that needs it makes.
fn table(server: &MiniStack) -> String {
    let (region, endpoint) = (MiniStack::REGION, server.endpoint());
    format!("dynamodb://dormouse?region={region}&endpoint={endpoint}&create=true")
}

/// The settings of gateways whose store is the table of this URL.
fn on_table(url: &str) -> [(&str, &str); 3] {
    [
        ("DORMOUSE_STORE", url),
        ("AWS_ACCESS_KEY_ID", MiniStack::KEY_ID),
        ("AWS_SECRET_ACCESS_KEY", MiniStack::SECRET),
    ]
}

async fn never_pass_a_budget(stage: Stage, store: &str) {
    let gate = Gate::closed();
    stage.upstream.always("slow", Answer::text(&["a", "b", "c", "d"]).gated(0, &gate));
    let settings = [PRICES, ("DORMOUSE_WORKERS", "300"), ("DORMOUSE_STORE", store)];
    let mut gateways = Vec::new();
    for _ in 0..GATEWAYS {
        gateways.push(stage.gateway(&settings).await);
    }
    crowd(&stage, &gateways, &gate).await;
}

async fn leaves_nothing_half_done(stage: Stage, server: &mut dyn Server, store: &str) {
    let gate = Gate::closed();
    stage.upstream.always("slow", Answer::text(&["a", "b", "c", "d"]).gated(0, &gate));
    let short = [("DORMOUSE_REQUEST_TIMEOUT", "10s"), ("DORMOUSE_HOLD_TTL", "11s")];
    let settings = [PRICES, ("DORMOUSE_STORE", store), short[0], short[1], UNHURRIED];
    let gateway = stage.gateway(&settings).await;
    let (id, user) = gateway.key_with_budget("1").await;
    user.chat(&ask("echo")).await.ok();
    let paid = nanos(&gateway.budget(&id).await["settled"]);

    let asking = tokio::spawn(Reply::of(user.chat_request(&ask("slow"))));
    within("the gate", gate.reached()).await;
    server.kill().await;

    for body in [ask("echo"), ask_streamed("echo")] {
        assert_unavailable(&user.chat(&body).await);
    }
    assert_eq!(stage.upstream.count("echo"), 1, "what cannot be booked is not called");
    gate.open();
    // It was answered, and could not be booked: whoever gets an answer has a receipt.
    assert_unavailable(&asking.await.unwrap());

    server.restart().await;
    user.chat(&ask("echo")).await.ok();
    let budget = settled(&gateway, &id).await;
    let receipts = user.get("/v1/receipts").await.ok();
    let receipts = receipts["data"].as_array().unwrap();
    let outcomes: Vec<_> = receipts.iter().map(|it| it["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["completed", "lost", "completed"], "one receipt each");
    assert_eq!(nanos(&budget["settled"]), 2 * paid, "what was answered is paid for");
    let left = nanos(&budget["limit"]) - 2 * paid;
    assert_eq!(nanos(&budget["remaining"]), left, "and nothing is held for what was lost");
}

/// The budget of a key when nothing is held on it any more.
async fn settled(gateway: &Gateway, key: &str) -> Value {
    let nothing_held = |key: &Value| nanos(&key["budget"]["held"]) == 0;
    let path = format!("/v1/keys/{key}");
    gateway.until(&path, |key| nothing_held(key).then(|| key["budget"].clone())).await
}

fn assert_unavailable(reply: &Reply) {
    assert_eq!(reply.error(503)["code"], "store_unavailable");
    assert!(reply.header("retry-after").parse::<u64>().is_ok_and(|it| it > 0), "{reply:?}");
}
