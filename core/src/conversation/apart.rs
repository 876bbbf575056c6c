//! Pictures and documents that come inline are kept apart from their turn, so that a turn stays small.
//!
//! Each is named by what is in it, and the turn says in which of its places it stands. Put back, a turn is what
//! it was, to the byte.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Turn, session::unreadable};
use crate::{
    Result,
    chat::Part,
    ports::{NewBlob, hex},
};

/// A `data:` URI of up to so many bytes stays in its turn.
const SMALL: usize = 4096;
/// How many bytes of a SHA-256 name a content.
const NAME_BYTES: usize = 20;
/// What the bytes of a turn begin with of which something is kept apart; those of another are an object.
const TUPLE: u8 = b'[';

/// A content that stood in a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) media_type: String,
    pub(super) bytes: Bytes,
}

/// Where a content belongs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// Which of the pictures and documents of the turn it is, from zero.
    at: usize,
    /// What the content is named.
    pub(super) name: String,
}

/// A turn as it is stored.
#[derive(Debug)]
pub(super) struct Apart {
    /// Its bytes, without what is kept apart.
    pub(super) bytes: Bytes,
    /// What is kept apart, by name.
    pub(super) contents: BTreeMap<String, Content>,
    /// How many bytes that is, each counted as often as it is shown.
    pub(super) length: u64,
}

impl Content {
    /// What a `data:` URI holds that is to be kept apart. Only one that can be written again to the byte is:
    /// in base64 as RFC 4648 has it.
    fn of(url: &str) -> Option<Self> {
        if url.len() <= SMALL {
            return None;
        }
        let (media_type, content) = url.strip_prefix("data:")?.split_once(";base64,")?;
        let bytes = Bytes::from(BASE64_STANDARD.decode(content).ok()?);
        NewBlob::whole(media_type, Bytes::new()).ok()?;
        Some(Self { media_type: media_type.to_owned(), bytes })
    }

    /// The `data:` URI that holds it.
    pub(super) fn url(&self) -> String {
        format!("data:{};base64,{}", self.media_type, BASE64_STANDARD.encode(&self.bytes))
    }

    fn name(&self) -> String {
        let mut digest = Sha256::new();
        digest.update(self.media_type.as_bytes());
        digest.update([0]);
        digest.update(&self.bytes);
        hex(digest.finalize().into_iter().take(NAME_BYTES))
    }

    fn length(&self) -> u64 {
        u64::try_from(self.bytes.len()).unwrap_or(u64::MAX)
    }
}

/// Takes out of a turn what is to be kept apart.
pub(super) fn take(turn: &Turn) -> Result<Apart> {
    let (mut places, mut contents, mut length) = (Vec::new(), BTreeMap::new(), 0_u64);
    let bare = bare(turn, &mut |at, content| {
        let name = content.name();
        length = length.saturating_add(content.length());
        places.push(Place { at, name: name.clone() });
        contents.insert(name, content);
    });
    let bytes = match places.as_slice() {
        [] => bare.write()?,
        places => serde_json::to_vec(&(places, bare)).map(Bytes::from).map_err(unreadable)?,
    };
    Ok(Apart { bytes, contents, length })
}

/// A turn without what is to be kept apart, which is shown to `taken`.
fn bare(turn: &Turn, taken: &mut impl FnMut(usize, Content)) -> Turn {
    let (mut bare, mut at) = (turn.clone(), 0);
    each(&mut bare, &mut |url| {
        if let Some(content) = Content::of(url) {
            taken(at, content);
            url.clear();
        }
        at += 1;
    });
    bare
}

/// Reads a turn that [`take`] has written, and where what is kept apart of it belongs.
pub(super) fn read(bytes: &[u8]) -> Result<(Vec<Place>, Turn)> {
    match bytes.first() {
        Some(&TUPLE) => serde_json::from_slice(bytes).map_err(unreadable),
        _ => Ok((Vec::new(), Turn::read(bytes)?)),
    }
}

