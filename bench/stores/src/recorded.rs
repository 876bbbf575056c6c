//! The commits of one request, recorded from the gateway, to be made again by hand.

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use dormouse_core::{
    Result,
    memory::MemoryRecords,
    ports::{Commit, Host, Outcome, Page, Record, Records, Version, When, Write},
};

use crate::gateway::{Caller, Failure, Gateway, SESSIONS, TURNS, ledger, turn_id};

/// The length of a hold's id up to what is random in it: a time and a hyphen.
const TIME: usize = 13;

/// Records that keep the commits they get.
#[derive(Debug)]
struct Recorder {
    records: MemoryRecords,
    commits: Mutex<Vec<Commit>>,
}

#[async_trait]
impl Records for Recorder {
    async fn get(&self, tenant: &str, collection: &str, id: &str) -> Result<Option<Record>> {
        self.records.get(tenant, collection, id).await
    }

    async fn page(&self, tenant: &str, collection: &str, page: Page) -> Result<Vec<Record>> {
        self.records.page(tenant, collection, page).await
    }

    async fn commit(&self, commit: Commit) -> Result<Outcome> {
        self.commits.lock().unwrap_or_else(PoisonError::into_inner).push(commit.clone());
        self.records.commit(commit).await
    }
}

/// The two commits of a request, and what has to differ from one request to the next.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) reserve: Commit,
    pub(crate) settle: Commit,
}

impl Request {
    /// A request of a conversation that has a turn already.
    pub(crate) async fn record(host: &Arc<dyn Host>) -> Result<Self, Failure> {
        let records = MemoryRecords::new(Arc::clone(host));
        let recorder = Arc::new(Recorder { records, commits: Mutex::default() });
        let ledger = ledger(Arc::clone(&recorder) as _, host);
        let mut gateway = Gateway::new(ledger, Arc::clone(host), Caller::new(0, false))?;
        gateway.request().await?;
        gateway.request().await?;
        let mut commits =
            mem::take(&mut *recorder.commits.lock().unwrap_or_else(PoisonError::into_inner));
        match (commits.pop(), commits.pop()) {
            (Some(settle), Some(reserve)) => Ok(Self { reserve, settle }),
            _ => Err("a request did not make two commits".into()),
        }
    }

    /// Makes the first commit that of `caller`, with this hold.
    pub(crate) fn reserves(&mut self, caller: &Caller, hold: &str) {
        self.reserve.writes.iter_mut().for_each(|write| turn_to(write, caller, hold));
    }

    /// Makes the second one that of `caller`, with the hold in this state.
    pub(crate) fn settles(&mut self, caller: &Caller, hold: &str, state: Version) {
        for write in &mut self.settle.writes {
            turn_to(write, caller, hold);
            if let Write::Delete { when, .. } = write {
                *when = When::Version(state);
            }
        }
    }

    /// An id for the hold of the caller's next request, as long as the gateway's.
    pub(crate) fn hold(&self, caller: &Caller, number: usize) -> String {
        let time = self.reserve.writes.first().map_or("", |write| write.target().1);
        let time = time.get(..TIME).unwrap_or_default();
        format!("{time}{number:04x}{:016x}", caller.turns)
    }
}

fn turn_to(write: &mut Write, caller: &Caller, hold: &str) {
    match write {
        Write::Put { collection, id, when, .. } => match collection.as_str() {
            SESSIONS => {
                id.clone_from(&caller.conversation);
                *when = caller.when();
            }
            TURNS => *id = turn_id(&caller.conversation, caller.turns),
            _ => hold.clone_into(id),
        },
        Write::Delete { id, .. } => hold.clone_into(id),
        Write::Add { id, .. } => id.clone_from(&caller.who.key),
    }
}
