//! The traits through which the gateway reaches the outside.
//!
//! A port is the *least* an outside system must do; conveniences belong next to their only caller.
//! Ports are object safe and `Send + Sync`, held as `Arc<dyn Port>`. The contract of each port is a
//! list of clauses, and every clause is a check in `dormouse-testkit` that all implementations run.

mod blobs;
mod host;
mod http_client;
mod model_servers;
mod queue;
mod records;
mod sandbox;

pub use blobs::{
    Blob, BlobInfo, BlobPage, Blobs, ListedBlob, MAX_BLOB_BYTES, MAX_BLOB_NAME_BYTES,
    MAX_MEDIA_TYPE_BYTES, NewBlob, name_of_segment, segment_of_name, segment_of_tenant,
};
pub use host::{Host, Timestamp, hex};
pub use http_client::{ByteStream, EmbeddedModel, HttpClient, UnixSocket};
pub use model_servers::{Lease, ModelHistory, ModelServer, ModelServers, ServerState};
pub use queue::{
    Delivery, KEY_MEMORY, MAX_DELAY, MAX_DELIVERIES, MAX_MESSAGE_BYTES, MAX_PULLED,
    MAX_QUEUE_NAME_BYTES, Message, Queue,
};
pub use records::{
    Commit, MAX_ID_BYTES, MAX_VALUE_BYTES, MAX_WRITES, Outcome, Page, Record, Records, Refusal,
    TOKEN_MEMORY, Version, When, Write,
};
pub use sandbox::{Confinement, Ended, File, Limits, Printed, Program, Ran, Sandbox, Workspace};
