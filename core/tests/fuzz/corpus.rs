//! What is damaged, and how.

use std::{fs, path::Path};

/// Folders of transcripts, below `core/tests`.
const FOLDERS: [&str; 7] = [
    "dialects/answers",
    "dialects/broken",
    "dialects/errors",
    "dialects/requests",
    "fuzz/corpus",
    "gemini/transcripts",
    "ollama/transcripts",
];

/// Pieces that readers stumble over.
const PIECES: [&str; 12] = [
    "null",
    "-1",
    "1e999",
    "18446744073709551616",
    "\"\"",
    "{}",
    "[]",
    "\n\n",
    "\r",
    "data: ",
    "\\ud800",
    "\u{feff}",
];

/// The longest input, in bytes.
const LONGEST: usize = 64 << 10;

/// All files, in an order that is always the same.
pub(crate) fn corpus() -> Vec<Vec<u8>> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut files = Vec::new();
    for folder in FOLDERS {
        collect(&tests.join(folder), &mut files);
    }
    files
}

fn collect(folder: &Path, files: &mut Vec<Vec<u8>>) {
    let entries = fs::read_dir(folder).expect("a folder of the corpus");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(fs::read(&path).expect("a file of the corpus"));
        }
    }
}

/// Changes bytes in ways that only its seed decides (xorshift64*).
#[derive(Debug)]
pub(crate) struct Damage(u64);

impl Damage {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `end`, or 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let random = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(random).expect("31 bits") % end.max(1)
    }

    /// A few changes of `bytes`.
    pub(crate) fn apply(&mut self, bytes: &[u8], corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            let end = (at + self.below(40)).min(bytes.len());
            match self.below(6) {
                0 => drop(bytes.drain(at..end)),
                1 => bytes.truncate(at),
                2 => {
                    let piece = PIECES[self.below(PIECES.len())];
                    drop(bytes.splice(at..end, piece.bytes()));
                }
                3 => {
                    let again = bytes[at..end].to_vec();
                    drop(bytes.splice(at..at, again));
                }
                4 => {
                    let other = &corpus[self.below(corpus.len())];
                    let from = self.below(other.len());
                    bytes.truncate(at);
                    bytes.extend_from_slice(&other[from..]);
                }
                _ => {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte ^= 1 << (self.0.rotate_left(7) % 8);
                    }
                }
            }
            bytes.truncate(LONGEST);
        }
        bytes
    }
}
