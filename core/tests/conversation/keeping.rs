//! How long conversations are kept, how long they may be, and how they are looked at and forgotten.

use std::time::Duration;

use dormouse_core::{Code, conversation::Address};
use serde_json::json;

use crate::bench::{Bench, Reply, code, named, says};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_conversation_lives_as_long_as_somebody_goes_on_with_it() {
    let bench = Bench::new();
    let id = bench.ask(&named("a"), &says("one")).await.unwrap();
    for _ in 0..7 {
        bench.host.advance(23 * HOUR);
        assert_eq!(bench.ask(&named("a"), &says("more")).await.unwrap(), id);
    }
    assert_eq!(bench.texts(&id).await.len(), 16, "its first turns were renewed");
    bench.host.advance(24 * HOUR);
    assert_eq!(code(bench.read(&id).await), Some(Code::NotFound));
    assert_ne!(bench.ask(&named("a"), &says("anew")).await.unwrap(), id);
    assert_eq!(bench.last().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_append_usually_writes_one_turn_whatever_came_before() {
    let bench = Bench::new();
    let mut most = 0;
    for _ in 0..40 {
        bench.host.advance(HOUR);
        bench.cost();
        bench.ask(&named("a"), &says("more")).await.unwrap();
        most = most.max(bench.cost().1);
        if most > 9 {
            break;
        }
    }
    let lives = "once in a lifetime everything is written again";
    assert!(most > 9, "{lives}");
    bench.ask(&named("a"), &says("more")).await.unwrap();
    for _ in 0..20 {
        bench.host.advance(HOUR);
        bench.cost();
        bench.ask(&named("a"), &says("more")).await.unwrap();
        assert_eq!(bench.cost().1, 8, "{lives}");
    }
}

#[tokio::test]
async fn a_conversation_has_no_more_messages_than_it_may() {
    let bench = Bench::new();
    for _ in 0..100 {
        bench.ask(&named("a"), &says("x")).await.unwrap();
    }
    let asked = bench.told().len();
    let error = bench.ask(&named("a"), &says("x")).await.unwrap_err();
    assert_eq!(error.code(), Code::ConversationTooLong);
    assert!(error.message().contains("200 messages"), "{error}");
    assert_eq!(bench.told().len(), asked, "no model was called");
}

#[tokio::test]
async fn what_is_larger_than_a_record_is_kept_whole() {
    let bench = Bench::new();
    let large = "é".repeat(1_200_000);
    let answer = "ö".repeat(200_000);
    bench.script([Reply::Message(json!({ "content": answer }), 1, 1)]);
    let id = bench.ask(&named("a"), &says(&large)).await.unwrap();
    bench.host.advance(40 * HOUR / 2);
    bench.ask(&named("a"), &says("two")).await.unwrap();
    bench.host.advance(20 * HOUR);
    bench.ask(&named("a"), &says("three")).await.unwrap();
    bench.host.advance(23 * HOUR);
    let texts = bench.texts(&id).await;
    assert_eq!((&texts[0], &texts[1]), (&large, &answer));
    let told = bench.last();
    assert_eq!(told[0]["content"].as_str(), Some(large.as_str()));

    let huge = says(&"x".repeat(9 << 20));
    assert_eq!(code(bench.ask(&named("a"), &huge).await), Some(Code::ConversationTooLong));
    bench.gateways[0].conversations().delete("acme", &id).await.unwrap();
    assert_eq!(code(bench.read(&id).await), Some(Code::NotFound));
}

#[tokio::test]
async fn conversations_are_listed_newest_first() {
    let bench = Bench::new();
    let mut ids = Vec::new();
    for number in 0..5 {
        bench.host.advance(HOUR);
        ids.push(bench.ask(&Address::New, &says(&format!("question {number}"))).await.unwrap());
    }
    ids.reverse();
    bench.ask(&Address::Id(ids[4].clone()), &says("more")).await.unwrap();
    let conversations = bench.gateways[0].conversations();
    for (offset, limit) in [(0, 5), (0, 2), (2, 2), (4, 9), (5, 1)] {
        let listed = conversations.list("acme", offset, limit).await.unwrap();
        let listed: Vec<&String> = listed.iter().map(|it| &it.id).collect();
        let expected: Vec<&String> =
            ids.iter().skip(offset as usize).take(limit as usize).collect();
        assert_eq!(listed, expected, "{limit} from {offset}");
    }
    let last = conversations.list("acme", 4, 1).await.unwrap().remove(0).session;
    assert_eq!((last.title.as_str(), last.turns, last.messages), ("question 0", 2, 4));
    assert!(last.created_at < last.updated_at);
    assert!(conversations.list("other", 0, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_session_is_forgotten_by_its_name_or_its_id() {
    let bench = Bench::new();
    for by_id in [false, true] {
        let id = bench.ask(&named("a"), &says("one")).await.unwrap();
        let name = if by_id { id.as_str() } else { "a" };
        let conversations = bench.gateways[1].conversations();
        assert_eq!(code(conversations.delete_session("other", name).await), Some(Code::NotFound));
        conversations.delete_session("acme", name).await.unwrap();
        assert_eq!(code(conversations.delete_session("acme", name).await), Some(Code::NotFound));
        assert_eq!(code(bench.read(&id).await), Some(Code::NotFound));
    }
}

#[tokio::test]
async fn where_none_are_kept_requests_are_answered_as_they_are() {
    let bench = Bench::set(&[("DORMOUSE_CONVERSATION_TTL", "0s")]);
    for _ in 0..2 {
        assert_eq!(bench.ask(&named("a"), &says("one")).await.unwrap(), "");
    }
    assert_eq!(bench.last().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_name_that_cannot_be_one_is_refused() {
    let bench = Bench::new();
    for name in ["", "a\0b", &"n".repeat(257)] {
        let error = bench.ask(&named(name), &says("x")).await.unwrap_err();
        assert_eq!((error.code(), error.param()), (Code::InvalidRequest, Some("session_id")));
    }
}
