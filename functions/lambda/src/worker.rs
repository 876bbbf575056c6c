//! Working on background responses: what the functions that answer leave in the queue.
//!
//! Nothing runs between the events of a function, so work needs events of its own. A schedule sends them; what
//! they say does not matter. A run that is not over when the time of its event is, goes back to the queue before
//! Lambda ends the function, and on from its last recorded step with the next event.

use std::time::{Duration, SystemTime};

use dormouse_core::gateway::Gateway;
use lambda_http::{
    Error,
    lambda_runtime::{LambdaEvent, run, service_fn},
};
use serde_json::Value;

/// How long before its end a function stops working: calls are settled and runs are handed over in this time.
const MARGIN: Duration = Duration::from_secs(10);

/// Works on runs, for as long as each event allows.
pub(crate) async fn serve(gateway: Gateway) -> Result<(), Error> {
    let gateway = &gateway;
    let work = |event: LambdaEvent<Value>| async move {
        gateway.work_for(time_to_work(event.context.deadline(), SystemTime::now())).await;
        Ok::<_, Error>(())
    };
    run(service_fn(work)).await
}

fn time_to_work(deadline: SystemTime, now: SystemTime) -> Duration {
    deadline.duration_since(now).unwrap_or_default().saturating_sub(MARGIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_ends_before_its_function_does() {
        let now = SystemTime::now();
        let left = |seconds| time_to_work(now + Duration::from_secs(seconds), now);
        assert_eq!(left(900), Duration::from_secs(890));
        assert_eq!(left(5), Duration::ZERO);
        assert_eq!(time_to_work(now - MARGIN, now), Duration::ZERO);
    }
}
