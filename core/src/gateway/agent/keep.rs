//! A run on its way into its conversation.

use crate::{
    Result,
    chat::{Message, Usage},
    gateway::{Gateway, converse::Heard, detached},
};

/// The claim of a run on its conversation. Dropping it gives the conversation back.
pub(super) struct Keeping {
    gateway: Gateway,
    heard: Option<Heard>,
}

impl Keeping {
    pub(super) fn new(gateway: &Gateway, heard: Heard) -> Self {
        Self { gateway: gateway.clone(), heard: Some(heard) }
    }

    /// Adds the turn, also if nobody waits for that any more.
    pub(super) async fn keep(
        mut self,
        said: Vec<Message>,
        receipt: String,
        usage: Usage,
    ) -> Result<()> {
        let Some(heard) = self.heard.take() else { return Ok(()) };
        let gateway = self.gateway.clone();
        let work = async move { heard.keep(&gateway, said, (receipt, usage)).await };
        detached::run(&*self.gateway.ports.host, work).await
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        let Some(heard) = self.heard.take() else { return };
        let gateway = self.gateway.clone();
        let work = async move { heard.release(&gateway).await };
        drop(detached::run(&*self.gateway.ports.host, work));
    }
}
