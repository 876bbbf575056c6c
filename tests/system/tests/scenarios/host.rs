//! The hosts: where the gateway's real binaries run, and how each is started.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use dormouse_testkit::{
    lambda::{Emulator, EventKind},
    process::{self, Process},
};

use crate::stage::Stage;

/// Where a gateway runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// `dormouse serve`, as on a laptop and in a container.
    Server,
    /// The AWS Lambda function behind a function URL.
    Lambda,
    /// The wasm component.
    Spin,
}

/// A gateway that runs.
#[derive(Debug)]
pub(crate) enum Running {
    /// As a process that serves HTTP itself.
    Process(Box<Process>),
    /// As a function.
    Function(Emulator),
}

impl Running {
    /// Starts a gateway with `settings` on the host of `stage`. Returns its base URL too.
    pub(crate) async fn start(
        stage: &Stage,
        settings: &BTreeMap<String, String>,
    ) -> (Self, String) {
        let store = stage.store();
        match stage.host {
            Host::Server => serve(settings, &store).await,
            Host::Lambda => invoke(settings, &store, stage.instances).await,
            Host::Spin => instantiate(settings, &store).await,
        }
    }

    /// What it has printed.
    pub(crate) fn output(&self) -> String {
        match self {
            Self::Process(process) => process.output().text(),
            Self::Function(function) => function.logs(),
        }
    }

    /// Announces to a function how long each event may take.
    pub(crate) fn allow(&self, time: Duration) {
        match self {
            Self::Process(process) => panic!("{process:?} has all the time that it wants"),
            Self::Function(function) => function.allow(time),
        }
    }

    /// Kills every process of it with SIGKILL.
    pub(crate) async fn kill(&mut self) {
        match self {
            Self::Process(process) => process.kill().await,
            Self::Function(function) => {
                for id in function.pids() {
                    let mut kill = tokio::process::Command::new("sh");
                    let status = kill.args(["-c", &format!("kill -9 {id}")]).status().await;
                    assert!(status.unwrap().success(), "{id} could not be killed");
                }
            }
        }
    }
}

async fn serve(settings: &BTreeMap<String, String>, store: &Path) -> (Running, String) {
    let mut settings = settings.clone();
    settings.insert("DORMOUSE_LISTEN".into(), "127.0.0.1:0".into());
    settings.entry("DORMOUSE_STORE".into()).or_insert_with(|| url(store));
    let mut process = Process::start(&server(), &["serve"], settings);
    let address = process.address().await;
    (Running::Process(Box::new(process)), address)
}

/// The program of the server, which serves sandboxes, too.
pub(crate) fn server() -> PathBuf {
    process::built("DORMOUSE_TEST_SERVER_BIN", "debug/dormouse", "cargo build -p dormouse")
}

async fn invoke(
    settings: &BTreeMap<String, String>,
    store: &Path,
    instances: usize,
) -> (Running, String) {
    let program = process::built(
        "DORMOUSE_TEST_LAMBDA_BIN",
        "debug/dormouse-lambda",
        "cargo build -p dormouse-lambda",
    );
    let mut settings: Vec<_> = settings.clone().into_iter().collect();
    settings.push(("DORMOUSE_STORE".into(), url(store)));
    let function = Emulator::start(&program, &settings, EventKind::FunctionUrl, instances).await;
    let function = function.expect("the emulator starts");
    let address = function.base_url().to_owned();
    (Running::Function(function), address)
}

async fn instantiate(settings: &BTreeMap<String, String>, store: &Path) -> (Running, String) {
    let program = spin_host();
    let component = process::built(
        "DORMOUSE_TEST_SPIN_COMPONENT",
        "wasm32-wasip2/wasm/dormouse_spin.wasm",
        "cargo build -p dormouse-spin --target wasm32-wasip2 --profile wasm",
    );
    let pairs = settings.iter().map(|(name, value)| format!("--env={name}={value}"));
    let arguments: Vec<String> = [
        format!("--component={}", component.display()),
        format!("--sqlite={}", store.display()),
        format!("--cache={}", component.with_extension("compiled").display()),
        "--listen=127.0.0.1:0".into(),
        "--allow=http://127.0.0.1:*".into(),
        "--allow=redis://127.0.0.1:*".into(),
    ]
    .into_iter()
    .chain(pairs)
    .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut process = Process::start::<String, String>(&program, &arguments, []);
    let address = process.address().await;
    (Running::Process(Box::new(process)), address)
}

fn spin_host() -> PathBuf {
    process::built(
        "DORMOUSE_TEST_SPIN_HOST_BIN",
        "debug/dormouse-spin-host",
        "cargo build --manifest-path tests/spin-host/Cargo.toml --target-dir target",
    )
}

fn url(store: &Path) -> String {
    format!("sqlite://{}", store.display())
}
