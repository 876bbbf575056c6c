//! Tools: whether each is named once, and whether its URL can always be filled.

use super::Build;
use crate::{
    catalog::{file::ToolEntry, path::Path},
    chat,
    tools::{BUILT_IN, HttpTool, fields_that_may_be_missing},
};

impl Build<'_> {
    pub(super) fn tools(&mut self, entries: Vec<ToolEntry>, path: &Path) {
        let mut names: Vec<String> = Vec::new();
        for (at, entry) in entries.into_iter().enumerate() {
            let here = path.item(at);
            let name = entry.name.0;
            if BUILT_IN.contains(&name.as_str()) {
                self.note(&here.field("name"), format!("`{name}` is built in: take another name"));
            } else if let Some(other) = names.iter().position(|it| *it == name && !it.is_empty()) {
                let other = path.item(other).field("name");
                self.note(&here.field("name"), format!("`{name}` is taken already, by `{other}`"));
            }
            names.push(name.clone());
            // What could not be read was noted.
            let (Some(url), Some(schema)) = (entry.url.0, entry.input_schema.0) else { continue };
            if let Some(field) = fields_that_may_be_missing(&url, &schema) {
                let why =
                    format!("has `{{{field}}}`, which `input_schema` does not list as `required`");
                self.note(&here.field("url"), why);
            }
            let definition = chat::Tool {
                name,
                description: Some(entry.description.0),
                input_schema: Some(schema),
                ..chat::Tool::default()
            };
            self.catalog.tools.push(HttpTool {
                definition,
                method: entry.method.0,
                url,
                headers: entry.headers.unwrap_or_default().0,
                timeout: entry.timeout.map(|time| time.0),
            });
        }
    }
}
