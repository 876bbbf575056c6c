//! Logical models: what each stands for, with those among their candidates unfolded.

use std::{collections::BTreeSet, sync::Arc};

use super::Build;
use crate::catalog::{
    Named,
    file::{FallbackEntry, LogicalEntry},
    logical::{Candidate, Failure, Fallback, Resolved, Strategy},
    model::{Capability, Model},
    path::Path,
    problem::shortened,
};

/// The most models that a logical model may stand for.
const MAX_CANDIDATES: usize = 64;

/// A logical model whose candidates are still to be unfolded.
struct Sketch {
    name: String,
    strategy: Strategy,
    parts: Vec<Part>,
    requires: BTreeSet<Capability>,
    fallback: Option<FallbackEntry>,
}

struct Part {
    weight: u32,
    /// The name as it was written.
    written: String,
    stands_for: Target,
}

enum Target {
    Model(Arc<Model>),
    /// Another logical model, by its place in the list.
    Logical(usize),
    /// A name that is nowhere; noted already.
    Nothing,
}

impl Build<'_> {
    pub(super) fn logical_models(&mut self, entries: Vec<LogicalEntry>, path: &Path) {
        for (at, entry) in entries.iter().enumerate() {
            let path = path.item(at).field("name");
            self.claim(&entry.name.0, &path, Named::Logical(at));
        }
        let sketches: Vec<_> = entries
            .into_iter()
            .enumerate()
            .map(|(at, entry)| self.sketch(entry, &path.item(at)))
            .collect();
        let mut unfolded: Vec<Option<Vec<Candidate>>> = sketches.iter().map(|_| None).collect();
        // Those whose parts are ready, until none is left or the rest stands in circles.
        loop {
            let ready = sketches.iter().enumerate().position(|(at, sketch)| {
                is_open(&unfolded, at)
                    && !sketch.parts.iter().any(|part| waits_for(part, &unfolded).is_some())
            });
            let Some((at, sketch)) = ready.and_then(|at| Some((at, sketches.get(at)?))) else {
                break;
            };
            let candidates = self.unfold(sketch, &unfolded, &path.item(at));
            if let Some(place) = unfolded.get_mut(at) {
                *place = Some(candidates);
            }
        }
        self.circles(&sketches, &unfolded, path);
        let resolved = sketches.into_iter().zip(unfolded).map(|(sketch, candidates)| {
            let candidates = candidates.unwrap_or_default();
            let fallback = fallback(sketch.fallback, candidates.len());
            let Sketch { name, strategy, .. } = sketch;
            Arc::new(Resolved { name, strategy, candidates, fallback })
        });
        self.catalog.logical = resolved.collect();
    }

    fn sketch(&mut self, entry: LogicalEntry, path: &Path) -> Sketch {
        let mut parts = Vec::new();
        for (at, candidate) in entry.candidates.into_iter().enumerate() {
            let path = path.field("candidates").item(at);
            if candidate.weight.is_some() && entry.strategy != Strategy::Weighted {
                let strategy = entry.strategy.as_str();
                let why = format!("only counts with `strategy: weighted`, not with {strategy}");
                self.note(&path.field("weight"), why);
            }
            let written = candidate.model.0;
            let stands_for = match self.catalog.names.get(&written) {
                Some(Named::Model(model)) => Target::Model(Arc::clone(model)),
                Some(Named::Logical(at)) => Target::Logical(*at),
                None => match self.catalog.prefixed(&written) {
                    Some(model) => Target::Model(model),
                    None => {
                        if !written.is_empty() {
                            self.unknown(&written, &path.field("model"));
                        }
                        Target::Nothing
                    }
                },
            };
            let weight = candidate.weight.map_or(1, |weight| weight.0);
            parts.push(Part { weight, written, stands_for });
        }
        Sketch {
            name: entry.name.0,
            strategy: entry.strategy,
            parts,
            requires: entry.requires.unwrap_or_default().into_iter().collect(),
            fallback: entry.fallback,
        }
    }

    fn unfold(
        &mut self,
        sketch: &Sketch,
        unfolded: &[Option<Vec<Candidate>>],
        path: &Path,
    ) -> Vec<Candidate> {
        let whole: u64 = sketch.parts.iter().map(|part| u64::from(part.weight)).sum();
        let mut candidates: Vec<Candidate> = Vec::new();
        let mut named = BTreeSet::new();
        for (at, part) in sketch.parts.iter().enumerate() {
            let path = path.field("candidates").item(at).field("model");
            let written = shortened(&part.written);
            let share = portion(Candidate::WHOLE, part.weight.into(), whole);
            match &part.stands_for {
                Target::Nothing => {}
                Target::Model(model) => {
                    if let Some(lacking) = model.facts.capabilities.first_lacking(&sketch.requires)
                    {
                        let why = format!(
                            "`{written}` lacks `{}`, which `requires` asks for",
                            lacking.as_str()
                        );
                        self.note(&path, why);
                    }
                    if !named.insert(&model.name) {
                        self.note(&path, format!("`{written}` is a candidate already"));
                    }
                    add(&mut candidates, model, share);
                }
                Target::Logical(other) => {
                    let theirs = unfolded.get(*other).and_then(Option::as_ref);
                    let able: Vec<_> = theirs
                        .into_iter()
                        .flatten()
                        .filter(|it| {
                            it.model.facts.capabilities.first_lacking(&sketch.requires).is_none()
                        })
                        .collect();
                    if able.is_empty() && theirs.is_some_and(|theirs| !theirs.is_empty()) {
                        let why = format!(
                            "no candidate of `{written}` is capable of all that `requires` asks for"
                        );
                        self.note(&path, why);
                    }
                    let theirs: u64 = able.iter().map(|it| u64::from(it.share)).sum();
                    for it in able {
                        add(&mut candidates, &it.model, portion(share, it.share.into(), theirs));
                    }
                }
            }
            if candidates.len() > MAX_CANDIDATES {
                self.note(
                    &path,
                    format!("makes more than {MAX_CANDIDATES} candidates, which are the most"),
                );
                break;
            }
        }
        candidates
    }

    /// Notes every circle once, at one of its links.
    fn circles(&mut self, sketches: &[Sketch], unfolded: &[Option<Vec<Candidate>>], path: &Path) {
        let mut seen = BTreeSet::new();
        for start in (0..sketches.len()).filter(|at| is_open(unfolded, *at)) {
            // Each of these waits for another of them, so the way ends where somebody has been.
            let mut way: Vec<(usize, usize)> = Vec::new();
            let mut at = start;
            while seen.insert(at) {
                let parts =
                    sketches.get(at).map(|sketch| sketch.parts.as_slice()).unwrap_or_default();
                let next = parts
                    .iter()
                    .enumerate()
                    .find_map(|(link, part)| Some((link, waits_for(part, unfolded)?)));
                let Some((link, next)) = next else { break };
                way.push((at, link));
                at = next;
            }
            let circle = way.iter().skip_while(|(it, _)| *it != at);
            let names = circle.clone().map(|(it, _)| *it).chain([at]);
            let names: Vec<_> = names
                .filter_map(|it| sketches.get(it))
                .map(|sketch| shortened(&sketch.name))
                .collect();
            if let Some((first, link)) = circle.clone().next() {
                let path = path.item(*first).field("candidates").item(*link).field("model");
                self.note(&path, format!("goes round in a circle: {}", names.join(" → ")));
            }
        }
    }
}

