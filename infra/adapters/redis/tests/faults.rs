//! The Redis store while its server and its network fail.

use std::{net::SocketAddr, sync::Arc};

use dormouse_core::ports::Records;
use dormouse_redis::RedisRecords;
use dormouse_testkit::{
    conformance::{Site, TIMEOUT, records_under_faults},
    fakes::TestHost,
    servers::RedisServer,
};

const SECRET: &str = "correct-horse-battery-staple";

#[tokio::test]
async fn redis_records_keep_their_promises() {
    let mut server = RedisServer::start_with(&["--requirepass", SECRET]).await;
    let host = Arc::new(TestHost::new());
    let open = |address: SocketAddr| -> Arc<dyn Records> {
        let url = format!("redis://:{SECRET}@{address}");
        Arc::new(RedisRecords::new(&url, TIMEOUT, Arc::clone(&host) as _).unwrap())
    };
    let site = Site { server: &mut server, open: &open, clock: &*host, secret: SECRET };
    records_under_faults(site).await;
}
