//! Whatever happens to both, a store and the reference agree.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use dormouse_core::{
    Error, Result,
    memory::MemoryRecords,
    ports::{Commit, Host, Outcome, Page, Record, Records, Version, When, Write},
};
use futures::future::LocalBoxFuture;
use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::Index,
    test_runner::{Config, TestRunner},
};

use super::records::fresh;
use crate::fakes::TestHost;

/// How many stories are played.
const CASES: u32 = 128;

/// Plays random stories to `records`, which keeps time by `host`, and to the reference, and compares.
/// `run` waits for a future, in whatever runtime the store needs.
///
/// # Panics
/// If they disagree. The message tells the shortest story that was found to show it.
pub fn records_agree_with_the_reference(
    records: &dyn Records,
    host: &Arc<TestHost>,
    run: &dyn Fn(LocalBoxFuture<'_, ()>),
) {
    let config = Config { failure_persistence: None, ..Config::with_cases(CASES) };
    let played = TestRunner::new(config).run(&steps(), |steps| {
        run(Box::pin(async {
            let mut pair = Pair::new(records, host);
            for step in steps {
                pair.take(step).await;
                for tenant in TENANTS {
                    for collection in COLLECTIONS {
                        pair.compare(tenant, collection, Page::default()).await;
                    }
                }
            }
        }));
        Ok(())
    });
    if let Err(disagreement) = played {
        panic!("{disagreement}");
    }
}

/// Few enough names that changes meet.
const TENANTS: [&str; 2] = ["acme", "acme:a"];
const COLLECTIONS: [&str; 2] = ["a", "b"];
const IDS: [&str; 4] = ["a", "a/b", "é", "🧀"];

#[derive(Clone, Debug)]
enum Step {
    Commit { tenant: &'static str, changes: Vec<Change>, token: Option<u8> },
    Page { tenant: &'static str, collection: &'static str, page: Page },
    Pass(Duration),
}

#[derive(Clone, Debug)]
struct Change {
    collection: &'static str,
    id: &'static str,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Put { value: u8, lives: Option<u64>, when: Condition },
    Delete { when: Condition },
    Add { fields: BTreeMap<String, i64>, ceiling: Option<(String, i64)> },
}

#[derive(Clone, Debug)]
enum Condition {
    Any,
    Absent,
    /// One of the versions that the record had so far.
    Seen(Index),
    /// The version that the record has, if it has one.
    Current,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let commit = (tenant(), vec(change(), 1..5), option::weighted(0.3, 0..3_u8))
        .prop_map(|(tenant, changes, token)| Step::Commit { tenant, changes, token });
    let bound = || option::of(proptest::sample::select(&["", "a", "a/", "z", "ü", "🧀"][..]));
    let page = (tenant(), collection(), bound(), bound(), 1..5_u32, any::<bool>()).prop_map(
        |(tenant, collection, after, before, limit, descending)| {
            let (after, before) = (after.map(Into::into), before.map(Into::into));
            Step::Page { tenant, collection, page: Page { after, before, limit, descending } }
        },
    );
    let pass = (1..400_000_u64).prop_map(|time| Step::Pass(Duration::from_millis(time)));
    vec(prop_oneof![6 => commit, 2 => page, 1 => pass], 1..40)
}

fn tenant() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&TENANTS[..])
}

fn collection() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&COLLECTIONS[..])
}

fn change() -> impl Strategy<Value = Change> {
    let condition = || {
        prop_oneof![
            4 => Just(Condition::Any),
            2 => Just(Condition::Absent),
            2 => Just(Condition::Current),
            1 => any::<Index>().prop_map(Condition::Seen),
        ]
    };
    let counter = || proptest::sample::select(&["x", "y"][..]).prop_map(str::to_owned);
    let amount = prop_oneof![8 => -5..10_i64, 1 => Just(i64::MAX), 1 => Just(i64::MIN)];
    let fields = proptest::collection::btree_map(counter(), amount, 0..3);
    let what = prop_oneof![
        (any::<u8>(), option::of(0..500_000_u64), condition())
            .prop_map(|(value, lives, when)| What::Put { value, lives, when }),
        condition().prop_map(|when| What::Delete { when }),
        (fields, option::of((counter(), -5..20_i64)))
            .prop_map(|(fields, ceiling)| What::Add { fields, ceiling }),
    ];
    (collection(), proptest::sample::select(&IDS[..]), what)
        .prop_map(|(collection, id, what)| Change { collection, id, what })
}

/// Both stores, on the clock of one host.
struct Pair<'a> {
    host: &'a TestHost,
    memory: MemoryRecords,
    tested: &'a dyn Records,
    /// What tells this story's tenants from those of others in the tested store.
    story: String,
    /// The version that the tested store gave where the reference gave the key, and to which record.
    versions: BTreeMap<u64, (u64, Name)>,
}

