//! Contexts of answers that ended, for the next request that begins as they do. The steps of a run are
//! such requests: each repeats what came before and adds to it.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use crate::model::Context;

/// The contexts that are kept, the latest last.
#[derive(Debug)]
pub(crate) struct Kept {
    contexts: Mutex<Vec<Context>>,
    /// How many blocks may be kept.
    most: usize,
}

impl Kept {
    /// Keeps at most `most` blocks.
    pub(crate) fn new(most: usize) -> Self {
        Self { contexts: Mutex::default(), most }
    }

    /// As much of the beginning of `prompt` as was read before; never all of it, as something must be read
    /// to know what follows.
    pub(crate) fn beginning(&self, prompt: &[u32]) -> Context {
        let contexts = self.contexts.lock().unwrap_or_else(PoisonError::into_inner);
        let longest = contexts.iter().map(|context| (common(context.tokens(), prompt), context));
        let longest = longest.max_by_key(|(common, _)| *common);
        let Some((common, context)) = longest else { return Context::default() };
        let mut context = context.clone();
        context.truncate(common.min(prompt.len().saturating_sub(1)));
        context
    }

    /// Keeps a context, unless it is the beginning of one that is kept, and lets go of the oldest ones if that is
    /// too much.
    pub(crate) fn keep(&self, context: Context) {
        let mut contexts = self.contexts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) =
            contexts.iter().position(|kept| kept.tokens().starts_with(context.tokens()))
        {
            // It was of use just now.
            let kept = contexts.remove(at);
            return contexts.push(kept);
        }
        contexts.retain(|kept| !context.tokens().starts_with(kept.tokens()));
        contexts.push(context);
        let mut blocks = HashSet::new();
        let fit = contexts.iter().rev().take_while(|context| {
            blocks.extend(context.blocks().iter().map(Arc::as_ptr));
            blocks.len() <= self.most
        });
        let gone = contexts.len() - fit.count();
        contexts.drain(..gone);
    }
}

fn common(a: &[u32], b: &[u32]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
