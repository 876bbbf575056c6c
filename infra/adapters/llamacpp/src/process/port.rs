//! Ports for servers.

use std::{
    collections::BTreeSet,
    io,
    net::{Ipv4Addr, TcpListener},
    sync::{Arc, Mutex, PoisonError},
};

/// How often the system may offer a port that one of our servers is about to take.
const OFFERS: usize = 16;

/// The ports that our servers have or are about to take. A port that was found free is given back to
/// the system before the server can take it; in that moment no other server of ours gets it, and a
/// stranger's process only by chance.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ports {
    taken: Arc<Mutex<BTreeSet<u16>>>,
}

impl Ports {
    /// A port of 127.0.0.1 on which nobody listens.
    pub(crate) fn reserve(&self) -> io::Result<Port> {
        for _ in 0..OFFERS {
            let number = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
            if self.taken.lock().unwrap_or_else(PoisonError::into_inner).insert(number) {
                return Ok(Port { number, ports: self.clone() });
            }
        }
        Err(io::ErrorKind::AddrInUse.into())
    }
}

/// A port, ours until dropped.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) number: u16,
    ports: Ports,
}

#[cfg(test)]
impl Port {
    pub(super) fn unreserved(number: u16) -> Self {
        Self { number, ports: Ports::default() }
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        let mut taken = self.ports.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.remove(&self.number);
    }
}
