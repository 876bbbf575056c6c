//! Choosing the next token.
//!
//! What may be chosen is narrowed in llama.cpp's order (`common_sampler`): bias, penalties, `top_k`, `top_p`,
//! `min_p`, temperature. At temperature 0 the likeliest is taken.

use std::collections::BTreeMap;

use fastrand::Rng;

/// How the next token is chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// 0: the likeliest. The larger, the more the others get.
    pub temperature: f32,
    /// Only so many of the likeliest; 0: all.
    pub top_k: usize,
    /// Only the likeliest that together are as likely as this; 1: all.
    pub top_p: f32,
    /// Only those that are at least this part as likely as the likeliest; 0: all.
    pub min_p: f32,
    /// What the logit of a token that came lately is divided by; 1: nothing.
    pub repeat_penalty: f32,
    /// How many tokens are lately.
    pub penalty_last_n: usize,
    /// What is taken off for each time that a token came lately.
    pub frequency_penalty: f32,
    /// What is taken off if a token came lately.
    pub presence_penalty: f32,
    /// What is added to the logits of some tokens.
    pub logit_bias: BTreeMap<u32, f32>,
    /// The same seed and request give the same answer. `None`: another one each time.
    pub seed: Option<u64>,
}

impl Default for Sampling {
    /// The likeliest, always.
    fn default() -> Self {
        Self {
            temperature: 0.0,
            top_k: 40,
            top_p: 0.95,
            min_p: 0.05,
            repeat_penalty: 1.0,
            penalty_last_n: 64,
            frequency_penalty: 0.0,
            presence_penalty: 0.0,
            logit_bias: BTreeMap::new(),
            seed: None,
        }
    }
}

/// Chooses the tokens of one answer.
#[derive(Debug)]
pub(crate) struct Sampler {
    sampling: Sampling,
    random: Rng,
}

impl Sampler {
    pub(crate) fn new(sampling: Sampling) -> Self {
        let random = sampling.seed.map_or_else(Rng::new, Rng::with_seed);
        Self { sampling, random }
    }

    /// Never chooses any of `tokens`.
    pub(crate) fn forbid(&mut self, tokens: impl Iterator<Item = u32>) {
        self.sampling.logit_bias.extend(tokens.map(|token| (token, f32::NEG_INFINITY)));
    }

    /// The token that comes next after `before`, of those in `logits`.
    pub(crate) fn choose(&mut self, logits: &mut [f32], before: &[u32]) -> u32 {
        self.bias(logits);
        self.penalise(logits, before);
        if self.sampling.temperature <= 0.0 {
            return likeliest(logits);
        }
        let mut some = self.some(logits);
        let most = some.first().map_or(0.0, |(logit, _)| *logit);
        let heat = |logit: f32| ((logit - most) / self.sampling.temperature).exp();
        some.iter_mut().for_each(|(logit, _)| *logit = heat(*logit));
        let total: f32 = some.iter().map(|(share, _)| share).sum();
        let mut left = self.random.f32() * total;
        let chosen = some.iter().find(|(share, _)| {
            left -= share;
            left <= 0.0
        });
        chosen.or(some.first()).map_or(0, |(_, token)| *token)
    }

    fn bias(&self, logits: &mut [f32]) {
        for (token, bias) in &self.sampling.logit_bias {
            if let Some(logit) = logits.get_mut(*token as usize) {
                *logit += bias;
            }
        }
    }

    fn penalise(&self, logits: &mut [f32], before: &[u32]) {
        let Sampling { repeat_penalty, frequency_penalty, presence_penalty, .. } = self.sampling;
        let off = |penalty: f32, none: f32| (penalty - none).abs() < f32::EPSILON;
        if off(repeat_penalty, 1.0) && off(frequency_penalty, 0.0) && off(presence_penalty, 0.0) {
            return;
        }
        let mut counts: BTreeMap<u32, f32> = BTreeMap::new();
        for token in before.iter().rev().take(self.sampling.penalty_last_n) {
            *counts.entry(*token).or_default() += 1.0;
        }
        for (token, count) in counts {
            let Some(logit) = logits.get_mut(token as usize) else { continue };
            *logit = if *logit <= 0.0 { *logit * repeat_penalty } else { *logit / repeat_penalty };
            *logit -= count * frequency_penalty + presence_penalty;
        }
    }

