//! Server-sent events, both ways (WHATWG HTML §9.2).
//!
//! [`Decoder`] splits a byte stream into frames, wherever the network cuts it, each with its own bytes so
//! that they can be passed on. [`Frame`] reads one: `event:` and `data:`; `id:` and `retry:` serve
//! reconnecting, which no chat API offers, and are only kept in the bytes.

use std::borrow::Cow;

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr2;

use crate::{Code, Error, Result};

/// A comment: tells a client that the connection lives, and nothing else.
pub const KEEP_ALIVE: &[u8] = b": keep-alive\n\n";

/// The largest frame that is read. A whole picture in one event still fits.
pub const MAX_FRAME_BYTES: usize = 16 << 20;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Writes one event. Line breaks in `data` are kept, as several `data:` lines.
pub fn encode(data: &str) -> Bytes {
    let mut written = BytesMut::with_capacity(data.len() + 8);
    let mut rest = data;
    loop {
        let end = memchr2(b'\n', b'\r', rest.as_bytes());
        let (line, more) = end.map_or((rest, None), |end| {
            let (line, more) = rest.split_at(end);
            (line, more.strip_prefix("\r\n").or_else(|| more.get(1..)))
        });
        written.extend_from_slice(b"data: ");
        written.extend_from_slice(line.as_bytes());
        written.extend_from_slice(b"\n");
        match more {
            Some(more) => rest = more,
            None => break,
        }
    }
    written.extend_from_slice(b"\n");
    written.freeze()
}

/// Writes one event with a name.
pub fn encode_event(name: &str, data: &str) -> Bytes {
    let mut written = BytesMut::from("event: ");
    written.extend_from_slice(name.as_bytes());
    written.extend_from_slice(b"\n");
    written.extend_from_slice(&encode(data));
    written.freeze()
}

/// One event of a stream, or a run of comments between two blank lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The name of the event, if it has one.
    pub event: Option<Cow<'a, str>>,
    /// The data; empty for comments. It is borrowed where it is one line.
    pub data: Cow<'a, str>,
}

/// Splits bytes into frames. Lines may end in `\n`, `\r\n` or `\r`.
#[derive(Debug, Default)]
pub struct Decoder {
    /// What belongs to no complete frame yet.
    held: BytesMut,
    scan: Scan,
    /// Whether anything was read yet: a byte order mark may only come first.
    begun: bool,
}

/// How far the search for a blank line has come.
#[derive(Debug, Default)]
struct Scan {
    /// Where the current line begins.
    line: usize,
    /// Up to where it is known not to end.
    seen: usize,
    /// Whether the line before ended in a lone carriage return.
    after_return: bool,
}

impl Decoder {
    /// Takes the next bytes and adds the frames that they complete, each as it was sent, its blank line
    /// included.
    ///
    /// # Errors
    ///
    /// [`Code::UpstreamInvalid`] when a frame exceeds [`MAX_FRAME_BYTES`].
    pub fn push(&mut self, bytes: &[u8], frames: &mut Vec<Bytes>) -> Result<()> {
        self.held.extend_from_slice(bytes);
        if !self.begin() {
            return Ok(());
        }
        while let Some(end) = self.frame_end() {
            within_limit(end)?;
            frames.push(self.held.split_to(end).freeze());
        }
        within_limit(self.held.len()).map(|_| ())
    }

    /// Returns what remains at the end of the stream. The standard discards a frame without its blank
    /// line; model servers are known to leave out the last one.
    pub fn finish(&mut self) -> Option<Bytes> {
        self.scan = Scan::default();
        let mut rest = self.held.split();
        if rest.is_empty() {
            return None;
        }
        let missing: &[u8] = if rest.ends_with(b"\n") { b"\n" } else { b"\n\n" };
        rest.extend_from_slice(missing);
        Some(rest.freeze())
    }

    /// Skips a byte order mark. False: too little is there to tell.
    fn begin(&mut self) -> bool {
        if !self.begun {
            if self.held.len() < BYTE_ORDER_MARK.len() && BYTE_ORDER_MARK.starts_with(&self.held) {
                return false;
            }
            self.begun = true;
            if self.held.starts_with(BYTE_ORDER_MARK) {
                self.held.advance(BYTE_ORDER_MARK.len());
            }
        }
        true
    }

