//! DynamoDB and S3 in one process on this machine, with nothing behind them: `ministack`, a Python package.
#![expect(clippy::expect_used, reason = "a test whose tools fail fails")]

use std::{
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::Command,
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::process::Process;

/// A server that speaks as AWS does. It is killed when this is dropped.
#[derive(Debug)]
pub struct MiniStack {
    _process: Process,
    _folder: TempDir,
    endpoint: String,
}

impl MiniStack {
    /// What the server takes as an access key's id; it takes any.
    pub const KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
    /// What it takes as its secret; it takes any.
    pub const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    /// A region that it knows.
    pub const REGION: &str = "us-east-1";

    /// Starts a server on a free port of the loopback interface, with nothing in it.
    ///
    /// # Panics
    /// If it cannot be installed (`tests/venv`) or does not start.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("its number").port().to_string();
        drop(listener);
        let place = folder.path().display().to_string();
        let variables = [
            ("GATEWAY_PORT", port.as_str()),
            ("BIND_HOST", "127.0.0.1"),
            ("IOT_MTLS_ENABLED", "0"),
            ("SFTP_ENABLED", "0"),
            ("S3_DATA_DIR", &place),
            ("TMPDIR", &place),
        ];
        let mut process = Process::start(&program(), &[], variables);
        process.address().await;
        let endpoint = format!("http://127.0.0.1:{port}");
        Self { _process: process, _folder: folder, endpoint }
    }

    /// Makes a bucket.
    ///
    /// # Panics
    /// If it cannot be made.
    pub async fn make_bucket(&self, name: &str) {
        let host = self.endpoint.trim_start_matches("http://");
        let mut server = TcpStream::connect(host).await.expect("the server listens");
        let request = format!(
            "PUT /{name} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        server.write_all(request.as_bytes()).await.expect("the server reads");
        let mut answer = String::new();
        server.read_to_string(&mut answer).await.expect("the server answers");
        assert!(answer.starts_with("HTTP/1.1 200"), "the bucket cannot be made: {answer}");
    }

    /// Where it listens: `http://127.0.0.1:` and its port.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

/// Where the tests' Python environment has the program.
fn program() -> std::path::PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../venv");
    let made = Command::new(script).output().expect("tests/venv runs");
    assert!(made.status.success(), "tests/venv: {}", String::from_utf8_lossy(&made.stderr));
    let folder = String::from_utf8(made.stdout).expect("a path");
    Path::new(folder.trim()).join("bin/ministack")
}
