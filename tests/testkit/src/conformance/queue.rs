//! The contract of [`Queue`], clause by clause.
//!
//! A queue that cannot be reached (10) takes a server to stop: adapters test it themselves.

use std::{collections::BTreeSet, time::Duration};

use dormouse_core::{
    Code, Error,
    ports::{
        Delivery, MAX_DELAY, MAX_DELIVERIES, MAX_MESSAGE_BYTES, MAX_PULLED, MAX_QUEUE_NAME_BYTES,
        Message, Queue,
    },
};
use futures::future::join_all;

use super::{TestClock, records::fresh};

const SECOND: Duration = Duration::from_secs(1);
const LEASE: Duration = Duration::from_secs(30);

/// Checks every clause of the [`Queue`] contract that a queue can be asked about.
pub async fn queue(queue: &dyn Queue, clock: &dyn TestClock) {
    let line = |name: &str| Line { queue, clock, name: fresh(name) };
    one_at_a_time(&line("one")).await;
    of_many_who_pull_one_gets_it(&line("many")).await;
    comes_again_when_its_lease_ends(&line("again")).await;
    waits_for_its_delay(&line("delay")).await;
    is_handed_out_in_the_order_in_which_it_fell_due(&line("order")).await;
    a_lease_can_be_extended(&line("extended")).await;
    who_lost_a_message_can_do_nothing_with_it(&line("lost")).await;
    is_given_back(&line("back")).await;
    is_added_once_for_its_key(&line("key"), &line("other")).await;
    is_added_every_time_without_a_key(&line("unnamed")).await;
    is_set_aside_in_the_end(&line("dead")).await;
    queues_know_nothing_of_each_other(&line("a"), &line("b")).await;
    limits(&line("limits")).await;
}

/// A queue that no other run knows.
struct Line<'a> {
    queue: &'a dyn Queue,
    clock: &'a dyn TestClock,
    name: String,
}

impl Line<'_> {
    async fn add(&self, body: &str) {
        self.enqueue(Message::new(body)).await;
    }

    async fn enqueue(&self, message: Message) -> bool {
        self.queue.enqueue(&self.name, message).await.unwrap()
    }

    async fn pull(&self) -> Option<Delivery> {
        let mut pulled = self.queue.pull(&self.name, 1, LEASE).await.unwrap();
        assert!(pulled.len() <= 1, "clause 9: no more than was asked for");
        pulled.pop()
    }

    /// Takes the message that must be there.
    async fn take(&self, claim: &str) -> Delivery {
        self.pull().await.unwrap_or_else(|| panic!("{claim}: nothing was handed out"))
    }

    async fn nothing(&self, claim: &str) {
        assert_eq!(self.pull().await, None, "{claim}");
    }

    async fn acknowledge(&self, delivery: Delivery) -> bool {
        self.queue.acknowledge(&self.name, delivery).await.unwrap()
    }
}

async fn one_at_a_time(line: &Line<'_>) {
    line.nothing("clause 1: an empty queue hands out nothing").await;
    line.add("work").await;
    let delivery = line.take("clause 1").await;
    assert_eq!((&*delivery.body, delivery.deliveries), ("work", 1), "clause 1: as it was added");
    line.nothing("clause 2: it is in the hands of one").await;
    assert!(line.acknowledge(delivery).await, "clause 5: who holds it acknowledges it");
    line.clock.pass(LEASE + SECOND).await;
    line.nothing("clause 5: it is gone for good").await;
}

async fn of_many_who_pull_one_gets_it(line: &Line<'_>) {
    for number in 0..8 {
        line.add(&number.to_string()).await;
    }
    let pulls = (0..4).map(|_| line.queue.pull(&line.name, MAX_PULLED, LEASE));
    let pulled = join_all(pulls).await.into_iter().flat_map(Result::unwrap);
    let bodies: Vec<String> = pulled.map(|delivery| delivery.body).collect();
    let once: BTreeSet<&String> = bodies.iter().collect();
    assert_eq!(once.len(), bodies.len(), "clause 2: each is handed to one: {bodies:?}");
    let mut rest = line.queue.pull(&line.name, MAX_PULLED, LEASE).await.unwrap();
    rest.retain(|delivery| !bodies.contains(&delivery.body));
    assert_eq!(bodies.len() + rest.len(), 8, "clause 1: and all of them to somebody");
}

