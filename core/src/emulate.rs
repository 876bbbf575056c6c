//! Tool calling for models and servers that have none: the tools are described in words, the calls are
//! read out of the answer.
//!
//! A request that offers tools becomes one that does not ([`Emulation::new`]); the [`Stage`] turns its
//! answer into the one that was asked for. Everything here is a pure function of the request, so two turns
//! of a conversation begin with the same bytes and a server's prompt cache keeps its worth.
//!
//! The format is that of Hermes and Qwen, which many models have seen: `<tool_call>` around JSON,
//! `<tool_response>` around results. What a model prints instead is understood as well
//! ([`parse`](crate::parse)).

mod constrain;
mod history;
mod prompt;
mod reask;
mod stage;

pub use constrain::{Constraints, MAX_GRAMMAR_BYTES};
pub use reask::ask_again;
pub use stage::Stage;

use crate::{
    chat::{Request, ToolChoice},
    parse::{CallIds, CallOptions, ReasoningMarks},
};

/// What the server and its model are like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abilities {
    /// How the server can be made to keep to a form.
    pub constraints: Constraints,
    /// How the model marks its thoughts.
    pub reasoning: ReasoningMarks,
    /// Whether it goes on by itself until it [says that it is done](crate::agent::done).
    pub in_loop: bool,
}

/// Tools for a model whose server knows nothing of them.
#[derive(Debug)]
pub struct Emulation {
    /// The request to send instead: the tools are in its words.
    pub request: Request,
    /// Turns the answer into the one that was asked for.
    pub stage: Stage,
}

impl Emulation {
    /// What to do about `request`. `None`: there is nothing to emulate, because no tool is offered or
    /// none may be called (`tool_choice: none`). Then text that looks like a call stays text.
    ///
    /// Tools of a kind that only one dialect has cannot be described, and are left out. A
    /// [`ToolChoice::Other`] counts as `auto`. With `parallel_tool_calls: false` the answer ends with its
    /// first call, and what the model went on to say is dropped.
    pub fn new(request: &Request, abilities: Abilities, ids: CallIds) -> Option<Self> {
        let offers = request.tools.iter().any(|tool| !tool.name.is_empty());
        if !offers || request.tool_choice == Some(ToolChoice::None) {
            return None;
        }
        let choice = request.tool_choice.as_ref();
        let options = CallOptions {
            single: request.parallel_tool_calls == Some(false),
            required: matches!(choice, Some(ToolChoice::Required | ToolChoice::Named(_))),
            leaves_code: false,
        };
        let mut plain = request.clone();
        (plain.tools, plain.tool_choice) = (Vec::new(), None);
        (plain.parallel_tool_calls, plain.original) = (None, None);
        plain.messages = history::rendered(&request.messages);
        prompt::describe(request, abilities.in_loop, &mut plain.messages);
        constrain::constrain(request, options, abilities.constraints, &mut plain);
        let stage = Stage::new(request, plain.clone(), abilities.reasoning, options, ids);
        Some(Self { request: plain, stage })
    }
}
