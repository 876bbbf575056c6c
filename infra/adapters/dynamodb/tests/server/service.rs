//! The service as those know it who are not AWS: it does not die, but the way to it does.
//!
//! Nothing that DynamoDB has acknowledged depends on one machine of it, so that there is no death to put
//! on. The server of these tests keeps its tables in memory; it stays, and what is killed in its place is
//! every connection to it.

use std::{net::SocketAddr, sync::Arc};

use async_trait::async_trait;
use dormouse_core::ports::Records;
use dormouse_testkit::{
    conformance::{Site, records_under_faults},
    fakes::TestHost,
    ministack::MiniStack,
    proxy::Proxy,
    servers::Server,
};

#[derive(Debug)]
struct Service {
    server: MiniStack,
    way: Proxy,
}

impl Service {
    async fn start() -> Self {
        let server = MiniStack::start().await;
        let address = server.endpoint().trim_start_matches("http://").parse().unwrap();
        Self { server, way: Proxy::start(address).await }
    }
}

#[async_trait]
impl Server for Service {
    fn address(&self) -> SocketAddr {
        self.way.address()
    }

    async fn kill(&mut self) {
        self.way.refuse(true);
    }

    async fn restart(&mut self) {
        // What was under way when its connection broke is done before what comes after it.
        super::open(self.server.endpoint(), &Arc::new(TestHost::new()))
            .get("acme", "things", "one")
            .await
            .unwrap();
        self.way.refuse(false);
    }
}

#[tokio::test]
async fn dynamodb_records_keep_their_promises() {
    let (mut server, host) = (Service::start().await, Arc::new(TestHost::new()));
    let open = |address: SocketAddr| -> Arc<dyn Records> {
        Arc::new(super::open(&format!("http://{address}"), &host))
    };
    let secret = MiniStack::SECRET;
    records_under_faults(Site { server: &mut server, open: &open, clock: &*host, secret }).await;
}
