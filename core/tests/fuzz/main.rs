//! Whatever arrives, nothing panics, every answer is legal, and where the network cuts changes nothing.
//!
//! The corpus are the transcripts of all dialects' tests and `corpus/`, which takes what else should always
//! be tried. Each file is damaged in as many ways as [`ROUNDS`] says, always the same ones, and read by every
//! reader.
#![cfg(test)]

mod corpus;
mod plain;
mod readers;

use corpus::{Damage, corpus};
use readers::{read_answer, read_catalog, read_request};

/// How often each file is damaged. All of it takes about ten seconds.
const ROUNDS: u64 = 12;

/// Plays every file of the corpus, as it is and damaged, to `read`.
fn every_input(seed: u64, read: impl Fn(&[u8], &mut Damage)) {
    let corpus = corpus();
    assert!(corpus.len() > 50, "a corpus of {} files", corpus.len());
    let mut damage = Damage::new(seed);
    for bytes in &corpus {
        read(bytes, &mut damage);
        for _ in 0..ROUNDS {
            let damaged = damage.apply(bytes, &corpus);
            read(&damaged, &mut damage);
        }
    }
}

#[test]
fn any_bytes_are_a_legal_answer_or_an_error_wherever_they_are_cut() {
    every_input(1, read_answer);
}

#[test]
fn any_bytes_are_a_request_or_an_error_that_says_what_is_wrong() {
    every_input(2, |bytes, _| read_request(bytes));
}

#[test]
fn any_text_is_a_catalog_or_an_error() {
    every_input(3, |bytes, _| read_catalog(bytes));
}
