//! `dormouse runs`: the runs that a gateway keeps, and what they cost.

use dormouse_core::Result;
use serde::Deserialize;

use crate::client::{Client, List, print, table};

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Act {
    /// List them, the newest first.
    List,
    /// Show one, with the receipts of its steps.
    Show(String),
    /// End one.
    Cancel(String),
}

/// A run, as the gateway describes it.
#[derive(Debug, Deserialize)]
struct Run {
    id: String,
    status: String,
    model: String,
    attempts: u32,
    steps: u32,
    error: Option<Problem>,
}

#[derive(Debug, Deserialize)]
struct Problem {
    message: String,
}

/// A receipt, as the gateway describes it.
#[derive(Debug, Deserialize)]
struct Receipt {
    id: String,
    model: String,
    outcome: String,
    usage: Usage,
    cost: String,
    step: Option<u32>,
}

#[derive(Debug, Deserialize)]
struct Usage {
    input_tokens: u64,
    output_tokens: u64,
}

/// Does what is ordered, and prints how the runs are then.
pub(crate) async fn run(client: &Client, act: &Act) -> Result<()> {
    let shown = match act {
        Act::List => described(client.get::<List<Run>>("/v1/runs?limit=100").await?.data),
        Act::Cancel(id) => {
            described(vec![client.post(&format!("/v1/runs/{id}/cancel"), None).await?])
        }
        Act::Show(id) => {
            let run = client.get(&format!("/v1/runs/{id}")).await?;
            let receipts: List<Receipt> = client.get(&format!("/v1/receipts?run={id}")).await?;
            format!("{}\n{}", described(vec![run]), booked(receipts.data))
        }
    };
    print(&shown)
}

fn described(runs: Vec<Run>) -> String {
    let row = |run: Run| {
        let error = run.error.map(|error| error.message).unwrap_or_default();
        let (attempts, steps) = (run.attempts.to_string(), run.steps.to_string());
        [run.id, run.status, run.model, attempts, steps, error]
    };
    let heading = ["RUN", "STATUS", "MODEL", "ATTEMPTS", "STEPS", "ERROR"];
    table(heading, runs.into_iter().map(row).collect())
}

fn booked(receipts: Vec<Receipt>) -> String {
    let row = |receipt: Receipt| {
        let Usage { input_tokens, output_tokens } = receipt.usage;
        let step = receipt.step.map(|step| step.to_string()).unwrap_or_default();
        let tokens = format!("{input_tokens} + {output_tokens}");
        [step, receipt.model, receipt.outcome, tokens, receipt.cost, receipt.id]
    };
    let heading = ["STEP", "MODEL", "OUTCOME", "TOKENS", "COST", "RECEIPT"];
    table(heading, receipts.into_iter().map(row).collect())
}
