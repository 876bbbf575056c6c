//! What the commits of a request cost on DynamoDB, from the sizes of the items that they write.
//!
//! An item costs a write unit for each kilobyte begun, as it was or as it is, whichever is larger, and twice
//! that in a transaction:
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/capacity-unit-calculations.html>.

use dormouse_core::ports::{Commit, Write};
use serde::Serialize;

use crate::recorded::Request;

/// One item of a commit.
#[derive(Debug, Serialize)]
pub(crate) struct Item {
    pub(crate) commit: &'static str,
    pub(crate) collection: String,
    /// Of the item as it is, or was before it was deleted.
    pub(crate) bytes: usize,
    pub(crate) units: usize,
}

/// The items that a request writes. A conversation's commits have several, so all are transactions.
pub(crate) fn of(request: &Request) -> Vec<Item> {
    let Request { reserve, settle } = request;
    let items = |name, commit: &Commit| {
        let item = |write: &Write| {
            let deleted = reserve.writes.iter().find(|it| it.target() == write.target());
            let write = match write {
                Write::Delete { .. } => deleted.unwrap_or(write),
                Write::Put { .. } | Write::Add { .. } => write,
            };
            let bytes = bytes(&commit.tenant, write);
            let collection = write.target().0.to_owned();
            Item { commit: name, collection, bytes, units: 2 * bytes.div_ceil(1024) }
        };
        commit.writes.iter().map(item).collect::<Vec<_>>()
    };
    items("reserve", reserve).into_iter().chain(items("settle", settle)).collect()
}

/// The names and values of an item's attributes: `pk`, `sk`, `ver`, `val`, `exp` with `ttl`, and the
/// counters. A number takes a byte for two of its digits, and one more.
fn bytes(tenant: &str, write: &Write) -> usize {
    let number = |digits: usize| digits.div_ceil(2) + 1;
    let (collection, id) = write.target();
    let names = "pk".len() + tenant.len() + 1 + collection.len() + "sk".len() + id.len();
    let rest = match write {
        Write::Put { value, expires_at, .. } => {
            let expiry = "exp".len() + number(13) + "ttl".len() + number(10);
            "val".len() + value.len() + expires_at.map_or(0, |_| expiry)
        }
        // The longest sums there are.
        Write::Add { fields, .. } => {
            fields.keys().map(|name| "c.".len() + name.len() + number(19)).sum()
        }
        Write::Delete { .. } => 0,
    };
    names + "ver".len() + number(20) + rest
}
