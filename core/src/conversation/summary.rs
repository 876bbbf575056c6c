//! What takes the place of a long conversation: a summary of its beginning, and its end word for word.

use super::{Turn, apart};
use crate::{
    chat::{Message, Part, Role},
    ports::Timestamp,
};

/// The most turns that are taken over word for word.
const MOST_TURNS: usize = 12;
/// The most bytes that these have together: with the summary they are written in one commit.
const MOST_BYTES: usize = 1 << 20;
/// Which share of a conversation is taken over word for word: one of so many parts.
const SHARE: usize = 4;

/// What is asked of the model that summarises.
const TASK: &str = "Summarise the conversation below, so that whoever goes on with it needs nothing else of it. \
Keep facts, names, numbers, decisions, open questions, what the user asked for and how to answer, and how far \
each task is. Write in the language of the conversation. Answer with the summary and nothing else.";

/// Marks a summary as what it is.
const BEFORE: &str = "This is a summary of our conversation so far, whose words are no longer at hand.\n\n<summary>\n";
const AFTER: &str = "\n</summary>";
/// What the model is taken to have said to that: turns alternate, and many templates insist on it.
const TAKEN_NOTE: &str = "I have read the summary and go on from there.";

/// A conversation in two parts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parts {
    /// What is summarised. Empty only if there is nothing at all.
    pub(crate) head: Vec<Turn>,
    /// What is taken over word for word: whole turns, no result without its call.
    pub(crate) tail: Vec<Turn>,
}

/// Parts a conversation.
pub(crate) fn part(mut turns: Vec<Turn>) -> Parts {
    let size = |turn: &Turn| match apart::measure(turn) {
        Ok((bytes, _)) => usize::try_from(bytes).unwrap_or(usize::MAX),
        Err(_) => usize::MAX,
    };
    let sizes: Vec<usize> = turns.iter().map(size).collect();
    let whole = sizes.iter().fold(0_usize, |sum, size| sum.saturating_add(*size));
    let most = (whole / SHARE).min(MOST_BYTES);
    let (mut cut, mut taken) = (turns.len(), 0_usize);
    for (place, (turn, size)) in turns.iter().zip(&sizes).enumerate().skip(1).rev() {
        taken = taken.saturating_add(*size);
        if taken > most || turns.len() - place > MOST_TURNS {
            break;
        }
        if !turn.continues() {
            cut = place;
        }
    }
    let tail = turns.split_off(cut);
    Parts { head: turns, tail }
}

/// The question to the model that summarises. Of what is longer than `most` bytes, the end counts.
pub(crate) fn question(head: &[Turn], most: usize) -> Vec<Message> {
    let lines = head.iter().flat_map(|turn| &turn.messages).map(line);
    let mut text = lines.collect::<Vec<_>>().join("\n\n");
    if text.len() > most {
        let from = (text.len() - most..text.len()).find(|at| text.is_char_boundary(*at));
        text = format!("[…]{}", text.split_off(from.unwrap_or_default()));
    }
    let text = format!("{TASK}\n\n<conversation>\n{text}\n</conversation>");
    vec![Message::text(Role::User, text)]
}

/// The turn that stands for what was summarised, with the system's messages of this turn.
pub(crate) fn turn(
    summary: &str,
    system: Option<Turn>,
    (receipt, at): (String, Timestamp),
) -> Turn {
    let Turn { dialect, system, instructed, .. } = system.unwrap_or_default();
    Turn {
        receipt,
        at,
        dialect,
        system,
        instructed,
        messages: vec![
            Message::text(Role::User, format!("{BEFORE}{}{AFTER}", summary.trim())),
            Message::text(Role::Assistant, TAKEN_NOTE),
        ],
    }
}

/// A message as a reader of a protocol has it.
fn line(message: &Message) -> String {
    let who = match message.role {
        Role::System | Role::Developer => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    };
    let said: Vec<String> = message.parts.iter().filter_map(words).collect();
    format!("{who}: {}", said.join("\n"))
}

fn words(part: &Part) -> Option<String> {
    Some(match part {
        Part::Text { text, .. } | Part::Refusal { text } => text.clone(),
        Part::Image(_) => "[a picture]".into(),
        Part::Document(document) => {
            format!("[a document: {}]", document.title.as_deref().unwrap_or("without a title"))
        }
        Part::ToolCall { name, arguments, .. } => format!("[calls {name} with {arguments}]"),
        Part::ToolResult { parts, .. } => {
            let said: Vec<String> = parts.iter().filter_map(words).collect();
            format!("[is given {}]", said.join("\n"))
        }
        Part::Reasoning { .. } | Part::Other { .. } => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(role: Role, text: &str) -> Turn {
        Turn { messages: vec![Message::text(role, text)], ..Turn::default() }
    }

    fn parts(turns: &[Turn]) -> (usize, usize) {
        let Parts { head, tail } = part(turns.to_vec());
        (head.len(), tail.len())
    }

    #[test]
    fn about_a_quarter_stays_word_for_word_and_something_is_always_summarised() {
        assert_eq!(parts(&vec![said(Role::User, "x"); 20]), (15, 5));
        assert_eq!(parts(&vec![said(Role::User, "x"); 200]), (188, 12));
        assert_eq!(parts(&[said(Role::User, "x")]), (1, 0));
        assert_eq!(parts(&[]), (0, 0));
        let long = said(Role::User, &"x".repeat(5000));
        assert_eq!(parts(&[said(Role::User, "x"), long]), (2, 0));
    }

    #[test]
    fn a_result_stays_with_its_call() {
        let mut turns = vec![said(Role::User, "x"); 20];
        for turn in turns.iter_mut().skip(13) {
            *turn = said(Role::Tool, "x");
        }
        assert_eq!(parts(&turns), (20, 0));
        turns.push(said(Role::User, "x"));
        assert_eq!(parts(&turns), (20, 1));
    }

    #[test]
    fn of_what_is_too_long_the_end_is_told() {
        let head = [said(Role::User, "éééé"), said(Role::Assistant, "the end")];
        let Part::Text { text, .. } = &question(&head, 25)[0].parts[0] else { panic!("a text") };
        assert!(text.contains("[…]"), "{text}");
        assert!(text.contains("assistant: the end"), "{text}");
    }
}
