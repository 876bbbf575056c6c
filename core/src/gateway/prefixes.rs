//! How much of a conversation's prompt the next one begins with: what a prompt cache can be worth at most.
//!
//! A client that puts the time into its instructions, or a gateway that writes the same messages in another
//! way, makes every cache useless, and nobody is told. So of each conversation that has a name the digests
//! of its last prompt are kept, one for the tools and one for each message, and held against the next one.
//! What only ends a cached prefix (a cache hint) is no part of a prompt.
//!
//! It costs one pass over the texts of such a request (about 15 µs for 50 kB), and nothing where a request
//! names no conversation.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Mutex, PoisonError},
};

use crate::chat::{Message, Part, Request};

/// The most conversations that are known at once; the one that was silent for longest is forgotten.
const MAX_CONVERSATIONS: usize = 512;
/// The most messages of a prompt that are looked at.
const MAX_MESSAGES: usize = 1024;

/// The last prompt of each conversation.
#[derive(Debug, Default)]
pub(super) struct Prefixes(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    prompts: BTreeMap<String, Last>,
    /// How many prompts there were so far.
    count: u64,
}

#[derive(Debug)]
struct Last {
    prompt: Prompt,
    /// Which of all prompts it was.
    number: u64,
}

/// The pieces of a prompt, in the order in which a model reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Prompt(Vec<Piece>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    digest: u64,
    bytes: u64,
}

/// How two prompts of a conversation compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shared {
    /// Bytes of the earlier prompt that the later one begins with.
    pub(super) shared: u64,
    /// All bytes of the earlier prompt.
    pub(super) all: u64,
}

impl Prefixes {
    /// Takes the next prompt of a conversation with a model. `None`: it is the first that is known.
    pub(super) fn next(&self, conversation: &str, model: &str, prompt: Prompt) -> Option<Shared> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.count += 1;
        let last = Last { prompt, number: known.count };
        // A model's name has no line break.
        let key = format!("{model}\n{conversation}");
        let shared = known.prompts.get(&key).map(|before| before.prompt.shared_with(&last.prompt));
        if shared.is_none() && known.prompts.len() >= MAX_CONVERSATIONS {
            let oldest = known.prompts.iter().min_by_key(|(_, last)| last.number);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                known.prompts.remove(&oldest);
            }
        }
        known.prompts.insert(key, last);
        shared
    }
}

impl Prompt {
    /// The prompt of a request.
    pub(super) fn of(request: &Request) -> Self {
        let mut tools = Reader::default();
        for tool in &request.tools {
            tools.text(&tool.name);
            tools.text(tool.description.as_deref().unwrap_or_default());
            tools.value(tool.input_schema.as_ref());
            tools.value(tool.extensions.0.values());
        }
        let messages = request.messages.iter().take(MAX_MESSAGES).map(|message| {
            let mut reader = Reader::default();
            reader.message(message);
            reader.piece()
        });
        Self([tools.piece()].into_iter().chain(messages).collect())
    }

    fn shared_with(&self, later: &Self) -> Shared {
        let alike = self.0.iter().zip(&later.0).take_while(|(one, other)| one == other);
        let shared = alike.map(|(piece, _)| piece.bytes).sum();
        Shared { shared, all: self.0.iter().map(|piece| piece.bytes).sum() }
    }
}

/// Reads a piece.
#[derive(Debug, Default)]
struct Reader {
    hasher: DefaultHasher,
    bytes: u64,
}

impl Reader {
    fn piece(&self) -> Piece {
        Piece { digest: self.hasher.finish(), bytes: self.bytes }
    }

    fn text(&mut self, text: &str) {
        text.hash(&mut self.hasher);
        self.bytes += u64::try_from(text.len()).unwrap_or_default();
    }

    /// What has no text of its own counts by a byte for each value.
    fn value(&mut self, values: impl IntoIterator<Item = impl Hash>) {
        for value in values {
            value.hash(&mut self.hasher);
            self.bytes += 1;
        }
    }

