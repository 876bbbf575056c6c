//! Files that nobody comes back to: those of a run in no conversation, of a call by hand.

use super::{Gateway, detached};
use crate::{Result, ports::Workspace};

/// A workspace that is cleared away when this is dropped, wherever that happens: at the end of a request, or
/// where its caller left.
#[derive(Debug)]
pub struct Scratch {
    gateway: Gateway,
    /// `None`: it is cleared away.
    workspace: Option<Workspace>,
}

impl Gateway {
    /// A workspace that is used for one request.
    pub fn scratch(&self, workspace: Workspace) -> Scratch {
        Scratch { gateway: self.clone(), workspace: Some(workspace) }
    }
}

impl Scratch {
    /// Clears it away before the request ends: on some hosts nothing runs after that. Where it cannot be, the
    /// sandbox does it in time.
    pub async fn discard(mut self) {
        if let Some(clearing) = self.clear() {
            // Whoever waits for it knows from the log what became of it.
            drop(clearing.await);
        }
    }

    /// Begins to clear it away, also if nobody waits for that.
    fn clear(&mut self) -> Option<impl Future<Output = Result<()>> + use<>> {
        let workspace = self.workspace.take()?;
        let sandbox = self.gateway.sandbox()?.clone();
        let work = async move {
            let cleared = sandbox.discard(&workspace).await;
            if let Err(error) = &cleared {
                let error = error as &dyn std::error::Error;
                tracing::warn!(error, "the files of a request are still there");
            }
            cleared
        };
        Some(detached::run(&*self.gateway.ports.host, work))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(self.clear());
    }
}
