//! Responses are kept for their tenant, whole, for their time.

use std::{sync::Arc, time::Duration};

use dormouse_core::{
    Code,
    memory::MemoryRecords,
    ports::{MAX_VALUE_BYTES, Page, Records},
    responses::{Kept, MAX_BYTES, Responses},
};
use dormouse_testkit::fakes::TestHost;
use futures::FutureExt;
use serde_json::json;

fn at_once<T>(answer: impl Future<Output = T>) -> T {
    answer.now_or_never().expect("nothing to wait for")
}

fn store() -> (Arc<TestHost>, Arc<MemoryRecords>, Responses) {
    let host = Arc::new(TestHost::new());
    let records = Arc::new(MemoryRecords::new(host.clone()));
    let responses = Responses::new(records.clone(), host.clone(), Duration::from_secs(60));
    (host, records, responses)
}

fn kept(bytes: usize) -> Kept {
    Kept {
        response: json!({ "id": "resp_1", "output": [{ "id": "msg_1" }] }),
        input: vec![json!({ "type": "message", "content": "é".repeat(bytes / 2) })],
    }
}

#[test]
fn a_response_of_any_size_comes_back_whole_and_leaves_nothing_behind() {
    for size in [2, MAX_VALUE_BYTES, 5 * MAX_VALUE_BYTES / 2, MAX_BYTES - 1024] {
        let (_, records, responses) = store();
        let one = kept(size);
        at_once(responses.put("acme", "resp_1", &one)).expect("kept");
        assert_eq!(at_once(responses.get("acme", "resp_1")).expect("there"), one, "{size}");
        at_once(responses.delete("acme", "resp_1")).expect("deleted");
        for collection in ["responses", "responses.pieces"] {
            let left = at_once(records.page("acme", collection, Page::default())).expect("a page");
            assert!(left.is_empty(), "{collection} after {size}");
        }
    }
}

#[test]
fn a_conversation_that_is_too_large_is_refused_with_what_helps() {
    let (_, _, responses) = store();
    let error = at_once(responses.put("acme", "resp_1", &kept(MAX_BYTES))).expect_err("too large");
    assert_eq!((error.code(), error.param()), (Code::BodyTooLarge, Some("store")));
}

#[test]
fn a_response_is_its_tenants_alone_and_ends_with_its_time() {
    let (host, _, responses) = store();
    at_once(responses.put("acme", "resp_1", &kept(2))).expect("kept");
    let code = |tenant: &str, id: &str| match at_once(responses.get(tenant, id)) {
        Ok(_) => None,
        Err(error) => Some(error.code()),
    };
    assert_eq!(code("acme", "resp_1"), None);
    for (tenant, id) in [("other", "resp_1"), ("acme", "resp_2"), ("acme", ""), ("acme", "a\0")] {
        assert_eq!(code(tenant, id), Some(Code::NotFound));
    }
    assert_eq!(
        at_once(responses.delete("other", "resp_1")).map_err(|error| error.code()),
        Err(Code::NotFound)
    );
    host.advance(Duration::from_secs(61));
    assert_eq!(code("acme", "resp_1"), Some(Code::NotFound));
}
