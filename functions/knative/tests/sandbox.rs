//! A sandbox elsewhere, for real: the program that serves it, and the client that every host has.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::{process::Stdio, sync::Arc, time::Duration};

use dormouse_core::{
    Code,
    ports::{Sandbox, Workspace},
    sandbox::RemoteSandbox,
    settings::Secret,
};
use dormouse_host::{ClientOptions, NativeHost, ReqwestClient};
use dormouse_testkit::conformance;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

const KEY: &str = "a key that nobody guesses";

struct Served {
    _process: Child,
    _folder: TempDir,
    url: String,
}

fn command(folder: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dormouse"));
    command
        .args(["sandbox", "serve", "--listen", "127.0.0.1:0", "--log", "warn"])
        .arg("--sandbox-directory")
        .arg(folder.path().join("workspaces"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

async fn serve() -> Served {
    let folder = TempDir::new().unwrap();
    let mut process =
        command(&folder).env("DORMOUSE_SANDBOX_KEY", KEY).stderr(Stdio::inherit()).spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let greeting = lines.next_line().await.unwrap().unwrap();
    let url = greeting.split_whitespace().last().unwrap().to_owned();
    Served { _process: process, _folder: folder, url }
}

fn client(url: &str, key: &str) -> RemoteSandbox {
    let http = ReqwestClient::new(ClientOptions {
        connect_timeout: Duration::from_secs(10),
        keep: true,
        proxy: None,
    });
    let host = Arc::new(NativeHost::default());
    RemoteSandbox::new(Arc::new(http), host, url, &Secret::new(key)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_elsewhere_conforms() {
    let served = serve().await;
    conformance::sandbox(&client(&served.url, KEY)).await;
}

#[tokio::test]
async fn it_says_what_holds_programs_there() {
    let served = serve().await;
    let confinement = client(&served.url, KEY).confinement().await.unwrap();
    assert!(confinement.active.iter().any(|it| it == "seccomp"), "{confinement:?}");
}

#[tokio::test]
async fn nobody_is_served_without_the_key() {
    let served = serve().await;
    let workspace = Workspace { tenant: "t".into(), name: "w".into() };
    let error = client(&served.url, "some other key").list(&workspace, "").await.unwrap_err();
    assert_eq!(error.code(), Code::SandboxUnavailable, "{error}");
    assert!(error.message().contains("DORMOUSE_SANDBOX_KEY"), "{error}");

    let folder = TempDir::new().unwrap();
    let output = command(&folder).env_remove("DORMOUSE_SANDBOX_KEY").output().await.unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && words.contains("DORMOUSE_SANDBOX_KEY"), "{words}");
}

#[tokio::test]
async fn one_that_is_not_there_is_an_error_of_its_own() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", port.local_addr().unwrap());
    drop(port);
    let workspace = Workspace { tenant: "t".into(), name: "w".into() };
    let error = client(&url, KEY).read(&workspace, "a").await.unwrap_err();
    assert_eq!(error.code(), Code::SandboxUnavailable, "{error}");
}
