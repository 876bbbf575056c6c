//! A conversation that grows long goes on in another, which begins with a summary.

use std::{pin::pin, time::Duration};

use dormouse_core::{
    Code, accounting::Outcome, conversation::Address, gateway::Origin, money::NanoDollars,
};
use futures::{FutureExt, future::join_all};
use serde_json::{Value, json};

use crate::bench::{Bench, Reply, caller, code, named, says, says_to};

/// The bodies of the requests for a summary.
fn summaries(bench: &Bench) -> Vec<Value> {
    let is_summary = |body: &Value| {
        let first = body["messages"][0]["content"].as_str();
        first.is_some_and(|text| text.starts_with("Summarise"))
    };
    bench.bodies().into_iter().filter(is_summary).collect()
}

/// A conversation that is about to be compacted, and its id.
async fn long(set: &[(&str, &str)]) -> (Bench, String) {
    let bench = Bench::set(set);
    let mut id = String::new();
    for turn in 0..9 {
        let mut body = says_to("small", &format!("{turn} {}", "x".repeat(300)));
        if turn == 0 {
            let system = json!({ "role": "system", "content": "Be brief." });
            body["messages"].as_array_mut().unwrap().insert(0, system);
        }
        id = bench.ask(&named("a"), &body).await.unwrap();
    }
    assert!(summaries(&bench).is_empty());
    (bench, id)
}

#[tokio::test]
async fn above_its_share_of_the_window_a_conversation_goes_on_with_a_summary() {
    let (bench, old) = long(&[]).await;
    let (archived, before) = bench.read(&old).await.unwrap();
    assert!(archived.tokens > 800, "{}", archived.tokens);
    let told = bench.told().pop().unwrap();

    let new = bench.ask(&named("a"), &says_to("small", "and now?")).await.unwrap();

    assert_ne!(new, old);
    assert_eq!(summaries(&bench).len(), 1);
    assert_eq!(summaries(&bench)[0]["model"], "small");
    let last = bench.last();
    assert_eq!(last[0], json!({ "role": "system", "content": "Be brief." }));
    let summary = last[1]["content"].as_str().unwrap();
    assert!(summary.contains("<summary>\nanswer 10\n</summary>"), "{summary}");
    let (session, turns) = bench.read(&new).await.unwrap();
    let kept = turns.len() - 2;
    assert!((1..=4).contains(&kept), "{kept}");
    assert_eq!(turns[1..=kept], before[before.len() - kept..], "the end is kept word for word");
    let end = last.as_array().unwrap();
    let verbatim = serde_json::to_string(&end[3..end.len() - 3]).unwrap();
    assert!(told.contains(verbatim.trim_start_matches('[').trim_end_matches(']')));

    let (archived, still) = bench.read(&old).await.unwrap();
    assert_eq!(still, before, "it can still be read");
    assert_eq!(archived.successor.as_ref(), Some(&new));
    assert_eq!(session.predecessor.as_ref(), Some(&old));
    assert_eq!((session.successor, archived.predecessor), (None, None));
    assert_eq!(session.name.as_deref(), Some("a"));
    assert!(session.tokens < 500, "{}", session.tokens);

    let error = bench.ask(&Address::Id(old.clone()), &says("x")).await.unwrap_err();
    assert_eq!(error.code(), Code::ConversationArchived);
    assert_eq!(error.details().unwrap()["successor"], new);
    assert_eq!(bench.ask(&named("a"), &says_to("small", "more")).await.unwrap(), new);
    assert_eq!(summaries(&bench).len(), 1);
}

#[tokio::test]
async fn a_summary_is_paid_for_and_named_by_its_receipt() {
    let (bench, old) = long(&[]).await;
    bench.ask(&named("a"), &says_to("small", "and now?")).await.unwrap();
    let receipts = bench.receipts().await;
    assert_eq!(receipts.len(), 11);
    let summary = receipts.iter().filter(|it| it.conversation.as_ref() == Some(&old)).nth(9);
    let summary = summary.expect("a tenth call in the old conversation");
    assert_eq!(summary.outcome, Outcome::Completed);
    assert!(summary.cost > NanoDollars(400_000), "{}", summary.cost);
    assert_eq!(bench.held().await, NanoDollars(0));
}

#[tokio::test]
async fn of_many_requests_one_has_the_summary_made() {
    let (bench, old) = long(&[]).await;
    let (address, body) = (named("a"), says_to("small", "and now?"));
    let asked = join_all((0..20).map(|_| bench.beside(&address, &body)));
    let asked = bench.run(asked).await;
    assert_eq!(summaries(&bench).len(), 1);
    let answered = asked.iter().filter(|it| it.is_ok()).count();
    assert!(answered >= 1);
    let refused = asked.into_iter().filter_map(Result::err);
    assert!(refused.map(|error| error.code()).all(|code| code == Code::ConversationBusy));
    let (archived, _) = bench.read(&old).await.unwrap();
    let (_, turns) = bench.read(&archived.successor.unwrap()).await.unwrap();
    let asked = turns.iter().filter(|turn| turn.messages.len() == 2).count();
    assert!(asked > answered);
    let listed = bench.gateways[0].conversations().list("acme", 0, 9).await.unwrap();
    assert_eq!(listed.len(), 2);
}

