//! `list_models`: which models there are to be asked.

use std::sync::Weak;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::{Gateway, Parts};
use crate::{
    chat,
    tools::{Context, Output, Tool},
};

/// Lists the models of the gateway that it is a tool of.
#[derive(Debug)]
pub(super) struct ListModels {
    definition: chat::Tool,
    /// The gateway holds its tools, so they may not hold it.
    gateway: Weak<Parts>,
}

impl ListModels {
    pub(super) fn new(gateway: Weak<Parts>) -> Self {
        let schema = json!({ "type": "object", "properties": {}, "additionalProperties": false });
        let definition = chat::Tool {
            name: "list_models".to_owned(),
            description: Some("Lists the names of the models that can be asked.".to_owned()),
            input_schema: Some(schema),
            ..chat::Tool::default()
        };
        Self { definition, gateway }
    }
}

#[async_trait]
impl Tool for ListModels {
    fn definition(&self) -> &chat::Tool {
        &self.definition
    }

    async fn call(&self, _: Map<String, Value>, _: &Context) -> Output {
        let Some(parts) = self.gateway.upgrade() else {
            return Output::failed("the gateway is stopping");
        };
        match (Gateway { parts }).models().await {
            Ok(models) if models.is_empty() => Output::text("there are no models"),
            Ok(models) => {
                let names: Vec<String> = models.into_iter().map(|model| model.id).collect();
                Output::text(names.join("\n"))
            }
            Err(error) => Output::failed(error.message().to_owned()),
        }
    }
}
