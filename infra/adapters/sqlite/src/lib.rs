//! Records in one SQLite file.
//!
//! One thread writes and a few read, each with a connection of its own, so that no caller ever waits
//! for a disk on an async thread. Any number of processes may share a file on one machine.

mod failure;
mod file;
mod lane;
mod readers;
mod reading;
mod records;
mod row;
mod writing;

pub use records::SqliteRecords;
