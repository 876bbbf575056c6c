//! Names as segments of paths, for stores that keep blobs under paths or keys.
//!
//! A segment consists of `!`, `-`, `.`, `_`, digits and lower case letters only, so that it escapes from no
//! directory, means the same where case does not count, and needs no quoting in a URL. It sorts, byte by
//! byte, as the name does: a byte that is written otherwise is led by a character that sorts where it does.

use sha2::{Digest, Sha256};

use super::MAX_BLOB_NAME_BYTES;
use crate::ports::hex;

/// The longest segment, in characters.
const LONGEST: usize = 3 * MAX_BLOB_NAME_BYTES;

/// What leads a byte that is written as two hexadecimal digits; `None` if it is written as it is. A
/// character that leads never stands for itself, so no name's segment begins with that of another byte.
fn lead(byte: u8) -> Option<char> {
    match byte {
        b'-' | b'0'..=b'9' | b'a'..=b'y' => None,
        ..=b',' => Some('!'),
        b'.' | b'/' => Some('.'),
        b':'..=b'`' => Some('_'),
        b'z'.. => Some('z'),
    }
}

/// The segment that stands for a blob's name: at most three characters for each of its bytes, in the order of
/// the names.
pub fn segment_of_name(name: &str) -> String {
    let mut segment = String::with_capacity(name.len());
    for byte in name.bytes() {
        match lead(byte) {
            None => segment.push(char::from(byte)),
            Some(lead) => {
                segment.push(lead);
                segment.push_str(&hex([byte].into_iter()));
            }
        }
    }
    segment
}

/// The name that `segment` stands for; `None` if it stands for none.
pub fn name_of_segment(segment: &str) -> Option<String> {
    let (mut name, mut rest) = (Vec::with_capacity(segment.len()), segment);
    while let Some(first) = rest.chars().next() {
        let length = if matches!(first, '!' | '.' | '_' | 'z') { 3 } else { 1 };
        let (code, others) = rest.split_at_checked(length)?;
        let digits = code.strip_prefix(first)?;
        let byte = match digits {
            "" => u8::try_from(first).ok()?,
            digits => u8::from_str_radix(digits, 16).ok()?,
        };
        name.push(byte);
        rest = others;
    }
    // Each name has one segment: no other spelling of it counts. Nothing is the name of nothing.
    String::from_utf8(name).ok().filter(|name| !name.is_empty() && segment_of_name(name) == segment)
}

/// The segment that stands for a tenant: at most 240 characters. Where the tenant is too long for that, it
/// is a digest.
pub fn segment_of_tenant(tenant: &str) -> String {
    let segment = segment_of_name(tenant);
    if segment.len() <= LONGEST {
        return segment;
    }
    // Nothing else has a `-` after a `z`.
    format!("z-{}", hex(Sha256::digest(tenant.as_bytes()).into_iter()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_ids_are_made_of_stays_readable() {
        assert_eq!(segment_of_name("file-0f3"), "file-0f3");
        assert_eq!(segment_of_name("a_B.z/é"), "a_5f_42.2ez7a.2fzc3za9");
    }

    #[test]
    fn no_segment_means_a_directory() {
        for name in [".", "..", "/", "../x", "\\", "C:", "con"] {
            let segment = segment_of_name(name);
            assert!(segment != "." && segment != "..", "{name}");
            assert!(!segment.contains(['/', '\\', ':']), "{name}: {segment}");
        }
    }

    #[test]
    fn a_name_has_one_segment() {
        for other in
            ["", "_2d", "A", ".2E", ".2", ".", "z", "zzz", "é", "_ff", ".2fzc3", "a b", "!+1"]
        {
            assert_eq!(name_of_segment(other), None, "{other}");
        }
    }

    #[test]
    fn a_long_tenant_has_a_short_segment_of_its_own() {
        let long = |end: char| format!("{}{end}", "Z".repeat(511));
        let (one, other) = (segment_of_tenant(&long('A')), segment_of_tenant(&long('B')));
        assert_eq!((one.len(), other.len()), (66, 66));
        assert_ne!(one, other);
        assert_eq!(name_of_segment(&one), None);
        assert_eq!(segment_of_tenant("acme"), "acme");
    }

    proptest! {
        #[test]
        fn a_segment_leads_back_to_its_name(name in "\\PC{1,80}|[\\x01-\\x7f]{1,80}") {
            let segment = segment_of_name(&name);
            prop_assert!(segment.len() <= 3 * name.len());
            let plain =
                |byte| matches!(byte, b'!' | b'-' | b'.' | b'_' | b'0'..=b'9' | b'a'..=b'z');
            prop_assert!(segment.bytes().all(plain));
            prop_assert_eq!(name_of_segment(&segment), Some(name));
        }

        #[test]
        fn segments_sort_as_names_do(
            one in "[\\x01-\\x7f]{0,4}|\\PC{0,4}",
            other in "[\\x01-\\x7f]{0,4}|\\PC{0,4}",
        ) {
            let segments = segment_of_name(&one).cmp(&segment_of_name(&other));
            prop_assert_eq!(segments, one.cmp(&other));
        }
    }
}
