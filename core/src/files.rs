//! Files and pictures that tenants keep, to be used in their requests by id.
//!
//! | collection    | id                             | holds                                          |
//! |---------------|--------------------------------|------------------------------------------------|
//! | `files`       | `file_`, time, random          | what is known of a [`File`]                    |
//! | `images`      | `img_`, time, random           | the same, of a picture                         |
//! | `files.usage` | `total`                        | the counter `bytes`, over both                 |
//!
//! The content is a blob of the same name. It is written before the record and deleted after it, so that
//! nobody sees a file without its content. Bytes are counted in the commit that writes or deletes the record,
//! so no tenant keeps more than [a setting](crate::settings::Settings::files_quota) allows.

mod picture;

use std::{fmt, ops::Range, sync::Arc};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    Code, Error, Result,
    ports::{
        Blob, Blobs, Commit, Host, NewBlob, Outcome, Page, Record, Records, Refusal, Timestamp,
        When, Write, hex,
    },
    settings::Size,
};

const USAGE: &str = "files.usage";
const TOTAL: &str = "total";
const BYTES: &str = "bytes";
/// How many digits follow the prefix of an id.
const DIGITS: usize = 32;
/// The longest name of a file, in bytes.
const MAX_NAME_BYTES: usize = 255;
/// The longest purpose of a file, in bytes.
const MAX_PURPOSE_BYTES: usize = 64;

/// What is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shelf {
    /// Files of any type.
    Files,
    /// Pictures: PNG, JPEG, GIF or WebP.
    Images,
}

impl Shelf {
    /// The shelf of an id, if it is one of ours.
    pub fn of(id: &str) -> Option<Self> {
        let ours = |shelf: &Self| {
            let digits = id.strip_prefix(shelf.prefix()).unwrap_or_default();
            digits.len() == DIGITS
                && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        [Self::Files, Self::Images].into_iter().find(ours)
    }

    fn collection(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Images => "images",
        }
    }

    fn prefix(self) -> &'static str {
        match self {
            Self::Files => "file_",
            Self::Images => "img_",
        }
    }
}

/// What is known of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Names it; ids sort by time.
    pub id: String,
    /// What its owner calls it.
    pub filename: String,
    /// What its owner wants it for, in their words.
    pub purpose: String,
    /// What its content is, as in a `content-type` header.
    pub media_type: String,
    /// How long its content is.
    pub bytes: u64,
    /// When it came.
    pub created_at: Timestamp,
}

/// What a file is made of.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// What its owner calls it: at most 255 bytes, without control characters.
    pub filename: String,
    /// What its owner wants it for: at most 64 bytes.
    pub purpose: String,
    /// What its owner says that its content is. A picture's is told from its content.
    pub media_type: String,
    /// The content.
    pub content: Bytes,
}

/// The files of a gateway.
pub struct Files {
    records: Arc<dyn Records>,
    blobs: Arc<dyn Blobs>,
    host: Arc<dyn Host>,
    quota: Size,
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").field("quota", &self.quota).finish_non_exhaustive()
    }
}

impl Files {
    /// Files whose content is in `blobs`, of which no tenant keeps more than `quota`.
    pub fn new(
        records: Arc<dyn Records>,
        blobs: Arc<dyn Blobs>,
        host: Arc<dyn Host>,
        quota: Size,
    ) -> Self {
        Self { records, blobs, host, quota }
    }

    /// Keeps a file of `tenant`.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidRequest`] that names what is wrong, [`Code::OverQuota`] if the tenant keeps too much
    /// already, [`Code::StoreUnavailable`] if a store is not there.
    pub async fn put(&self, tenant: &str, shelf: Shelf, new: NewFile) -> Result<File> {
        let NewFile { filename, purpose, media_type, content } = new;
        text("filename", &filename, MAX_NAME_BYTES)?;
        text("purpose", &purpose, MAX_PURPOSE_BYTES)?;
        let media_type = match shelf {
            Shelf::Files => media_type,
            Shelf::Images => picture::media_type(&content)
                .ok_or_else(|| Error::invalid("file", "must be a PNG, JPEG, GIF or WebP picture"))?
                .to_owned(),
        };
        let bytes = u64::try_from(content.len()).unwrap_or(u64::MAX);
        let now = self.host.now();
        let random = hex(self.host.random().into_iter().take(10));
        let id = format!("{}{:012x}{random}", shelf.prefix(), now.0);
        let blob = NewBlob::whole(&media_type, content)?;
        let file = File { id, filename, purpose, media_type, bytes, created_at: now };
        if !self.blobs.put(tenant, &file.id, blob).await? {
            return Err(Error::new(Code::Conflict, "the new file's id is taken: try again"));
        }
        let added = self.add(tenant, shelf, &file).await?;
        if let Err(error) = added {
            self.drop_content(tenant, &file.id).await;
            return Err(error);
        }
        Ok(file)
    }

