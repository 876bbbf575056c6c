//! Records in one DynamoDB table.
//!
//! | attribute | type | holds                                                                         |
//! |-----------|------|-------------------------------------------------------------------------------|
//! | `pk`      | B    | partition key: tenant, a NUL, collection; two NULs follow the tenant of a token |
//! | `sk`      | B    | sort key: the id, whose bytes DynamoDB sorts without a sign; or the token      |
//! | `val`     | B    | the value; missing if it is empty                                             |
//! | `ver`     | N    | the version: 64 random bits                                                   |
//! | `exp`     | N    | when the record expires, in milliseconds since 1970; missing if never         |
//! | `ttl`     | N    | when DynamoDB may remove the item, in seconds since 1970: an hour after `exp` |
//! | `c.NAME`  | N    | the counter NAME                                                              |
//! | `given`   | L    | of a token: the version that each write was given                             |
//!
//! Names hold no NUL, so keys cannot meet. Whether a record has expired is checked by its `exp` in every read
//! and in every condition; DynamoDB's own clearing away takes days and only saves space.
//!
//! **One write without a token is one conditional `UpdateItem`, `PutItem` or `DeleteItem`.** All other commits
//! are one `TransactWriteItems`, with an item for the token if there is one: DynamoDB's own tokens last for ten
//! minutes at most, and single writes have none. Every write is made for the record as it most likely is, on a
//! condition; DynamoDB answers a condition that failed with the record as it was, and from that the write is
//! refused, or made anew where the record had expired.
//!
//! **Versions** are drawn by chance, since a sequence would cost a write of its own, and would be the busiest
//! item of the table. That a record of which somebody holds a version is given that same version again has a
//! chance of one in 2⁶⁴ for each write.
//!
//! **What is tried again.** What DynamoDB refused to begin (throttling, a transaction that met another) is tried
//! again with growing random pauses until the time of a call is used up. Where the answer was lost, reads are made
//! again, and so are transactions, as DynamoDB knows them by their client token; a single write is not, since
//! it may have been applied: the commit is then [`StoreUnavailable`](dormouse_core::Code::StoreUnavailable),
//! and was applied whole or not at all.
//!
//! **Isolation.** Commits are serializable, and a record that is read is the latest one that was committed. The
//! effects of a transaction reach its items one by one, though, within milliseconds, and DynamoDB lets a reader
//! see this: two reads that fall into that moment may find the new state of one record and then the old one of
//! another, and so may a page. To keep this from happening while a page takes several queries, a page of more
//! than one record is read again until two readings agree, up to [`READINGS`] times. What depends on more than
//! one record must therefore be decided by a commit with conditions, which see no such moment. DynamoDB offers
//! no more for ranges; for single records `TransactGetItems` would, at twice the price and by failing whenever it
//! meets a write.

mod commit;
mod connection;
mod failure;
mod item;
mod operation;
mod options;
mod paging;
mod patience;
mod records;
mod table;
mod transaction;

pub use options::DynamoOptions;
pub use paging::READINGS;
pub use records::DynamoRecords;
