//! What a store behind a network promises while the network and its server fail: clauses 2 (all or
//! nothing), 9 (idempotency), 12 (durability) and 13 (a store that cannot be reached) of the contract of
//! [`Records`].
//!
//! For an adapter: implement [`Server`] for what it talks to, or use one that is there, and call
//! [`records_under_faults`] from a `#[tokio::test]` with a way to open the store at an address. The suite
//! puts a [`Proxy`] before the server and opens the store behind it. Whatever the server promises to keep
//! through its death it must promise for each commit that it acknowledges: a test starts it with the
//! settings that do so.

mod breaks;
mod deaths;
mod outages;

use std::{
    collections::BTreeSet, error::Error as _, fmt, net::SocketAddr, sync::Arc, time::Duration,
};

use dormouse_core::{
    Code, Error,
    ports::{Commit, Outcome, Page, Record, Records, Write},
};

use super::{TestClock, records};
use crate::{proxy::Proxy, servers::Server};

/// What stores that are tested are told of how long a call may take: longer than any takes on a busy
/// machine, for a server that is silent is waited for.
pub const TIMEOUT: Duration = Duration::from_secs(15);
/// After which a call hangs. Only a test that fails waits so long.
const LIMIT: Duration = Duration::from_secs(60);
/// How long everything takes longer where the network is slow: there and back again.
const LATENCY: Duration = Duration::from_millis(1);

/// A store that is tested, and what it depends on.
pub struct Site<'a> {
    /// The server.
    pub server: &'a mut dyn Server,
    /// Opens the store at an address, which stands for the server's, with [`TIMEOUT`]. It does not wait for
    /// anything.
    pub open: &'a dyn Fn(SocketAddr) -> Arc<dyn Records>,
    /// By which the store lets records expire.
    pub clock: &'a dyn TestClock,
    /// What `open` gives the store to show the server, and nobody may see.
    pub secret: &'a str,
}

impl fmt::Debug for Site<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").field("server", &self.server).finish_non_exhaustive()
    }
}

/// Checks what a store promises while its network and its server fail.
pub async fn records_under_faults(site: Site<'_>) {
    let proxy = Proxy::start(site.server.address()).await;
    let mut room = Room { site, proxy };
    outages::check(&mut room).await;
    breaks::check(&room).await;
    deaths::check(&mut room).await;
    added_latency_changes_nothing(&room).await;
}

async fn added_latency_changes_nothing(room: &Room<'_>) {
    room.proxy.delay(LATENCY);
    records(&*room.open(), room.site.clock).await;
    room.proxy.delay(Duration::ZERO);
}

struct Room<'a> {
    site: Site<'a>,
    proxy: Proxy,
}

impl Room<'_> {
    /// The store, behind the proxy.
    fn open(&self) -> Arc<dyn Records> {
        (self.site.open)(self.proxy.address())
    }

    /// Checks that an error can be retried, has a cause for the log, and betrays nothing.
    fn assert_unavailable(&self, error: &Error) {
        assert_eq!(error.code(), Code::StoreUnavailable, "clause 13: {error:?}");
        assert!(error.delay().is_some(), "{error} does not say when to come back");
        assert!(error.source().is_some(), "{error} has no cause");
        self.assert_discreet(&format!("{error}"));
        self.assert_discreet(&format!("{error:?}"));
        let mut cause = error.source();
        while let Some(error) = cause {
            self.assert_discreet(&format!("{error}"));
            cause = error.source();
        }
    }

    fn assert_discreet(&self, text: &str) {
        assert!(!text.contains(self.site.secret), "a secret is shown: {text}");
    }
}

/// Books of one tenant: each commit leaves a receipt and counts itself, so that half of one would show.
struct Books {
    records: Arc<dyn Records>,
    tenant: String,
}

impl Books {
    fn new(records: &Arc<dyn Records>) -> Self {
        Self { records: Arc::clone(records), tenant: super::records::fresh("books") }
    }

    /// A commit without a token, which leaves the receipt `id`.
    fn booking(&self, id: &str) -> Commit {
        let writes = vec![
            Write::put("receipts", id, id.to_owned()),
            Write::add("counters", "c", [("count", 1)]),
            Write::put("last", "receipt", id.to_owned()),
        ];
        Commit::new(&self.tenant, writes)
    }

    /// Books under a token, which is the receipt's id.
    async fn book(&self, id: &str) -> Result<Outcome, Error> {
        self.records.commit(self.booking(id).with_token(id)).await
    }

    /// What is kept, which must be whole: every receipt is counted, and nothing else is.
    async fn kept(&self) -> BTreeSet<String> {
        let receipts = self.receipts().await;
        let counted = self.records.get(&self.tenant, "counters", "c").await.unwrap();
        let counted = counted.map_or(0, |record| record.counters["count"]);
        let ids: BTreeSet<_> = receipts.into_iter().map(|record| record.id).collect();
        assert_eq!(
            i64::try_from(ids.len()).unwrap(),
            counted,
            "clause 2: half a commit was applied"
        );
        let last = self.records.get(&self.tenant, "last", "receipt").await.unwrap();
        let last = last.map(|record| String::from_utf8(record.value.to_vec()).unwrap());
        assert!(last.is_none_or(|last| ids.contains(&last)), "clause 2: half a commit was applied");
        ids
    }

    async fn receipts(&self) -> Vec<Record> {
        let (mut all, mut page) = (Vec::new(), Page { limit: 1000, ..Page::default() });
        loop {
            let some = self.records.page(&self.tenant, "receipts", page.clone()).await.unwrap();
            let Some(last) = some.last() else { return all };
            page.after = Some(last.id.clone());
            all.extend(some);
        }
    }
}

fn applied(result: &Result<Outcome, Error>) -> bool {
    matches!(result, Ok(Outcome::Applied(_)))
}
