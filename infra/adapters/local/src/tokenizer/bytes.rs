//! The printable letter that stands for each byte in byte-level vocabularies. Source: `bytes_to_unicode` of
//! GPT-2's `encoder.py`.

/// The letter of `byte`.
pub(super) fn letter(byte: u8) -> char {
    let code = match byte {
        33..=126 | 161..=172 | 174..=255 => u32::from(byte),
        0..=32 => 256 + u32::from(byte),
        127..=160 => 256 + u32::from(byte) - 127 + 33,
        173 => 256 + 67,
    };
    char::from_u32(code).unwrap_or_default()
}

/// The byte of `letter`.
fn byte(letter: char) -> Option<u8> {
    let code = u32::from(letter);
    let byte = match code {
        256..=288 => code - 256,
        289..=322 => code - 289 + 127,
        323 => 173,
        _ => code,
    };
    u8::try_from(byte).ok().filter(|byte| self::letter(*byte) == letter)
}

/// The bytes of a token. A letter that stands for no byte is itself.
pub(super) fn said(token: &str) -> Vec<u8> {
    let mut said = Vec::with_capacity(token.len());
    for letter in token.chars() {
        match byte(letter) {
            Some(byte) => said.push(byte),
            None => said.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_a_letter_of_its_own() {
        for value in 0..=u8::MAX {
            assert_eq!(byte(letter(value)), Some(value));
            assert!(!letter(value).is_whitespace() && !letter(value).is_control(), "{value}");
        }
        assert_eq!((letter(b' '), letter(b'\n'), letter(b'a')), ('Ġ', 'Ċ', 'a'));
        assert_eq!(said("Ġof"), b" of");
    }
}
