//! Servers on Unix sockets.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use dormouse_core::ports::{Lease, ModelServers, ServerState, UnixSocket};
use dormouse_testkit::conformance::{self, ServerYard, TERMS};
use tempfile::TempDir;

use crate::{
    doomed_gateway,
    toy_server::ADDRESS,
    yard::{Yard, lives, until},
};

const MODEL: &str = TERMS.models[0];

fn yard() -> Yard {
    Yard::with(|options| {
        for model in &mut options.models {
            on_socket(&mut model.command);
        }
    })
}

/// Has a toy server listen on a socket.
pub(crate) fn on_socket(command: &mut [String]) {
    let address = command.iter_mut().find(|part| part.starts_with(ADDRESS)).unwrap();
    *address = format!("{ADDRESS}={{socket}}");
}

fn socket(lease: &Lease) -> String {
    UnixSocket::of(&lease.base_url.parse().unwrap()).unwrap().path
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_on_sockets_conform() {
    conformance::model_servers(&yard()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_is_nobody_elses_and_goes_with_its_server() {
    let yard = yard();
    let lease = yard.supervisor.wake(MODEL, None).await.unwrap();
    let path = socket(&lease);
    assert!(path.ends_with(".sock") && lease.base_url.ends_with("/v1"), "{lease:?}");
    let folder = Path::new(&path).parent().unwrap().to_owned();
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    drop(lease);

    yard.pass(TERMS.idle_timeout);
    yard.until(MODEL, |it| it.state == ServerState::Cold).await;

    assert!(!folder.exists());
    let again = socket(&yard.supervisor.wake(MODEL, None).await.unwrap());
    assert_ne!(again, path, "each server has a new one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_gateway_leaves_no_socket() {
    let (folder, sockets) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (mut gateway, server) = doomed_gateway::start_on_socket(folder.path(), sockets.path());
    assert_eq!(fs::read_dir(sockets.path()).unwrap().count(), 1);

    gateway.kill().unwrap();
    gateway.wait().unwrap();

    until(async || !lives(server)).await;
    until(async || fs::read_dir(sockets.path()).unwrap().next().is_none()).await;
}
