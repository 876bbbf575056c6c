//! PostgreSQL.

use std::{
    fs::{self, Permissions},
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use tempfile::TempDir;

use super::{Server, as_user, free_port, program, start};
use crate::process::Process;

const PACKAGE: &str = "postgresql";
/// Whose the server is where the test is root's: PostgreSQL refuses to be.
const USER: &str = "postgres";
/// How long the dead server's processes may hold on to its memory.
const PATIENCE: Duration = Duration::from_secs(60);

/// A PostgreSQL as its makers ship it, whose databases sort as English does.
#[derive(Debug)]
pub struct PostgresServer {
    folder: TempDir,
    port: u16,
    settings: Vec<String>,
    user: Option<&'static str>,
    process: Option<Process>,
}

impl PostgresServer {
    /// Makes a cluster and starts its server.
    ///
    /// # Panics
    /// If PostgreSQL is missing or does not start.
    pub async fn start() -> Self {
        Self::new().begin(&[]).await
    }

    /// Starts one that does not wait for the disk: what it keeps survives its death, but not that of the
    /// machine.
    ///
    /// # Panics
    /// If PostgreSQL is missing or does not start.
    pub async fn start_quick() -> Self {
        Self::new().begin(&["fsync=off"]).await
    }

    /// Starts one that offers TLS, with a certificate and its key in PEM.
    ///
    /// # Panics
    /// If PostgreSQL is missing or does not start.
    pub async fn start_with_tls(certificate: &str, key: &str) -> Self {
        let server = Self::new();
        let certificate = server.own("tls.crt", certificate);
        let key = server.own("tls.key", key);
        let settings = [format!("ssl_cert_file={certificate}"), format!("ssl_key_file={key}")];
        server.begin(&["ssl=on", &settings[0], &settings[1]]).await
    }

    fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let root = fs::metadata(folder.path()).is_ok_and(|folder| folder.uid() == 0);
        let user = root.then_some(USER);
        let server = Self { folder, port: 0, settings: Vec::new(), user, process: None };
        server.give(server.folder.path());
        server
    }

    /// Makes the cluster and starts the server, with further settings.
    async fn begin(mut self, settings: &[&str]) -> Self {
        self.settings = settings.iter().map(|setting| (*setting).to_owned()).collect();
        self.make().await;
        // Late, so that nobody else takes it meanwhile.
        self.port = free_port();
        self.restart().await;
        self
    }

    /// Writes a file that only the server can read, and returns its path.
    fn own(&self, name: &str, content: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, content).expect("a file of our own");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("a file of our own");
        self.give(&path);
        path.display().to_string()
    }

    /// Gives a file or folder to the server's user, where that is another.
    fn give(&self, path: &Path) {
        let Some(user) = self.user else { return };
        let id = |what: &str| {
            let output = Command::new("id").args([what, user]).output().expect("`id`");
            let id = String::from_utf8_lossy(&output.stdout).trim().parse().ok();
            id.unwrap_or_else(|| panic!("there is no user {user}: install {PACKAGE}"))
        };
        chown(path, Some(id("-u")), Some(id("-g"))).expect("root may give away");
    }

    /// The URL of its first database, without credentials, of which it wants none.
    pub fn url(&self) -> String {
        format!("postgres://{USER}@{}/postgres", self.address())
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    async fn make(&self) {
        let data = self.data().display().to_string();
        let mut arguments = vec!["-D", &data, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync"];
        // Whoever relies on the order of names finds out here.
        arguments.extend(["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"]);
        let made = as_user(&find("initdb"), &arguments, self.user).output().await;
        let made = made.expect("`setpriv`, of Debian's util-linux");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
    }

    /// Starts the server's program; `Err` says why it ended.
    async fn run(&self) -> Result<Process, String> {
        let (port, data) = (self.port.to_string(), self.data().display().to_string());
        let sockets = format!("unix_socket_directories={}", self.folder.path().display());
        let mut arguments = vec!["-D", &data, "-p", &port, "-c", &sockets];
        arguments.extend(["-c", "listen_addresses=127.0.0.1"]);
        arguments.extend(self.settings.iter().flat_map(|setting| ["-c", setting]));
        let mut process = start(&find("postgres"), &arguments, self.user);
        let ready = |line: &str| line.contains("ready to accept connections").then_some(());
        process.says(ready).await?;
        Ok(process)
    }
}

#[async_trait]
impl Server for PostgresServer {
    fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Kills the server with the processes that serve its clients: they would end by themselves, but not
    /// in the middle of what they do.
    async fn kill(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        let Some(server) = process.id() else { return };
        let all: Vec<_> =
            [server].into_iter().chain(children(server)).map(|id| id.to_string()).collect();
        let killed = Command::new("/bin/sh")
            .args(["-c", r#"kill -KILL "$@" 2>/dev/null || :"#, "kill"])
            .args(all)
            .status();
        assert!(killed.is_ok_and(|status| status.success()), "a shell that kills");
        process.kill().await;
    }

    async fn restart(&mut self) {
        let since = Instant::now();
        self.process = Some(loop {
            match self.run().await {
                Ok(process) => break process,
                // What served its clients before may need a moment to die.
                Err(_) if since.elapsed() < PATIENCE => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(why) => panic!("postgres {why}"),
            }
        });
    }
}

/// Debian keeps the programs of each version in a folder of its own, outside the path: the newest.
fn find(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    folders.sort_by_key(|folder| std::cmp::Reverse(version(folder)));
    program(name, PACKAGE, &folders)
}

fn version(folder: &Path) -> Option<u32> {
    folder.parent()?.file_name()?.to_str()?.parse().ok()
}

/// The processes that `parent` has started and that run.
fn children(parent: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let processes = entries.filter_map(|entry| {
        let id = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        // `id (name) state parent …`, and a name may hold anything.
        let of = stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse::<u32>().ok()?;
        (of == parent).then_some(id)
    });
    processes.collect()
}
