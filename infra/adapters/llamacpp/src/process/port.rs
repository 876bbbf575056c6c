//! Ports for servers.

use std::{
    collections::BTreeSet,
    hash::{BuildHasher, RandomState},
    io,
    net::{Ipv4Addr, TcpListener},
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Below the ports that Linux (from 32768 on) and macOS (from 49152 on) give to whoever asks for any,
/// outgoing connections first of all: a gateway makes one of these for each request, and a server that
/// loads for a minute before it listens would find its port taken by one of them.
const OURS: Range<u16> = 20_000..32_000;
/// How many of these are tried before the system is asked for any.
const TRIED: u16 = 100;
/// How often the system may offer a port that one of our servers is about to take.
const OFFERS: usize = 16;

/// The ports that our servers have or are about to take. A port that was found free is given back to
/// the system before the server can take it; in that moment no other server of ours gets it, and a
/// stranger's process only if it asks for this very one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ports {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    taken: BTreeSet<u16>,
    /// How many were looked at so far.
    looked: u64,
    /// Where each look falls. Other gateways of this machine look elsewhere: of two that meet at a port
    /// before either server listens, one would take the other's server for its own.
    places: RandomState,
}

impl Ports {
    /// A port of 127.0.0.1 on which nobody listens.
    pub(crate) fn reserve(&self) -> io::Result<Port> {
        let mut state = self.state();
        let number = match (0..TRIED).find_map(|_| state.next().filter(|port| is_free(*port))) {
            Some(number) => number,
            None => any_but(&state.taken)?,
        };
        state.taken.insert(number);
        drop(state);
        Ok(Port { number, ports: self.clone() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Some port; `None` if it is taken.
    fn next(&mut self) -> Option<u16> {
        let place = self.places.hash_one(self.looked) % u64::from(OURS.end - OURS.start);
        self.looked = self.looked.wrapping_add(1);
        let port = OURS.start + u16::try_from(place).ok()?;
        (!self.taken.contains(&port)).then_some(port)
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// A port that the system offers.
fn any_but(taken: &BTreeSet<u16>) -> io::Result<u16> {
    for _ in 0..OFFERS {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        if !taken.contains(&port) {
            return Ok(port);
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
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
        self.ports.state().taken.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_gets_a_port_that_no_outgoing_connection_takes() {
        let ports = Ports::default();
        let reserved: Vec<_> = (0..50).map(|_| ports.reserve().unwrap()).collect();
        let numbers: BTreeSet<_> = reserved.iter().map(|port| port.number).collect();
        assert_eq!(numbers.len(), 50);
        assert!(numbers.iter().all(|number| OURS.contains(number)), "{numbers:?}");
    }

    #[test]
    fn a_port_on_which_somebody_listens_is_passed_over() {
        let ports = Ports::default();
        let port = ports.reserve().unwrap();
        let _stranger = TcpListener::bind((Ipv4Addr::LOCALHOST, port.number)).unwrap();
        let number = port.number;
        drop(port);
        // The same place again.
        ports.state().looked -= 1;
        assert_ne!(ports.reserve().unwrap().number, number);
    }
}