    /// Finds the end of the first frame: past its blank line.
    fn frame_end(&mut self) -> Option<usize> {
        if self.scan.line == 0 {
            // Blank lines between frames belong to none.
            let blank = self.held.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
            self.held.advance(blank);
            self.scan.seen -= blank.min(self.scan.seen);
        }
        let end = self.scan.blank_line(&self.held)?;
        self.scan = Scan::default();
        Some(end)
    }
}

impl Scan {
    /// Looks for a blank line, from where it left off.
    fn blank_line(&mut self, held: &[u8]) -> Option<usize> {
        loop {
            let Some(found) = memchr2(b'\n', b'\r', held.get(self.seen..)?) else {
                self.seen = held.len();
                return None;
            };
            let at = self.seen + found;
            let blank = at == self.line;
            let next = match (held.get(at), held.get(at + 1)) {
                // After a line that ended in a lone `\r`, a lone `\r` is the blank line.
                (Some(b'\r'), _) if blank && self.after_return => at + 1,
                (Some(b'\r'), Some(b'\n')) => at + 2,
                (Some(b'\r'), None) => {
                    // Whether a `\n` follows is not known yet.
                    self.seen = at;
                    return None;
                }
                _ => at + 1,
            };
            if blank {
                return Some(next);
            }
            self.after_return = next == at + 1 && held.get(at) == Some(&b'\r');
            (self.line, self.seen) = (next, next);
        }
    }
}

fn within_limit(bytes: usize) -> Result<usize> {
    if bytes > MAX_FRAME_BYTES {
        return Err(Error::new(Code::UpstreamInvalid, "the provider sent an event without end"));
    }
    Ok(bytes)
}

impl<'a> Frame<'a> {
    /// Reads a frame as it was sent. Bytes that are no UTF-8 are replaced, as the standard wants it.
    pub fn read(raw: &'a [u8]) -> Self {
        match std::str::from_utf8(raw) {
            Ok(text) => Self::fields(text),
            Err(_) => Frame::fields(&String::from_utf8_lossy(raw)).into_owned(),
        }
    }

