//! Servers of other people, for tests of what talks to them.
//!
//! Each is the real program, listens on a loopback port of its own, keeps its data in a folder of its
//! own, and answers when its start returns. It dies with the thread that started it, whatever becomes of
//! the test: start it from the test's own thread.
#![expect(clippy::expect_used, clippy::panic, reason = "a test whose tools fail fails")]

mod postgres;
mod redis;

use std::{
    env, fmt,
    hash::{BuildHasher, RandomState},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use tokio::process::Command;

pub use self::{postgres::PostgresServer, redis::RedisServer};
use crate::process::Process;

/// A server that may die.
#[async_trait]
pub trait Server: fmt::Debug + Send + Sync {
    /// Where it listens, before and after its death.
    fn address(&self) -> SocketAddr;

    /// Kills it as `kill -9` does. Nothing listens any more when this returns.
    async fn kill(&mut self);

    /// Starts it again after its death, with the same data and at the same address. It answers when this
    /// returns.
    async fn restart(&mut self);
}

/// A port of the loopback interface on which nobody listens. It is none of those that the system gives
/// to outgoing connections, so that nobody takes it while its server is dead.
fn free_port() -> u16 {
    let random = RandomState::new();
    (0..1000_u16)
        .map(|attempt| 20_000 + u16::try_from(random.hash_one(attempt) % 12_000).unwrap_or(0))
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .expect("a free port of the loopback interface")
}

/// Finds a server's program: on the path, or in one of `folders`.
///
/// # Panics
/// If it is not there. The message names the Debian package that has it.
fn program(name: &str, package: &str, folders: &[PathBuf]) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders = folders.iter().cloned().chain(env::split_paths(&path));
    folders.find_map(|folder| Some(folder.join(name)).filter(|it| it.is_file())).unwrap_or_else(
        || panic!("{name} is missing: run `tests/run`, or `apt-get install {package}`"),
    )
}

/// Starts a program, as another user if need be.
fn start(program: &Path, arguments: &[&str], user: Option<&str>) -> Process {
    Process::run(as_user(program, arguments, user))
}

/// What starts a program that dies with the thread that started it.
fn as_user(program: &Path, arguments: &[&str], user: Option<&str>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).env("LC_ALL", "C.UTF-8");
    if let Some(user) = user {
        command.args([&format!("--reuid={user}"), &format!("--regid={user}"), "--clear-groups"]);
    }
    command.arg("--").arg(program).args(arguments);
    command
}
