//! Who writes: one at a time, once, and only what was answered.

use std::time::Duration;

use dormouse_core::{Code, accounting::Outcome, chat::Whole, money::NanoDollars};
use futures::{FutureExt, StreamExt};

use crate::bench::{Bench, Reply, code, named, says, says_to};

const HOLD_TTL: Duration = Duration::from_secs(660);

#[tokio::test]
async fn who_comes_second_is_refused_before_a_model_is_called() {
    let bench = Bench::new();
    for turn in 0..2 {
        let first = bench.begin(&named("a"), &says("first")).await.unwrap();
        let body = says("second");
        let chat = (dormouse_core::chat::Dialect::OpenAiChat, &body);
        for gateway in [0, 1] {
            let second = bench.begin_at(gateway, "acme", &named("a"), chat).await.unwrap_err();
            assert_eq!(second.code(), Code::ConversationBusy);
            assert!(second.delay().is_some());
        }
        assert_eq!(bench.told().len(), turn + 1);
        bench.hear(first).await.unwrap();
    }
    let id = bench.ask(&named("a"), &says("second")).await.unwrap();
    let texts = ["first", "answer 1", "first", "answer 2", "second", "answer 3"];
    assert_eq!(bench.texts(&id).await, texts);
    assert_eq!(bench.receipts().await.len(), 3, "who is refused leaves no receipt");
    assert_eq!(bench.held().await, NanoDollars(0));
}

#[tokio::test]
async fn of_two_that_saw_the_same_state_one_is_refused() {
    let bench = Bench::new();
    bench.ask(&named("a"), &says("one")).await.unwrap();
    for name in ["a", "fresh"] {
        let caller = crate::bench::caller("acme");
        let mut begun = Vec::new();
        let mut opened = Vec::new();
        for gateway in &bench.gateways {
            opened.push(gateway.converse(&caller, &named(name)).await.unwrap());
        }
        for (gateway, conversing) in bench.gateways.iter().zip(opened) {
            let body = says("two").to_string().into();
            let request = dormouse_core::wire::openai_chat::decode_request(&body).unwrap();
            let origin = dormouse_core::gateway::Origin { conversing, ..Default::default() };
            begun.push(bench.run(Box::pin(gateway.chat(&caller, request, origin))).await);
        }
        let second = begun.pop().unwrap();
        assert_eq!(code(second), Some(Code::ConversationBusy));
        bench.hear(begun.pop().unwrap().unwrap()).await.unwrap();
    }
}

#[tokio::test]
async fn a_failed_answer_and_one_that_nobody_heard_are_not_kept() {
    let bench = Bench::new();
    let id = bench.ask(&named("a"), &says("one")).await.unwrap();
    bench.script([Reply::Status(400), Reply::Breaks, Reply::Breaks]);

    assert_eq!(
        code(bench.begin(&named("a"), &says("refused")).await),
        Some(Code::UpstreamRejected)
    );
    let broken = bench.begin(&named("a"), &says("broken")).await.unwrap();
    assert_eq!(code(bench.hear(broken).await), Some(Code::UpstreamFailed));
    drop(bench.begin(&named("a"), &says("left")).await.unwrap());
    bench.host.run_spawned().await;

    assert_eq!(bench.texts(&id).await, ["one", "answer 1"]);
    bench.ask(&named("a"), &says("two")).await.expect("the conversation is free again");
    assert_eq!(bench.texts(&id).await.len(), 4);
    let outcomes: Vec<Outcome> = bench.receipts().await.iter().map(|it| it.outcome).collect();
    assert_eq!(outcomes.iter().filter(|it| **it == Outcome::Failed).count(), 2);
    assert_eq!(outcomes.iter().filter(|it| **it == Outcome::Aborted).count(), 1);
    assert!(bench.receipts().await.iter().all(|it| it.conversation.as_ref() == Some(&id)));
}

#[tokio::test]
async fn who_leaves_after_the_end_of_the_answer_has_heard_it() {
    let bench = Bench::new();
    let mut answer = bench.begin(&named("a"), &says("one")).await.unwrap();
    let id = answer.conversation.clone().unwrap();
    assert!(bench.run(answer.chunks.next()).await.is_some(), "a whole answer is one chunk");
    drop(answer);
    bench.host.run_spawned().await;
    assert_eq!(bench.texts(&id).await, ["one", "answer 1"]);
    assert_eq!(bench.receipts().await[0].outcome, Outcome::Aborted);
}

#[tokio::test]
async fn a_conversation_whose_first_answer_fails_never_was() {
    let bench = Bench::new();
    bench.script([Reply::Status(400)]);
    assert!(bench.begin(&named("a"), &says("one")).await.is_err());
    assert!(bench.gateways[0].conversations().list("acme", 0, 9).await.unwrap().is_empty());
    let gone = bench.gateways[0].conversations().delete_session("acme", "a").await;
    assert_eq!(code(gone), Some(Code::NotFound));
    bench.ask(&named("a"), &says("one")).await.unwrap();
}

