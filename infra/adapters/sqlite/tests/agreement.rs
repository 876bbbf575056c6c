//! Whatever happens to both, the SQLite store and the reference agree.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a failed expectation is a failed test"
)]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use dormouse_core::{
    Error, Result,
    memory::MemoryRecords,
    ports::{Commit, Host, Outcome, Page, Record, Records, Version, When, Write},
};
use dormouse_sqlite::SqliteRecords;
use dormouse_testkit::fakes::TestHost;
use futures::executor::block_on;
use proptest::{collection::vec, option, prelude::*, sample::Index};
use tempfile::TempDir;

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
    /// One of the versions seen so far.
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
struct Pair {
    host: Arc<TestHost>,
    memory: MemoryRecords,
    sqlite: SqliteRecords,
    /// The version that SQLite gave where the reference gave the key.
    versions: BTreeMap<u64, u64>,
    _folder: TempDir,
}

impl Pair {
    fn new() -> Self {
        let (host, folder) = (Arc::new(TestHost::new()), TempDir::new().unwrap());
        Self {
            memory: MemoryRecords::new(Arc::clone(&host) as _),
            sqlite: SqliteRecords::new(folder.path().join("dormouse.db"), Arc::clone(&host) as _),
            host,
            versions: BTreeMap::new(),
            _folder: folder,
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Pass(time) => self.host.advance(time),
            Step::Page { tenant, collection, page } => self.compare(tenant, collection, page),
            Step::Commit { tenant, changes, token } => {
                let token = token.map(|token| token.to_string());
                let (ours, theirs) =
                    changes.into_iter().map(|change| self.writes(tenant, change)).unzip();
                let commit = |writes| {
                    let (tenant, token) = (tenant.to_owned(), token.clone());
                    Commit { tenant, writes, token }
                };
                let expected = block_on(self.memory.commit(commit(ours)));
                let found = block_on(self.sqlite.commit(commit(theirs)));
                self.agree(&expected, &found);
            }
        }
    }

    /// The same write for each of the stores, which name versions differently.
    fn writes(&self, tenant: &str, Change { collection, id, what }: Change) -> (Write, Write) {
        let when = |condition: Condition| {
            let version = match condition {
                Condition::Any => return (When::Any, When::Any),
                Condition::Absent => return (When::Absent, When::Absent),
                Condition::Seen(_) if self.versions.is_empty() => Some(0),
                Condition::Seen(index) => {
                    self.versions.keys().nth(index.index(self.versions.len())).copied()
                }
                Condition::Current => {
                    let record = block_on(self.memory.get(tenant, collection, id)).unwrap();
                    record.map(|record| record.version.0)
                }
            };
            let version = version.unwrap_or(0);
            let theirs = self.versions.get(&version).copied().unwrap_or(0);
            (When::Version(Version(version)), When::Version(Version(theirs)))
        };
        match what {
            What::Put { value, lives, when: condition } => {
                let expires_at = lives.map(|time| self.host.now() + Duration::from_millis(time));
                let (ours, theirs) = when(condition);
                let put = |when| {
                    let (collection, id) = (collection.to_owned(), id.to_owned());
                    Write::Put { collection, id, value: vec![value].into(), expires_at, when }
                };
                (put(ours), put(theirs))
            }
            What::Delete { when: condition } => {
                let (ours, theirs) = when(condition);
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

    fn agree(&mut self, expected: &Result<Outcome>, found: &Result<Outcome>) {
        match (expected, found) {
            (Ok(Outcome::Applied(expected)), Ok(Outcome::Applied(found))) => {
                assert_eq!(expected.len(), found.len());
                for (expected, found) in expected.iter().zip(found) {
                    assert_eq!(expected.is_some(), found.is_some());
                    if let (Some(expected), Some(found)) = (expected, found) {
                        let known = *self.versions.entry(expected.0).or_insert(found.0);
                        assert_eq!(known, found.0, "a replay gave other versions");
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

    fn compare(&self, tenant: &str, collection: &str, page: Page) {
        let translated = |record: Record| {
            let version = Version(self.versions[&record.version.0]);
            Record { version, ..record }
        };
        let expected = block_on(self.memory.page(tenant, collection, page.clone())).unwrap();
        let found = block_on(self.sqlite.page(tenant, collection, page)).unwrap();
        assert_eq!(expected.into_iter().map(translated).collect::<Vec<_>>(), found);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn sqlite_does_what_the_reference_does(steps in steps()) {
        let mut pair = Pair::new();
        for step in steps {
            pair.take(step);
            for (tenant, collection) in TENANTS.iter().flat_map(|tenant| {
                COLLECTIONS.iter().map(move |collection| (tenant, collection))
            }) {
                pair.compare(tenant, collection, Page::default());
            }
        }
    }
}
