//! The names that somebody may have meant.

use strsim::osa_distance;

/// The longest name that is compared, in bytes. Longer ones are no slips of the pen.
const MAX_BYTES: usize = 128;

/// Those of `known` that are spelled like `name`, the nearest first, at most three.
fn near<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    if name.len() > MAX_BYTES {
        return Vec::new();
    }
    let folded = name.to_lowercase();
    // A third of the letters may be wrong, and one always.
    let tolerated = (folded.chars().count() / 3).max(1);
    let mut near: Vec<_> = known
        .into_iter()
        .filter(|known| known.len() <= MAX_BYTES)
        .map(|known| (osa_distance(&folded, &known.to_lowercase()), known))
        .filter(|(distance, _)| *distance <= tolerated)
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(3).map(|(_, known)| known).collect()
}

/// `; did you mean …?`, or nothing if no name is near.
pub(crate) fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let near: Vec<_> = near(name, known).iter().map(|known| format!("`{known}`")).collect();
    if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) }
}
