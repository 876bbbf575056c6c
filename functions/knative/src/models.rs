//! `dormouse models`: a client of a gateway that runs, for those who tend its models.

use dormouse_core::Result;
use serde::Deserialize;

use crate::client::{Client, List, print};

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Act {
    /// List them and how they are.
    List,
    /// Start the server of one.
    Wake(String),
    /// Stop it when its answers are finished.
    Release(String),
}

/// A model, as the gateway lists it.
#[derive(Debug, Deserialize)]
struct Model {
    id: String,
    /// Only models of the gateway's machine have one.
    dormouse: Option<Server>,
}

#[derive(Debug, Deserialize)]
struct Server {
    state: String,
    active: u32,
    queued: u32,
    expected_wake_seconds: Option<f64>,
    reason: Option<String>,
}

/// Does what is ordered, and prints how the models are then.
pub(crate) async fn run(client: &Client, act: &Act) -> Result<()> {
    let order =
        async |model: &str, what| client.post(&format!("/v1/models/{model}/{what}"), None).await;
    let models = match act {
        Act::List => client.get::<List<Model>>("/v1/models").await?.data,
        Act::Wake(model) => vec![order(model, "wake").await?],
        Act::Release(model) => vec![order(model, "release").await?],
    };
    print(&table(&models))
}

fn table(models: &[Model]) -> String {
    let width = models.iter().map(|model| model.id.len()).max().unwrap_or_default().max(5);
    let mut table = format!("{:width$}  STATE     ANSWERS  WAIT  USUAL WAKE\n", "MODEL");
    for Model { id, dormouse } in models {
        let Some(server) = dormouse else { continue };
        let wake = server.expected_wake_seconds.map(|time| format!("{time:.1} s"));
        let note = server.reason.as_ref().map(|reason| format!("  {reason}")).unwrap_or_default();
        table.push_str(&format!(
            "{id:width$}  {:8}  {:7}  {:4}  {:>10}{note}\n",
            server.state,
            server.active,
            server.queued,
            wake.as_deref().unwrap_or("-"),
        ));
    }
    table
}
