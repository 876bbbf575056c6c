//! Tools in namespaces. Other formats have none, so that inside the gateway such a tool has one name that
//! tells both; what was its namespace and what its name is remembered where the tool was defined.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{chat::Tool, ports::hex};

/// The longest name of a tool that all providers take, in bytes.
const MAX_BYTES: usize = 64;
/// How many digits tell shortened names apart.
const DIGITS: usize = 8;

/// The field of a tool's extensions that says where it comes from.
pub(super) const NAMESPACE: &str = "namespace";

/// The name of a tool inside the gateway.
pub(super) fn flat(namespace: Option<&str>, name: &str) -> String {
    let Some(namespace) = namespace.filter(|namespace| !namespace.is_empty()) else {
        return name.to_owned();
    };
    let joined = format!("{namespace}__{name}");
    if joined.len() <= MAX_BYTES {
        return joined;
    }
    let digest = hex(Sha256::digest(&joined).into_iter().take(DIGITS / 2));
    let kept: String = joined.chars().take(MAX_BYTES - DIGITS - 1).collect();
    format!("{kept}_{digest}")
}

/// What is remembered of a tool in a namespace.
pub(super) fn origin(namespace: &str, description: Option<&str>, name: &str) -> Value {
    json!({ "name": namespace, "description": description, "tool": name })
}

/// The tools of a request that are in namespaces.
#[derive(Clone, Debug, Default)]
pub(super) struct Names(BTreeMap<String, (String, String)>);

impl Names {
    /// Those among `tools`.
    pub(super) fn of(tools: &[Tool]) -> Self {
        let split = |tool: &Tool| {
            let origin = tool.extensions.0.get(NAMESPACE)?;
            let text = |field: &str| origin.get(field)?.as_str().map(str::to_owned);
            Some((tool.name.clone(), (text("name")?, text("tool")?)))
        };
        Self(tools.iter().filter_map(split).collect())
    }

    /// The namespace, if there is one, and the name in it.
    pub(super) fn split<'a>(&'a self, flat: &'a str) -> (Option<&'a str>, &'a str) {
        match self.0.get(flat) {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, flat),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_enough_for_every_provider_and_still_unique() {
        assert_eq!(flat(None, "echo"), "echo");
        assert_eq!(flat(Some("mcp__files"), "read"), "mcp__files__read");
        let long = "n".repeat(80);
        let (one, two) = (flat(Some(&long), "one"), flat(Some(&long), "two"));
        assert_eq!((one.len(), two.len()), (MAX_BYTES, MAX_BYTES));
        assert_ne!(one, two);
    }
}