    /// The tokens that may be chosen, the likeliest first.
    fn some(&self, logits: &[f32]) -> Vec<(f32, u32)> {
        let mut some: Vec<(f32, u32)> = logits.iter().copied().zip(0..).collect();
        let by_logit = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        let keep = match self.sampling.top_k {
            0 => some.len(),
            most => most.min(some.len()),
        };
        if keep < some.len() {
            some.select_nth_unstable_by(keep, by_logit);
            some.truncate(keep);
        }
        some.sort_unstable_by(by_logit);
        let most = some.first().map_or(0.0, |(logit, _)| *logit);
        let share = |logit: f32| (logit - most).exp();
        if self.sampling.top_p < 1.0 {
            let total: f32 = some.iter().map(|(logit, _)| share(*logit)).sum();
            let mut sum = 0.0;
            let enough = some.iter().position(|(logit, _)| {
                sum += share(*logit);
                sum >= self.sampling.top_p * total
            });
            some.truncate(enough.map_or(some.len(), |at| at + 1));
        }
        if self.sampling.min_p > 0.0 {
            some.retain(|(logit, _)| share(*logit) >= self.sampling.min_p);
        }
        some
    }
}

/// The first of the likeliest.
fn likeliest(logits: &[f32]) -> u32 {
    let mut best = (f32::NEG_INFINITY, 0);
    for (logit, token) in logits.iter().zip(0..) {
        if *logit > best.0 {
            best = (*logit, token);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(sampling: Sampling, logits: &[f32], before: &[u32]) -> Vec<u32> {
        let mut sampler = Sampler::new(sampling);
        (0..200).map(|_| sampler.choose(&mut logits.to_vec(), before)).collect()
    }

    fn warm() -> Sampling {
        let open =
            Sampling { temperature: 1.0, top_k: 0, top_p: 1.0, min_p: 0.0, ..Sampling::default() };
        Sampling { seed: Some(7), ..open }
    }

    fn all(tokens: &[u32]) -> Vec<u32> {
        let mut tokens = tokens.to_vec();
        tokens.sort_unstable();
        tokens.dedup();
        tokens
    }

    #[test]
    fn at_temperature_zero_the_first_of_the_likeliest_is_taken() {
        assert_eq!(all(&chosen(Sampling::default(), &[1.0, 3.0, 3.0, 2.0], &[])), [1]);
    }

    #[test]
    fn a_seed_repeats_an_answer() {
        let logits = [1.0, 1.1, 0.9, 1.05];
        assert_eq!(chosen(warm(), &logits, &[]), chosen(warm(), &logits, &[]));
        let other = Sampling { seed: Some(8), ..warm() };
        assert_ne!(chosen(warm(), &logits, &[]), chosen(other, &logits, &[]));
    }

    #[test]
    fn each_limit_narrows_what_may_be_chosen() {
        let logits = [0.5f32, 0.3, 0.15, 0.05].map(f32::ln);
        assert_eq!(all(&chosen(warm(), &logits, &[])), [0, 1, 2, 3]);
        assert_eq!(all(&chosen(Sampling { top_k: 2, ..warm() }, &logits, &[])), [0, 1]);
        assert_eq!(all(&chosen(Sampling { top_p: 0.7, ..warm() }, &logits, &[])), [0, 1]);
        assert_eq!(all(&chosen(Sampling { min_p: 0.2, ..warm() }, &logits, &[])), [0, 1, 2]);
    }

    #[test]
    fn penalties_and_bias_change_who_is_likeliest() {
        let logits = [2.0, 1.5, -1.0];
        let with = |sampling: Sampling, before: &[u32]| all(&chosen(sampling, &logits, before));
        let none = Sampling::default;
        assert_eq!(with(Sampling { repeat_penalty: 1.5, ..none() }, &[0]), [1]);
        assert_eq!(with(Sampling { frequency_penalty: 0.2, ..none() }, &[0, 0]), [0]);
        assert_eq!(with(Sampling { frequency_penalty: 0.2, ..none() }, &[0, 0, 0]), [1]);
        assert_eq!(with(Sampling { presence_penalty: 0.6, ..none() }, &[0, 9]), [1]);
        let lately = Sampling { presence_penalty: 0.6, penalty_last_n: 1, ..none() };
        assert_eq!(with(lately, &[0, 9]), [0], "what is long past counts for nothing");
        let bias = BTreeMap::from([(2, 10.0), (99, 1.0)]);
        assert_eq!(with(Sampling { logit_bias: bias, ..none() }, &[]), [2]);
    }
}
