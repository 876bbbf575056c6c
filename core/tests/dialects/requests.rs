//! Requests of every client, asked of every provider.

use insta::{Settings, assert_snapshot};
use serde_json::{Map, json};

use crate::bench::{Bench, CLIENTS, PROVIDERS, Reply, cases, request};

#[tokio::test]
async fn every_provider_is_asked_in_its_own_words() {
    let mut settings = Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_snapshot_path("snapshots/requests");
    for (case, client) in cases("requests").iter().flat_map(|it| CLIENTS.map(|client| (it, client)))
    {
        let mut all = Map::new();
        for provider in PROVIDERS {
            for streams in [false, true] {
                let bench = Bench::new(Reply::answer("answers/text", provider, streams));
                let asked = request(case, client, provider, streams);
                bench.exchange(client, &asked).await.unwrap();
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
}
