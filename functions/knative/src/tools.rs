//! `dormouse tools`: the tools that a key may use at a gateway.

use dormouse_core::{Code, Error, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::{Client, List, print, table};

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Act {
    /// List them.
    List,
    /// Call one with an input.
    Call {
        /// Which one.
        name: String,
        /// What it is given: the text of a JSON object.
        input: String,
    },
}

/// A tool, as the gateway describes it.
#[derive(Debug, Deserialize)]
struct Tool {
    name: String,
    description: Option<String>,
}

/// What a tool answered.
#[derive(Debug, Deserialize)]
struct Answer {
    is_error: bool,
    output: String,
}

/// Does what is ordered, and prints what there is, or what the tool answered. A tool that fails is an error.
pub(crate) async fn run(client: &Client, act: &Act) -> Result<()> {
    match act {
        Act::List => print(&listed(client.get::<List<Tool>>("/v1/tools").await?.data)),
        Act::Call { name, input } => {
            let input: Value = serde_json::from_str(input).map_err(|error| {
                Error::invalid("input", format!("the input is not JSON: {error}"))
            })?;
            let call = json!({ "name": name, "input": input });
            let answer: Answer = client.post("/v1/tools/execute", Some(&call)).await?;
            if answer.is_error {
                return Err(Error::new(Code::InvalidRequest, answer.output));
            }
            print(&format!("{}\n", answer.output))
        }
    }
}

fn listed(tools: Vec<Tool>) -> String {
    let row = |tool: Tool| {
        let about = tool.description.unwrap_or_default();
        let first = about.lines().next().unwrap_or_default().to_owned();
        [tool.name, first]
    };
    table(["TOOL", "WHAT IT DOES"], tools.into_iter().map(row).collect())
}