async fn comes_again_when_its_lease_ends(line: &Line<'_>) {
    line.add("work").await;
    line.take("clause 1").await;
    line.clock.pass(LEASE + SECOND).await;
    let again = line.take("clause 1: it comes again").await;
    assert_eq!((&*again.body, again.deliveries), ("work", 2), "clause 1: and is counted");
    assert!(line.acknowledge(again).await, "clause 5");
}

async fn waits_for_its_delay(line: &Line<'_>) {
    let delay = 5 * SECOND;
    line.enqueue(Message { delay, ..Message::new("later") }).await;
    line.nothing("clause 3: it is not due").await;
    line.clock.pass(delay + SECOND).await;
    let delivery = line.take("clause 3: now it is").await;
    assert!(line.acknowledge(delivery).await);
}

async fn is_handed_out_in_the_order_in_which_it_fell_due(line: &Line<'_>) {
    for body in ["first", "second"] {
        line.add(body).await;
        line.clock.pass(SECOND).await;
    }
    for body in ["first", "second"] {
        let delivery = line.take("clause 3").await;
        assert_eq!(delivery.body, body, "clause 3: the order is that in which they fell due");
        assert!(line.acknowledge(delivery).await);
    }
}

async fn a_lease_can_be_extended(line: &Line<'_>) {
    line.add("work").await;
    let mut delivery = line.take("clause 1").await;
    line.clock.pass(LEASE - 5 * SECOND).await;
    let extended = line.queue.extend(&line.name, &mut delivery, LEASE).await.unwrap();
    assert!(extended, "clause 4: whoever holds it may hold it longer");
    line.clock.pass(LEASE - 5 * SECOND).await;
    line.nothing("clause 4: counted from when it was extended").await;
    assert!(line.acknowledge(delivery).await, "clause 4: and it is still the holder's");
    line.clock.pass(LEASE + SECOND).await;
    line.nothing("clause 5: gone for good").await;
}

async fn who_lost_a_message_can_do_nothing_with_it(line: &Line<'_>) {
    line.add("work").await;
    let mut late = line.take("clause 1").await;
    line.clock.pass(LEASE + SECOND).await;
    let held = line.take("clause 1: it comes again").await;
    let extended = line.queue.extend(&line.name, &mut late, LEASE).await.unwrap();
    assert!(!extended, "clause 4: it is another's");
    let given = line.queue.give_back(&line.name, late.clone(), Duration::ZERO).await.unwrap();
    assert!(!given, "clause 4: it is another's");
    assert!(!line.acknowledge(late).await, "clause 4: it is another's");
    line.nothing("clause 4: nothing has changed").await;
    assert!(line.acknowledge(held).await, "clause 4: for the holder either");
}

async fn is_given_back(line: &Line<'_>) {
    line.add("work").await;
    let delivery = line.take("clause 1").await;
    let delay = 5 * SECOND;
    let given = line.queue.give_back(&line.name, delivery, delay).await.unwrap();
    assert!(given, "clause 5: whoever holds it may give it back");
    line.nothing("clause 5: not before its delay").await;
    line.clock.pass(delay + SECOND).await;
    let again = line.take("clause 5: after its delay").await;
    assert_eq!(again.deliveries, 2, "clause 7: being given back counts");
    let given = line.queue.give_back(&line.name, again, Duration::ZERO).await.unwrap();
    assert!(given, "clause 5");
    let again = line.take("clause 5: at once, if there is no delay").await;
    assert!(line.acknowledge(again).await);
}

