//! Records in PostgreSQL 15 or later.
//!
//! A commit is one call of a function in the database, and so one round trip and one transaction. The
//! tables and the function are in a schema of their own, `dormouse`, which the first call makes. What was
//! acknowledged lasts as long as the server's settings say: `docs/stores.md`.

mod address;
mod commit;
mod failure;
mod link;
mod reading;
mod records;
mod schema;

pub use records::PostgresRecords;
