//! Answers of every provider, told to every client.

use std::{collections::BTreeSet, fmt::Write};

use dormouse_core::chat::Dialect;
use insta::{Settings, assert_snapshot};
use serde_json::Value;

use crate::{
    bench::{Bench, CLIENTS, PROVIDERS, Reply, cases, read, request},
    losses::{LOSSES, left},
    meaning,
};

/// What a caller of `client` gets to hear of an answer.
async fn told(client: Dialect, provider: Dialect, reply: Reply, streams: bool) -> Vec<u8> {
    let bench = Bench::new(reply);
    let asked = request("results", client, provider, streams);
    let received = bench.exchange(client, &asked).await.unwrap();
    assert!(received.error.is_none(), "{received:?}");
    received.bytes
}

#[tokio::test]
async fn nothing_is_lost_between_any_provider_and_any_client() {
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for case in cases("answers") {
        let meant = read(&format!("answers/{case}/meant.json"));
        for (provider, streams) in PROVIDERS.into_iter().flat_map(|it| [(it, false), (it, true)]) {
            let reply = Reply::answer(&format!("answers/{case}"), provider, streams);
            let said = meaning::of(provider, streams, &reply.body).unwrap();
            let expected = left(meant.clone(), provider, &mut seen);
            if said != expected {
                wrong.push(format!("{case} of {provider:?} ({streams}):\n{said}\n{expected}"));
            }
            for client in CLIENTS {
                let expected = left(said.clone(), client, &mut seen);
                for piece in [usize::MAX, 7] {
                    let reply = reply.clone().in_pieces(piece);
                    let bytes = told(client, provider, reply, streams).await;
                    let heard = meaning::of(client, streams, &bytes).unwrap();
                    if heard != expected {
                        wrong.push(format!(
                            "{case} of {provider:?} to {client:?} ({streams}):\n{heard}\n{expected}"
                        ));
                        break;
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let unseen: Vec<_> = LOSSES.iter().filter(|loss| !seen.contains(loss)).collect();
    assert!(unseen.is_empty(), "nothing of this is lost: {unseen:#?}");
}

#[tokio::test]
async fn every_client_hears_every_provider_in_its_own_words() {
    let mut settings = Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_snapshot_path("snapshots/answers");
    for (case, client) in cases("answers").iter().flat_map(|it| CLIENTS.map(|client| (it, client)))
    {
        let mut all = String::new();
        for (provider, streams) in PROVIDERS.into_iter().flat_map(|it| [(it, false), (it, true)]) {
            let reply = Reply::answer(&format!("answers/{case}"), provider, streams);
            let bytes = told(client, provider, reply, streams).await;
            let how = if streams { "streamed" } else { "whole" };
            writeln!(all, "=== {}, {how}\n{}", provider.as_str(), shown(bytes, streams)).unwrap();
        }
        settings.bind(|| assert_snapshot!(format!("{case}@{}", client.as_str()), all));
    }
}

/// Streams as they are, whole answers as JSON that people can read.
fn shown(bytes: Vec<u8>, streamed: bool) -> String {
    if streamed {
        return String::from_utf8(bytes).unwrap();
    }
    let value: Value = serde_json::from_slice(&bytes).unwrap();
    serde_json::to_string_pretty(&value).unwrap() + "\n"
}