async fn is_added_once_for_its_key(line: &Line<'_>, other: &Line<'_>) {
    let keyed = |body: &str| Message { key: Some("k-1_A".to_owned()), ..Message::new(body) };
    assert!(line.enqueue(keyed("first")).await, "clause 6: a new key");
    assert!(!line.enqueue(keyed("second")).await, "clause 6: a known key");
    assert!(other.enqueue(keyed("elsewhere")).await, "clause 6: in this queue");
    let delivery = line.take("clause 6").await;
    assert_eq!(delivery.body, "first", "clause 6");
    line.acknowledge(delivery).await;
    assert!(!line.enqueue(keyed("third")).await, "clause 6: also when it was acknowledged");
    line.nothing("clause 6").await;
}

async fn is_added_every_time_without_a_key(line: &Line<'_>) {
    line.add("unnamed").await;
    line.add("unnamed").await;
    let pulled = line.queue.pull(&line.name, MAX_PULLED, LEASE).await.unwrap();
    assert_eq!(pulled.len(), 2, "clause 6: what has no key is added every time");
}

async fn is_set_aside_in_the_end(line: &Line<'_>) {
    line.add("poison").await;
    line.add("work").await;
    for delivery in 1..=MAX_DELIVERIES {
        let pulled = line.queue.pull(&line.name, MAX_PULLED, LEASE).await.unwrap();
        assert!(pulled.iter().all(|it| it.deliveries == delivery), "clause 7: {pulled:?}");
        assert_eq!(pulled.len(), 2, "clause 7: so often it is handed out");
        line.clock.pass(LEASE + SECOND).await;
    }
    assert_eq!(line.queue.dead(&line.name, MAX_PULLED).await.unwrap(), [], "clause 7: not yet");
    line.nothing("clause 7: and no more").await;
    line.nothing("clause 7: and no more").await;
    let dead = line.queue.dead(&line.name, MAX_PULLED).await.unwrap();
    let bodies: BTreeSet<_> = dead.into_iter().map(|message| message.body).collect();
    let both = BTreeSet::from(["poison".to_owned(), "work".to_owned()]);
    assert_eq!(bodies, both, "clause 7: it can be looked at");
}

async fn queues_know_nothing_of_each_other(one: &Line<'_>, other: &Line<'_>) {
    one.add("mine").await;
    other.nothing("clause 8: another queue's").await;
    let delivery = one.take("clause 8").await;
    assert!(one.acknowledge(delivery).await);
}

async fn limits(line: &Line<'_>) {
    let body = "x".repeat(MAX_MESSAGE_BYTES);
    let largest = Message { body, delay: MAX_DELAY, key: Some("k".repeat(MAX_QUEUE_NAME_BYTES)) };
    assert!(line.enqueue(largest.clone()).await, "clause 9: the largest is served");
    let long = "q".repeat(MAX_QUEUE_NAME_BYTES + 1);
    for (claim, name, message) in [
        ("body", &line.name, Message { body: format!("{}x", largest.body), ..Message::new("") }),
        ("delay", &line.name, Message { delay: MAX_DELAY + SECOND, ..Message::new("") }),
        ("key", &line.name, Message { key: Some("a b".to_owned()), ..Message::new("") }),
        ("queue", &long, Message::new("")),
        ("queue", &String::new(), Message::new("")),
        ("queue", &"a/b".to_owned(), Message::new("")),
    ] {
        refused(claim, line.queue.enqueue(name, message).await.err());
    }
    for (claim, most, lease) in
        [("most", 0, LEASE), ("most", MAX_PULLED + 1, LEASE), ("time", 1, MAX_DELAY + SECOND)]
    {
        refused(claim, line.queue.pull(&line.name, most, lease).await.err());
    }
    line.clock.pass(MAX_DELAY + SECOND).await;
    let delivery = line.take("clause 9: the largest comes out again").await;
    assert_eq!(delivery.body, largest.body, "clause 9");
}

fn refused(field: &str, error: Option<Error>) {
    let error = error.unwrap_or_else(|| panic!("clause 9: {field} is beyond its limit"));
    assert_eq!(error.code(), Code::InvalidRequest, "clause 9: {field}: {error}");
    assert_eq!(error.param(), Some(field), "clause 9: the field is named: {error}");
}
