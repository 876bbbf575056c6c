//! What a request needs of a model.

use std::collections::BTreeSet;

use crate::{
    Error, Result,
    catalog::{Candidate, Capability, Resolved},
    chat::{OutputFormat, Part, Request},
};

/// The candidates that are capable of all that is `needed`.
///
/// # Errors
///
/// [`InvalidRequest`](crate::Code::InvalidRequest) if there are none, naming what the first one lacks.
pub(super) fn able<'a>(
    resolved: &'a Resolved,
    needed: &BTreeSet<Capability>,
) -> Result<Vec<&'a Candidate>> {
    let lacks = |candidate: &&Candidate| candidate.model.facts.capabilities.first_lacking(needed);
    let able: Vec<_> = resolved.candidates.iter().filter(|it| lacks(it).is_none()).collect();
    match resolved.candidates.iter().find_map(|it| lacks(&it)) {
        Some(lacking) if able.is_empty() => {
            let message = format!("`{}` is not capable of `{}`", resolved.name, lacking.as_str());
            Err(Error::invalid(field(lacking), message))
        }
        _ => Ok(able),
    }
}

/// What a conversation needs.
pub(in crate::gateway) fn of(request: &Request) -> BTreeSet<Capability> {
    let mut needed = BTreeSet::from([Capability::Chat]);
    for part in request.messages.iter().flat_map(|message| &message.parts) {
        match part {
            Part::Image(_) => needed.insert(Capability::Vision),
            Part::Document(_) => needed.insert(Capability::Documents),
            _ => false,
        };
    }
    if !request.tools.is_empty() {
        needed.insert(Capability::Tools);
    }
    if let OutputFormat::JsonSchema { .. } = request.output_format {
        needed.insert(Capability::JsonSchema);
    }
    needed
}

/// Where a request says that it needs something.
fn field(capability: Capability) -> &'static str {
    match capability {
        Capability::Tools | Capability::ParallelTools => "tools",
        Capability::Vision | Capability::Documents | Capability::Audio => "messages",
        Capability::JsonSchema => "response_format",
        _ => "model",
    }
}
