//! Sessions of clients of the Model Context Protocol.
//!
//! The protocol's revisions up to 2025-11-25 begin with a handshake whose outcome later requests refer to by
//! a session's id. Those requests may reach any process, so sessions are records, not memory. What a session's
//! tools do to files, they do in one workspace, which has the session's name.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    Code, Error, Result,
    keys::Caller,
    ports::{Commit, Host, Records, When, Workspace, Write, hex},
};

const SESSIONS: &str = "mcp.sessions";
/// How long a session lasts. A client that comes later is told that it is gone, and begins another.
pub const LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// How long ids are, in bytes of randomness.
const ID_BYTES: usize = 16;
/// The longest text of a client that is kept, in bytes.
const MAX_TEXT_BYTES: usize = 256;

/// A session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Names it among those of its tenant.
    #[serde(skip)]
    pub id: String,
    /// The id of the key that began it. No other may go on with it.
    pub key: String,
    /// The protocol's revision that was agreed on.
    pub revision: String,
    /// The name and version of the client, as it says.
    pub client: String,
}

/// The sessions of a gateway.
#[derive(Clone, Debug)]
pub struct Sessions {
    records: Arc<dyn Records>,
    host: Arc<dyn Host>,
}

impl Sessions {
    /// The sessions kept in `records`.
    pub fn new(records: Arc<dyn Records>, host: Arc<dyn Host>) -> Self {
        Self { records, host }
    }

    /// Begins a session of `caller` that speaks `revision`.
    ///
    /// # Errors
    ///
    /// [`Code::StoreUnavailable`] if the store is not there.
    pub async fn open(&self, caller: &Caller, revision: &str, client: &str) -> Result<Session> {
        let id = hex(self.host.random().into_iter().take(ID_BYTES));
        let session = Session {
            id: id.clone(),
            key: caller.key.clone(),
            revision: revision.to_owned(),
            client: client.chars().take(MAX_TEXT_BYTES / 4).collect(),
        };
        let value = serde_json::to_vec(&session).map_err(unreadable)?;
        let until = self.host.now() + LIFE;
        let write = Write::put_until(SESSIONS, id, value, until, When::Absent);
        self.records.commit(Commit::new(&caller.tenant, vec![write])).await?;
        Ok(session)
    }

    /// The session of `caller` with this id. `None`: it has ended, or is another's.
    ///
    /// # Errors
    ///
    /// [`Code::StoreUnavailable`] if the store is not there.
    pub async fn get(&self, caller: &Caller, id: &str) -> Result<Option<Session>> {
        // Whatever else a client sends is no id, and not worth a look.
        if id.len() != ID_BYTES * 2 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(None);
        }
        let Some(record) = self.records.get(&caller.tenant, SESSIONS, id).await? else {
            return Ok(None);
        };
        let session: Session = serde_json::from_slice(&record.value).map_err(unreadable)?;
        Ok(Some(Session { id: id.to_owned(), ..session }).filter(|it| it.key == caller.key))
    }

    /// Ends a session.
    ///
    /// # Errors
    ///
    /// [`Code::StoreUnavailable`] if the store is not there.
    pub async fn close(&self, caller: &Caller, session: &Session) -> Result<()> {
        let write = Write::delete(SESSIONS, &session.id);
        self.records.commit(Commit::new(&caller.tenant, vec![write])).await.map(|_| ())
    }
}

/// Where tools work that `caller` calls: each session has a workspace of its own, and whoever has none, the
/// one of their key.
pub fn workspace(caller: &Caller, session: Option<&Session>) -> Workspace {
    let name = match session {
        Some(session) => format!("mcp-{}", session.id),
        None => format!("mcp-key-{}", caller.key),
    };
    Workspace { tenant: caller.tenant.clone(), name }
}

fn unreadable(error: serde_json::Error) -> Error {
    Error::new(Code::Internal, "a session cannot be read or written").caused_by(error)
}
