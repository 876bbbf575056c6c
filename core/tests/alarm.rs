//! When an alarm rings.

use std::{future::pending, sync::Arc, time::Duration};

use dormouse_core::{alarm::Alarm, ports::Host};
use dormouse_testkit::fakes::TestHost;
use futures::{FutureExt, future::ready};

const TIME: Duration = Duration::from_secs(10);

fn alarm() -> (Arc<TestHost>, Alarm) {
    let host = Arc::new(TestHost::new());
    let shared: Arc<dyn Host> = host.clone();
    (host, Alarm::after(shared, TIME))
}

/// `Some`: it rang.
fn rings(alarm: &mut Alarm) -> Option<()> {
    alarm.before(pending::<()>()).now_or_never().map(|over| assert_eq!(over, None))
}

#[test]
fn it_rings_when_its_time_has_passed_and_not_before() {
    let (host, mut alarm) = alarm();
    assert_eq!(rings(&mut alarm), None);
    host.advance(TIME - Duration::from_millis(1));
    assert_eq!(rings(&mut alarm), None);
    host.advance(Duration::from_millis(1));
    assert_eq!(rings(&mut alarm), Some(()));
}

#[test]
fn it_does_not_ring_while_it_is_set_again_and_again() {
    let (host, mut alarm) = alarm();
    for _ in 0..10 {
        assert_eq!(rings(&mut alarm), None);
        host.advance(TIME / 2);
        alarm.set(TIME);
    }
    host.advance(TIME);
    assert_eq!(rings(&mut alarm), Some(()));
}

#[test]
fn it_can_be_set_to_an_earlier_moment() {
    let (host, mut alarm) = alarm();
    assert_eq!(rings(&mut alarm), None);
    alarm.set(TIME / 2);
    assert_eq!(rings(&mut alarm), None);
    host.advance(TIME / 2);
    assert_eq!(rings(&mut alarm), Some(()));
}

#[test]
fn work_that_is_done_is_done_even_if_the_time_is_over() {
    let (host, mut alarm) = alarm();
    host.advance(TIME);
    assert_eq!(alarm.before(ready("done")).now_or_never().unwrap(), Some("done"));
}
