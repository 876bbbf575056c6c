//! A Redis that is reached over TLS.
#![expect(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::{env, fs, net::TcpListener, process::Command, sync::Arc};

use dormouse_core::{
    Result,
    ports::{Commit, Outcome, Records, Write},
};
use dormouse_redis::RedisRecords;
use dormouse_testkit::{conformance::TIMEOUT, fakes::TestHost, servers::RedisServer};
use rcgen::generate_simple_self_signed;

const URL: &str = "DORMOUSE_TEST_STORE";
/// Whom the system trusts, as the library that looks for them wants to be told.
const TRUSTED: &str = "SSL_CERT_FILE";

async fn commit(url: &str) -> Result<Outcome> {
    let records = RedisRecords::new(url, TIMEOUT, Arc::new(TestHost::new())).unwrap();
    records.commit(Commit::new("acme", vec![Write::put("things", "a", "")])).await
}

#[tokio::test]
#[ignore = "the other test starts it as a process of its own"]
async fn the_other_process() {
    if let Ok(url) = env::var(URL) {
        commit(&url).await.expect("a server that is trusted");
    }
}

#[tokio::test]
async fn a_server_is_believed_only_if_whom_we_trust_vouches_for_it() {
    let made = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: String| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let certificate = file("tls.crt", made.cert.pem());
    let key = file("tls.key", made.signing_key.serialize_pem());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let tls = ["--tls-port", &port, "--tls-cert-file", &certificate, "--tls-key-file", &key];
    let arguments = [&tls[..], &["--tls-auth-clients", "no"]].concat();
    let _server = RedisServer::start_with(&arguments).await;
    let url = |host: &str| format!("rediss://{host}:{port}");

    let believed = |host: &str| {
        let status = Command::new(env::current_exe().unwrap())
            .args(["--ignored", "--exact", "the_other_process"])
            .env(URL, url(host))
            .env(TRUSTED, &certificate)
            .output();
        status.unwrap().status.success()
    };
    assert!(believed("127.0.0.1"));
    // The certificate is for an address, not for this name of it.
    assert!(!believed("localhost"));
    assert!(commit(&url("127.0.0.1")).await.is_err(), "nobody vouches for it");
}
