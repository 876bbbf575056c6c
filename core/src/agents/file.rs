//! What a file of agents may say: every field with its meaning, once.
//!
//! The comments are for operators too: they become the descriptions of the JSON Schema.

use crate::catalog::{
    around::Around,
    kinds::{Count, ModelName, Name, Prose, UpTo},
    shape::object,
    tenant::{Hands, Patterns},
};

object! {
    /// Agents of a Dormouse gateway: models with instructions, tools and limits, under names.
    File {
        /// The agents.
        required agents: Vec<AgentEntry>,
    }
}

object! {
    /// An agent.
    AgentEntry {
        /// What callers call it: /a1/agents/NAME, or the model agent/NAME.
        required name: Name,
        /// What it is for, for people to read.
        optional description: Prose,
        /// Its instructions: what every request begins with, byte for byte. Nothing in it is replaced.
        required system: Prose,
        /// The model that answers, as callers name it. Default: that of requests that name none.
        optional model: ModelName,
        /// How random answers are where the request does not say.
        optional temperature: UpTo<2>,
        /// Nucleus sampling where the request does not say.
        optional top_p: UpTo<1>,
        /// Whose hands act: `emulate` (calls of tools go to the caller) or `loop` (the gateway runs its own).
        /// Default: as the request says, or else as holds for its tenant.
        optional mode: Hands,
        /// Which of the gateway's tools it has, as patterns: what the tenant may not use is not among them. Only
        /// with `mode: loop`. Default: all that the tenant may use.
        optional tools: Patterns,
        /// What is done around the loop.
        flat around: Around,
        /// How far it may go.
        optional limits: LimitsEntry,
    }
}

object! {
    /// How far an agent may go.
    LimitsEntry {
        /// The most output tokens of an answer; a request may ask for fewer.
        optional max_output_tokens: Count,
        /// How often a run asks the model, within what the gateway allows; a request may want fewer. Only with
        /// `mode: loop`.
        optional max_steps: Count,
    }
}
