//! Errors of every provider before an answer, told to every client.

use std::time::Duration;

use dormouse_core::{Code, wire};

use crate::bench::{Bench, CLIENTS, PROVIDERS, Reply, folder, read, request};

/// Cases, their statuses, how long to wait (as they say in seconds; a provider that is not there says
/// nothing), and what they are.
const CASES: [(&str, u16, Option<u64>, Code); 5] = [
    ("bad_request", 400, None, Code::UpstreamRejected),
    ("wrong_key", 401, None, Code::UpstreamCredential),
    ("rate_limited", 429, Some(17), Code::UpstreamRateLimited),
    ("unavailable", 503, None, Code::UpstreamUnavailable),
    ("overflow", 400, None, Code::ContextOverflow),
];

#[tokio::test]
async fn t_33_t_34_every_error_reaches_every_client_in_its_dialect_and_the_providers_words() {
    for (case, status, retry_after, code) in CASES {
        let words = read(&format!("errors/{case}/ollama.json"));
        let words = words["error"].as_str().unwrap();
        for (provider, client) in
            PROVIDERS.into_iter().flat_map(|it| CLIENTS.map(|client| (it, client)))
        {
            for streams in [false, true] {
                let path = format!("errors/{case}/{}.json", provider.as_str());
                let body = std::fs::read(folder().join(path)).unwrap();
                let content_type = "application/json";
                let reply = Reply { status, retry_after, content_type, body, piece: usize::MAX };
                let bench = Bench::new(reply);
                let asked = request("text", client, provider, streams);
                let error = bench.exchange(client, &asked).await.unwrap_err();
                let at = format!("{case} of {provider:?} to {client:?}");
                assert_eq!(error.code(), code, "{at}");
                let delay = retry_after.or((status == 503).then_some(1));
                assert_eq!(error.delay(), delay.map(Duration::from_secs), "{at}");
                let told = wire::served(client).unwrap().error_body(&error, "id");
                let message = told["error"]["message"].as_str().unwrap();
                // What a provider says about a credential may quote it.
                let repeated = message.contains(words);
                assert_eq!(repeated, code != Code::UpstreamCredential, "{at}: {told}");
            }
        }
    }
}
