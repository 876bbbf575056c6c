//! The other end of a sandbox elsewhere.

use bytes::Bytes;

use super::wire::{Call, Reply};
use crate::{
    Result,
    ports::{Program, Sandbox},
};

/// Does what a call wants. What fails is a reply too.
pub async fn serve(sandbox: &dyn Sandbox, call: Call, content: Bytes) -> (Reply, Bytes) {
    obey(sandbox, call, content).await.unwrap_or_else(|error| (Reply::failed(&error), Bytes::new()))
}

async fn obey(sandbox: &dyn Sandbox, call: Call, content: Bytes) -> Result<(Reply, Bytes)> {
    let reply = match call {
        Call::Confinement => Reply::Confinement(sandbox.confinement().await?),
        Call::Run { workspace, command, limits } => {
            let program = Program { command, stdin: content };
            return Ok(Reply::ran(&sandbox.run(&workspace, &program, &limits).await?));
        }
        Call::Read { workspace, path } => match sandbox.read(&workspace, &path).await? {
            Some(content) => return Ok((Reply::Content, content)),
            None => Reply::Absent,
        },
        Call::Write { workspace, path } => {
            sandbox.write(&workspace, &path, content).await?;
            Reply::Done
        }
        Call::List { workspace, path } => {
            Reply::Files { files: sandbox.list(&workspace, &path).await? }
        }
        Call::Pack { workspace } => {
            return Ok((Reply::Content, sandbox.pack(&workspace).await?));
        }
        Call::Unpack { workspace } => {
            sandbox.unpack(&workspace, content).await?;
            Reply::Done
        }
        Call::Discard { workspace } => {
            sandbox.discard(&workspace).await?;
            Reply::Done
        }
    };
    Ok((reply, Bytes::new()))
}
