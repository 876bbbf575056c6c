//! What is measured: the upstream itself, nginx in front of it, and the gateway in front of it.

use std::{
    fmt, fs, io,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use http_body_util::BodyExt;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    load::{Address, Client},
    process::Process,
};

/// The administrator's key of the measured gateways.
const ADMIN: &str = "bench-administrator-key";
/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);
/// Dollars a million tokens, for every model.
const PRICES: &str = r#"{"*":{"input":"0.15","output":"0.60"}}"#;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Direct,
    Nginx,
    Dormouse(Store),
}

/// Where the gateway keeps its books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    Memory,
    Sqlite,
}

impl Target {
    pub(crate) const ALL: [Self; 4] =
        [Self::Direct, Self::Nginx, Self::Dormouse(Store::Memory), Self::Dormouse(Store::Sqlite)];
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Direct => "direct",
            Self::Nginx => "nginx",
            Self::Dormouse(Store::Memory) => "dormouse, memory",
            Self::Dormouse(Store::Sqlite) => "dormouse, sqlite",
        })
    }
}

/// Where the pieces are.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) upstream: SocketAddr,
    pub(crate) dormouse: PathBuf,
    pub(crate) nginx: PathBuf,
}

/// A target that answers, and its files.
pub(crate) struct Running {
    pub(crate) address: Address,
    /// `None`: the upstream, which is a part of this process.
    pub(crate) process: Option<Process>,
    _folder: TempDir,
}

impl Target {
    /// Starts it and waits until it answers, its store included.
    pub(crate) async fn start(self, site: &Site) -> io::Result<Running> {
        let folder = tempfile::tempdir()?;
        let mut address = Address { socket: site.upstream, key: None };
        let process = match self {
            Self::Direct => None,
            Self::Nginx => {
                address.socket = free_port()?;
                let process = Process::spawn(&mut nginx(site, address.socket, folder.path())?)?;
                wait(&address, "/v1/models").await?;
                Some(process)
            }
            Self::Dormouse(store) => {
                address.socket = free_port()?;
                let mut command = dormouse(site, store, address.socket, folder.path())?;
                let process = Process::spawn(&mut command)?;
                wait(&address, "/healthz").await?;
                address.key = Some(mint(&address).await?);
                Some(process)
            }
        };
        Ok(Running { address, process, _folder: folder })
    }
}

/// How long a gateway takes from its start to its first 200 from `/healthz`.
pub(crate) async fn start_to_ready(site: &Site, store: Store) -> io::Result<Duration> {
    let folder = tempfile::tempdir()?;
    let address = Address { socket: free_port()?, key: None };
    let mut command = dormouse(site, store, address.socket, folder.path())?;
    let before = Instant::now();
    let _process = Process::spawn(&mut command)?;
    wait(&address, "/healthz").await?;
    Ok(before.elapsed())
}

fn dormouse(site: &Site, store: Store, listen: SocketAddr, folder: &Path) -> io::Result<Command> {
    let store = match store {
        Store::Memory => "memory:".to_owned(),
        Store::Sqlite => format!("sqlite://{}", folder.join("dormouse.db").display()),
    };
    let mut command = Command::new(&site.dormouse);
    command
        .arg("serve")
        .env_clear()
        .env("DORMOUSE_LISTEN", listen.to_string())
        .env("DORMOUSE_UPSTREAM", format!("http://{}/v1", site.upstream))
        .env("DORMOUSE_STORE", store)
        .env("DORMOUSE_DATA", folder)
        .env("DORMOUSE_API_KEY", ADMIN)
        .env("DORMOUSE_PRICES", PRICES)
        .env("DORMOUSE_WORKERS", "2048")
        .env("DORMOUSE_DRAIN_TIMEOUT", "1s")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(folder.join("log"))?);
    Ok(command)
}

fn nginx(site: &Site, listen: SocketAddr, folder: &Path) -> io::Result<Command> {
    let (home, upstream) = (folder.display(), site.upstream);
    let configuration = format!(
        "worker_processes auto;
daemon off;
pid {home}/pid;
error_log {home}/error.log warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    keepalive_requests 1000000000;
    upstream model {{ server {upstream}; keepalive 128; keepalive_requests 1000000000; }}
    server {{
        listen {listen};
        location / {{
            proxy_pass http://model;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_buffering off;
        }}
    }}
}}
"
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, configuration)?;
    let mut command = Command::new(&site.nginx);
    command.arg("-p").arg(folder).arg("-c").arg(file).stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(fs::File::create(folder.join("log"))?);
    Ok(command)
}

/// A key with a budget that no run uses up.
async fn mint(address: &Address) -> io::Result<String> {
    let admin = Address { key: Some(ADMIN.into()), ..address.clone() };
    let mut client = Client::connect(&admin).await?;
    let new = json!({ "tenant": "bench", "budget": "1000000" }).to_string();
    let response = client.send("POST", "/v1/keys", new).await?;
    let body = response.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
    let made: Value = serde_json::from_slice(&body)?;
    let key = made.get("key").and_then(Value::as_str);
    key.map(str::to_owned).ok_or_else(|| io::Error::other(format!("no key was made: {made}")))
}

async fn wait(address: &Address, path: &str) -> io::Result<()> {
    let until = Instant::now() + PATIENCE;
    loop {
        let answered = async {
            let response = Client::connect(address).await?.send("GET", path, "").await?;
            if response.status().is_success() { Ok(()) } else { Err(io::Error::other("not ready")) }
        };
        match answered.await {
            Err(_) if Instant::now() < until => {
                tokio::time::sleep(Duration::from_micros(500)).await
            }
            result => return result,
        }
    }
}

fn free_port() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}
