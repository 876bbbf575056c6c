//! A supervisor of toy servers.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use dormouse_core::ports::{ModelServer, ModelServers};
use dormouse_llamacpp::{ModelSpec, Options, Supervisor};
use dormouse_testkit::conformance::{ServerYard, TERMS};
use tempfile::TempDir;

use crate::{
    machine::{Machine, PlainHttp},
    toy_server,
};

#[derive(Debug)]
pub(crate) struct Yard {
    pub(crate) supervisor: Supervisor,
    pub(crate) machine: Arc<Machine>,
    pub(crate) folder: TempDir,
}

impl Yard {
    /// Toy servers by the terms of the conformance suite.
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// The same, with some options changed.
    pub(crate) fn with(change: impl FnOnce(&mut Options)) -> Self {
        let folder = TempDir::new().unwrap();
        let mut options = Options {
            models: TERMS.models.map(|name| toy(folder.path(), name)).to_vec(),
            idle_timeout: TERMS.idle_timeout,
            queue: TERMS.queue,
            backoff_initial: TERMS.backoff,
            backoff_max: TERMS.backoff * 6,
            ..Options::default()
        };
        change(&mut options);
        let machine = Arc::new(Machine::default());
        let supervisor =
            Supervisor::new(options, Arc::clone(&machine) as _, Arc::new(PlainHttp)).unwrap();
        Self { supervisor, machine, folder }
    }

    /// One more model for the options of [`with`](Self::with): its folder is the others'.
    pub(crate) fn another(options: &Options, name: &str) -> ModelSpec {
        ModelSpec { name: name.to_owned(), ..options.models[0].clone() }
    }

    fn sign(&self, model: &str, kind: &str) -> PathBuf {
        self.folder.path().join(model).with_extension(kind)
    }

    pub(crate) fn set(&self, model: &str, kind: &str) {
        self.write(model, kind, "out of luck");
    }

    pub(crate) fn write(&self, model: &str, kind: &str, text: &str) {
        // Written aside first: the server never reads half of it.
        let aside = self.sign(model, "aside");
        fs::write(&aside, text).unwrap();
        fs::rename(aside, self.sign(model, kind)).unwrap();
    }

    pub(crate) fn clear(&self, model: &str, kind: &str) {
        fs::remove_file(self.sign(model, kind)).unwrap();
    }

    /// The process ids of a model's servers, oldest first.
    pub(crate) fn pids(&self, model: &str) -> Vec<u32> {
        self.noted(model, "starts").lines().map(|line| line.parse().unwrap()).collect()
    }

    /// Waits until a model's server was asked for its health a few times more.
    pub(crate) async fn until_asked_again(&self, model: &str) {
        let asked = || self.noted(model, "asked").lines().count();
        let before = asked();
        until(async || asked() >= before + 3).await;
    }

    fn noted(&self, model: &str, kind: &str) -> String {
        fs::read_to_string(self.sign(model, kind)).unwrap_or_default()
    }

    pub(crate) async fn report(&self, model: &str) -> ModelServer {
        self.supervisor.state(model).await.unwrap()
    }

    /// Waits until a model's server is as expected.
    pub(crate) async fn until(&self, model: &str, expected: impl Fn(&ModelServer) -> bool) {
        until(async || expected(&self.report(model).await)).await;
    }
}

/// Waits until something is so, at most 20 seconds.
pub(crate) async fn until(mut so: impl AsyncFnMut() -> bool) {
    for _ in 0..10_000 {
        if so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("it never came to be so");
}

/// Whether a process exists and is no zombie.
pub(crate) fn lives(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with(['Z', 'X']))
}

/// SIGKILL.
pub(crate) fn kill(pid: u32) {
    let killed = Command::new("/bin/sh").args(["-c", &format!("kill -KILL {pid}")]).status();
    assert!(killed.unwrap().success());
}

/// All processes in the process group of one, itself included; none if that is gone.
pub(crate) fn group(pid: u32) -> Vec<u32> {
    let stats = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let stat = fs::read_to_string(entry.ok()?.path().join("stat")).ok()?;
        let pid = stat.split(' ').next()?.parse().ok()?;
        let group = stat.rsplit_once(") ")?.1.split(' ').nth(2)?.parse::<u32>().ok()?;
        Some((pid, group))
    });
    let stats: Vec<(u32, u32)> = stats.collect();
    let wanted = stats.iter().find(|(it, _)| *it == pid).map(|(_, group)| *group);
    stats.iter().filter(|(_, group)| Some(*group) == wanted).map(|(pid, _)| *pid).collect()
}

fn toy(folder: &Path, name: &str) -> ModelSpec {
    ModelSpec::new(name, toy_server::command(folder, Some(TERMS.slots)))
}

#[async_trait]
impl ServerYard for Yard {
    fn servers(&self) -> &dyn ModelServers {
        &self.supervisor
    }

    fn hold(&self, model: &str) {
        self.set(model, "hold");
    }

    fn let_go(&self, model: &str) {
        self.clear(model, "hold");
    }

    fn break_down(&self, model: &str) {
        self.set(model, "broken");
    }

    fn mend(&self, model: &str) {
        self.clear(model, "broken");
    }

    fn starts(&self, model: &str) -> usize {
        self.pids(model).len()
    }

    fn pass(&self, time: Duration) {
        self.machine.clock.advance(time);
    }

    async fn breathe(&self) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
