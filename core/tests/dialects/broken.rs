//! Answers that fail in the middle.

use dormouse_core::{
    chat::Dialect,
    wire::{self, Verbatim},
};

use crate::bench::{Bench, CLIENTS, PROVIDERS, Reply, request};

#[tokio::test]
async fn t_35_an_answer_that_fails_in_the_middle_ends_in_an_error_of_the_clients_dialect() {
    for (provider, client) in
        PROVIDERS.into_iter().flat_map(|it| CLIENTS.map(|client| (it, client)))
    {
        for piece in [usize::MAX, 7] {
            let bench = Bench::new(Reply::answer("broken", provider, true).in_pieces(piece));
            let asked = request("text", client, provider, true);
            let received = bench.exchange(client, &asked).await.unwrap();
            let at = format!("{provider:?} to {client:?} by {piece}");
            let error = received.error.unwrap_or_else(|| panic!("{at}: no error"));
            let told = String::from_utf8(received.bytes).unwrap();
            assert!(told.contains("The sky is"), "{at}: what was said is lost: {told}");
            assert!(told.contains(error.message()), "{at}: {told}");
            let terminal = match client {
                Dialect::OpenAiChat => "data: [DONE]",
                Dialect::OpenAiResponses => "event: response.failed",
                _ => "event: error",
            };
            assert_eq!(told.matches(terminal).count(), 1, "{at}: {told}");
            let mut decoder = wire::called(client).unwrap().decoder(Verbatim::default());
            let failed = decoder.push(told.as_bytes()).and_then(|_| decoder.finish()).unwrap_err();
            assert_eq!(failed.message(), error.message(), "{at}: {told}");
        }
    }
}
