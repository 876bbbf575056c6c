//! What is kept where.
//!
//! | key | type | content |
//! |---|---|---|
//! | `dormouse:{tenant}:n` | string | the last version given to any record of the tenant |
//! | `dormouse:{tenant}:x` | sorted set | `length:collection:id` of the records that expire, by the moment |
//! | `dormouse:{tenant}:c:collection` | sorted set | the ids of a collection, all of score 0: in byte order |
//! | `dormouse:{tenant}:r:length:collection:id` | hash | a record: `n` version, `v` value, `x` expiry, `c:name` a counter |
//! | `dormouse:{tenant}:t:token` | string | when to forget a commit, and the versions that it gave |
//!
//! `length` is that of the collection's name, in bytes, so that no choice of names lets two keys meet.

/// The keys of one tenant.
pub(crate) struct Keys(String);

impl Keys {
    pub(crate) fn of(tenant: &str) -> Self {
        // Redis reads a hash tag up to the first closing brace.
        Self(format!("dormouse:{{{}}}:", tenant.replace('%', "%25").replace('}', "%7D")))
    }

    pub(crate) fn last_version(&self) -> String {
        format!("{}n", self.0)
    }

    pub(crate) fn expiries(&self) -> String {
        format!("{}x", self.0)
    }

    pub(crate) fn ids(&self, collection: &str) -> String {
        format!("{}c:{collection}", self.0)
    }

    pub(crate) fn record(&self, collection: &str, id: &str) -> String {
        format!("{}{id}", self.records(collection))
    }

    /// What the keys of a collection's records begin with; their ids follow.
    pub(crate) fn records(&self, collection: &str) -> String {
        format!("{}r:{}:{collection}:", self.0, collection.len())
    }

    pub(crate) fn token(&self, token: &str) -> String {
        format!("{}t:{token}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Redis hashes of a key, as the cluster's specification says: between the first `{` and the
    /// first `}` behind it, if anything is there.
    fn tag(key: &str) -> Option<&str> {
        let (_, rest) = key.split_once('{')?;
        rest.split_once('}').map(|(tag, _)| tag).filter(|tag| !tag.is_empty())
    }

    #[test]
    fn all_keys_of_a_tenant_have_one_tag_which_is_nobody_elses() {
        let tenants = ["acme", "}", "{", "{}", "}{", "%7D", "%", "a}b", "a{b", "a%7Db", "🧀"];
        let mut tags = std::collections::BTreeSet::new();
        for tenant in tenants {
            let keys = Keys::of(tenant);
            let all = [
                keys.last_version(),
                keys.expiries(),
                keys.ids("{x}"),
                keys.record("{x}", "{y}"),
                keys.token("}{"),
            ];
            let first = tag(&all[0]).expect("a tag").to_owned();
            assert!(all.iter().all(|key| tag(key) == Some(&first)), "{all:?}");
            assert!(tags.insert(first), "the tag of {tenant:?} is taken");
        }
    }

    #[test]
    fn records_do_not_meet() {
        let keys = Keys::of("acme");
        assert_ne!(keys.record("a:b", "c"), keys.record("a", "b:c"));
        assert_ne!(keys.record("1:a", "b"), keys.record("1", "a:b"));
    }
}
