//! A PostgreSQL that is reached over TLS.

use std::{fs, sync::Arc};

use dormouse_core::{
    Code,
    ports::{Commit, Records, Write},
};
use dormouse_postgres::PostgresRecords;
use dormouse_testkit::{
    conformance::TIMEOUT,
    fakes::TestHost,
    servers::{PostgresServer, Server},
};
use rcgen::generate_simple_self_signed;

#[tokio::test]
async fn a_server_is_believed_only_if_whom_we_trust_vouches_for_it() {
    let made = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let server = PostgresServer::start_with_tls(&certificate, &key).await;
    let folder = tempfile::tempdir().unwrap();
    let trusted = folder.path().join("ca.pem");
    fs::write(&trusted, certificate).unwrap();
    let trusted = format!("sslrootcert={}", trusted.display());
    let write = || Commit::new("acme", vec![Write::put("things", "a", "")]);
    let open = |host: &str, query: &str| {
        let url =
            format!("postgres://postgres@{host}:{}/postgres?{query}", server.address().port());
        PostgresRecords::new(&url, TIMEOUT, Arc::new(TestHost::new())).unwrap()
    };

    for mode in ["prefer", "require", "verify-full"] {
        let records = open("127.0.0.1", &format!("sslmode={mode}&{trusted}"));
        records.commit(write()).await.unwrap();
        // The certificate is for an address, not for this name of it.
        for stranger in [
            open("localhost", &format!("sslmode={mode}&{trusted}")),
            open("127.0.0.1", &format!("sslmode={mode}")),
        ] {
            let error = stranger.commit(write()).await.unwrap_err();
            assert_eq!(error.code(), Code::StoreUnavailable, "{mode}");
        }
    }
    open("127.0.0.1", "").commit(write()).await.unwrap();
}
