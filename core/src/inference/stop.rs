//! Texts that end an answer, where a provider cannot be told of them: the gateway reads along, ends the
//! text in front of the first one, and with it the call. So nobody pays for what would not be seen.
//!
//! They are looked for in what is said, not in thoughts or the arguments of calls. What the provider would
//! have counted is not known when a call is ended; it is estimated, as for any call that is broken off.

use std::{
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures::{Stream, StreamExt};

use crate::{
    Result,
    chat::{Chunk, ChunkStream, Delta, Event, FinishReason, PartKind, Request},
    wire::Called,
};

/// `chunks`, ended where `request` says and a provider of `format` cannot be told. Such dialects give one
/// answer at a time.
pub(super) fn answer(request: &Request, format: &dyn Called, chunks: ChunkStream) -> ChunkStream {
    let texts = request.sampling.stop.iter().filter(|text| !format.stops_at(text));
    let texts: Vec<Text> = texts.filter_map(|text| Text::new(text)).collect();
    if texts.is_empty() {
        return chunks;
    }
    Watched { chunks: Some(chunks), watch: Watch { texts, ..Watch::default() } }.boxed()
}

/// An answer that ends at a text.
struct Watched {
    /// `None`: it has ended, and the call with it.
    chunks: Option<ChunkStream>,
    watch: Watch,
}

impl Stream for Watched {
    type Item = Result<Chunk>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(chunks) = &mut self.chunks else { return Poll::Ready(None) };
        let next = ready!(chunks.poll_next_unpin(context));
        let next = next.map(|chunk| chunk.map(|chunk| self.watch.chunk(chunk)));
        if self.watch.over || next.is_none() {
            self.chunks = None;
        }
        Poll::Ready(next)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, self.chunks.as_ref().map_or(Some(0), |chunks| chunks.size_hint().1))
    }
}

/// Reads along.
#[derive(Debug, Default)]
struct Watch {
    texts: Vec<Text>,
    /// The end of what was said, which may be the beginning of such a text.
    held: String,
    /// The choice and the index of the open text.
    open: Option<(u32, u32)>,
    over: bool,
}

impl Watch {
    fn chunk(&mut self, chunk: Chunk) -> Chunk {
        let mut events = Vec::with_capacity(chunk.events.len() + 1);
        for event in chunk.events {
            self.event(event, &mut events);
        }
        Chunk { events, verbatim: None }
    }

    fn event(&mut self, event: Event, events: &mut Vec<Event>) {
        match event {
            // What was used counts, whatever is told.
            Event::Usage(_) | Event::Extension { choice: None, .. } => events.push(event),
            _ if self.over => {}
            Event::PartDelta { choice, index, delta: Delta::Text(text) } => {
                self.open = Some((choice, index));
                self.read(&text, events);
            }
            Event::PartEnd { .. } => {
                self.tell(0, events);
                self.open = None;
                events.push(event);
            }
            Event::PartStart { kind: PartKind::Text, .. } => {
                self.texts.iter_mut().for_each(|text| text.met = 0);
                events.push(event);
            }
            _ => events.push(event),
        }
    }

    fn read(&mut self, said: &str, events: &mut Vec<Event>) {
        for (place, byte) in said.bytes().enumerate() {
            let met = self.texts.iter_mut().filter_map(|text| text.step(byte).then_some(&*text));
            // Of those that end here, the longest began first.
            let met = met.max_by_key(|text| text.words.len()).map(|text| text.words.clone());
            if let Some(stop) = met {
                self.held.push_str(said.get(..=place).unwrap_or_default());
                self.held.truncate(self.held.len().saturating_sub(stop.len()));
                return self.end(stop, events);
            }
        }
        self.held.push_str(said);
        let begun = self.texts.iter().map(|text| text.met).max();
        self.tell(begun.unwrap_or_default(), events);
    }

    /// Tells what was said, but for the last `kept` bytes.
    fn tell(&mut self, kept: usize, events: &mut Vec<Event>) {
        let Some((choice, index)) = self.open else { return };
        let rest = self.held.split_off(self.held.len().saturating_sub(kept));
        let told = mem::replace(&mut self.held, rest);
        if !told.is_empty() {
            events.push(Event::PartDelta { choice, index, delta: Delta::Text(told) });
        }
    }

    fn end(&mut self, stop: String, events: &mut Vec<Event>) {
        self.tell(0, events);
        self.over = true;
        if let Some((choice, index)) = self.open.take() {
            events.push(Event::PartEnd { choice, index });
            events.push(Event::Finish { choice, reason: FinishReason::StopText(stop) });
        }
    }
}

/// A text that is looked for, byte by byte (the algorithm of Knuth, Morris and Pratt).
#[derive(Debug)]
struct Text {
    words: String,
    /// For each length that may have been met: how much is still met where the next byte does not fit.
    fallback: Vec<usize>,
    /// How many bytes of it the text so far ends with.
    met: usize,
}

impl Text {
    /// `None`: there is nothing to look for.
    fn new(words: &str) -> Option<Self> {
        let mut text = Self { words: words.to_owned(), fallback: vec![0], met: 0 };
        for byte in words.bytes().skip(1) {
            text.step(byte);
            text.fallback.push(text.met);
        }
        text.met = 0;
        (!words.is_empty()).then_some(text)
    }

