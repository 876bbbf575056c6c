//! Records in one SQLite file.
//!
//! One thread writes and a few read, each with a connection of its own, so that no async thread ever
//! waits for a commit, for a page of records or for another process. A single record is read where it is
//! asked for. Any number of processes may share a file on one machine.

mod failure;
mod file;
mod lane;
mod readers;
mod reading;
mod records;
mod row;
mod writing;

pub use records::SqliteRecords;
