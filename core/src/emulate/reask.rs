//! Asking once more, when a call was not right.

use super::history;
use crate::{
    chat::{Message, Request, Role},
    parse::{Flaw, Flawed},
};

/// The same request, of a model that has tools, with what it said and the call that was flawed.
pub fn ask_again(request: &Request, said: &str, call: &Flawed) -> Request {
    let tools = request.tools.iter().map(|tool| tool.name.clone());
    let tools: Vec<String> = tools.filter(|name| !name.is_empty()).collect();
    let printed = history::call(&call.name, &call.arguments);
    let answer = if said.is_empty() { printed } else { format!("{said}\n{printed}") };
    let mut request = request.clone();
    request.original = None;
    again(request, &answer, &call.flaw, &tools)
}

/// The same request, with the flawed answer and what is wrong with it.
pub(super) fn again(mut request: Request, answer: &str, flaw: &Flaw, tools: &[String]) -> Request {
    request.messages.push(Message::text(Role::Assistant, answer));
    let wanted = if request.tools.is_empty() {
        "Write the whole <tool_call> again, correctly."
    } else {
        "Call the tool again, correctly."
    };
    let complaint = format!("{} The call was not made. {wanted}", complaint(flaw, tools));
    request.messages.push(Message::text(Role::User, complaint));
    request
}

/// What is wrong, for the model to read.
fn complaint(flaw: &Flaw, tools: &[String]) -> String {
    match flaw {
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
    }
}
