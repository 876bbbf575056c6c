//! The time, as a model is told.

use std::sync::Arc;

use dormouse_core::tools::{CurrentTime, Fixed, Tool};
use serde_json::{Value, json};

use crate::bench::{Bench, failure, text};

fn bench() -> Bench {
    // The registry's own clock is of no account here.
    let host = Arc::new(dormouse_testkit::fakes::TestHost::new());
    Bench::of(vec![Arc::new(Fixed(vec![Arc::new(CurrentTime::new(host)) as Arc<dyn Tool>]))])
}

#[tokio::test]
async fn the_time_is_told_at_an_offset() {
    for (input, time, weekday) in [
        (json!({}), "2027-01-15T08:00:00Z", "Friday"),
        (json!({ "offset": "-09:30" }), "2027-01-14T22:30:00-09:30", "Thursday"),
    ] {
        let said: Value =
            serde_json::from_str(&text(&bench().call("current_time", input).await)).unwrap();
        assert_eq!((&said["time"], &said["weekday"]), (&json!(time), &json!(weekday)));
        assert_eq!(said["unix_seconds"], 1_800_000_000);
    }
}

#[tokio::test]
async fn a_name_of_a_place_is_no_offset() {
    let said = failure(&bench().call("current_time", json!({ "offset": "Berlin" })).await);
    assert!(said.contains("+02:00"), "{said}");
}