    /// Writes the record. The inner error says that it certainly was not written.
    async fn add(&self, tenant: &str, shelf: Shelf, file: &File) -> Result<Result<()>> {
        let value = serde_json::to_vec(file).map_err(unreadable)?;
        let (bytes, quota) = (integer(file.bytes), i64::try_from(self.quota.0).unwrap_or(i64::MAX));
        let writes = vec![
            Write::put_when(shelf.collection(), &file.id, value, When::Absent),
            Write::add_within(USAGE, TOTAL, [(BYTES, bytes)], (BYTES, quota)),
        ];
        Ok(match self.records.commit(Commit::new(tenant, writes)).await? {
            Outcome::Applied(_) => Ok(()),
            Outcome::Refused { why: Refusal::Ceiling, .. } => {
                Err(self.over_quota(tenant, file.bytes).await?)
            }
            Outcome::Refused { why: Refusal::Condition, .. } => {
                Err(Error::new(Code::Conflict, "the new file's id is taken: try again"))
            }
        })
    }

    /// What is known of a file of `tenant`.
    ///
    /// # Errors
    ///
    /// [`Code::NotFound`] if there is none.
    pub async fn get(&self, tenant: &str, shelf: Shelf, id: &str) -> Result<File> {
        self.find(tenant, shelf, id).await.map(|(file, _)| file)
    }

    /// Up to [`Page::limit`] files of `tenant`.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidRequest`] for a page that cannot be.
    pub async fn page(&self, tenant: &str, shelf: Shelf, page: Page) -> Result<Vec<File>> {
        let records = self.records.page(tenant, shelf.collection(), page).await?;
        records.iter().map(decode).collect()
    }

    /// The content of a file of `tenant`, or a [part](Blobs::get) of it.
    ///
    /// # Errors
    ///
    /// [`Code::NotFound`] if there is no such file.
    pub async fn read(
        &self,
        tenant: &str,
        shelf: Shelf,
        id: &str,
        range: Option<Range<u64>>,
    ) -> Result<(File, Blob)> {
        let file = self.get(tenant, shelf, id).await?;
        let blob = self.blobs.get(tenant, id, range).await?;
        // Deleted in between.
        let blob = blob.ok_or_else(|| unknown(id))?;
        Ok((file, blob))
    }

    /// Deletes a file of `tenant`.
    ///
    /// # Errors
    ///
    /// [`Code::NotFound`] if there is none.
    pub async fn delete(&self, tenant: &str, shelf: Shelf, id: &str) -> Result<()> {
        let (file, record) = self.find(tenant, shelf, id).await?;
        let writes = vec![
            Write::delete_when(shelf.collection(), id, When::Version(record.version)),
            Write::add(USAGE, TOTAL, [(BYTES, -integer(file.bytes))]),
        ];
        match self.records.commit(Commit::new(tenant, writes)).await? {
            Outcome::Applied(_) => self.drop_content(tenant, id).await,
            Outcome::Refused { .. } => return Err(unknown(id)),
        }
        Ok(())
    }

    async fn find(&self, tenant: &str, shelf: Shelf, id: &str) -> Result<(File, Record)> {
        if Shelf::of(id) != Some(shelf) {
            return Err(unknown(id));
        }
        let record = self.records.get(tenant, shelf.collection(), id).await?;
        let record = record.ok_or_else(|| unknown(id))?;
        Ok((decode(&record)?, record))
    }

    /// Deletes content of which there is no record. If that fails nobody sees it, but it takes room.
    async fn drop_content(&self, tenant: &str, id: &str) {
        if let Err(error) = self.blobs.delete(tenant, id).await {
            let error = &error as &dyn std::error::Error;
            tracing::error!(tenant, id, error, "the content of a deleted file is left behind");
        }
    }

    async fn over_quota(&self, tenant: &str, bytes: u64) -> Result<Error> {
        let record = self.records.get(tenant, USAGE, TOTAL).await?;
        let used =
            record.and_then(|record| record.counters.get(BYTES).copied()).unwrap_or_default();
        let quota = self.quota.0;
        let message = format!(
            "files of this tenant may have {quota} bytes together and have {used}, and this one has {bytes}: delete some"
        );
        let facts = json!({ "limit": quota, "used": used, "required": bytes });
        let details = if let Value::Object(facts) = facts { facts } else { Map::new() };
        Ok(Error::new(Code::OverQuota, message).with_details(details))
    }
}

fn text(field: &'static str, text: &str, most: usize) -> Result<()> {
    if text.is_empty() || text.len() > most || text.chars().any(char::is_control) {
        let message = format!("`{field}` must be 1 to {most} bytes without control characters");
        return Err(Error::invalid(field, message));
    }
    Ok(())
}

fn integer(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn decode(record: &Record) -> Result<File> {
    serde_json::from_slice(&record.value).map_err(unreadable)
}

fn unknown(id: &str) -> Error {
    let id: String = id.chars().take(64).collect();
    Error::new(Code::NotFound, format!("there is no file `{id}`"))
}

fn unreadable(error: serde_json::Error) -> Error {
    Error::new(Code::Internal, "what is known of a file cannot be read").caused_by(error)
}
