//! No process is left behind, whatever happens to whom.

use std::{path::Path, time::Duration};

use dormouse_core::ports::{ModelServers, ServerState};
use dormouse_testkit::conformance::{ServerYard, TERMS};

use tempfile::TempDir;

use crate::{
    doomed_gateway,
    yard::{Yard, group, kill, lives, until},
};

const MODEL: &str = TERMS.models[0];

#[tokio::test(flavor = "multi_thread")]
async fn no_server_outlives_a_gateway_that_is_killed() {
    let folder = TempDir::new().unwrap();
    let (mut gateway, server) = doomed_gateway::start(folder.path());
    let group = group(server);
    assert!(group.len() == 3 && lives(server), "the server, its own child, and its guard");

    // SIGKILL: no handler, no destructor, no farewell.
    gateway.kill().unwrap();
    gateway.wait().unwrap();

    until(async || !group.iter().copied().any(lives)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_guard_is_killed_does_not_go_on_unguarded() {
    let yard = Yard::new();
    let _lease = yard.supervisor.wake(MODEL, None).await.unwrap();
    let server = yard.pids(MODEL)[0];
    let guard = group(server).into_iter().find(|pid| *pid != server).unwrap();
    kill(guard);
    until(async || !lives(server)).await;
    yard.until(MODEL, |it| matches!(it.state, ServerState::Failed { .. })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ignores_sigterm_is_killed_after_its_time() {
    let yard = Yard::with(|options| {
        options.drain_timeout = Duration::from_millis(100);
        let toy = options.models[0].command.clone();
        let wrap = ["/bin/sh", "-c", r#"trap "" TERM; exec "$@""#, "stubborn"];
        options.models[0].command = wrap.map(ToOwned::to_owned).into_iter().chain(toy).collect();
    });
    drop(yard.supervisor.wake(MODEL, None).await.unwrap());
    yard.supervisor.release(MODEL).await.unwrap();
    yard.until(MODEL, |it| it.state == ServerState::Cold).await;
    assert!(!lives(yard.pids(MODEL)[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_started_ends_with_it() {
    let yard = Yard::with(|options| {
        let toy = options.models[0].command.clone();
        let wrap = ["/bin/sh", "-c", r#"sleep 1000 & exec "$@""#, "parent"];
        options.models[0].command = wrap.map(ToOwned::to_owned).into_iter().chain(toy).collect();
    });
    drop(yard.supervisor.wake(MODEL, None).await.unwrap());
    let group = group(yard.pids(MODEL)[0]);
    assert_eq!(group.len(), 3);
    kill(yard.pids(MODEL)[0]);
    until(async || !group.iter().copied().any(lives)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_supervisor_stops_its_servers() {
    let yard = Yard::new();
    drop(yard.supervisor.wake(MODEL, None).await.unwrap());
    let pid = yard.pids(MODEL)[0];
    let Yard { supervisor, folder: _folder, .. } = yard;
    drop(supervisor);
    until(async || !lives(pid)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_gets_an_environment_without_the_gateways_settings() {
    let folder = TempDir::new().unwrap();
    let (mut gateway, server) = doomed_gateway::start(folder.path());
    let environment = std::fs::read(format!("/proc/{server}/environ")).unwrap();
    gateway.kill().unwrap();
    gateway.wait().unwrap();

    let environment = String::from_utf8_lossy(&environment);
    assert!(environment.contains("OF_THE_SERVER=fine"));
    assert!(!environment.contains("DORMOUSE_"));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_wakes_and_stops_leave_nothing_behind() {
    let yard = Yard::new();
    let mut processes = Vec::new();
    for round in 0..10 {
        drop(yard.supervisor.wake(MODEL, None).await.unwrap());
        processes.extend(group(yard.pids(MODEL)[round]));
        yard.pass(TERMS.idle_timeout);
        yard.until(MODEL, |it| it.state == ServerState::Cold).await;
    }
    assert_eq!(processes.len(), 20, "ten servers, ten guards");
    let left = processes.iter().filter(|pid| Path::new(&format!("/proc/{pid}")).exists());
    assert_eq!(left.count(), 0, "not even zombies");
}
