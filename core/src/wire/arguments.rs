//! Whether the arguments of a tool call, arriving in pieces, are a complete JSON value yet.

/// Follows a JSON object or array to its end. It does not validate: whatever closes the first bracket
/// completes the value.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::wire) struct Arguments {
    depth: u32,
    in_string: bool,
    escaped: bool,
    complete: bool,
    begun: bool,
}

impl Arguments {
    pub(in crate::wire) fn push(&mut self, piece: &str) {
        for byte in piece.bytes() {
            self.byte(byte);
        }
    }

    /// Nothing but white space came.
    pub(in crate::wire) fn blank(self) -> bool {
        !self.begun
    }

    /// Nothing sensible can follow.
    pub(in crate::wire) fn complete(self) -> bool {
        self.complete
    }

    fn byte(&mut self, byte: u8) {
        self.begun |= !byte.is_ascii_whitespace();
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' if self.in_string => self.escaped = true,
            b'"' => self.in_string = !self.in_string,
            _ if self.in_string => {}
            b'{' | b'[' => self.depth = self.depth.saturating_add(1),
            b'}' | b']' if self.depth > 0 => {
                self.depth -= 1;
                self.complete |= self.depth == 0;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(pieces: &[&str]) -> bool {
        let mut arguments = Arguments::default();
        pieces.iter().for_each(|piece| arguments.push(piece));
        arguments.complete()
    }

    #[test]
    fn an_object_is_complete_when_its_own_bracket_closes() {
        assert!(complete(&["{}"]));
        assert!(complete(&[r#" {"a": [1, {"b"#, r#"": "}"}]"#, "}"]));
        assert!(!complete(&[r#"{"a": {}"#]));
        assert!(!complete(&[r#"{"a": "\"}"#]));
        assert!(!complete(&[""]));
        assert!(!complete(&["}"]));
    }

    #[test]
    fn white_space_is_no_argument() {
        let mut arguments = Arguments::default();
        arguments.push(" \n");
        assert!(arguments.blank());
        arguments.push("{");
        assert!(!arguments.blank());
    }
}