    fn message(&mut self, message: &Message) {
        self.text(role(message));
        self.text(message.name.as_deref().unwrap_or_default());
        message.parts.iter().for_each(|part| self.part(part));
    }

    fn part(&mut self, part: &Part) {
        std::mem::discriminant(part).hash(&mut self.hasher);
        match part {
            Part::Text { text, .. } | Part::Refusal { text } => self.text(text),
            Part::Image(image) => self.text(&image.url),
            Part::Document(document) => self.text(&document.url),
            Part::Reasoning { text, signature, .. } => {
                self.text(text);
                self.text(signature.as_ref().map(|it| it.text.as_str()).unwrap_or_default());
            }
            Part::ToolCall { id, name, arguments, .. } => {
                [id, name, arguments].into_iter().for_each(|text| self.text(text));
            }
            Part::ToolResult { call_id, parts, is_error, .. } => {
                self.text(call_id);
                is_error.hash(&mut self.hasher);
                parts.iter().for_each(|part| self.part(part));
            }
            Part::Other { value, .. } => self.value([value]),
        }
    }
}

fn role(message: &Message) -> &'static str {
    use crate::chat::Role;
    match message.role {
        Role::System => "system",
        Role::Developer => "developer",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{CacheHint, Role};

    fn prompt(system: &str, turns: &[&str]) -> Prompt {
        let mut messages = vec![Message::text(Role::System, system)];
        messages.extend(turns.iter().map(|&text| Message::text(Role::User, text)));
        Prompt::of(&Request { messages, ..Request::default() })
    }

    #[test]
    fn a_conversation_that_grows_begins_with_all_that_was() {
        let prefixes = Prefixes::default();
        assert_eq!(prefixes.next("c", "m", prompt("Be brief.", &["one"])), None);
        let shared = prefixes.next("c", "m", prompt("Be brief.", &["one", "two"])).unwrap();
        assert_eq!(shared.shared, shared.all);
        assert_eq!(shared.all, ("system".len() + "Be brief.".len() + "user".len() + 3) as u64);
    }

    #[test]
    fn what_changes_in_front_is_seen() {
        let prefixes = Prefixes::default();
        prefixes.next("c", "m", prompt("It is noon.", &["one"]));
        let shared = prefixes.next("c", "m", prompt("It is one.", &["one", "two"])).unwrap();
        assert_eq!(shared.shared, 0);
        let shared = prefixes.next("c", "m", prompt("It is one.", &["other", "two"])).unwrap();
        assert!(shared.shared > 0 && shared.shared < shared.all, "{shared:?}");
    }

    #[test]
    fn a_cache_hint_that_moves_on_changes_nothing() {
        let prefixes = Prefixes::default();
        let mut messages = vec![Message::text(Role::User, "one")];
        messages[0].parts[0] =
            Part::Text { text: "one".into(), cache: Some(CacheHint { ttl: None }) };
        prefixes.next("c", "m", Prompt::of(&Request { messages, ..Request::default() }));
        let messages = vec![Message::text(Role::User, "one")];
        let later = Prompt::of(&Request { messages, ..Request::default() });
        let shared = prefixes.next("c", "m", later).unwrap();
        assert_eq!(shared.shared, shared.all);
    }

    #[test]
    fn conversations_and_models_are_told_apart_and_the_oldest_is_forgotten() {
        let prefixes = Prefixes::default();
        let one = || prompt("", &["one"]);
        assert_eq!(prefixes.next("c", "m", one()), None);
        assert_eq!(prefixes.next("c", "other", one()), None);
        assert_eq!(prefixes.next("d", "m", one()), None);
        for number in 0..MAX_CONVERSATIONS - 3 {
            prefixes.next(&number.to_string(), "m", one());
        }
        assert!(prefixes.next("c", "m", one()).is_some());
        assert_eq!(prefixes.next("new", "m", one()), None);
        assert_eq!(prefixes.next("c", "other", one()), None, "silent for longest");
        assert!(prefixes.next("c", "m", one()).is_some());
    }
}
