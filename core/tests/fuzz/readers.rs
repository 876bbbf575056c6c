//! Everything that reads what others wrote.

use dormouse_core::{
    Code, Error,
    catalog::Catalog,
    chat::{Chunk, Dialect, Event, Grammar},
    wire::{self, Called, Outgoing, Verbatim},
};
use http::HeaderMap;

use crate::corpus::Damage;

/// What a reader may make of each byte, in bytes of text, and beside that.
const GROWTH: usize = 8;
const SLACK: usize = 4096;

const VERBATIM: Verbatim = Verbatim { pass: true, hide_usage: true };

/// An answer of a provider of any dialect, whole and streamed.
pub(crate) fn read_answer(bytes: &[u8], damage: &mut Damage) {
    for format in Dialect::ALL.into_iter().filter_map(wire::called) {
        if let Ok(chunk) = format.decode_answer(bytes.to_vec().into(), true) {
            check(format, bytes, &chunk.events, true);
        }
        let _error = format.decode_error(400, None, bytes);
        let (events, error) = streamed(format, [bytes]);
        check(format, bytes, &events, error.is_none());
        let (first, last) = bytes.split_at(damage.below(bytes.len() + 1));
        let (second, third) = last.split_at(damage.below(last.len() + 1));
        let (again, other) = streamed(format, [first, second, third]);
        let at = || format!("{format:?} of {:?}", String::from_utf8_lossy(bytes));
        let said = |error: &Option<Error>| error.as_ref().map(Error::to_string);
        assert_eq!(said(&error), said(&other), "{}", at());
        assert_eq!(events, again, "{}", at());
    }
}

/// What an answer that arrives in these pieces tells, and the error that ends it.
fn streamed<'a>(
    format: &dyn Called,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Event>, Option<Error>) {
    let mut decoder = format.decoder(VERBATIM);
    let mut events = Vec::new();
    let mut take = |chunks: Vec<Chunk>| events.extend(chunks.into_iter().flat_map(|it| it.events));
    for piece in pieces {
        if decoder.is_done() {
            break;
        }
        match decoder.push(piece) {
            Ok(chunks) => take(chunks),
            Err(error) => return (events, Some(error)),
        }
    }
    match decoder.finish() {
        Ok(chunks) => {
            take(chunks);
            (events, None)
        }
        Err(error) => (events, Some(error)),
    }
}

/// The events are legal, complete if the answer is, and not much longer than what they were read from.
fn check(format: &dyn Called, bytes: &[u8], events: &[Event], complete: bool) {
    let at = || format!("{format:?} of {:?}: {events:?}", String::from_utf8_lossy(bytes));
    let mut grammar = Grammar::default();
    let mut told = 0;
    for event in events {
        let legal = grammar.check(event);
        assert!(legal.is_ok(), "{legal:?} {}", at());
        if let Event::PartDelta { delta, .. } = event {
            told += delta.text().len();
        }
    }
    assert!(!complete || grammar.complete().is_ok(), "{}", at());
    assert!(told <= GROWTH * bytes.len() + SLACK, "{}", at());
}

/// A request in any dialect; one that is understood is written for every provider.
pub(crate) fn read_request(bytes: &[u8]) {
    let outgoing = Outgoing { model: "m", max_output_tokens: Some(9), ..Outgoing::default() };
    let at = |format: &dyn std::fmt::Debug, error: &Error| {
        format!("{format:?} of {:?}: {error:?}", String::from_utf8_lossy(bytes))
    };
    for served in Dialect::ALL.into_iter().filter_map(wire::served) {
        let body = bytes.to_vec().into();
        let request = match served.decode_request(&HeaderMap::new(), &body) {
            Ok(request) => request,
            Err(error) => {
                assert_eq!(error.code(), Code::InvalidRequest, "{}", at(served, &error));
                continue;
            }
        };
        for called in Dialect::ALL.into_iter().filter_map(wire::called) {
            if let Err(error) = called.encode_request(&request, &outgoing) {
                assert_eq!(error.code(), Code::InvalidRequest, "{}", at(called, &error));
            }
        }
    }
}

/// A catalog.
pub(crate) fn read_catalog(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Err(problems) = Catalog::read(&text, |_| Some("x".to_owned())) {
        assert!(!problems.to_string().is_empty(), "{text:?}");
    }
}