fn is_open(unfolded: &[Option<Vec<Candidate>>], at: usize) -> bool {
    unfolded.get(at).is_some_and(Option::is_none)
}

/// The logical model that `part` stands for, if it is not unfolded yet.
fn waits_for(part: &Part, unfolded: &[Option<Vec<Candidate>>]) -> Option<usize> {
    match part.stands_for {
        Target::Logical(other) => Some(other).filter(|other| is_open(unfolded, *other)),
        Target::Model(_) | Target::Nothing => None,
    }
}

/// A model that comes in more than one way has the sum of its shares.
fn add(candidates: &mut Vec<Candidate>, model: &Arc<Model>, share: u32) {
    match candidates.iter_mut().find(|it| it.model.name == model.name) {
        Some(there) => there.share = there.share.saturating_add(share),
        None => candidates.push(Candidate { model: Arc::clone(model), share }),
    }
}

/// The part of `share` that `weight` of `whole` has. Nothing is so light that it has none.
fn portion(share: u32, weight: u64, whole: u64) -> u32 {
    let portion = u64::from(share) * weight / whole.max(1);
    u32::try_from(portion).unwrap_or(u32::MAX).max(1)
}

fn fallback(entry: Option<FallbackEntry>, candidates: usize) -> Fallback {
    let entry = entry.unwrap_or_default();
    let usual = || vec![Failure::Transport, Failure::RateLimit, Failure::ServerError];
    let all = u32::try_from(candidates).unwrap_or(u32::MAX).max(1);
    Fallback {
        on: entry.on.unwrap_or_else(usual).into_iter().collect(),
        max_attempts: entry.max_attempts.map_or(all, |count| count.0.min(all)),
    }
}