/// Tenant, collection, id.
type Name = [&'static str; 3];

impl<'a> Pair<'a> {
    fn new(tested: &'a dyn Records, host: &'a Arc<TestHost>) -> Self {
        let memory = MemoryRecords::new(Arc::clone(host) as _);
        Self { host, memory, tested, story: fresh("story"), versions: BTreeMap::new() }
    }

    fn tenant(&self, tenant: &str) -> String {
        format!("{}{tenant}", self.story)
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Pass(time) => self.host.advance(time),
            Step::Page { tenant, collection, page } => self.compare(tenant, collection, page).await,
            Step::Commit { tenant, changes, token } => {
                let token = token.map(|token| token.to_string());
                let (mut ours, mut theirs, mut names) = (Vec::new(), Vec::new(), Vec::new());
                for change in changes {
                    names.push([tenant, change.collection, change.id]);
                    let (our, their) = self.writes(tenant, change).await;
                    ours.push(our);
                    theirs.push(their);
                }
                let commit = |tenant, writes| Commit { tenant, writes, token: token.clone() };
                let expected = self.memory.commit(commit(tenant.to_owned(), ours)).await;
                let found = self.tested.commit(commit(self.tenant(tenant), theirs)).await;
                self.agree(&names, &expected, &found);
            }
        }
    }

    /// The same write for each of the stores, which name versions differently.
    async fn writes(
        &self,
        tenant: &'static str,
        Change { collection, id, what }: Change,
    ) -> (Write, Write) {
        let when = async |condition: Condition| {
            let version = match condition {
                Condition::Any => return (When::Any, When::Any),
                Condition::Absent => return (When::Absent, When::Absent),
                Condition::Seen(index) => {
                    // What is whose version is told by its name, too.
                    let its =
                        |&(_, (_, name)): &(&u64, &(u64, Name))| *name == [tenant, collection, id];
                    let seen: Vec<_> = self.versions.iter().filter(its).collect();
                    (!seen.is_empty()).then(|| *index.get(&seen).0)
                }
                Condition::Current => {
                    let record = self.memory.get(tenant, collection, id).await.unwrap();
                    record.map(|record| record.version.0)
                }
            };
            let version = version.unwrap_or(0);
            let theirs = self.versions.get(&version).map_or(0, |(theirs, _)| *theirs);
            (When::Version(Version(version)), When::Version(Version(theirs)))
        };
        match what {
            What::Put { value, lives, when: condition } => {
                let expires_at = lives.map(|time| self.host.now() + Duration::from_millis(time));
                let (ours, theirs) = when(condition).await;
                let put = |when| {
                    let (collection, id) = (collection.to_owned(), id.to_owned());
                    Write::Put { collection, id, value: vec![value].into(), expires_at, when }
                };
                (put(ours), put(theirs))
            }
            What::Delete { when: condition } => {
                let (ours, theirs) = when(condition).await;
                let delete = |when| Write::delete_when(collection, id, when);
                (delete(ours), delete(theirs))
            }
            What::Add { fields, ceiling } => {
                let (collection, id) = (collection.to_owned(), id.to_owned());
                let add = Write::Add { collection, id, fields, ceiling };
                (add.clone(), add)
            }
        }
    }

    fn agree(&mut self, names: &[Name], expected: &Result<Outcome>, found: &Result<Outcome>) {
        match (expected, found) {
            (Ok(Outcome::Applied(expected)), Ok(Outcome::Applied(found))) => {
                assert_eq!(expected.len(), found.len());
                for ((expected, found), name) in expected.iter().zip(found).zip(names) {
                    assert_eq!(expected.is_some(), found.is_some());
                    if let (Some(expected), Some(found)) = (expected, found) {
                        let known = self.versions.entry(expected.0).or_insert((found.0, *name));
                        assert_eq!(known.0, found.0, "a replay gave other versions");
                    }
                }
            }
            (Ok(expected), Ok(found)) => assert_eq!(expected, found),
            (expected, found) => {
                let code = |result: &Result<Outcome>| result.as_ref().err().map(Error::code);
                assert_eq!(code(expected), code(found));
            }
        }
    }

    async fn compare(&self, tenant: &str, collection: &str, page: Page) {
        let translated = |record: Record| {
            let version = Version(self.versions[&record.version.0].0);
            Record { version, ..record }
        };
        let expected = self.memory.page(tenant, collection, page.clone()).await.unwrap();
        let found = self.tested.page(&self.tenant(tenant), collection, page).await.unwrap();
        assert_eq!(expected.into_iter().map(translated).collect::<Vec<_>>(), found);
    }
}
