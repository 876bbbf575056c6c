//! `dormouse agents`: the agents that a gateway has.

use dormouse_core::Result;
use serde::Deserialize;

use crate::client::{Client, List, print, table};

/// An agent, as the gateway describes it.
#[derive(Debug, Deserialize)]
struct Agent {
    name: String,
    description: Option<String>,
    model: Option<String>,
    mode: Option<String>,
}

/// Prints them.
pub(crate) async fn run(client: &Client) -> Result<()> {
    let agents: List<Agent> = client.get("/a1/agents").await?;
    let row = |agent: Agent| {
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let about = agent.description.unwrap_or_default();
        [agent.name, or_none(agent.model), or_none(agent.mode), about]
    };
    let rows = agents.data.into_iter().map(row).collect();
    print(&table(["AGENT", "MODEL", "MODE", "WHAT IT IS FOR"], rows))
}
