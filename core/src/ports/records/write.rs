//! Writing down changes, and what a change means to the record it meets.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{Commit, Refusal, Timestamp, Version, When, Write};

impl Commit {
    /// A commit without a token.
    pub fn new(tenant: impl Into<String>, writes: Vec<Write>) -> Self {
        Self { tenant: tenant.into(), writes, token: None }
    }

    /// Makes trying again safe: `token` is unique to this commit among those of the tenant.
    #[must_use]
    pub fn with_token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }
}

impl Write {
    /// Sets a value, unconditionally and for good.
    pub fn put(
        collection: impl Into<String>,
        id: impl Into<String>,
        value: impl Into<Bytes>,
    ) -> Self {
        Self::put_when(collection, id, value, When::Any)
    }

    /// Sets a value for good, on a condition.
    pub fn put_when(
        collection: impl Into<String>,
        id: impl Into<String>,
        value: impl Into<Bytes>,
        when: When,
    ) -> Self {
        let (collection, id, value) = (collection.into(), id.into(), value.into());
        Self::Put { collection, id, value, expires_at: None, when }
    }

    /// Sets a value that ceases to exist at `expires_at`, on a condition.
    pub fn put_until(
        collection: impl Into<String>,
        id: impl Into<String>,
        value: impl Into<Bytes>,
        expires_at: Timestamp,
        when: When,
    ) -> Self {
        let (collection, id, value) = (collection.into(), id.into(), value.into());
        Self::Put { collection, id, value, expires_at: Some(expires_at), when }
    }

    /// Removes a record, if it is there.
    pub fn delete(collection: impl Into<String>, id: impl Into<String>) -> Self {
        Self::delete_when(collection, id, When::Any)
    }

    /// Removes a record, on a condition.
    pub fn delete_when(collection: impl Into<String>, id: impl Into<String>, when: When) -> Self {
        Self::Delete { collection: collection.into(), id: id.into(), when }
    }

    /// Adds to counters, however high they get.
    pub fn add<Name: Into<String>>(
        collection: impl Into<String>,
        id: impl Into<String>,
        fields: impl IntoIterator<Item = (Name, i64)>,
    ) -> Self {
        let fields = fields.into_iter().map(|(name, amount)| (name.into(), amount)).collect();
        Self::Add { collection: collection.into(), id: id.into(), fields, ceiling: None }
    }

    /// Adds to counters, unless that takes the counter `ceiling.0` above `ceiling.1`.
    pub fn add_within<Name: Into<String>>(
        collection: impl Into<String>,
        id: impl Into<String>,
        fields: impl IntoIterator<Item = (Name, i64)>,
        ceiling: (impl Into<String>, i64),
    ) -> Self {
        let fields = fields.into_iter().map(|(name, amount)| (name.into(), amount)).collect();
        let ceiling = Some((ceiling.0.into(), ceiling.1));
        Self::Add { collection: collection.into(), id: id.into(), fields, ceiling }
    }

    /// The collection and id of the record it changes.
    pub fn target(&self) -> (&str, &str) {
        match self {
            Self::Put { collection, id, .. }
            | Self::Delete { collection, id, .. }
            | Self::Add { collection, id, .. } => (collection, id),
        }
    }

    /// The counters that the record has after this write, or why it cannot be applied; `current` is
    /// the version and the counters of the record now, `None` if there is none or it has expired.
    ///
    /// Since the writes of a commit meet different records, a store may ask this of all of them before
    /// it applies the first.
    pub fn decide(
        &self,
        current: Option<(Version, &BTreeMap<String, i64>)>,
    ) -> Result<BTreeMap<String, i64>, Refusal> {
        let counters = || current.map(|(_, counters)| counters.clone()).unwrap_or_default();
        match self {
            Self::Put { when, .. } => {
                when.holds(current.map(|(version, _)| version)).then(counters)
            }
            Self::Delete { when, .. } => {
                when.holds(current.map(|(version, _)| version)).then(BTreeMap::new)
            }
            Self::Add { fields, ceiling, .. } => {
                return sum(counters(), fields, ceiling.as_ref()).ok_or(Refusal::Ceiling);
            }
        }
        .ok_or(Refusal::Condition)
    }
}

impl When {
    /// Whether a record of this version, or its absence, meets the condition.
    pub fn holds(self, current: Option<Version>) -> bool {
        match self {
            Self::Any => true,
            Self::Absent => current.is_none(),
            Self::Version(version) => current == Some(version),
        }
    }
}

/// `None` if the ceiling, or what an `i64` can hold, would be passed.
fn sum(
    mut counters: BTreeMap<String, i64>,
    fields: &BTreeMap<String, i64>,
    ceiling: Option<&(String, i64)>,
) -> Option<BTreeMap<String, i64>> {
    for (name, amount) in fields {
        let counter = counters.entry(name.clone()).or_default();
        *counter = counter.checked_add(*amount)?;
    }
    let within =
        ceiling.is_none_or(|(name, most)| counters.get(name).copied().unwrap_or(0) <= *most);
    within.then_some(counters)
}
