//! The adapter's script, called on one connection that all callers share.

use std::time::Duration;

use ::redis::{AsyncConnectionConfig, Script, aio::MultiplexedConnection, cmd};
use async_trait::async_trait;
use dormouse_core::ports::{Commit, Version, When, Write};

use super::Client;
use crate::gateway::Failure;

const SCRIPT: &str = include_str!("../../../../infra/adapters/redis/src/commit.lua");
/// How long the server keeps what has expired, in milliseconds, as the adapter says.
const GRACE: u64 = 24 * 3600 * 1000;
const SWEEP: u32 = 32;

pub(crate) struct Redis {
    connection: MultiplexedConnection,
    script: Script,
}

impl Redis {
    pub(crate) async fn connect(url: &str) -> Result<Self, Failure> {
        // The default gives up sooner than a busy machine answers.
        let config =
            AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(5)));
        let client = ::redis::Client::open(url)?;
        let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        Ok(Self { connection, script: Script::new(SCRIPT) })
    }

    /// Forgets everything.
    pub(crate) async fn clear(&self) -> Result<(), Failure> {
        Ok(cmd("FLUSHALL").query_async(&mut self.connection.clone()).await?)
    }
}

#[async_trait]
impl Client for Redis {
    async fn commit(&self, _: usize, commit: &Commit) -> Result<Vec<Option<Version>>, Failure> {
        let prefix = format!("dormouse:{{{}}}:", commit.tenant);
        let mut call = self.script.prepare_invoke();
        call.key(format!("{prefix}n")).key(format!("{prefix}x"));
        call.arg(super::now()).arg(GRACE).arg(SWEEP).arg("").arg("").arg(commit.writes.len());
        for write in &commit.writes {
            let (collection, id) = write.target();
            call.key(format!("{prefix}r:{}:{collection}:{id}", collection.len()));
            call.key(format!("{prefix}c:{collection}"));
            match write {
                Write::Put { value, expires_at, when, .. } => {
                    call.arg("put").arg(id);
                    condition(&mut call, *when);
                    match expires_at {
                        Some(expiry) => call.arg(expiry.0),
                        None => call.arg(""),
                    };
                    call.arg(value.as_ref());
                }
                Write::Delete { when, .. } => {
                    call.arg("delete").arg(id);
                    condition(&mut call, *when);
                }
                Write::Add { fields, ceiling, .. } => {
                    let (name, most) =
                        ceiling.as_ref().map_or(("", 0), |(name, most)| (name.as_str(), *most));
                    call.arg("add").arg(id).arg(name).arg(most).arg(fields.len());
                    for (name, amount) in fields {
                        call.arg(name).arg(*amount);
                    }
                }
            }
        }
        let answer: Vec<String> = call.invoke_async(&mut self.connection.clone()).await?;
        match answer.split_first() {
            Some((kind, versions)) if kind == "applied" => {
                Ok(versions.iter().map(|version| version.parse().ok().map(Version)).collect())
            }
            _ => Err(format!("refused: {answer:?}").into()),
        }
    }
}

fn condition(call: &mut ::redis::ScriptInvocation<'_>, when: When) {
    match when {
        When::Any => call.arg(""),
        When::Absent => call.arg("absent"),
        When::Version(version) => call.arg(version.0),
    };
}
