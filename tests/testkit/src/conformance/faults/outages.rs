//! While a server cannot be reached.

use std::{future::Future, sync::Arc};

use dormouse_core::{
    Result,
    ports::{Page, Records},
};
use futures::future::join3;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};

use super::{Books, LIMIT, Room, applied};

pub(super) async fn check(room: &mut Room<'_>) {
    nothing_is_opened_before_the_first_call(room).await;
    a_refused_connection_is_an_unavailable_store(room).await;
    a_dead_server_is_an_unavailable_store(room).await;
    a_silent_server_is_an_unavailable_store(room).await;
}

async fn nothing_is_opened_before_the_first_call(room: &Room<'_>) {
    let before = room.proxy.accepted();
    let records = room.open();
    room.assert_discreet(&format!("{records:?}"));
    // Connections are accepted in their order: were there one of the store's, it would be before ours.
    let knock = TcpStream::connect(room.proxy.address()).await.unwrap();
    while room.proxy.accepted() == before {
        tokio::task::yield_now().await;
    }
    drop(knock);
    assert_eq!(room.proxy.accepted(), before + 1, "a connection was opened that nobody needs");

    assert!(applied(&Books::new(&records).book("first").await), "the first call opens one");
    assert!(room.proxy.accepted() > before + 1);
}

async fn a_refused_connection_is_an_unavailable_store(room: &Room<'_>) {
    room.proxy.refuse(true);
    let (fresh, used) = (room.open(), room.open());
    room.proxy.refuse(false);
    used.get("acme", "things", "a").await.unwrap();

    room.proxy.refuse(true);
    for records in [&fresh, &used] {
        assert_down(room, records).await;
    }

    room.proxy.refuse(false);
    for records in [&fresh, &used] {
        assert_up(records).await;
    }
}

async fn a_dead_server_is_an_unavailable_store(room: &mut Room<'_>) {
    // One that sees how its server refuses, and one whose connections are closed.
    let stores = [(room.site.open)(room.site.server.address()), room.open()];
    // And one that is not asked for anything meanwhile.
    let idle = room.open();
    for records in stores.iter().chain([&idle]) {
        records.get("acme", "things", "a").await.unwrap();
    }

    room.site.server.kill().await;
    for records in &stores {
        assert_down(room, records).await;
    }

    room.site.server.restart().await;
    for records in &stores {
        assert_up(records).await;
    }
    let books = Books::new(&idle);
    let result = idle.commit(books.booking("b")).await;
    assert!(applied(&result), "an outage that nobody saw concerns nobody: {result:?}");
    assert_eq!(books.kept().await.len(), 1);
}

async fn a_silent_server_is_an_unavailable_store(room: &Room<'_>) {
    let (fresh, used) = (room.open(), room.open());
    used.get("acme", "things", "a").await.unwrap();

    room.proxy.stall(true);
    tokio::join!(assert_down(room, &fresh), assert_down(room, &used));

    room.proxy.stall(false);
    for records in [&fresh, &used] {
        assert_up(records).await;
    }
}

/// Checks that every call is refused, and in time.
async fn assert_down(room: &Room<'_>, records: &Arc<dyn Records>) {
    let books = Books::new(records);
    let (get, page, commit) = join3(
        in_time(records.get("acme", "things", "a")),
        in_time(records.page("acme", "things", Page::default())),
        in_time(records.commit(books.booking("b"))),
    )
    .await;
    let errors = [get.map(drop), page.map(drop), commit.map(drop)];
    for (call, result) in ["get", "page", "commit"].iter().zip(errors) {
        let Err(error) = result else {
            panic!("clause 13: {call} found a store that is not there")
        };
        room.assert_unavailable(&error);
    }
}

async fn in_time<T>(call: impl Future<Output = Result<T>>) -> Result<T> {
    let since = Instant::now();
    let result = timeout(LIMIT, call).await;
    result.unwrap_or_else(|_| panic!("clause 13: a call hangs for {:?}", since.elapsed()))
}

/// Checks that the next call of each kind is served.
async fn assert_up(records: &Arc<dyn Records>) {
    let books = Books::new(records);
    records.get("acme", "things", "a").await.unwrap();
    records.page("acme", "things", Page::default()).await.unwrap();
    assert!(applied(&books.book("b").await));
    assert_eq!(books.kept().await.len(), 1);
}
