//! `redis-server`.

use std::net::{Ipv4Addr, SocketAddr};

use async_trait::async_trait;
use tempfile::TempDir;

use super::{Server, free_port, program, start};
use crate::process::Process;

/// A Redis that acknowledges nothing before it is on the disk.
#[derive(Debug)]
pub struct RedisServer {
    folder: TempDir,
    port: u16,
    arguments: Vec<String>,
    process: Option<Process>,
}

impl RedisServer {
    /// Starts one.
    ///
    /// # Panics
    /// If `redis-server` is missing or does not start.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts one with further settings, written as on its command line.
    ///
    /// # Panics
    /// If `redis-server` is missing or does not start.
    pub async fn start_with(arguments: &[&str]) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let mut server = Self { folder, port: free_port(), arguments, process: None };
        server.restart().await;
        server
    }

    /// Its URL, without credentials.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address())
    }
}

#[async_trait]
impl Server for RedisServer {
    fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    async fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().await;
        }
    }

    async fn restart(&mut self) {
        let program = program("redis-server", "redis-server", &[]);
        let (port, folder) = (self.port.to_string(), self.folder.path().display().to_string());
        let mut arguments = vec!["--bind", "127.0.0.1", "--port", &port, "--dir", &folder];
        arguments.extend(["--save", "", "--appendonly", "yes", "--appendfsync", "always"]);
        arguments.extend(self.arguments.iter().map(String::as_str));
        let mut process = start(&program, &arguments, None);
        let ready = |line: &str| line.contains("Ready to accept connections").then_some(());
        process.says(ready).await.unwrap_or_else(|why| panic!("redis-server {why}"));
        self.process = Some(process);
    }
}
