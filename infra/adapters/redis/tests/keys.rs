//! The keys, from the outside.
#![expect(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::{error::Error as _, sync::Arc, time::Duration};

use dormouse_core::{
    Code,
    ports::{Commit, Host, Records, When, Write},
};
use dormouse_redis::RedisRecords;
use dormouse_testkit::{conformance::TIMEOUT, fakes::TestHost, servers::RedisServer};
use redis::{AsyncCommands, aio::MultiplexedConnection, cmd};

async fn look(server: &RedisServer) -> MultiplexedConnection {
    let client = redis::Client::open(server.url()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

#[tokio::test]
async fn what_has_expired_leaves_the_server() {
    let (server, host) = (RedisServer::start().await, Arc::new(TestHost::new()));
    let records = RedisRecords::new(&server.url(), TIMEOUT, Arc::clone(&host) as _).unwrap();
    let expiry = host.now() + Duration::from_secs(1);
    let fleeting = |id| Write::put_until("things", format!("{id}"), "", expiry, When::Any);
    records.commit(Commit::new("acme", (0..20).map(fleeting).collect())).await.unwrap();
    let mut client = look(&server).await;
    let patience: i64 = client.pttl("dormouse:{acme}:r:6:things:7").await.unwrap();
    assert!(patience > 23 * 3_600_000, "the server itself is in no hurry: {patience} ms");

    host.advance(Duration::from_secs(1));
    let add = Write::add("counters", "c", [("count", 1)]);
    records.commit(Commit::new("acme", vec![add])).await.unwrap();

    let mut keys: Vec<String> = client.keys("*").await.unwrap();
    keys.sort();
    let left =
        ["dormouse:{acme}:c:counters", "dormouse:{acme}:n", "dormouse:{acme}:r:8:counters:c"];
    assert_eq!(keys, left);
}

#[tokio::test]
async fn what_the_server_took_away_is_gone_for_pages_too() {
    let (server, host) = (RedisServer::start().await, Arc::new(TestHost::new()));
    let records = RedisRecords::new(&server.url(), TIMEOUT, Arc::clone(&host) as _).unwrap();
    let expiry = host.now() + Duration::from_secs(1);
    let writes = ["a", "b"].map(|id| Write::put_until("things", id, "", expiry, When::Any));
    records.commit(Commit::new("acme", writes.into())).await.unwrap();

    let taken: i64 = look(&server).await.del("dormouse:{acme}:r:6:things:a").await.unwrap();

    assert_eq!(taken, 1);
    let page = records.page("acme", "things", Default::default()).await.unwrap();
    assert_eq!(page.iter().map(|record| record.id.as_str()).collect::<Vec<_>>(), ["b"]);
    let create = vec![Write::put_when("things", "a", "", When::Absent)];
    records.commit(Commit::new("acme", create)).await.unwrap();
    assert_eq!(records.page("acme", "things", Default::default()).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_server_without_memory_refuses_whole_commits() {
    let (server, host) = (RedisServer::start().await, Arc::new(TestHost::new()));
    let records = RedisRecords::new(&server.url(), TIMEOUT, Arc::clone(&host) as _).unwrap();
    records.commit(Commit::new("acme", vec![Write::put("things", "a", "kept")])).await.unwrap();
    let mut client = look(&server).await;
    let limit = async |client: &mut MultiplexedConnection, bytes: &str| {
        let set = cmd("CONFIG").arg("SET").arg("maxmemory").arg(bytes).to_owned();
        set.query_async::<()>(client).await.unwrap();
    };
    limit(&mut client, "1").await;

    let writes = vec![Write::delete("things", "a"), Write::put("things", "b", "half")];
    let error = records.commit(Commit::new("acme", writes)).await.unwrap_err();

    assert_eq!(error.code(), Code::StoreUnavailable);
    limit(&mut client, "0").await;
    let page = records.page("acme", "things", Default::default()).await.unwrap();
    assert_eq!(page.len(), 1);
    assert_eq!(page[0].value, "kept");
}

#[tokio::test]
async fn a_server_that_forgets_when_it_is_full_is_not_used() {
    let settings = ["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"];
    let (server, host) = (RedisServer::start_with(&settings).await, Arc::new(TestHost::new()));
    let records = RedisRecords::new(&server.url(), TIMEOUT, Arc::clone(&host) as _).unwrap();
    let put = || Commit::new("acme", vec![Write::put("things", "a", "")]);

    let error = records.commit(put()).await.unwrap_err();

    assert_eq!(error.code(), Code::StoreUnavailable);
    assert!(error.source().unwrap().to_string().contains("allkeys-lru"), "{error:?}");
    let set = cmd("CONFIG").arg("SET").arg("maxmemory-policy").arg("noeviction").to_owned();
    set.query_async::<()>(&mut look(&server).await).await.unwrap();
    records.commit(put()).await.unwrap();
}
