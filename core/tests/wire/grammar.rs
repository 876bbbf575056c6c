//! What the grammar of events accepts and refuses.

use dormouse_core::chat::{
    Delta, Dialect, Event, FinishReason, Grammar, PartKind, Signature, Violation, Whole,
};
use futures::{StreamExt, stream};
use proptest::{prelude::*, sample::Index};

use crate::legal;

fn check(events: &[Event]) -> Result<(), Violation> {
    let mut grammar = Grammar::default();
    for event in events {
        grammar.check(event)?;
    }
    grammar.complete()
}

fn start() -> Event {
    Event::Start { id: String::new(), model: String::new(), created: None }
}

fn open(index: u32, kind: PartKind) -> Event {
    Event::PartStart { choice: 0, index, kind }
}

fn delta(index: u32, delta: Delta) -> Event {
    Event::PartDelta { choice: 0, index, delta }
}

fn end(index: u32) -> Event {
    Event::PartEnd { choice: 0, index }
}

fn finish() -> Event {
    Event::Finish { choice: 0, reason: FinishReason::Stop }
}

fn refused(events: &[Event]) -> String {
    check(events).expect_err("an illegal sequence").to_string()
}

#[test]
fn every_rule_has_its_refusal() {
    let text = || open(0, PartKind::Text);
    let said = || delta(0, Delta::Text("a".into()));
    let thought = || open(0, PartKind::Reasoning);
    let signed = || delta(0, Delta::Signature(Signature::new(Dialect::OpenAiChat, "s")));
    let other_kind = || delta(0, Delta::Reasoning("a".into()));
    let closed = "a delta or end for a part that is not open";
    let late = "an event after its choice finished";

    let cases: [(&[Event], &str); 17] = [
        (&[], "no start"),
        (&[text()], "an event before the start"),
        (&[start(), start()], "a second start"),
        (&[start()], "a choice without a finish"),
        (&[start(), text(), said()], "a choice without a finish"),
        (&[start(), text(), text()], "two parts open at once"),
        (&[start(), open(1, PartKind::Text)], "part indices with a gap"),
        (&[start(), text(), end(0), text()], "part indices with a gap"),
        (&[start(), said()], closed),
        (&[start(), text(), end(0), said()], closed),
        (&[start(), text(), end(0), end(0)], closed),
        (&[start(), text(), other_kind()], "a delta of another kind than its part"),
        (&[start(), text(), signed()], "a delta of another kind than its part"),
        (&[start(), thought(), signed(), signed()], "a delta after the signature"),
        (&[start(), text(), finish()], "a finish while a part is open"),
        (&[start(), finish(), finish()], late),
        (&[start(), finish(), text()], late),
    ];
    for (events, rule) in cases {
        assert_eq!(refused(events), rule, "{events:?}");
    }
}

#[test]
fn a_choice_of_which_only_an_extension_is_known_must_finish_too() {
    let fields = dormouse_core::chat::Extensions::default();
    let mentioned = Event::Extension { dialect: Dialect::OpenAiChat, choice: Some(1), fields };
    assert_eq!(refused(&[start(), mentioned, finish()]), "a choice without a finish");
}

#[test]
fn the_smallest_answers_are_legal() {
    assert_eq!(check(&[Event::Ping, start(), finish(), Event::Ping]), Ok(()));
    assert_eq!(check(&[start(), open(0, PartKind::Text), end(0), finish()]), Ok(()));
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_not_collected() {
    let events = [start(), open(0, PartKind::Text)].map(|event| Ok(event.into()));
    let error = Whole::collect(stream::iter(events).boxed()).await.expect_err("it is incomplete");
    assert_eq!(error.code().as_str(), "internal");
}

/// A way to break a legal sequence.
#[derive(Clone, Copy, Debug)]
enum Break {
    Drop,
    Duplicate,
    SwapWithNext,
    Renumber,
    ChangeKind,
}

/// Whether breaking the event at this place in this way leaves no legal sequence.
fn breaks(how: Break, at: usize, events: &[Event]) -> bool {
    let (event, next) = (&events[at], events.get(at + 1));
    let said_something =
        events.iter().any(|event| matches!(event, Event::PartEnd { choice: 0, .. }));
    let skeleton = matches!(
        event,
        Event::Start { .. }
            | Event::PartStart { .. }
            | Event::PartEnd { .. }
            | Event::Finish { .. }
            | Event::PartDelta { delta: Delta::Signature(_), .. }
    );
    match how {
        // Without its finish, a choice that said nothing is not there at all.
        Break::Drop => match event {
            Event::Finish { choice, .. } => *choice == 0 && said_something,
            event => skeleton && !matches!(event, Event::PartDelta { .. }),
        },
        Break::Duplicate => skeleton,
        Break::SwapWithNext => match (event, next) {
            (Event::Start { .. }, Some(next)) => *next != Event::Ping,
            (
                Event::PartStart { choice, .. } | Event::PartDelta { choice, .. },
                Some(Event::PartEnd { choice: other, .. }),
            )
            | (Event::PartStart { choice, .. }, Some(Event::PartDelta { choice: other, .. }))
            | (
                Event::PartEnd { choice, .. },
                Some(Event::Finish { choice: other, .. } | Event::PartStart { choice: other, .. }),
            ) => choice == other,
            _ => false,
        },
        Break::Renumber => {
            matches!(
                event,
                Event::PartStart { .. } | Event::PartDelta { .. } | Event::PartEnd { .. }
            )
        }
        Break::ChangeKind => matches!(event, Event::PartDelta { .. }),
    }
}

fn apply(how: Break, at: usize, events: &mut Vec<Event>) {
    match (how, &mut events[at]) {
        (Break::Drop, _) => {
            events.remove(at);
        }
        (Break::Duplicate, event) => {
            let again = event.clone();
            events.insert(at, again);
        }
        (Break::SwapWithNext, _) => events.swap(at, at + 1),
        (
            Break::Renumber,
            Event::PartStart { index, .. }
            | Event::PartDelta { index, .. }
            | Event::PartEnd { index, .. },
        ) => *index += 1,
        (Break::ChangeKind, Event::PartDelta { delta, .. }) => {
            *delta = match delta {
                Delta::Text(_) => Delta::Arguments("{}".into()),
                _ => Delta::Text("a".into()),
            };
        }
        (how, event) => panic!("{how:?} does not apply to {event:?}"),
    }
}

proptest! {
    #[test]
    fn legal_answers_are_accepted(events in legal::answers()) {
        prop_assert_eq!(check(&events), Ok(()));
    }

    #[test]
    fn broken_answers_are_refused(
        events in legal::answers(),
        how in prop::sample::select(vec![
            Break::Drop, Break::Duplicate, Break::SwapWithNext, Break::Renumber, Break::ChangeKind,
        ]),
        pick in any::<Index>(),
    ) {
        let places: Vec<usize> = (0..events.len())
            .filter(|at| breaks(how, *at, &events))
            .collect();
        prop_assume!(!places.is_empty());
        let mut broken = events;
        apply(how, places[pick.index(places.len())], &mut broken);
        prop_assert!(check(&broken).is_err(), "{:?}", broken);
    }
}
