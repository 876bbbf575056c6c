//! What the model of a run is asked: the request as it came, and what was said since.

use std::borrow::Cow;

use crate::{
    agent::{Loop, Purpose, orchestration::ask_for_intent},
    chat::{Message, OutputFormat, Part, Request, Tool, ToolChoice},
};

/// The longest answer of a model that is asked for one word, thoughts included, in tokens.
const FEW_TOKENS: u32 = 512;

/// The questions of a run.
pub(super) struct Question {
    /// As it was sent last. Its first messages are the request's own.
    request: Request,
    own_messages: usize,
    /// The last of them, to which something may be added.
    last: Option<Message>,
    tools: Vec<Tool>,
    /// Whose of the tools are the gateway's.
    ours: usize,
    tool_choice: Option<ToolChoice>,
    output_format: OutputFormat,
    stop: Vec<String>,
}

impl Question {
    /// Of `request`, with the gateway's `tools` beside its own.
    pub(super) fn new(mut request: Request, tools: Vec<Tool>) -> Self {
        let ours = tools.len();
        request.tools.extend(tools);
        request.original = None;
        Self {
            own_messages: request.messages.len(),
            last: request.messages.last().cloned(),
            tools: request.tools.clone(),
            ours,
            tool_choice: request.tool_choice.clone(),
            output_format: request.output_format.clone(),
            stop: request.sampling.stop.clone(),
            request,
        }
    }

    /// The request as it came, but for what varies from question to question.
    pub(super) fn request(&self) -> &Request {
        &self.request
    }

    /// What is asked now.
    pub(super) fn ask(&mut self, progress: &Loop, purpose: Purpose) -> Cow<'_, Request> {
        if purpose == Purpose::Intent {
            return Cow::Owned(self.aside(progress));
        }
        self.offer(progress);
        let request = &mut self.request;
        request.messages.truncate(self.own_messages);
        if let (Some(last), Some(own)) = (request.messages.last_mut(), &self.last) {
            last.clone_from(own);
            put_behind(last, &progress.behind());
        }
        request.messages.extend(progress.messages());
        if purpose.is_work() {
            let chosen = self.tool_choice.as_ref().filter(|_| !progress.has_worked());
            request.tool_choice = chosen.filter(|_| !request.tools.is_empty()).cloned();
            request.output_format = self.output_format.clone();
            request.sampling.stop.clone_from(&self.stop);
        } else {
            // Words are wanted. A model that is told of tools in words reads the same words as before.
            let emulated = progress.said().is_some_and(|said| said.emulated);
            let offers = !request.tools.is_empty() && !emulated;
            request.tool_choice = offers.then_some(ToolChoice::None);
            request.output_format = OutputFormat::Text;
            request.sampling.stop.clear();
        }
        Cow::Borrowed(&self.request)
    }

    /// Offers the tools that help with a request of this kind; if there are none, or the caller has said which
    /// must be called, all of them.
    fn offer(&mut self, progress: &Loop) {
        let Some(kind) = progress.kind() else { return };
        let theirs = self.tools.len() - self.ours;
        let forced = matches!(self.tool_choice, Some(ToolChoice::Required | ToolChoice::Named(_)));
        let (own, ours) = self.tools.split_at(theirs);
        let helpful: Vec<Tool> =
            ours.iter().filter(|tool| kind.is_helped_by(&tool.name)).cloned().collect();
        let any = !helpful.is_empty() || kind.needs_no_tools();
        let ours = if any && !forced { helpful } else { ours.to_vec() };
        self.request.tools = own.iter().cloned().chain(ours).collect();
    }

    /// A question about the request alone: short, and without tools.
    fn aside(&mut self, progress: &Loop) -> Request {
        let messages = std::mem::take(&mut self.request.messages);
        let tools = std::mem::take(&mut self.request.tools);
        let mut aside = self.request.clone();
        (self.request.messages, self.request.tools) = (messages, tools);
        let question = progress.terms().around.question.as_deref().unwrap_or_default();
        aside.messages = ask_for_intent(question);
        (aside.tool_choice, aside.parallel_tool_calls) = (None, None);
        aside.output_format = OutputFormat::Text;
        aside.sampling.stop.clear();
        let most = aside.max_output_tokens.unwrap_or(FEW_TOKENS).min(FEW_TOKENS);
        aside.max_output_tokens = Some(most);
        aside
    }
}

/// Many models' templates want questions and answers to take turns, so what is said with a question is a part
/// of it.
fn put_behind(question: &mut Message, text: &str) {
    if text.is_empty() {
        return;
    }
    match question.parts.last_mut() {
        Some(Part::Text { text: said, .. }) => {
            said.push_str("\n\n");
            said.push_str(text);
        }
        _ => question.parts.push(Part::Text { text: text.to_owned(), cache: None }),
    }
}