#[tokio::test]
async fn a_claim_whose_process_died_ends_with_its_hold() {
    let bench = Bench::new();
    bench.ask(&named("a"), &says("one")).await.unwrap();
    for name in ["a", "new"] {
        let lost = bench.begin(&named(name), &says("lost")).await.unwrap();
        std::mem::forget(lost);
        assert_eq!(code(bench.begin(&named(name), &says("x")).await), Some(Code::ConversationBusy));
        bench.host.advance(HOLD_TTL + Duration::from_millis(1));
        let id = bench.ask(&named(name), &says("two")).await.unwrap();
        assert!(!bench.texts(&id).await.contains(&"lost".to_owned()));
    }
}

#[tokio::test]
async fn who_comes_back_after_its_claim_has_ended_changes_nothing() {
    let bench = Bench::set(&[("DORMOUSE_REQUEST_TIMEOUT", "1h"), ("DORMOUSE_HOLD_TTL", "61m")]);
    bench.ask(&named("a"), &says("one")).await.unwrap();
    let slow = bench.begin(&named("a"), &says("slow")).await.unwrap();
    bench.host.advance(Duration::from_secs(61 * 60 + 1));
    let id = bench.ask(&named("a"), &says("two")).await.unwrap();

    let heard = bench.hear(slow).await;
    assert!(heard.is_ok() || code(heard) == Some(Code::UpstreamTimeout));
    bench.host.run_spawned().await;

    assert_eq!(bench.texts(&id).await, ["one", "answer 1", "two", "answer 3"]);
}

#[tokio::test]
async fn a_settlement_whose_answer_was_lost_adds_its_turn_once() {
    for losing in [vec![true], vec![true, true]] {
        let bench = Bench::new();
        bench.ask(&named("a"), &says("one")).await.unwrap();
        let answer = bench.begin(&named("a"), &says("two")).await.unwrap();
        let id = answer.conversation.clone().unwrap();
        *bench.store.losing.lock().unwrap() = losing;
        let mut hearing = Box::pin(Whole::collect(answer.chunks));
        while (&mut hearing).now_or_never().is_none() {
            bench.host.run_spawned().await;
            bench.host.advance(Duration::from_secs(1));
        }
        assert_eq!(bench.texts(&id).await, ["one", "answer 1", "two", "answer 2"]);
        bench.ask(&named("a"), &says("three")).await.unwrap();
        assert_eq!(bench.texts(&id).await.len(), 6);
        assert_eq!(bench.receipts().await.len(), 3);
    }
}

#[tokio::test]
async fn a_fallback_claims_the_conversation_anew() {
    let bench = Bench::new();
    for name in ["a", "a"] {
        bench.script([Reply::Status(500)]);
        bench.ask(&named(name), &says_to("either", "one")).await.unwrap();
    }
    let id = bench.ask(&named("a"), &says("two")).await.unwrap();
    assert_eq!(bench.texts(&id).await, ["one", "answer 2", "one", "answer 4", "two", "answer 5"]);
    assert_eq!(bench.receipts().await.len(), 5);
}

#[tokio::test]
async fn a_conversation_that_is_deleted_while_it_is_answered_stays_deleted() {
    let bench = Bench::new();
    bench.ask(&named("a"), &says("one")).await.unwrap();
    let answer = bench.begin(&named("a"), &says("two")).await.unwrap();
    let id = answer.conversation.clone().unwrap();
    bench.gateways[1].conversations().delete("acme", &id).await.unwrap();
    bench.hear(answer).await.expect("the answer is told all the same");
    assert_eq!(code(bench.read(&id).await), Some(Code::NotFound));
    assert_eq!(bench.receipts().await[1].outcome, Outcome::Completed);
    assert_ne!(bench.ask(&named("a"), &says("three")).await.unwrap(), id);
    assert_eq!(bench.last().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_request_without_a_conversation_costs_the_store_what_it_did() {
    let bench = Bench::new();
    let body = says("x").to_string().into();
    for _ in 0..2 {
        bench.cost();
        let request = dormouse_core::wire::openai_chat::decode_request(&body).unwrap();
        let caller = crate::bench::caller("acme");
        let asked = bench.gateways[0].chat(&caller, request, Default::default());
        let answer = bench.run(Box::pin(asked)).await.unwrap();
        assert_eq!(answer.conversation, None);
        bench.hear(answer).await.unwrap();
    }
    assert_eq!(bench.cost(), (0, 5), "the hold and its budget; their end, and the receipt");

    bench.ask(&named("a"), &says("x")).await.unwrap();
    bench.cost();
    bench.ask(&named("a"), &says("x")).await.unwrap();
    assert_eq!(bench.cost(), (3, 5 + 3), "its name, itself, its turns; a claim, its end, a turn");
}
