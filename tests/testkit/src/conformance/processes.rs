//! Several processes on one store, and processes that are killed.
//!
//! The other processes are the running test program again, told by their environment what to do: it must
//! have a test of this name, which nobody else runs:
//!
//! ```ignore
//! #[test]
//! #[ignore = "the other tests start it as a process of its own"]
//! fn the_other_process() {
//!     processes::the_other(open);
//! }
//! ```

use std::{
    env,
    future::poll_fn,
    io::{BufRead, Write as _, stdin, stdout},
    process::Stdio,
    sync::Arc,
    task::Poll,
};

use dormouse_core::{
    Code,
    ports::{Commit, Outcome, Page, Records, Write},
};
use futures::future::join_all;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
};

/// How a process opens the store at an address: a URL, a path, whatever the adapter takes. It is called
/// in a tokio runtime.
pub type Open = fn(&str) -> Arc<dyn Records>;

/// How many processes there are, and how much each has to do at a time: 200 requests together.
const PROCESSES: usize = 4;
const TASKS: usize = 50;
/// How often a server that is too busy to answer in time is asked.
const ATTEMPTS: usize = 10;

const STORE: &str = "DORMOUSE_TEST_STORE";
const NAME: &str = "DORMOUSE_TEST_NAME";
const CEILING: &str = "DORMOUSE_TEST_CEILING";
const TENANT: &str = "acme";

/// What one of the other processes does: it books until the budget is used up, and prints what was
/// acknowledged. Asked for by hand it has no store to work on, and does nothing.
pub fn the_other(open: Open) {
    let Ok(store) = env::var(STORE) else { return };
    let (name, ceiling) = (env::var(NAME).unwrap(), env::var(CEILING).unwrap());
    let ceiling = ceiling.parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let records = open(&store);
        records.get(TENANT, "counters", "c").await.unwrap();
        say("ready");
        stdin().lock().read_line(&mut String::new()).unwrap();
        let book = async |task: usize| {
            for number in 0.. {
                let id = format!("{name}-{task}-{number}");
                let writes = vec![
                    Write::put("receipts", &id, ""),
                    Write::add_within("counters", "c", [("count", 1)], ("count", ceiling)),
                ];
                let commit = Commit::new(TENANT, writes).with_token(&id);
                let outcome = insistent(&*records, &commit).await;
                if matches!(outcome, Outcome::Refused { .. }) {
                    break;
                }
                say(&format!("committed {id}"));
                give_way().await;
            }
        };
        join_all((0..TASKS).map(book)).await;
    });
}

/// Commits for certain, however slow the server is: what may have been applied is tried again under its
/// token.
async fn insistent(records: &dyn Records, commit: &Commit) -> Outcome {
    for _ in 1..ATTEMPTS {
        match records.commit(commit.clone()).await {
            Err(error) if error.code() == Code::StoreUnavailable => {}
            outcome => return outcome.unwrap(),
        }
    }
    records.commit(commit.clone()).await.unwrap()
}

/// Prints a line, whole.
fn say(line: &str) {
    stdout().write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// Of several processes with 200 concurrent requests on one budget none passes it.
///
/// `store` is empty: nothing was ever kept there.
pub async fn a_budget_is_never_passed(store: &str, open: Open) {
    const CEILING: usize = 1000;
    let mut others = Vec::new();
    for name in 0..PROCESSES {
        others.push(Other::start(store, &format!("p{name}"), CEILING));
    }
    start_together(&mut others).await;

    let mut committed = Vec::new();
    for other in &mut others {
        committed.extend(other.acknowledged(usize::MAX).await);
        assert!(other.child.wait().await.unwrap().success());
    }

    committed.sort_unstable();
    assert_eq!(committed.len(), CEILING, "exactly what there was room for was acknowledged");
    let (kept, count) = kept(&*open(store)).await;
    assert!(kept == committed, "what was acknowledged is there, and nothing else");
    assert_eq!(count, CEILING, "and that is what was counted");
}

/// Processes that are killed lose nothing that was acknowledged, and leave nothing half done.
///
/// `store` is empty: nothing was ever kept there.
pub async fn a_killed_process_loses_nothing(store: &str, open: Open) {
    const ACKNOWLEDGED: usize = 150;
    let mut all = Vec::new();
    for round in 0..3 {
        let mut others =
            ["a", "b"].map(|name| Other::start(store, &format!("{name}{round}"), 1 << 62));
        start_together(&mut others).await;
        for other in &mut others {
            all.extend(other.acknowledged(ACKNOWLEDGED).await);
        }
        for other in &mut others {
            other.child.kill().await.unwrap();
            all.extend(other.acknowledged(usize::MAX).await);
        }

        let (kept, count) = kept(&*open(store)).await;

        for id in &all {
            assert!(kept.binary_search(id).is_ok(), "{id} was acknowledged, and is lost");
        }
        assert_eq!(count, kept.len(), "a commit was applied by half");
        assert!(all.len() >= (round + 1) * 2 * ACKNOWLEDGED);
    }
}

/// A process that books.
struct Other {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Other {
    fn start(store: &str, name: &str, ceiling: usize) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--ignored", "--exact", "the_other_process", "--nocapture"])
            .env(STORE, store)
            .env(NAME, name)
            .env(CEILING, ceiling.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, stdin, stdout: BufReader::new(stdout) }
    }

    /// The ids that it says it has committed, until there are so many or it says no more.
    async fn acknowledged(&mut self, most: usize) -> Vec<String> {
        let mut ids = Vec::new();
        while ids.len() < most
            && let Some(line) = self.line().await
        {
            ids.extend(line.split_once("committed ").map(|(_, id)| id.to_owned()));
        }
        ids
    }

    /// What it says next. A line that its death cut short does not count.
    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.stdout.read_line(&mut line).await.unwrap();
        line.strip_suffix('\n').map(str::to_owned)
    }
}

/// Lets all of them begin when the last of them can.
async fn start_together(others: &mut [Other]) {
    for other in &mut *others {
        while !other.line().await.unwrap().ends_with("ready") {}
    }
    for other in others {
        other.stdin.write_all(b"go\n").await.unwrap();
    }
}

/// All that is there: the ids of the receipts, and their count.
async fn kept(records: &dyn Records) -> (Vec<String>, usize) {
    loop {
        let before = count(records).await;
        let ids = receipts(records).await;
        // A server goes on for a moment with what it was sent before its client was killed.
        if count(records).await == before {
            return (ids, before);
        }
    }
}

async fn receipts(records: &dyn Records) -> Vec<String> {
    let (mut ids, mut page) = (Vec::new(), Page { limit: 1000, ..Page::default() });
    loop {
        let some = records.page(TENANT, "receipts", page.clone()).await.unwrap();
        let Some(last) = some.last() else { return ids };
        page.after = Some(last.id.clone());
        ids.extend(some.into_iter().map(|record| record.id));
    }
}

async fn count(records: &dyn Records) -> usize {
    let counter = records.get(TENANT, "counters", "c").await.unwrap().unwrap();
    usize::try_from(counter.counters["count"]).unwrap()
}

/// Lets the other tasks go on first, also where a store answers at once.
async fn give_way() {
    let mut gave = false;
    poll_fn(|context| {
        if std::mem::replace(&mut gave, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
