//! From what tokens say to text that may be told: whole letters only, and nothing of a stop text.

/// The text of an answer as it grows.
#[derive(Debug)]
pub(crate) struct Speech {
    stops: Vec<String>,
    /// Bytes of a letter that is not whole.
    bytes: Vec<u8>,
    /// Text that may be the beginning of a stop text.
    held: String,
}

/// What came of more bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// More text, maybe none yet.
    More(String),
    /// The last text before a stop text.
    Last(String),
}

impl Speech {
    pub(crate) fn new(stops: Vec<String>) -> Self {
        let stops = stops.into_iter().filter(|stop| !stop.is_empty()).collect();
        Self { stops, bytes: Vec::new(), held: String::new() }
    }

    /// Takes what a token says.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Said {
        self.bytes.extend_from_slice(bytes);
        self.decode();
        let first = self.stops.iter().filter_map(|stop| self.held.find(stop)).min();
        if let Some(end) = first {
            self.held.truncate(end);
            return Said::Last(std::mem::take(&mut self.held));
        }
        let held = self.stops.iter().map(|stop| overlap(&self.held, stop)).max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - held);
        Said::More(std::mem::replace(&mut self.held, rest))
    }

    /// What was held back, at the end.
    pub(crate) fn finish(&mut self) -> String {
        let held = std::mem::take(&mut self.held);
        held + &String::from_utf8_lossy(&std::mem::take(&mut self.bytes))
    }

    /// Moves whole letters to the text; what can never become one is replaced.
    fn decode(&mut self) {
        let mut whole = 0;
        for chunk in self.bytes.utf8_chunks() {
            self.held.push_str(chunk.valid());
            whole += chunk.valid().len();
            let invalid = chunk.invalid();
            if whole + invalid.len() == self.bytes.len() && may_continue(invalid) {
                break;
            }
            if !invalid.is_empty() {
                self.held.push(char::REPLACEMENT_CHARACTER);
            }
            whole += invalid.len();
        }
        self.bytes.drain(..whole);
    }
}

/// Whether more bytes may make a letter of these.
fn may_continue(bytes: &[u8]) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(_) => false,
        Err(error) => error.valid_up_to() == 0 && error.error_len().is_none(),
    }
}

/// How many bytes at the end of `text` are the beginning of `stop`.
fn overlap(text: &str, stop: &str) -> usize {
    let mut ends = text.char_indices().filter_map(|(at, _)| text.get(at..));
    ends.find(|end| stop.starts_with(end)).map_or(0, str::len)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is told of `bytes`, cut into `parts`, and whether it ended at a stop text.
    fn told(bytes: &[u8], cuts: &[usize], stops: &[&str]) -> (String, bool) {
        let mut speech = Speech::new(stops.iter().map(|it| (*it).to_owned()).collect());
        let (mut text, mut from) = (String::new(), 0);
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
        cuts.push(bytes.len());
        cuts.sort_unstable();
        for cut in cuts {
            match speech.push(&bytes[from..cut]) {
                Said::More(more) => text += &more,
                Said::Last(last) => return (text + &last, true),
            }
            from = cut;
        }
        (text + &speech.finish(), false)
    }

    #[test]
    fn what_cannot_be_a_stop_text_anymore_is_told_at_once() {
        let mut speech = Speech::new(vec!["\n\nUser".into(), "END".into()]);
        assert_eq!(speech.push(b"a\n"), Said::More("a".into()));
        assert_eq!(speech.push(b"\n"), Said::More(String::new()));
        assert_eq!(speech.push(b"\nUse"), Said::More("\n".into()));
        assert_eq!(speech.push(b"s E"), Said::More("\n\nUses ".into()));
        assert_eq!(speech.push(b"ND and"), Said::Last(String::new()));
    }

    #[test]
    fn a_letter_is_told_when_it_is_whole() {
        let mut speech = Speech::new(Vec::new());
        assert_eq!(speech.push(&"é".as_bytes()[..1]), Said::More(String::new()));
        assert_eq!(speech.push(&"é".as_bytes()[1..]), Said::More("é".into()));
        assert_eq!(speech.push(b"\xff."), Said::More("\u{fffd}.".into()));
        assert_eq!(speech.push(b"\xf0\x9f"), Said::More(String::new()));
        assert_eq!(speech.finish(), "\u{fffd}");
    }

    proptest! {
        #[test]
        fn wherever_it_is_cut_the_same_is_told(
            text in "[aé\u{1f600}bEND]{0,24}",
            cuts in prop::collection::vec(any::<usize>(), 0..8),
        ) {
            let stops = ["END", "bb", "é\u{1f600}"];
            let end = stops.iter().filter_map(|stop| text.find(stop)).min();
            let whole = (end.map_or(&*text, |end| &text[..end]).to_owned(), end.is_some());
            prop_assert_eq!(told(text.as_bytes(), &cuts, &stops), whole);
        }

        #[test]
        fn any_bytes_become_text(
            bytes in prop::collection::vec(any::<u8>(), 0..24),
            cuts in prop::collection::vec(any::<usize>(), 0..8),
        ) {
            let whole = String::from_utf8_lossy(&bytes).into_owned();
            prop_assert_eq!(told(&bytes, &cuts, &[]), (whole, false));
        }
    }
}
