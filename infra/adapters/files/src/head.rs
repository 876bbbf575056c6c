//! What precedes the content in a file: 512 bytes that say what it is.
//!
//! They are of one size, so that the length of a blob is told from that of its file, and of text, so that
//! `head -c 512` shows them and `tail -c +513` the content.

use std::io::{self, Read};

/// The size of a head.
pub(crate) const BYTES: usize = 512;
/// The same, as files count.
pub(crate) const LENGTH: u64 = 512;

/// What a file begins with. The number changes with what follows it.
const MARK: &str = "dormouse-blob 1 ";

/// The head of a blob of this media type, which is printable and of at most 255 bytes.
pub(crate) fn write(media_type: &str) -> Vec<u8> {
    let mut head = format!("{MARK}{media_type}").into_bytes();
    head.resize(BYTES - 1, b' ');
    head.push(b'\n');
    head
}

/// The media type of the file that `file` is at the beginning of.
pub(crate) fn read(mut file: impl Read) -> io::Result<String> {
    let mut head = [0; BYTES];
    file.read_exact(&mut head)?;
    let text = std::str::from_utf8(&head).ok();
    let media_type = text.and_then(|text| text.strip_prefix(MARK)?.strip_suffix('\n'));
    media_type
        .map(|media_type| media_type.trim_end().to_owned())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the file holds no blob"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_is_read_as_it_was_written() {
        let longest = "x".repeat(255);
        for media_type in ["image/png", "text/plain; charset=\"utf-8\"", &longest] {
            let head = write(media_type);
            assert_eq!(head.len(), BYTES);
            assert_eq!(u64::try_from(BYTES).unwrap(), LENGTH);
            assert_eq!(read(&*head).unwrap(), media_type);
        }
    }

    #[test]
    fn what_is_no_head_is_an_error() {
        let whole = write("image/png");
        let other = vec![b'x'; BYTES];
        for head in [&whole[..BYTES - 1], &other, &[]] {
            read(head).unwrap_err();
        }
    }
}
