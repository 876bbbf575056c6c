//! Requests of every client, asked of every provider.

use std::collections::BTreeSet;

use dormouse_core::chat::Dialect;
use insta::{Settings, assert_snapshot};
use serde_json::{Map, json};

use crate::bench::{Bench, CLIENTS, PROVIDERS, Reply, cases, request};

/// What cannot be asked, and the field that is at fault. This list may only shrink.
///
/// Responses have no texts that end an answer, and an answer that went on would not be what was asked for.
const REFUSED: [(&str, Dialect, Dialect, &str); 2] = [
    ("stop", Dialect::OpenAiChat, Dialect::OpenAiResponses, "stop"),
    ("stop", Dialect::Anthropic, Dialect::OpenAiResponses, "stop_sequences"),
];

#[tokio::test]
async fn every_provider_is_asked_in_its_own_words() {
    let mut settings = Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_snapshot_path("snapshots/requests");
    let mut refused = BTreeSet::new();
    for (case, client) in cases("requests").iter().flat_map(|it| CLIENTS.map(|client| (it, client)))
    {
        let mut all = Map::new();
        for provider in PROVIDERS {
            for streams in [false, true] {
                let bench = Bench::new(Reply::answer("answers/text", provider, streams));
                let asked = request(case, client, provider, streams);
                if let Err(error) = bench.exchange(client, &asked).await {
                    refused.insert((case.clone(), client, provider, error.param().unwrap().into()));
                    continue;
                }
                // What makes it a stream is the same in every case.
                if !streams || case == "text" {
                    let call = bench.asked().unwrap();
                    let how = if streams { "streamed" } else { "whole" };
                    let name = format!("{}, {how}", provider.as_str());
                    all.insert(name, json!({ "path": call.path, "body": call.body }));
                }
            }
        }
        let all = serde_json::to_string_pretty(&all).unwrap();
        settings.bind(|| assert_snapshot!(format!("{case}@{}", client.as_str()), all));
    }
    let known = REFUSED.map(|(case, client, provider, param)| {
        (case.to_owned(), client, provider, param.to_owned())
    });
    assert_eq!(refused, BTreeSet::from(known));
}
