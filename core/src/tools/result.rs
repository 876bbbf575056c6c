//! What a model is shown of what a tool answered: no secrets, and no more than fits.

use super::Output;
use crate::chat::Part;

/// How much of a text that is too long is taken from its end: there programs say what went wrong.
const TAIL: usize = 4;
/// The most parts of a result that are no text.
const MAX_MEDIA: usize = 8;
/// The largest picture or document that is passed on, in bytes as it is written.
const MAX_MEDIA_BYTES: usize = 4 << 20;
/// What stands for a secret.
const STRUCK: &str = "[redacted]";

/// Strikes out `secrets`, and cuts what is longer than `limit` bytes of text, which the result then says.
pub(super) fn presentable(output: Output, secrets: &[String], limit: usize) -> Output {
    let (mut left, mut media) = (limit, 0);
    let parts = output.parts.into_iter().filter_map(|part| match part {
        Part::Text { text, cache } => {
            let text = cut(struck(text, secrets), left);
            left = left.saturating_sub(text.len());
            Some(Part::Text { text, cache })
        }
        Part::Image(image) => {
            media += 1;
            let fits = media <= MAX_MEDIA && image.url.len() <= MAX_MEDIA_BYTES;
            Some(if fits { Part::Image(image) } else { left_out("a picture") })
        }
        Part::Document(document) => {
            media += 1;
            let fits = media <= MAX_MEDIA && document.url.len() <= MAX_MEDIA_BYTES;
            Some(if fits { Part::Document(document) } else { left_out("a document") })
        }
        // A tool says nothing else.
        _ => None,
    });
    Output { parts: parts.collect(), is_error: output.is_error }
}

/// Strikes `secrets` out of all texts.
pub(super) fn struck_out(mut output: Output, secrets: &[String]) -> Output {
    for part in &mut output.parts {
        if let Part::Text { text, .. } = part {
            *text = struck(std::mem::take(text), secrets);
        }
    }
    output
}

fn struck(mut text: String, secrets: &[String]) -> String {
    for secret in secrets {
        if text.contains(secret.as_str()) {
            text = text.replace(secret.as_str(), STRUCK);
        }
    }
    text
}

fn left_out(what: &str) -> Part {
    let text = format!("[{what} is left out: it is too large, or there are too many]");
    Part::Text { text, cache: None }
}

/// The beginning and the end of a text that is longer than `limit` bytes, and between them how much is
/// missing. The note comes on top of the limit.
pub fn cut(text: String, limit: usize) -> String {
    if text.len() <= limit {
        return text;
    }
    let end = text.floor_char_boundary(limit - limit / TAIL);
    let resume = text.ceil_char_boundary(text.len() - limit / TAIL).max(end);
    let (all, missing) = (text.len(), resume - end);
    let (head, tail) = (text.get(..end), text.get(resume..));
    let (head, tail) = (head.unwrap_or_default(), tail.unwrap_or_default());
    format!("{head}\n[… {missing} of {all} bytes are left out here …]\n{tail}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chat::Image;

    fn text(text: impl Into<String>) -> Part {
        Part::Text { text: text.into(), cache: None }
    }

    #[test]
    fn what_is_left_out_is_counted_in_its_place() {
        let cut = cut("0123456789abcdefghij".to_owned(), 8);
        assert_eq!(cut, "012345\n[… 12 of 20 bytes are left out here …]\nij");
    }

    #[test]
    fn secrets_are_struck_out_before_a_cut_could_halve_them() {
        let output = Output::text(format!("{}sk-secret-of-mine", "x".repeat(10)));
        let shown = presentable(output, &["sk-secret-of-mine".to_owned()], 24);
        assert_eq!(shown.parts, [text("xxxxxxxxxx[redacted]")]);
    }

    #[test]
    fn the_limit_is_for_all_texts_together() {
        let output =
            Output { parts: vec![text("a".repeat(10)), text("b".repeat(10))], is_error: true };
        let shown = presentable(output, &[], 12);
        assert!(shown.is_error);
        assert_eq!(shown.parts[0], text("a".repeat(10)));
        assert_eq!(shown.parts[1], text("bb\n[… 8 of 10 bytes are left out here …]\n"));
    }

    #[test]
    fn pictures_that_are_too_large_or_too_many_are_left_out() {
        let picture =
            |bytes: usize| Part::Image(Image { url: "x".repeat(bytes), ..Image::default() });
        let mut parts = vec![picture(MAX_MEDIA_BYTES + 1)];
        parts.extend((0..MAX_MEDIA).map(|_| picture(10)));
        let shown = presentable(Output { parts, is_error: false }, &[], 100);
        let kept = shown.parts.iter().filter(|part| matches!(part, Part::Image(_))).count();
        assert_eq!((shown.parts.len(), kept), (MAX_MEDIA + 1, MAX_MEDIA - 1));
    }

    proptest! {
        #[test]
        fn a_cut_is_never_within_a_character(text in "\\PC{0,200}", limit in 0_usize..300) {
            let cut = cut(text.clone(), limit);
            if text.len() <= limit {
                prop_assert_eq!(cut, text);
            } else {
                let (head, rest) = cut.split_once("\n[… ").unwrap();
                let (_, tail) = rest.split_once(" …]\n").unwrap();
                prop_assert!(text.starts_with(head) && text.ends_with(tail));
                prop_assert!(head.len() + tail.len() <= limit);
            }
        }
    }
}
