//! What becomes of each field of the published APIs: a provider is told, or the caller is refused by name.
//! What no provider hears is listed here with the reason, and the list may only shrink.
//!
//! `fields/` names every request field of OpenAI's API description and of Anthropic's API reference, with a
//! value that is not the usual one; but for `model`, which says who the provider is.

use std::collections::BTreeMap;

use dormouse_core::chat::Dialect::{self, Anthropic, Gemini, Ollama, OpenAiChat, OpenAiResponses};
use serde_json::{Value, json};

use crate::bench::{Bench, CLIENTS, PROVIDERS, Reply, read, request};

/// A field that a provider is not told of.
type Unsaid = (Dialect, &'static str, &'static [Dialect], &'static str);

const KEPT: &str = "the gateway does to the answer what the provider cannot be told";
const GATEWAY: &str = "it says how the gateway is to answer";
const LABEL: &str = "a label, which changes no answer";
const HINT: &str = "a hint for caches, speed or price, which changes no answer";
const SAMPLING: &str = "a wish for how tokens are picked, for which there is no word";
const STYLE: &str = "a wish for how much to think or to say, for which there is no word";
const OLD: &str = "a permission to leave out or to sum up what is old, which nobody has to use";
const VACUOUS: &str =
    "it says nothing where the provider's own tools, or log probabilities, are not there";

const NOT_OPENAI: &[Dialect] = &[Anthropic, Gemini, Ollama];
const NOT_RESPONSES: &[Dialect] = &[OpenAiChat, Anthropic, Gemini, Ollama];
const NOT_ANTHROPIC: &[Dialect] = &[OpenAiChat, OpenAiResponses, Gemini, Ollama];

const UNSAID: &[Unsaid] = &[
    (OpenAiChat, "frequency_penalty", &[OpenAiResponses, Anthropic], SAMPLING),
    (OpenAiChat, "metadata", NOT_OPENAI, LABEL),
    (OpenAiChat, "parallel_tool_calls", &[Gemini, Ollama], KEPT),
    (OpenAiChat, "prediction", &[OpenAiResponses, Anthropic, Gemini, Ollama], HINT),
    (OpenAiChat, "presence_penalty", &[OpenAiResponses, Anthropic], SAMPLING),
    (OpenAiChat, "prompt_cache_key", NOT_OPENAI, HINT),
    (OpenAiChat, "prompt_cache_options", NOT_OPENAI, HINT),
    (OpenAiChat, "prompt_cache_retention", NOT_OPENAI, HINT),
    (OpenAiChat, "safety_identifier", NOT_OPENAI, LABEL),
    (OpenAiChat, "seed", &[OpenAiResponses, Anthropic], SAMPLING),
    (OpenAiChat, "service_tier", NOT_OPENAI, HINT),
    (OpenAiChat, "stop", &[OpenAiResponses], KEPT),
    (OpenAiChat, "store", NOT_OPENAI, LABEL),
    (OpenAiChat, "stream_options", &PROVIDERS, GATEWAY),
    (OpenAiChat, "top_logprobs", &[Anthropic], VACUOUS),
    (OpenAiChat, "user", &[Gemini, Ollama], LABEL),
    (OpenAiChat, "verbosity", NOT_OPENAI, STYLE),
    (OpenAiResponses, "context_management", NOT_RESPONSES, OLD),
    (OpenAiResponses, "max_tool_calls", NOT_RESPONSES, VACUOUS),
    (OpenAiResponses, "metadata", NOT_OPENAI, LABEL),
    (OpenAiResponses, "parallel_tool_calls", &[Gemini, Ollama], KEPT),
    // OpenAI itself is told in chat, too; of other servers some refuse what they do not know.
    (OpenAiResponses, "prompt_cache_key", NOT_RESPONSES, HINT),
    (OpenAiResponses, "prompt_cache_options", NOT_RESPONSES, HINT),
    (OpenAiResponses, "prompt_cache_retention", NOT_RESPONSES, HINT),
    (OpenAiResponses, "safety_identifier", &[Gemini, Ollama], LABEL),
    (OpenAiResponses, "service_tier", NOT_RESPONSES, HINT),
    (OpenAiResponses, "store", NOT_RESPONSES, GATEWAY),
    (OpenAiResponses, "stream_options", &PROVIDERS, GATEWAY),
    (OpenAiResponses, "text", NOT_RESPONSES, STYLE),
    (OpenAiResponses, "top_logprobs", NOT_RESPONSES, VACUOUS),
    (OpenAiResponses, "truncation", NOT_RESPONSES, OLD),
    (OpenAiResponses, "user", &[Gemini, Ollama], LABEL),
    (Anthropic, "cache_control", NOT_ANTHROPIC, HINT),
    (Anthropic, "context_management", NOT_ANTHROPIC, OLD),
    (Anthropic, "metadata", &[Gemini, Ollama], LABEL),
    (Anthropic, "service_tier", NOT_ANTHROPIC, HINT),
    (Anthropic, "speed", NOT_ANTHROPIC, HINT),
    (Anthropic, "stop_sequences", &[OpenAiResponses], KEPT),
    (Anthropic, "thinking", &[OpenAiChat], STYLE),
    (Anthropic, "top_k", &[OpenAiResponses], SAMPLING),
];

#[tokio::test]
async fn every_field_is_said_or_refused_or_listed() {
    let mut unsaid: BTreeMap<(Dialect, String), Vec<Dialect>> = BTreeMap::new();
    for client in CLIENTS {
        let fields = read(&format!("fields/{}.json", client.as_str()));
        for (field, value) in fields.as_object().unwrap() {
            for provider in PROVIDERS {
                if !is_said(client, provider, field, value).await {
                    unsaid.entry((client, field.clone())).or_default().push(provider);
                }
            }
        }
    }
    let listed = UNSAID
        .iter()
        .map(|(client, field, providers, _)| ((*client, (*field).to_owned()), providers.to_vec()));
    assert_eq!(unsaid, listed.collect());
    assert!(UNSAID.iter().all(|(.., why)| !why.is_empty()));
}

#[tokio::test]
async fn a_field_that_says_nothing_is_not_refused() {
    for (field, nothing) in [
        ("functions", json!([])),
        ("logit_bias", json!({})),
        ("audio", Value::Null),
        ("modalities", json!(["text"])),
    ] {
        for provider in PROVIDERS {
            let bench = Bench::new(Reply::answer("answers/text", provider, false));
            let mut asked = request("text", OpenAiChat, provider, false);
            asked[field] = nothing.clone();
            let answered = bench.exchange(OpenAiChat, &asked).await;
            assert!(answered.is_ok(), "{field} to {provider:?}: {answered:?}");
        }
    }
}

/// Whether a provider is asked something else because of a field, or the caller is refused.
async fn is_said(client: Dialect, provider: Dialect, field: &str, value: &Value) -> bool {
    let plain = request("tools", client, provider, false);
    let mut more = plain.clone();
    more[field] = value.clone();
    let bench = Bench::new(Reply::answer("answers/text", provider, false));
    let without = bench.exchange(client, &plain).await.map(|_| bench.asked().unwrap());
    let without = without.expect("what is usual is answered");
    match bench.exchange(client, &more).await {
        Ok(_) => bench.asked().unwrap() != without,
        Err(error) => {
            let at = error.param().unwrap_or_default();
            assert!(
                at.starts_with(field),
                "{client:?} to {provider:?}: `{field}` refused at `{at}`"
            );
            true
        }
    }
}
