//! A Redis cluster as a store.
#![expect(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::{net::TcpListener, sync::Arc, time::Duration};

use dormouse_core::ports::{Commit, Records, Write};
use dormouse_redis::RedisRecords;
use dormouse_testkit::{
    conformance,
    conformance::TIMEOUT,
    fakes::TestHost,
    servers::{RedisServer, Server},
};
use redis::{FromRedisValue, aio::MultiplexedConnection, cmd};

const SLOTS: usize = 16_384;
const NODES: usize = 3;

struct Node {
    server: RedisServer,
    /// The port on which nodes talk to each other.
    bus: u16,
    client: MultiplexedConnection,
}

impl Node {
    async fn start() -> Self {
        let bus = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = ["--cluster-enabled", "yes", "--cluster-port", &bus.to_string()];
        let server = RedisServer::start_with(&settings).await;
        let client = redis::Client::open(server.url()).unwrap();
        let client = client.get_multiplexed_async_connection().await.unwrap();
        Self { server, bus, client }
    }

    async fn ask<T: FromRedisValue>(&mut self, words: &str) -> T {
        let mut words = words.split(' ');
        let mut command = cmd(words.next().unwrap());
        for word in words {
            command.arg(word);
        }
        command.query_async(&mut self.client).await.unwrap()
    }
}

/// Nodes that know each other and share the slots.
async fn cluster() -> Vec<Node> {
    let mut nodes = Vec::new();
    for number in 0..NODES {
        let mut node = Node::start().await;
        let (first, last) = (number * SLOTS / NODES, (number + 1) * SLOTS / NODES - 1);
        let _: () = node.ask(&format!("CLUSTER ADDSLOTSRANGE {first} {last}")).await;
        let _: () = node.ask(&format!("CLUSTER SET-CONFIG-EPOCH {}", number + 1)).await;
        nodes.push(node);
    }
    let addresses: Vec<_> = nodes.iter().map(|node| (node.server.address(), node.bus)).collect();
    for node in &mut nodes {
        for (other, bus) in &addresses {
            let (ip, port) = (other.ip(), other.port());
            let _: () = node.ask(&format!("CLUSTER MEET {ip} {port} {bus}")).await;
        }
    }
    for node in &mut nodes {
        let united = async {
            let ready = format!("cluster_slots_ok:{SLOTS}");
            loop {
                let info: String = node.ask("CLUSTER INFO").await;
                if info.contains("cluster_state:ok") && info.contains(&ready) {
                    break;
                }
                // Nodes tell nobody that they have heard of all others.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), united).await.unwrap();
    }
    nodes
}

#[tokio::test]
async fn a_cluster_is_a_store_like_any_other() {
    let (mut nodes, host) = (cluster().await, Arc::new(TestHost::new()));
    let url = nodes.first().map(|node| node.server.url().replace("redis:", "redis+cluster:"));
    let records = RedisRecords::new(&url.unwrap(), TIMEOUT, Arc::clone(&host) as _).unwrap();

    conformance::records(&records, &*host).await;

    for number in 0..10 * NODES {
        let writes = ["a", "b"].map(|id| Write::put("things", id, "")).into();
        records.commit(Commit::new(format!("tenant {number}"), writes)).await.unwrap();
    }
    for node in &mut nodes {
        let keys: Vec<String> = node.ask("KEYS dormouse:{tenant*").await;
        assert!(!keys.is_empty(), "tenants are spread over all nodes");
    }
}
