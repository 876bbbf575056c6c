//! Runs the conformance suites of the ports inside the component. For tests only.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Router, extract::Path, routing::post};
use dormouse_core::{
    ports::{Commit, Host, Outcome, Records, Write},
    queue::RecordsQueue,
};
use dormouse_testkit::{conformance, fakes::TestHost};
use futures::future::join_all;

use crate::{host::SpinHost, settings, store};

/// How many writers there are in [`race`].
const WRITERS: usize = 50;
/// What the counter in [`race`] never exceeds.
const CEILING: i64 = 100;

/// - `POST /conformance/records` answers 200 if the store keeps the contract of `Records`. A clause
///   that is broken ends the instance, which says on standard error which it was.
/// - `POST /conformance/queue` says the same of the queue that is kept in the store.
/// - `POST /conformance/race/{tenant}` lets 50 writers add 1 each to a counter of that tenant that may
///   not pass 100, and answers how many could. Called in several processes, they must get 100 in all.
pub(crate) fn router() -> Router {
    Router::new()
        .route("/conformance/records", post(records))
        .route("/conformance/queue", post(queue))
        .route("/conformance/race/{tenant}", post(race))
}

async fn records() -> &'static str {
    let clock = Arc::new(TestHost::default());
    conformance::records(&*chosen(clock.clone()).await, &*clock).await;
    "every clause holds"
}

async fn queue() -> &'static str {
    let clock = Arc::new(TestHost::default());
    let queue = RecordsQueue::new(chosen(clock.clone()).await, clock.clone());
    conformance::queue(&queue, &*clock).await;
    "every clause holds"
}

/// The store that the settings of the component choose.
#[expect(clippy::expect_used, reason = "the gateway has read the same settings before")]
async fn chosen(clock: Arc<dyn Host>) -> Arc<dyn Records> {
    let settings = settings::read().await.expect("settings");
    store::open(&settings, clock).expect("a store")
}

async fn race(Path(tenant): Path<String>) -> String {
    let records = chosen(Arc::new(SpinHost)).await;
    let add = || Write::Add {
        collection: "races".to_owned(),
        id: "race".to_owned(),
        fields: BTreeMap::from([("runners".to_owned(), 1)]),
        ceiling: Some(("runners".to_owned(), CEILING)),
    };
    let commits = (0..WRITERS).map(|_| records.commit(Commit::new(&tenant, vec![add()])));
    let outcomes = join_all(commits).await;
    let applied = outcomes.iter().filter(|it| matches!(it, Ok(Outcome::Applied(_)))).count();
    let failed = outcomes.iter().filter(|it| it.is_err()).count();
    format!("{applied} applied, {failed} failed")
}
