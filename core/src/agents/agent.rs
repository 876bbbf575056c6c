//! One agent, and what it makes of a request.

use crate::{
    Error, Result,
    agent::{Mode, Options, orchestration::Wanted},
    chat::{Dialect, Message, Part, Request, Role},
};

/// What stands before the name of an agent where a model is named.
pub const PREFIX: &str = "agent/";

/// A model with instructions, tools and limits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Agent {
    /// What callers call it.
    pub name: String,
    /// What it is for, for people to read.
    pub description: Option<String>,
    /// Its instructions.
    pub system: String,
    /// The model that answers. `None`: the one of requests that name none.
    pub model: Option<String>,
    /// How random answers are, from 0 to 2, where the request does not say.
    pub temperature: Option<f64>,
    /// Nucleus sampling, from 0 to 1, where the request does not say.
    pub top_p: Option<f64>,
    /// The most output tokens of an answer. A request may ask for fewer.
    pub max_output_tokens: Option<u32>,
    /// Whose hands act. `None`: as the request says, or else as holds for its tenant.
    pub mode: Option<Mode>,
    /// Which of the gateway's tools it has, as [`Allowed`](crate::tools::Allowed) reads them. `None`: all that the
    /// tenant may use.
    pub tools: Option<Vec<String>>,
    /// How often a run asks the model. A request may want fewer.
    pub max_steps: Option<u32>,
    /// What is done around the loop. What it leaves open is the request's to say.
    pub around: Wanted,
}

impl Agent {
    /// What requests call it that name a model.
    pub fn as_model(&self) -> String {
        format!("{PREFIX}{}", self.name)
    }

    /// Says whose hands act, with which tools, and how often; what the agent leaves open is the request's to say.
    pub(crate) fn equip(&self, options: &mut Options) {
        options.mode = self.mode.or(options.mode);
        if let Some(tools) = &self.tools {
            options.tools = Some(tools.clone());
        }
        options.of_agent.clone_from(&self.around);
        options.max_steps = [options.max_steps, self.max_steps].into_iter().flatten().min();
    }

    /// Makes a request for the agent one for its model. Returns how many messages it put in front.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](crate::Code::InvalidRequest) for a text completion, which has no place for
    /// instructions.
    pub(crate) fn instruct(&self, request: &mut Request) -> Result<usize> {
        if request.dialect == Dialect::OpenAiCompletions {
            let why = format!("`{}`: agents answer in chats, not text completions", request.model);
            return Err(Error::invalid("model", why));
        }
        request.model = self.model.clone().unwrap_or_default();
        request.original = None;
        request.agent.instructed = true;
        let limits = [request.max_output_tokens, self.max_output_tokens];
        request.max_output_tokens = limits.into_iter().flatten().min();
        let sampling = &mut request.sampling;
        sampling.temperature = sampling.temperature.or(self.temperature);
        sampling.top_p = sampling.top_p.or(self.top_p);
        Ok(self.speak_first(&mut request.messages))
    }

    /// Puts the instructions before everything. The caller's own follow in the same message, since many
    /// models know only one.
    fn speak_first(&self, messages: &mut Vec<Message>) -> usize {
        let system = &self.system;
        if let Some(first) = messages.first_mut()
            && matches!(first.role, Role::System | Role::Developer)
            && let Some(Part::Text { text, .. }) = first.parts.first_mut()
        {
            *text = format!("{system}\n\n{text}");
            return 0;
        }
        messages.insert(0, Message::text(Role::System, system));
        1
    }
}
