//! Servers that are not there, tables that are not there, and gateways that meet.

use std::{error::Error as _, sync::Arc};

use dormouse_core::{
    Code, Error,
    ports::{Commit, Outcome, Page, Records, Write},
};
use dormouse_testkit::{fakes::TestHost, ministack::MiniStack};
use futures::future::join_all;

use super::{open, open_table};

fn count() -> Commit {
    Commit::new("acme", vec![Write::add("counters", "c", [("count", 1)])])
}

fn assert_unavailable(error: &Error) {
    assert_eq!(error.code(), Code::StoreUnavailable, "{error:?}");
    assert!(error.delay().is_some(), "{error}");
    let cause = error.source().unwrap();
    for text in [format!("{error}"), format!("{error:?}"), format!("{cause:?}")] {
        assert!(!text.contains(MiniStack::SECRET), "a secret is shown: {text}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_unavailable_store() {
    let host = Arc::new(TestHost::new());
    let records = open_table("dormouse", "http://127.0.0.1:9", false, &host);

    let page = records.page("acme", "counters", Page::default()).await;
    assert_unavailable(&page.unwrap_err());
    assert_unavailable(&records.get("acme", "counters", "c").await.unwrap_err());
    assert_unavailable(&records.commit(count()).await.unwrap_err());
    assert_unavailable(&records.commit(count().with_token("token")).await.unwrap_err());
    let creating = open("http://127.0.0.1:9", &host);
    assert_unavailable(&creating.commit(count()).await.unwrap_err());
    assert!(!format!("{creating:?}").contains(MiniStack::SECRET));
}

#[tokio::test]
async fn a_missing_table_is_an_error_that_says_what_helps() {
    let server = MiniStack::start().await;
    let host = Arc::new(TestHost::new());
    let records = open_table("missing", server.endpoint(), false, &host);
    for error in [
        records.get("acme", "counters", "c").await.map(|_| ()).unwrap_err(),
        records.commit(count()).await.map(|_| ()).unwrap_err(),
        records.commit(count().with_token("token")).await.map(|_| ()).unwrap_err(),
    ] {
        assert_unavailable(&error);
        assert!(error.message().contains("create=true"), "{error}");
    }
}

#[tokio::test]
async fn gateways_that_start_together_create_one_table() {
    let server = MiniStack::start().await;
    let commit = async |seed: u64| {
        let host = Arc::new(TestHost::seeded(seed));
        open(server.endpoint(), &host).commit(count()).await.unwrap()
    };
    let outcomes = join_all((0..4).map(commit)).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Applied(_))));

    let host = Arc::new(TestHost::seeded(9));
    let records = open_table("dormouse", server.endpoint(), false, &host);
    let counted = records.get("acme", "counters", "c").await.unwrap().unwrap();
    assert_eq!(counted.counters["count"], 4);
}
