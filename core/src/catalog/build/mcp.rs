//! Servers of the Model Context Protocol: their names, and where they are.

use std::sync::Arc;

use super::Build;
use crate::{
    catalog::{
        mcp::{McpEntry, McpPlace, McpServer},
        path::Path,
    },
    settings::Secret,
    tools::Allowed,
};

impl Build<'_> {
    pub(super) fn mcp_servers(
        &mut self,
        entries: Vec<McpEntry>,
        path: &Path,
    ) -> Vec<Arc<McpServer>> {
        let mut names: Vec<String> = Vec::new();
        let mut servers = Vec::new();
        for (at, entry) in entries.into_iter().enumerate() {
            let here = path.item(at);
            let name = entry.name.0.clone();
            if let Some(other) = names.iter().position(|it| *it == name && !it.is_empty()) {
                let other = path.item(other).field("name");
                self.note(&here.field("name"), format!("`{name}` is taken already, by `{other}`"));
            }
            let tools = entry.tools.as_ref().map(|it| it.0.iter().map(String::as_str));
            let tools = tools.map(Allowed::parse).transpose().unwrap_or_else(|why| {
                self.note(&here.field("tools"), why);
                None
            });
            let timeout = entry.timeout.as_ref().map(|time| time.0);
            if let Some(place) = self.mcp_place(entry, &here) {
                servers.push(Arc::new(McpServer { name: name.clone(), place, tools, timeout }));
            }
            names.push(name);
        }
        servers
    }

    fn mcp_place(&mut self, entry: McpEntry, path: &Path) -> Option<McpPlace> {
        let McpEntry { url, headers, command, args, env, .. } = entry;
        let unused = |field: &'static str, wants: &'static str| {
            (field, format!("only counts with `{wants}`: leave it out"))
        };
        let (place, notes) = match (url, command) {
            (Some(url), None) => {
                let notes = vec![
                    args.is_some().then(|| unused("args", "command")),
                    env.is_some().then(|| unused("env", "command")),
                ];
                let headers = headers.unwrap_or_default().0;
                (McpPlace::Url { url: url.0, headers }, notes)
            }
            (None, Some(command)) => {
                let notes = vec![headers.is_some().then(|| unused("headers", "url"))];
                let args = args.unwrap_or_default();
                let args = args.iter().map(|word| Secret::new(&word.0)).collect();
                let env = env.unwrap_or_default().0;
                (McpPlace::Process { command: command.0, args, env }, notes)
            }
            (url, _) => {
                let why = if url.is_some() {
                    "has both `url` and `command`: leave one of them out"
                } else {
                    "says neither where it is (`url`) nor what starts it (`command`)"
                };
                self.note(path, why);
                return None;
            }
        };
        for (field, why) in notes.into_iter().flatten() {
            self.note(&path.field(field), why);
        }
        Some(place)
    }
}
