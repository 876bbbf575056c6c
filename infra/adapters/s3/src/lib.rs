//! Blobs in an S3 bucket, AWS's own or that of a server that speaks as it does.
//!
//! A blob is an object whose key is `prefix/tenant/name`, tenant and name written as
//! [segments](dormouse_core::ports::segment_of_name), which sort as the names do; its media type is the
//! object's. It is written on the condition that there is no such object (`If-None-Match: *`), in one request,
//! or in parts where it is longer than one [part](PART_BYTES); parts become an object, on the same condition,
//! when the last one is there. What is left of an upload that was broken off is removed, unless the process
//! dies before: the bucket should have a rule that aborts incomplete multipart uploads.
//!
//! Reads and parts are tried again by AWS's client. What writes or deletes an object is not, since its answer
//! may be what was lost: the call is then [`StoreUnavailable`](dormouse_core::Code::StoreUnavailable).

mod blobs;
mod connection;
mod failure;
mod options;
mod reading;
mod upload;

pub use blobs::S3Blobs;
pub use options::S3Options;
pub use upload::PART_BYTES;
