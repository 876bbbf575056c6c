//! Whatever happens to both, the Redis store and the reference agree.

use std::sync::Arc;

use dormouse_redis::RedisRecords;
use dormouse_testkit::{
    conformance::{TIMEOUT, records_agree_with_the_reference},
    fakes::TestHost,
    servers::RedisServer,
};
use tokio::runtime::Builder;

#[test]
fn redis_does_what_the_reference_does() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let (server, host) = (runtime.block_on(RedisServer::start()), Arc::new(TestHost::new()));
    let records = RedisRecords::new(&server.url(), TIMEOUT, Arc::clone(&host) as _).unwrap();
    records_agree_with_the_reference(&records, &host, &|story| runtime.block_on(story));
}