    fn fields(mut text: &'a str) -> Self {
        let (mut event, mut data): (_, Option<Cow<'a, str>>) = (None, None);
        while !text.is_empty() {
            let end = memchr2(b'\n', b'\r', text.as_bytes()).unwrap_or(text.len());
            let (line, rest) = text.split_at(end);
            text = rest.get(1..).unwrap_or_default();
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match (field, &mut data) {
                ("event", _) => event = Some(value.into()),
                ("data", None) => data = Some(value.into()),
                ("data", Some(data)) => {
                    let data = data.to_mut();
                    data.push('\n');
                    data.push_str(value);
                }
                _ => {}
            }
        }
        Self { event, data: data.unwrap_or_default() }
    }

    fn into_owned<'b>(self) -> Frame<'b> {
        Frame {
            event: self.event.map(|event| event.into_owned().into()),
            data: self.data.into_owned().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(pieces: &[&[u8]]) -> Vec<Bytes> {
        let (mut decoder, mut frames) = (Decoder::default(), Vec::new());
        pieces.iter().for_each(|piece| decoder.push(piece, &mut frames).unwrap());
        frames.extend(decoder.finish());
        frames
    }

    fn data(sent: &[u8]) -> Vec<String> {
        let frames = decode(&[sent]);
        frames.iter().map(|raw| Frame::read(raw).data.into_owned()).collect()
    }

    #[test]
    fn reads_what_servers_send() {
        assert_eq!(data(b"data: a\n\ndata:b\n\n"), ["a", "b"]);
        assert_eq!(data(b"data: a\r\n\r\ndata: b\r\n\r\n"), ["a", "b"]);
        assert_eq!(data(b"data: a\r\rdata: b\r\r"), ["a", "b"]);
        assert_eq!(data(b"data: a\ndata: b\n\n"), ["a\nb"]);
        assert_eq!(data(b"data\ndata:  two spaces\n\n"), ["\n two spaces"]);
        assert_eq!(data("\u{feff}data: a\n\n".as_bytes()), ["a"]);
        assert_eq!(data(b"\n\r\n\n"), [""; 0]);
    }

    #[test]
    fn an_event_keeps_its_name_and_its_bytes() {
        let sent = b"id: 7\nevent: error\ndata: {}\n\n";
        assert_eq!(decode(&[sent]), [&sent[..]]);
        assert_eq!(Frame::read(sent), Frame { event: Some("error".into()), data: "{}".into() });
    }

    #[test]
    fn a_written_name_is_read() {
        let sent = encode_event("ping", "{}");
        assert_eq!(&sent[..], b"event: ping\ndata: {}\n\n");
        assert_eq!(Frame::read(&sent).event.as_deref(), Some("ping"));
    }

    #[test]
    fn comments_are_frames_without_data() {
        assert_eq!(decode(&[KEEP_ALIVE, b"data: a\n\n"]), [KEEP_ALIVE, b"data: a\n\n"]);
        assert_eq!(Frame::read(KEEP_ALIVE), Frame::default());
    }

    #[test]
    fn what_is_no_text_is_replaced() {
        let frame = Frame::read(b"event: \xff\ndata: \xff\ndata: b\n\n");
        let expected = Frame { event: Some("\u{fffd}".into()), data: "\u{fffd}\nb".into() };
        assert_eq!(frame, expected);
    }

    #[test]
    fn a_frame_comes_out_with_the_byte_that_completes_it() {
        for sent in ["data: a\n\n", "data: a\r\n\r\n", "data: a\r\r"] {
            let (mut decoder, mut frames) = (Decoder::default(), Vec::new());
            let (last, all_but_last) = sent.as_bytes().split_last().unwrap();
            decoder.push(all_but_last, &mut frames).unwrap();
            assert_eq!(frames.len(), 0, "{sent:?}");
            decoder.push(&[*last], &mut frames).unwrap();
            assert_eq!(frames.len(), 1, "{sent:?}");
        }
    }

    #[test]
    fn a_last_frame_without_its_blank_line_is_completed() {
        for sent in ["data: a", "data: a\n"] {
            assert_eq!(decode(&[sent.as_bytes()]), [&b"data: a\n\n"[..]]);
        }
        assert_eq!(Decoder::default().finish(), None);
    }

    #[test]
    fn a_frame_that_never_ends_is_refused() {
        let mut decoder = Decoder::default();
        let piece = vec![b'x'; 1 << 20];
        let mut refusal = |piece: &[u8]| decoder.push(piece, &mut Vec::new()).err();
        let refused = (0..17).find_map(|_| refusal(&piece)).unwrap();
        assert_eq!(refused.code(), Code::UpstreamInvalid);
        assert_eq!(refusal(b"").unwrap().code(), Code::UpstreamInvalid);
    }

    #[test]
    fn line_breaks_in_data_survive() {
        assert_eq!(
            &encode("a\nb\r\nc\rd\n")[..],
            b"data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n"
        );
        assert_eq!(&encode("")[..], b"data: \n\n");
    }

    fn cut<'a>(sent: &'a [u8], at: &[prop::sample::Index]) -> Vec<&'a [u8]> {
        let mut cuts: Vec<usize> = at.iter().map(|index| index.index(sent.len() + 1)).collect();
        cuts.extend([0, sent.len()]);
        cuts.sort_unstable();
        cuts.windows(2).map(|pair| &sent[pair[0]..pair[1]]).collect()
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(texts in prop::collection::vec("[^\r]{0,12}", 0..8)) {
            let sent: Vec<u8> = texts.iter().flat_map(|text| encode(text)).collect();
            prop_assert_eq!(data(&sent), texts);
        }

        /// Also where lines end in a mixture of ways, and inside the byte order mark.
        #[test]
        fn cuts_do_not_matter(
            bom in any::<bool>(),
            pieces in prop::collection::vec(
                prop::sample::select(vec!["\n", "\r", "\r\n", "data: é", "data", ":", "event: x", " "]),
                0..24,
            ),
            at in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let sent = format!("{}{}", if bom { "\u{feff}" } else { "" }, pieces.concat());
            let sent = sent.as_bytes();
            prop_assert_eq!(decode(&cut(sent, &at)), decode(&[sent]));
        }

        #[test]
        fn nothing_of_a_stream_is_lost(
            lines in prop::collection::vec("[a-z: ]{1,9}", 1..9),
            end in prop::sample::select(vec!["\n", "\r\n"]),
        ) {
            let sent: String = lines.iter().map(|line| format!("{line}{end}{end}")).collect();
            prop_assert_eq!(decode(&[sent.as_bytes()]).concat(), sent.as_bytes());
        }
    }
}