/// Puts back into a turn what was kept apart of it: the `data:` URIs of the contents, by name.
pub(super) fn put_back(turn: &mut Turn, places: &[Place], urls: &BTreeMap<String, String>) {
    let (mut places, mut at) = (places.iter().peekable(), 0);
    each(turn, &mut |url| {
        if let Some(place) = places.next_if(|place| place.at == at)
            && let Some(content) = urls.get(&place.name)
        {
            url.clone_from(content);
        }
        at += 1;
    });
}

/// About how many bytes a turn has as it is stored, and how many are kept apart.
pub(crate) fn measure(turn: &Turn) -> Result<(u64, u64)> {
    let mut apart = 0_u64;
    let bare = bare(turn, &mut |_, content| apart = apart.saturating_add(content.length()));
    let bytes = u64::try_from(bare.write()?.len()).unwrap_or(u64::MAX);
    Ok((bytes, apart))
}

/// Shows `visit` the address of each picture and document of a turn, always in the same order.
fn each(turn: &mut Turn, visit: &mut impl FnMut(&mut String)) {
    for message in turn.system.iter_mut().chain(&mut turn.messages) {
        each_part(&mut message.parts, visit);
    }
}

fn each_part(parts: &mut [Part], visit: &mut impl FnMut(&mut String)) {
    for part in parts {
        match part {
            Part::Image(image) => visit(&mut image.url),
            Part::Document(document) => visit(&mut document.url),
            Part::ToolResult { parts, .. } => each_part(parts, visit),
            // The documents of OpenAI's chat.
            Part::Other { value, .. } => {
                if let Some(Value::String(url)) = value.pointer_mut("/file/file_data") {
                    visit(url);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Document, Image, Message, Role};

    fn inline(fill: u8) -> String {
        let bytes = Bytes::from(vec![fill; 4 * SMALL]);
        Content { media_type: "image/png".into(), bytes }.url()
    }

    fn turn(urls: &[&str]) -> Turn {
        let image = |url: &&str| Part::Image(Image { url: (*url).into(), ..Image::default() });
        let document = Document { url: inline(9), ..Document::default() };
        let result = Part::ToolResult {
            call_id: "c".into(),
            parts: vec![Part::Document(document)],
            is_error: false,
            cache: None,
        };
        let parts = urls.iter().map(image).chain([result]).collect();
        let messages = vec![Message { parts, ..Message::text(Role::User, "") }];
        Turn { messages, ..Turn::default() }
    }

    #[test]
    fn what_is_taken_out_is_put_back_to_the_byte() {
        let (one, two) = (inline(1), inline(2));
        let whole = turn(&[&one, "", "https://a.invalid/b.png", &two, &one, "data:,x"]);
        let apart = take(&whole).unwrap();
        assert_eq!((apart.contents.len(), apart.length), (3, 4 * 4 * 4096));
        assert!(apart.bytes.len() < 1000, "{}", apart.bytes.len());
        let (places, mut read) = read(&apart.bytes).unwrap();
        assert_ne!(read, whole);
        let urls = apart.contents.iter().map(|(name, content)| (name.clone(), content.url()));
        put_back(&mut read, &places, &urls.collect());
        assert_eq!(read, whole);
    }

    #[test]
    fn what_could_not_be_written_again_or_is_small_stays_in_its_turn() {
        let long = inline(1);
        for odd in [
            long.replace("AQ", "A Q"),
            format!("{}=", long.trim_end_matches('=')),
            long.replace("image/png", "ïmage"),
            long.replace("image/png", ""),
            long.replace("data:", "DATA:"),
            long.replace(";base64", ""),
            format!("https://a.invalid/{}", "x".repeat(2 * SMALL)),
            "data:image/png;base64,AQID".to_owned(),
        ] {
            assert_eq!(Content::of(&odd), None, "{}", &odd[..30]);
        }
        assert_eq!(Content::of(&long).unwrap().url(), long);
        let turn = Turn { messages: vec![Message::text(Role::User, "Hi")], ..Turn::default() };
        assert_eq!(take(&turn).unwrap().bytes, turn.write().unwrap());
    }
}
