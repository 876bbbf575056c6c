//! How much of a conversation a model is shown: as much as it has room for.

use super::Turn;
use crate::chat::{Message, Part, Source};

/// Bytes that are taken for one token where nobody counted.
const BYTES_PER_TOKEN: u64 = 4;
/// Tokens that a chat template adds to a message.
const TOKENS_PER_MESSAGE: u64 = 8;
/// What a picture weighs, whatever its file does.
const BYTES_PER_PICTURE: usize = 4096;

/// A turn, as far as its size goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weight {
    /// Its bytes.
    pub bytes: u64,
    /// Whether it may not come first: it holds the results of calls of the turn before.
    pub continues: bool,
}

impl Weight {
    /// The weight of a turn.
    pub fn of(turn: &Turn) -> Self {
        Self { bytes: bytes(&turn.messages), continues: turn.continues() }
    }
}

/// How much is to be shown, and how much there is room for. All but bytes in tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// What would be read if all were shown: earlier turns, and what is new.
    pub wanted: u64,
    /// Of that, what is new.
    pub new: u64,
    /// How `wanted` is known.
    pub source: Source,
    /// What is kept free for the answer.
    pub answer: u64,
    /// The model's context window.
    pub window: u64,
}

impl Room {
    /// Whether everything fits.
    pub fn suffices(&self) -> bool {
        self.wanted.saturating_add(self.answer) <= self.window
    }

    /// Which of `turns` is the first to show, so that the rest fits.
    ///
    /// Where not all do, as many are left out as bring it down to half of the room: so the beginning stays
    /// the same for a while, and with it what a provider has in its cache. What is earlier is measured by its
    /// share of the bytes of all `turns`. `continued`: what is new goes on from the last turn in its middle,
    /// so that at least this one is shown.
    pub fn first(&self, turns: &[Weight], continued: bool) -> usize {
        if self.suffices() {
            return 0;
        }
        let room = self.window.saturating_sub(self.answer) / 2;
        let mut first = 0;
        for (place, turn) in turns.iter().enumerate() {
            if turn.continues {
                continue;
            }
            first = place;
            if self.shown(turns, place).0 <= room {
                return place;
            }
        }
        if continued { first } else { turns.len() }
    }

    /// How many tokens are shown if `first` is the first of `turns`, and how that is known.
    pub fn shown(&self, turns: &[Weight], first: usize) -> (u64, Source) {
        if first == 0 {
            return (self.wanted, self.source);
        }
        let all = turns.iter().map(|turn| turn.bytes).sum();
        let left = turns.iter().skip(first).map(|turn| turn.bytes).sum();
        let earlier = self.wanted.saturating_sub(self.new);
        (share(earlier, left, all).saturating_add(self.new), Source::Estimated)
    }
}

/// About how many tokens these messages are: one for every four bytes of text.
pub fn estimate(messages: &[Message]) -> u64 {
    let messages_tokens = count(messages.len()).saturating_mul(TOKENS_PER_MESSAGE);
    bytes(messages).div_ceil(BYTES_PER_TOKEN).saturating_add(messages_tokens)
}

/// The bytes of text that a model reads of these messages.
pub(crate) fn bytes(messages: &[Message]) -> u64 {
    count(messages.iter().flat_map(|message| &message.parts).map(part_bytes).sum())
}

fn part_bytes(part: &Part) -> usize {
    match part {
        Part::Text { text, .. } | Part::Refusal { text } | Part::Reasoning { text, .. } => {
            text.len()
        }
        Part::Image(_) => BYTES_PER_PICTURE,
        Part::Document(document) => document.url.len(),
        Part::ToolCall { name, arguments, .. } => name.len() + arguments.len(),
        Part::ToolResult { parts, .. } => parts.iter().map(part_bytes).sum(),
        Part::Other { value, .. } => value.to_string().len(),
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// What `part` of `whole` is of `tokens`, rounded up.
pub(crate) fn share(tokens: u64, part: u64, whole: u64) -> u64 {
    let product = u128::from(tokens) * u128::from(part);
    let share = product.div_ceil(u128::from(whole.max(1)));
    u64::try_from(share).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(wanted: u64) -> Room {
        Room { wanted, new: 10, source: Source::Reported, answer: 100, window: 1000 }
    }

    fn turns(continuing: &[usize]) -> Vec<Weight> {
        (0..10).map(|at| Weight { bytes: 50, continues: continuing.contains(&at) }).collect()
    }

    #[test]
    fn what_fits_is_shown_whole() {
        assert_eq!(room(900).first(&turns(&[]), false), 0);
        assert_eq!(room(900).shown(&turns(&[]), 0), (900, Source::Reported));
    }

    #[test]
    fn what_does_not_is_brought_down_to_half_in_whole_turns() {
        // 450 of 990 and 10: more than five of ten turns are too much.
        assert_eq!(room(1000).first(&turns(&[]), false), 6);
        assert_eq!(room(1000).shown(&turns(&[]), 6), (406, Source::Estimated));
        assert_eq!(room(1000).first(&turns(&[6, 7]), false), 8, "no result without its call");
    }

    #[test]
    fn if_nothing_fits_nothing_is_shown_but_what_the_request_goes_on_from() {
        let huge = Room { new: 2000, ..room(3000) };
        assert_eq!(huge.first(&turns(&[8, 9]), false), 10);
        assert_eq!(huge.first(&turns(&[8, 9]), true), 7);
    }
}
