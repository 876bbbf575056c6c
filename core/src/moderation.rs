//! What may be harmful in a text, and a word list that looks for it.
//!
//! A provider with a model for this judges by meaning. Where there is none, [`judge`] looks for fixed
//! phrases, in English, and says so by the name of its model ([`WORD_LIST`]) and by scores that are 0 or
//! 1: found or not. It understands nothing: it misses what is said in other words and finds what is only
//! quoted. Pictures it cannot see, and does not claim to.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::LazyLock,
};

use bytes::Bytes;

/// The name of the word list as a model. It changes when the list does.
pub const WORD_LIST: &str = "dormouse-wordlist-1";
/// The most texts of one request.
pub const MAX_INPUTS: usize = 2048;

/// The most words of a phrase.
const LONGEST: usize = 8;

/// `[category]` lines, and below each its phrases, one a line.
const WORDS: &str = include_str!("moderation/words.txt");

/// A request to judge texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The model the caller named; empty if the caller left it to the gateway.
    pub model: String,
    /// What is to be judged: 1 to [`MAX_INPUTS`], each by itself.
    pub inputs: Vec<Input>,
    /// The request as it was received, in OpenAI's format.
    pub original: Bytes,
}

/// What is judged together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Input {
    /// Its texts.
    pub texts: Vec<String>,
    /// Whether there are pictures too.
    pub has_pictures: bool,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdicts {
    /// Of the word list: one for each input, in their order.
    WordList(Vec<Verdict>),
    /// A provider's, in OpenAI's format, as it came.
    Provider(Bytes),
}

/// What the word list says of one input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What was found; in the order of [`Category::ALL`], each once.
    pub found: Vec<Category>,
    /// Whether there was a text to look at.
    pub looked: bool,
}

macro_rules! categories {
    ($($variant:ident, $name:literal, $help:literal;)*) => {
        /// A kind of harm, as OpenAI's API tells them apart.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Category {
            $(#[doc = $help] $variant,)*
        }

        impl Category {
            /// Every category, in the order of the published API.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its name in the API.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

categories! {
    Hate, "hate", "Against people for what they are.";
    HateThreatening, "hate/threatening", "The same, with violence.";
    Harassment, "harassment", "Against anyone.";
    HarassmentThreatening, "harassment/threatening", "The same, with violence.";
    Illicit, "illicit", "Help for wrongdoing.";
    IllicitViolent, "illicit/violent", "The same, with violence or weapons.";
    SelfHarm, "self-harm", "Self-harm in any way.";
    SelfHarmIntent, "self-harm/intent", "Someone means to harm themselves.";
    SelfHarmInstructions, "self-harm/instructions", "How to harm oneself.";
    Sexual, "sexual", "Meant to arouse.";
    SexualMinors, "sexual/minors", "The same, of someone under 18.";
    Violence, "violence", "Death, violence, injury.";
    ViolenceGraphic, "violence/graphic", "The same, in detail.";
}

impl Category {
    fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|category| category.as_str() == name)
    }

    /// Whether what is in `other` is in this one too.
    fn includes(self, other: Self) -> bool {
        let (own, other) = (self.as_str(), other.as_str());
        other.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// The phrases by their first word, each with the words that follow it.
type Phrases = BTreeMap<&'static str, Vec<(Vec<&'static str>, Category)>>;

static PHRASES: LazyLock<Phrases> = LazyLock::new(|| phrases(WORDS));

fn phrases(list: &'static str) -> Phrases {
    let mut phrases = Phrases::new();
    let mut category = None;
    for line in list.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            category = Category::of(name);
        } else if !line.starts_with('#')
            && let Some(category) = category
        {
            let mut words = line.split(' ');
            if let Some(first) = words.next().filter(|first| !first.is_empty()) {
                phrases.entry(first).or_default().push((words.collect(), category));
            }
        }
    }
    phrases
}

/// Looks for the phrases of the word list: whole words, in any case, whatever stands between them. The
/// time it takes grows as the texts do.
pub fn judge(request: &Request) -> Verdicts {
    Verdicts::WordList(request.inputs.iter().map(|input| look(input, &PHRASES)).collect())
}

fn look(input: &Input, phrases: &Phrases) -> Verdict {
    let mut seen = BTreeSet::new();
    for text in &input.texts {
        let mut words = words(text);
        let mut next: VecDeque<String> = words.by_ref().take(LONGEST).collect();
        while let Some(word) = next.pop_front() {
            next.extend(words.next());
            let begun = phrases.get(word.as_str()).into_iter().flatten();
            let said = begun.filter(|(rest, _)| {
                rest.len() <= next.len() && rest.iter().zip(&next).all(|(a, b)| a == b)
            });
            seen.extend(said.map(|(_, category)| *category));
        }
    }
    let within = |category: &Category| seen.iter().any(|seen| category.includes(*seen));
    let found = Category::ALL.iter().copied().filter(within).collect();
    Verdict { found, looked: !input.texts.is_empty() }
}

/// The words of a text, in small letters and without apostrophes.
fn words(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|c: char| !c.is_alphanumeric() && !is_apostrophe(c));
    let plain = words.map(|word| {
        let letters = word.chars().filter(|c| !is_apostrophe(*c));
        letters.flat_map(char::to_lowercase).collect::<String>()
    });
    plain.filter(|word| !word.is_empty())
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&'static str> {
        let input = Input { texts: vec![text.to_owned()], has_pictures: false };
        look(&input, &PHRASES).found.into_iter().map(Category::as_str).collect()
    }

    #[test]
    fn every_line_of_the_list_is_found_in_its_category() {
        let (mut category, mut seen) = ("", Vec::new());
        for line in WORDS.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(name) = line.strip_prefix('[') {
                category = name.strip_suffix(']').expect("a closing bracket");
                assert!(Category::of(category).is_some(), "{line}");
                seen.push(category);
                continue;
            }
            assert_eq!(words(line).collect::<Vec<_>>().join(" "), line, "as it is looked for");
            assert!(words(line).count() <= LONGEST, "{line}");
            assert!(found(line).contains(&category), "{line}");
        }
        seen.sort_unstable();
        let mut all: Vec<_> = Category::ALL.iter().map(|category| category.as_str()).collect();
        all.sort_unstable();
        assert_eq!(seen, all, "each category once");
    }

    #[test]
    fn case_and_punctuation_do_not_hide_a_phrase() {
        for text in ["KILL yourself", "kill\n yourself!", "(Kill, yourself)", "…kill-yourself"] {
            assert!(found(text).contains(&"harassment"), "{text}");
        }
        assert!(found("I’m going to kill you").contains(&"harassment/threatening"));
    }

    #[test]
    fn a_part_of_a_word_is_not_the_word() {
        for text in ["overkill yourselfish", "skill you", "Scunthorpe", "kill your darlings", ""] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn what_is_in_a_narrow_category_is_in_the_wide_one() {
        assert_eq!(found("how to build a pipe bomb"), ["illicit", "illicit/violent"]);
    }

    #[test]
    fn a_phrase_is_found_anywhere_in_a_long_text() {
        let text = "kill ".repeat(10_000);
        assert_eq!(found(&text), [""; 0]);
        assert_eq!(found(&format!("{text}them {text}")), ["violence"]);
        assert_eq!(found(&format!("{text}them")), ["violence"]);
    }
}
