//! In which order candidates are asked.

use super::Candidate;
use crate::catalog::Strategy;

/// Puts candidates, each with its share of the requests, in order. `random` is asked where it is left to
/// chance.
pub(super) fn order(
    mut candidates: Vec<(u32, Candidate)>,
    strategy: Strategy,
    random: impl FnOnce() -> [u8; 32],
) -> Vec<Candidate> {
    match strategy {
        Strategy::Priority => {}
        // What answers at once comes first, then what must wake, then what has failed lately; among
        // equals, the order of the catalog.
        Strategy::Auto => candidates.sort_by_key(|(_, it)| (!it.is_well(), it.sleeps())),
        Strategy::Weighted => {
            let chance = random().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
            let drawn = drawn(&candidates, chance);
            if drawn < candidates.len() {
                let first = candidates.remove(drawn);
                candidates.insert(0, first);
            }
        }
    }
    candidates.into_iter().map(|(_, candidate)| candidate).collect()
}

/// The place of the candidate that was drawn: each as often as its share says.
fn drawn(candidates: &[(u32, Candidate)], chance: u64) -> usize {
    let total: u64 = candidates.iter().map(|(share, _)| u64::from(*share)).sum();
    let mut left = chance % total.max(1);
    let wins = |(share, _): &(u32, Candidate)| {
        let share = u64::from(*share);
        let wins = left < share;
        left = left.saturating_sub(share);
        wins
    };
    candidates.iter().position(wins).unwrap_or_default()
}
