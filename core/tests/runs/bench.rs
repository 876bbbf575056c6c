//! Runs on one store, in the hands of several processes.

use std::{
    pin::pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use dormouse_core::{
    Code, Error, Result,
    chat::Dialect,
    memory::MemoryRecords,
    ports::{Commit, Outcome, Page, Record, Records},
    runs::{Claimed, Event, NewRun, Run, Runs, Taken},
};
use dormouse_testkit::fakes::TestHost;
use futures::FutureExt;

pub(crate) const LEASE: Duration = Duration::from_secs(30);
pub(crate) const RETENTION: Duration = Duration::from_secs(3600);

/// A store of which commits can be made to lose their answers.
#[derive(Debug)]
pub(crate) struct Store {
    records: MemoryRecords,
    /// How many of the next commits are applied and their answers lost.
    pub(crate) losing: Mutex<u32>,
}

#[async_trait]
impl Records for Store {
    async fn get(&self, tenant: &str, collection: &str, id: &str) -> Result<Option<Record>> {
        self.records.get(tenant, collection, id).await
    }

    async fn page(&self, tenant: &str, collection: &str, page: Page) -> Result<Vec<Record>> {
        self.records.page(tenant, collection, page).await
    }

    async fn commit(&self, commit: Commit) -> Result<Outcome> {
        let outcome = self.records.commit(commit).await?;
        let mut losing = self.losing.lock().unwrap();
        if let Some(left) = losing.checked_sub(1) {
            *losing = left;
            return Err(Error::new(Code::StoreUnavailable, "the answer was lost"));
        }
        Ok(outcome)
    }
}

/// Processes on one store.
pub(crate) struct Bench {
    pub(crate) host: Arc<TestHost>,
    pub(crate) store: Arc<Store>,
    pub(crate) processes: Vec<Runs>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let host = Arc::new(TestHost::new());
        let records = MemoryRecords::new(host.clone());
        let store = Arc::new(Store { records, losing: Mutex::default() });
        let process = || Runs::new(store.clone(), host.clone(), RETENTION, LEASE);
        let processes = (0..3).map(|_| process()).collect();
        Self { host, store, processes }
    }

    /// The first process.
    pub(crate) fn runs(&self) -> &Runs {
        &self.processes[0]
    }

    /// Runs `work`; where it waits, time passes.
    pub(crate) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        for _ in 0..1000 {
            if let Some(value) = work.as_mut().now_or_never() {
                return value;
            }
            self.host.advance(Duration::from_millis(50));
        }
        unreachable!("nothing moves any more");
    }

    /// A new run, of which its caller was told two events.
    pub(crate) async fn queued(&self) -> Run {
        self.asked("what was asked".into()).await.unwrap()
    }

    pub(crate) async fn asked(&self, body: Bytes) -> Result<Run> {
        let new = NewRun {
            id: Run::fresh_id(&*self.host),
            dialect: Dialect::OpenAiResponses,
            model: "m".into(),
            body,
            key: "key".into(),
            ..NewRun::default()
        };
        self.runs().create("acme", new, &[event("created"), event("queued")]).await
    }

    /// Takes a run over in one of the processes.
    pub(crate) async fn take(&self, process: usize, run: &str) -> Taken {
        let begin = |_: &Run, _| Ok(vec![event("begun")]);
        self.processes[process].claim("acme", run, begin).await.unwrap()
    }

    /// Takes a run over that is free.
    pub(crate) async fn claimed(&self, process: usize, run: &str) -> Claimed {
        match self.take(process, run).await {
            Taken::Claimed(claimed) => *claimed,
            taken => panic!("it is free: {taken:?}"),
        }
    }

    /// The events that are there, from behind `after`.
    pub(crate) async fn told(&self, run: &str, after: Option<u64>) -> Vec<Event> {
        let mut follow = self.processes[2].follow("acme", run, after);
        let mut told = Vec::new();
        while let Some(event) = follow.next().await.unwrap() {
            told.push(event);
        }
        told
    }

    /// The steps that are recorded.
    pub(crate) async fn steps(&self, run: &str) -> Vec<Bytes> {
        let head = self.runs().get("acme", run).await.unwrap();
        self.runs().steps("acme", &head).await.unwrap()
    }

    /// Ends a run from outside.
    pub(crate) async fn cancel(&self, process: usize, run: &str) -> (Run, bool) {
        let end = |_: &Run, _| Ok(event("cancelled"));
        self.processes[process].cancel("acme", run, end).await.unwrap()
    }
}

/// An event as it is told.
pub(crate) fn event(text: &str) -> Bytes {
    format!("event: {text}\ndata: {{}}\n\n").into()
}

pub(crate) fn code<T>(result: Result<T>) -> Option<Code> {
    result.err().map(|error| error.code())
}
