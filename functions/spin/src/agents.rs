//! The agents of a component, which has no files: the setting is their definition itself.

use std::{collections::BTreeMap, sync::Arc};

use dormouse_core::{
    Error, Result,
    agents::{AgentFile, AgentFiles, Agents},
    catalog::Catalog,
    settings::{CatalogSource, Settings},
};

use crate::settings::look_up;

const SETTING: &str = "DORMOUSE_AGENTS";

/// The agents that `settings` hold, with Spin variables and the environment put in.
pub(crate) async fn read(settings: &Settings) -> Result<Agents> {
    let text = match &settings.agents {
        None => return Ok(Agents::default()),
        Some(CatalogSource::Text(text)) => text.expose(),
        Some(CatalogSource::File(path)) => {
            let message = format!(
                "{SETTING}: a Spin component cannot read {path}; put the agents themselves here, with their line breaks"
            );
            return Err(Error::invalid(SETTING, message));
        }
    };
    let mut variables = BTreeMap::new();
    for name in Catalog::variables(text) {
        if let Some(value) = look_up(&name).await? {
            variables.insert(name, value);
        }
    }
    Agents::read(Arc::new(Given { text: text.to_owned(), variables }))
}

/// Agents as the component was given them when it began: reading them again changes nothing.
#[derive(Debug)]
struct Given {
    text: String,
    variables: BTreeMap<String, String>,
}

impl AgentFiles for Given {
    fn read(&self) -> Result<Vec<AgentFile>> {
        Ok(vec![AgentFile { name: SETTING.to_owned(), text: self.text.clone() }])
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }
}
