//! The files of a run, kept so that another process finds them as they were when the last step was recorded.
//!
//! A program that was interrupted may have done half of its work. Its successor runs it again in the workspace
//! of before, so that within the sandbox nothing is done twice.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::{
    Code, Error, Result,
    ports::{Blobs, NewBlob, Sandbox, Workspace},
    runs::Run,
};

const MEDIA_TYPE: &str = "application/octet-stream";

/// The workspace of a run, where there are workspaces.
#[derive(Debug)]
pub(super) struct RunFiles {
    sandbox: Option<Arc<dyn Sandbox>>,
    blobs: Arc<dyn Blobs>,
    workspace: Workspace,
    /// What was packed last: its digest.
    packed: Mutex<Option<Bytes>>,
}

impl RunFiles {
    pub(super) fn new(
        sandbox: Option<Arc<dyn Sandbox>>,
        blobs: Arc<dyn Blobs>,
        workspace: Workspace,
    ) -> Self {
        Self { sandbox, blobs, workspace, packed: Mutex::default() }
    }

    /// Makes the workspace what it was when the last step was recorded.
    pub(super) async fn restore(&self, run: &Run) -> Result<()> {
        let Some(sandbox) = self.sandbox.as_ref().filter(|_| run.attempts > 1) else {
            return Ok(());
        };
        sandbox.discard(&self.workspace).await?;
        let Some(name) = &run.files else { return Ok(()) };
        let blob = self.blobs.get(&self.workspace.tenant, name, None).await?;
        let lost = || Error::new(Code::Internal, "the files of a run are not there any more");
        let archive = blob.ok_or_else(lost)?.collect().await?;
        self.remember(&archive);
        sandbox.unpack(&self.workspace, archive).await
    }

    /// Keeps the files, if they have changed. Returns the name under which they are kept now.
    pub(super) async fn keep(&self, run: &Run) -> Result<Option<String>> {
        let Some(sandbox) = &self.sandbox else { return Ok(None) };
        if sandbox.list(&self.workspace, "").await?.is_empty() {
            return Ok(None);
        }
        let archive = sandbox.pack(&self.workspace).await?;
        if !self.remember(&archive) {
            return Ok(run.files.clone());
        }
        let name = format!("runs/{}.{}.{}", run.id, run.attempts, run.steps);
        let blob = NewBlob::whole(MEDIA_TYPE, archive)?;
        self.blobs.put(&self.workspace.tenant, &name, blob).await?;
        Ok(Some(name))
    }

    /// Forgets what was kept under a name.
    pub(super) async fn forget(&self, name: &str) -> Result<()> {
        self.blobs.delete(&self.workspace.tenant, name).await
    }

    /// Removes the workspace.
    pub(super) async fn discard(&self) -> Result<()> {
        match &self.sandbox {
            Some(sandbox) => sandbox.discard(&self.workspace).await,
            None => Ok(()),
        }
    }

    /// Whether an archive is another than the last.
    fn remember(&self, archive: &[u8]) -> bool {
        let digest = Bytes::copy_from_slice(&Sha256::digest(archive));
        let mut packed = self.packed.lock().unwrap_or_else(PoisonError::into_inner);
        packed.replace(digest.clone()) != Some(digest)
    }
}
