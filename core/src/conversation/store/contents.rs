//! What is kept apart of turns: a blob for each content, below the name of its conversation.
//!
//! Blobs do not expire, so that a note is written before them which says when to look whether their conversation
//! is still there. If it is, it is looked at again when that would expire; if not, nobody can bring it back, and
//! its blobs are deleted. So what a dead process has left goes the same way as what has expired. Whoever keeps
//! contents looks at several notes, and so there are never more than are needed.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};

use super::Conversations;
use crate::{
    Code, Error, Result,
    conversation::{
        Turn,
        apart::{self, Apart, Content, Place},
        records::{CONTENTS, SESSIONS},
    },
    ports::{BlobPage, NewBlob, Page, Record, Timestamp, When, Write},
};

/// How many contents are written or read at once.
const AT_ONCE: usize = 4;
/// How many notes are looked at at once.
const NOTES: u32 = 4;
/// How many blobs are listed at once.
const LISTED: u32 = 100;
/// Hexadecimal digits of the time in the id of a note.
const TIME: usize = 12;

fn note(due: Timestamp, conversation: &str) -> String {
    format!("{:0TIME$x}-{conversation}", due.0)
}

/// The conversation that a note is about.
fn noted(note: &str) -> Option<&str> {
    note.split_once('-').map(|(_, conversation)| conversation)
}

fn blob_name(conversation: &str, content: &str) -> String {
    format!("{conversation}/{content}")
}

impl Conversations {
    /// Keeps what is to be kept apart of a turn. Until `due`, a commit that makes it a turn of its conversation
    /// may come.
    pub(super) async fn keep_apart(
        &self,
        tenant: &str,
        id: &str,
        turn: &Turn,
        due: Timestamp,
    ) -> Result<Apart> {
        let mut apart = apart::take(turn)?;
        if apart.contents.is_empty() {
            return Ok(apart);
        }
        let noted = Write::put(CONTENTS, note(due, id), "");
        self.commit(tenant, vec![noted]).await?;
        let put = |(name, content): (String, Content)| async move {
            let blob = NewBlob::whole(content.media_type, content.bytes)?;
            // What is there already has the same content: its name says so.
            self.blobs.put(tenant, &blob_name(id, &name), blob).await.map(drop)
        };
        let contents = std::mem::take(&mut apart.contents);
        stream::iter(contents).map(put).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        self.sweep(tenant).await;
        Ok(apart)
    }

    /// Reads a turn of `conversation`, with what is kept apart of it.
    pub(super) async fn whole(
        &self,
        tenant: &str,
        conversation: &str,
        bytes: &[u8],
    ) -> Result<Turn> {
        let (places, mut turn) = apart::read(bytes)?;
        if places.is_empty() {
            return Ok(turn);
        }
        let names: BTreeMap<String, ()> =
            places.iter().map(|place: &Place| (place.name.clone(), ())).collect();
        let get = |(name, ()): (String, ())| async move {
            let blob = self.blobs.get(tenant, &blob_name(conversation, &name), None).await?;
            let blob = blob.ok_or_else(|| {
                Error::new(Code::Internal, "a picture of a stored conversation is not there")
            })?;
            let media_type = blob.info.media_type.clone();
            let content = Content { media_type, bytes: blob.collect().await? };
            Ok::<_, Error>((name, content.url()))
        };
        let urls = stream::iter(names).map(get).buffer_unordered(AT_ONCE);
        let urls: BTreeMap<String, String> = urls.try_collect().await?;
        apart::put_back(&mut turn, &places, &urls);
        Ok(turn)
    }

    /// Deletes the contents of a conversation that is gone.
    pub(super) async fn delete_contents(&self, tenant: &str, id: &str) -> Result<()> {
        let folder = blob_name(id, "");
        let mut after = folder.clone();
        loop {
            let page = BlobPage { after: Some(after), limit: LISTED };
            let found = self.blobs.list(tenant, page).await?;
            let ours = found.into_iter().map(|blob| blob.name);
            let ours: Vec<String> = ours.take_while(|name| name.starts_with(&folder)).collect();
            let Some(last) = ours.last() else { return Ok(()) };
            after = last.clone();
            let delete = |name: String| async move { self.blobs.delete(tenant, &name).await };
            stream::iter(ours).map(delete).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        }
    }

    /// Looks at some of the notes that are due. That it fails is nobody's who keeps a turn: the notes stay.
    pub(super) async fn sweep(&self, tenant: &str) {
        if let Err(error) = self.try_sweep(tenant).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(tenant, error, "pictures of conversations that are gone are still kept");
        }
    }

    async fn try_sweep(&self, tenant: &str) -> Result<()> {
        let before = Some(format!("{:0TIME$x}", self.host.now().0));
        let page = Page { before, limit: NOTES, ..Page::default() };
        for due in self.records.page(tenant, CONTENTS, page).await? {
            let Some(id) = noted(&due.id) else { continue };
            let seen = Write::delete_when(CONTENTS, &due.id, When::Version(due.version));
            let session: Option<Record> = self.records.get(tenant, SESSIONS, id).await?;
            let again = match session {
                Some(session) => {
                    let end = session.expires_at.unwrap_or(Write::LATEST_EXPIRY);
                    Some(Write::put(CONTENTS, note(end, id), ""))
                }
                None => {
                    self.delete_contents(tenant, id).await?;
                    None
                }
            };
            // A refusal means that somebody else has looked, or keeps more.
            self.commit(tenant, [seen].into_iter().chain(again).collect()).await?;
        }
        Ok(())
    }
}
