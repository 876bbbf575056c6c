//! Records in one SQLite file.
//!
//! A thread writes and a few read, so that no async thread ever waits for the disk, for a page of records
//! or for another process. What needs no waiting is done where it is asked for, since to hand it to another
//! thread and back takes longer: a single record is read there, and a commit is made there as long as nobody
//! else writes. Any number of processes may share a file on one machine.

mod failure;
mod file;
mod lane;
mod readers;
mod reading;
mod records;
mod row;
mod writer;
mod writing;

pub use records::SqliteRecords;