    /// Takes the next byte. Says whether the text is met.
    fn step(&mut self, byte: u8) -> bool {
        let words = self.words.as_bytes();
        while self.met > 0 && words.get(self.met) != Some(&byte) {
            self.met = self.fallback.get(self.met - 1).copied().unwrap_or_default();
        }
        self.met += usize::from(words.get(self.met) == Some(&byte));
        self.met == words.len()
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, stream};
    use proptest::prelude::*;

    use super::*;
    use crate::{
        chat::{Grammar, Sampling, Usage, Whole},
        wire::openai_responses::OpenAiResponses,
    };

    /// What is heard of an answer that comes in these pieces, and whether it was read to its end.
    fn heard(stops: &[&str], pieces: &[&str]) -> (String, Option<FinishReason>, bool) {
        let stop = stops.iter().map(|&text| text.to_owned()).collect();
        let request =
            Request { sampling: Sampling { stop, ..Sampling::default() }, ..Request::default() };
        let start = Event::Start { id: String::new(), model: String::new(), created: None };
        let (choice, index) = (0, 0);
        let mut events = vec![start, Event::PartStart { choice, index, kind: PartKind::Text }];
        events.extend(pieces.iter().map(|&piece| Event::PartDelta {
            choice,
            index,
            delta: Delta::Text(piece.to_owned()),
        }));
        events.push(Event::PartEnd { choice, index });
        events.push(Event::Finish { choice, reason: FinishReason::Length });
        events.push(Event::Usage(Usage::default()));
        let chunks = stream::iter(events.into_iter().map(|event| Ok(Chunk::from(event)))).boxed();
        let told: Vec<Chunk> = answer(&request, &OpenAiResponses, chunks)
            .map(Result::unwrap)
            .collect()
            .now_or_never()
            .unwrap();
        let (mut whole, mut grammar) = (Whole::default(), Grammar::default());
        for event in told.into_iter().flat_map(|chunk| chunk.events) {
            grammar.check(&event).unwrap();
            whole.push(event).unwrap();
        }
        grammar.complete().unwrap();
        let said = whole.choices.remove(&0).unwrap();
        let text = match said.parts.as_slice() {
            [crate::chat::Part::Text { text, .. }] => text.clone(),
            other => panic!("one text, not {other:?}"),
        };
        (text, said.finish_reason, whole.usage.is_some())
    }

    fn met(text: &str) -> Option<FinishReason> {
        Some(FinishReason::StopText(text.into()))
    }

    #[test]
    fn an_answer_ends_before_the_text_and_the_rest_is_not_read() {
        assert_eq!(heard(&["END"], &["one END two"]), ("one ".into(), met("END"), false));
        assert_eq!(heard(&["END"], &["one E", "N", "D two"]), ("one ".into(), met("END"), false));
        assert_eq!(heard(&["END"], &["END"]), (String::new(), met("END"), false));
    }

    #[test]
    fn what_only_begins_like_the_text_is_told() {
        let all = |text: &str| (text.to_owned(), Some(FinishReason::Length), true);
        assert_eq!(heard(&["END"], &["one EN", "TRY"]), all("one ENTRY"));
        assert_eq!(heard(&["END"], &["one EN"]), all("one EN"));
        assert_eq!(heard(&[""], &["one"]), all("one"));
    }

    #[test]
    fn the_text_that_is_complete_first_counts() {
        assert_eq!(heard(&["cd", "abcde"], &["abcde"]), ("ab".into(), met("cd"), false));
        assert_eq!(heard(&["cd", "bcd"], &["abcde"]), ("a".into(), met("bcd"), false));
        assert_eq!(heard(&["aab"], &["aa", "aab"]), ("aa".into(), met("aab"), false));
        assert_eq!(heard(&["é"], &["caf", "é!"]), ("caf".into(), met("é"), false));
    }

    proptest! {
        #[test]
        fn wherever_the_answer_is_cut_the_same_is_heard(
            said in "[abé]{0,24}",
            stops in proptest::collection::vec("[abé]{1,4}", 1..3),
            cuts in proptest::collection::vec(0_usize..24, 0..6),
        ) {
            let stops: Vec<&str> = stops.iter().map(String::as_str).collect();
            let mut cuts: Vec<usize> =
                cuts.into_iter().filter(|&cut| said.is_char_boundary(cut.min(said.len()))).collect();
            cuts.sort_unstable();
            let (mut pieces, mut from) = (Vec::new(), 0);
            for cut in cuts.into_iter().map(|cut| cut.min(said.len())) {
                pieces.push(&said[from..cut]);
                from = cut;
            }
            pieces.push(&said[from..]);
            let (text, reason, _) = heard(&stops, &pieces);
            // By hand: the text whose end comes first, and of these the one that begins first.
            let first = stops
                .iter()
                .filter_map(|stop| said.find(stop).map(|at| (at + stop.len(), at, *stop)))
                .min();
            match first {
                Some((_, at, stop)) => {
                    prop_assert_eq!(&text, &said[..at]);
                    prop_assert_eq!(reason, met(stop));
                }
                None => prop_assert_eq!(&text, &said),
            }
        }
    }
}
