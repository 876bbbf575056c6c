//! A gateway to be killed: this test program again, with a supervisor whose server has a child.

use std::{
    env,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
};

use dormouse_core::ports::ModelServers;
use dormouse_llamacpp::{ModelSpec, Options, Supervisor};

use crate::{
    machine::{Machine, PlainHttp},
    sockets::on_socket,
    toy_server,
};

/// Starts one with a secret in its environment, and returns when its model is warm: also the process
/// id of the model's server.
pub(crate) fn start(folder: &Path) -> (Child, u32) {
    start_with(folder, &[])
}

/// The same with a server on a socket somewhere below `sockets`.
pub(crate) fn start_on_socket(folder: &Path, sockets: &Path) -> (Child, u32) {
    start_with(folder, &[("XDG_RUNTIME_DIR", sockets)])
}

fn start_with(folder: &Path, variables: &[(&str, &Path)]) -> (Child, u32) {
    let mut gateway = Command::new(env::current_exe().unwrap())
        .args(["--ignored", "--exact", "doomed_gateway::a_process_of_its_own", "--nocapture"])
        .env("GATEWAY_FOLDER", folder)
        .env("DORMOUSE_UPSTREAM_API_KEY", "hush")
        .env("OF_THE_SERVER", "fine")
        .env_remove("XDG_RUNTIME_DIR")
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(gateway.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.ends_with("it is warm")));
    let starts = std::fs::read_to_string(folder.join("doomed.starts")).unwrap();
    (gateway, starts.trim().parse().unwrap())
}

#[tokio::test]
#[ignore = "the other tests start it as a process of its own"]
async fn a_process_of_its_own() {
    // Asked for by hand it has no server to start.
    let Some(folder) = env::var_os("GATEWAY_FOLDER") else { return };
    let shell = ["/bin/sh", "-c", r#"sleep 1000 & exec "$@""#, "parent"].map(ToOwned::to_owned);
    let mut toy = toy_server::command(Path::new(&folder), None);
    if env::var_os("XDG_RUNTIME_DIR").is_some() {
        on_socket(&mut toy);
    }
    let spec = ModelSpec::new("doomed", shell.into_iter().chain(toy).collect());
    let options = Options { models: vec![spec], ..Options::default() };
    let (host, http) = (Arc::new(Machine::default()), Arc::new(PlainHttp));
    let supervisor = Supervisor::new(options, host, http).unwrap();
    let _lease = supervisor.wake("doomed", None).await.unwrap();
    println!("it is warm");
    // Until it is killed; if the test dies first, with the test.
    let waiting = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
    waiting.await.unwrap().unwrap();
}
