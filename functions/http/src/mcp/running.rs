//! The requests that are being answered in this process, so that a client can call one off.
//!
//! A notification that calls a request off may reach another process than the request did. There it does
//! nothing, as the protocol allows; leaving, which reaches the right one, always ends what was asked for.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use dormouse_core::{keys::Caller, mcp::Session};
use futures::channel::oneshot::{Receiver, Sender, channel};
use rmcp::model::RequestId;

/// Names a request: its tenant, key and session, and its id.
pub(super) type Key = (String, String, String, RequestId);

pub(super) fn key(caller: &Caller, session: Option<&Session>, id: &RequestId) -> Key {
    let session = session.map_or_else(String::new, |session| session.id.clone());
    (caller.tenant.clone(), caller.key.clone(), session, id.clone())
}

/// The requests that are being answered.
#[derive(Debug, Default)]
pub(crate) struct Running(Mutex<HashMap<Key, Sender<()>>>);

impl Running {
    /// Notes a request. Of two with the same name, the later can be called off.
    pub(super) fn begin(self: &Arc<Self>, key: Key) -> Noted {
        let (called_off, off) = channel();
        self.requests().insert(key.clone(), called_off);
        Noted { running: Arc::clone(self), key, off }
    }

    /// Calls a request off, if it is being answered here.
    pub(super) fn cancel(&self, key: &Key) {
        if let Some(request) = self.requests().remove(key) {
            // Whoever no longer listens has ended anyway.
            let _ended = request.send(());
        }
    }

    fn requests(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Sender<()>>> {
        // A map is whole after any panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is being answered, until this is dropped.
#[derive(Debug)]
pub(super) struct Noted {
    running: Arc<Running>,
    key: Key,
    /// Is told when the request is called off.
    pub(super) off: Receiver<()>,
}

impl Drop for Noted {
    fn drop(&mut self) {
        self.off.close();
        let mut requests = self.running.requests();
        // Another request may have taken the name.
        if requests.get(&self.key).is_some_and(Sender::is_canceled) {
            requests.remove(&self.key);
        }
    }
}