#[tokio::test]
async fn who_had_the_summary_made_goes_on_from_it_before_others() {
    let (bench, _) = long(&[]).await;
    let (address, body) = (named("a"), says_to("small", &"y".repeat(2400)));
    // So long that a provider is asked to count it, after the summary and before the answer.
    let mut first = pin!(bench.beside_at(1, &address, &body));
    let mut waits = 0;
    let answered = loop {
        if let Some(answered) = (&mut first).now_or_never() {
            break answered;
        }
        waits += 1;
        let caller = caller("acme");
        let other = bench.run(bench.gateways[0].converse(&caller, &address)).await;
        assert_eq!(code(other), Some(Code::ConversationBusy), "at wait {waits}");
        bench.host.run_spawned().await;
    };
    answered.unwrap();
    assert!(waits > 2, "{waits}");
    assert_eq!(summaries(&bench).len(), 1);
    bench.ask(&address, &says_to("small", "and now?")).await.unwrap();
}

#[tokio::test]
async fn a_new_conversation_that_nobody_goes_on_with_is_free_again_soon() {
    let (bench, old) = long(&[]).await;
    let missing = json!({ "model": "small", "messages": [{ "role": "user", "content": [
        { "type": "file", "file": { "file_id": format!("file_{}", "0".repeat(32)) } },
    ] }] });
    assert_eq!(code(bench.ask(&named("a"), &missing).await), Some(Code::NotFound));
    let body = says_to("small", "and now?");
    assert_eq!(code(bench.ask(&named("a"), &body).await), Some(Code::ConversationBusy));
    bench.host.advance(Duration::from_secs(10));
    assert_ne!(bench.ask(&named("a"), &body).await.unwrap(), old);
}

#[tokio::test]
async fn without_a_summary_the_request_is_answered_with_what_fits() {
    let (bench, old) = long(&[]).await;
    for reply in [Reply::Status(500), Reply::Message(json!({ "content": " " }), 1, 1)] {
        bench.script([reply]);
        let id = bench.ask(&named("a"), &says_to("small", &"y".repeat(400))).await.unwrap();
        assert_eq!(id, old);
        assert!(bench.told().pop().unwrap().len() / 4 < 900);
        assert_eq!(bench.read(&old).await.unwrap().0.successor, None);
        // Long again.
        for _ in 0..5 {
            bench.script([Reply::Message(json!({ "content": "ok" }), 790, 5)]);
            bench.ask(&named("a"), &says_to("small", "more")).await.unwrap();
        }
        bench.script([Reply::Message(json!({ "content": "ok" }), 850, 5)]);
        bench.ask(&named("a"), &says_to("small", "more")).await.unwrap();
    }
    assert_eq!(summaries(&bench).len(), 2);
}

#[tokio::test]
async fn another_model_may_write_summaries_and_nobody_may() {
    let (bench, _) = long(&[("DORMOUSE_COMPACTION_MODEL", "m")]).await;
    bench.ask(&named("a"), &says_to("small", "and now?")).await.unwrap();
    assert_eq!(summaries(&bench)[0]["model"], "m");
    let (bench, old) = long(&[("DORMOUSE_CONVERSATION_COMPACT_AT", "0")]).await;
    assert_eq!(bench.ask(&named("a"), &says_to("small", "and now?")).await.unwrap(), old);
    assert!(summaries(&bench).is_empty());
}

#[tokio::test]
async fn a_conversation_is_compacted_by_call() {
    let bench = Bench::new();
    let (gateway, caller) = (&bench.gateways[0], caller("acme"));
    let compact = async |id: &str| {
        let address = Address::Id(id.to_owned());
        bench.run(Box::pin(gateway.compact(&caller, &address, Origin::default()))).await
    };
    let first = bench.ask(&Address::New, &says("one")).await.unwrap();
    bench.ask(&Address::Id(first.clone()), &says("two")).await.unwrap();

    let busy = bench.begin(&Address::Id(first.clone()), &says("three")).await.unwrap();
    assert_eq!(code(compact(&first).await), Some(Code::ConversationBusy));
    bench.hear(busy).await.unwrap();

    let second = compact(&first).await.unwrap();
    let receipt = gateway.ledger().receipt("acme", &second.receipt).await.unwrap();
    assert_eq!((receipt.model.as_str(), receipt.conversation.as_ref()), ("m", Some(&first)));
    assert_eq!(code(compact(&first).await), Some(Code::ConversationArchived));
    let third = compact(&second.id).await.unwrap();
    let (session, _) = bench.read(&second.id).await.unwrap();
    assert_eq!(session.predecessor.as_ref(), Some(&first));
    assert_eq!(session.successor.as_ref(), Some(&third.id));
    bench.ask(&Address::Id(third.id.clone()), &says("four")).await.unwrap();
    let texts = bench.texts(&third.id).await;
    assert_eq!((texts.len(), texts[2].as_str()), (4, "four"));
}

#[tokio::test]
async fn forgetting_a_session_forgets_what_it_went_on_from() {
    let (bench, old) = long(&[]).await;
    let new = bench.ask(&named("a"), &says_to("small", "and now?")).await.unwrap();
    bench.gateways[1].conversations().delete_session("acme", "a").await.unwrap();
    for id in [old, new] {
        assert_eq!(code(bench.read(&id).await), Some(Code::NotFound));
    }
}
