//! Asking once more, when a call was not right.

use crate::{
    chat::{Message, Request, Role},
    parse::Flaw,
};

/// The same request, with the flawed answer and what is wrong with it.
pub(super) fn again(mut request: Request, answer: &str, flaw: &Flaw, tools: &[String]) -> Request {
    request.messages.push(Message::text(Role::Assistant, answer));
    request.messages.push(Message::text(Role::User, complaint(flaw, tools)));
    request
}

/// What is wrong, and what to do about it, for the model to read.
fn complaint(flaw: &Flaw, tools: &[String]) -> String {
    let wrong = match flaw {
        Flaw::UnknownTool { name } => {
            format!("There is no tool `{name}`. The tools are: {}.", tools.join(", "))
        }
        Flaw::InvalidJson { tool: Some(tool) } => {
            format!("The arguments of your call of `{tool}` are not valid JSON.")
        }
        Flaw::InvalidJson { tool: None } => "Your <tool_call> is not valid JSON.".into(),
        Flaw::MissingField { tool, field } => {
            format!("Your call of `{tool}` lacks the required argument `{field}`.")
        }
        Flaw::WrongType { tool, field, expected } => {
            format!("In your call of `{tool}` the argument `{field}` must be of type {expected}.")
        }
        Flaw::NoCall => "You did not call a tool, but a call is needed here.".into(),
    };
    format!("{wrong} The call was not made. Write the whole <tool_call> again, correctly.")
}
