//! The PostgreSQL store while its server and its network fail.

use std::{net::SocketAddr, sync::Arc};

use dormouse_core::ports::Records;
use dormouse_postgres::PostgresRecords;
use dormouse_testkit::{
    conformance::{Site, TIMEOUT, records_under_faults},
    fakes::TestHost,
    servers::PostgresServer,
};

const SECRET: &str = "correct-horse-battery-staple";

#[tokio::test]
async fn postgres_records_keep_their_promises() {
    let mut server = PostgresServer::start().await;
    let host = Arc::new(TestHost::new());
    let open = |address: SocketAddr| -> Arc<dyn Records> {
        let url = format!("postgres://postgres:{SECRET}@{address}/postgres");
        Arc::new(PostgresRecords::new(&url, TIMEOUT, Arc::clone(&host) as _).unwrap())
    };
    let site = Site { server: &mut server, open: &open, clock: &*host, secret: SECRET };
    records_under_faults(site).await;
}
