//! The models of this machine: how they are listed.

use serde::{Deserialize, Deserializer, de::Error as _};

use super::value::{Size, Value, json};

/// Models of this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelList(pub Vec<LocalModel>);

/// A model of this machine, or a folder of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LocalModel {
    /// What callers ask for. Unset, it follows from the path.
    pub name: Option<String>,
    /// A model's file, or a folder of such files. Unset, the command knows the model by its name.
    pub path: Option<String>,
    /// What starts its server, instead of the command for all.
    pub command: Option<String>,
    /// The memory it takes when loaded. Unset, it is told from the file.
    #[serde(deserialize_with = "size")]
    pub memory: Option<Size>,
    /// Of two idle models, the one of lower priority makes room first.
    pub priority: i32,
    /// Whether it is started with the gateway.
    pub preload: bool,
    /// How many answers it gives at once. Unset, the server is asked.
    pub concurrency: Option<u32>,
}

impl LocalModel {
    fn at(path: &str) -> Self {
        Self { path: Some(path.trim().to_owned()), ..Self::default() }
    }
}

impl Value for ModelList {
    fn parse(text: Option<&str>) -> Result<Self, String> {
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "a path, or an object with name, path, command, memory (a size such as \"4GB\"), priority, preload and concurrency"
        )]
        enum Entry {
            Path(String),
            Model(LocalModel),
        }
        let text = String::parse(text)?;
        let listed = if text.starts_with('[') {
            let entries: Vec<Entry> = json(Some(&text))?;
            let entry = |entry| match entry {
                Entry::Path(path) => LocalModel::at(&path),
                Entry::Model(model) => model,
            };
            entries.into_iter().map(entry).collect()
        } else {
            let paths = text.split(',').filter(|path| !path.trim().is_empty());
            paths.map(LocalModel::at).collect::<Vec<_>>()
        };
        listed.iter().try_for_each(check)?;
        Ok(Self(listed))
    }
}

fn check(model: &LocalModel) -> Result<(), String> {
    let given = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    if !given(&model.path) && !given(&model.name) {
        return Err("a model needs a path or a name".to_owned());
    }
    if model.concurrency == Some(0) {
        return Err("a model's concurrency must be at least 1".to_owned());
    }
    Ok(())
}

fn size<'de, D: Deserializer<'de>>(text: D) -> Result<Option<Size>, D::Error> {
    let text: Option<String> = Option::deserialize(text)?;
    text.map(|text| Size::parse(Some(&text)).map_err(D::Error::custom)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<LocalModel>, String> {
        ModelList::parse(Some(text)).map(|list| list.0)
    }

    #[test]
    fn paths_are_separated_by_commas_or_stand_in_a_json_list() {
        let two = [LocalModel::at("a.gguf"), LocalModel::at("/models")];
        assert_eq!(read("a.gguf, /models,").unwrap(), two);
        assert_eq!(read(r#"["a.gguf", "/models"]"#).unwrap(), two);
    }

    #[test]
    fn a_model_may_have_a_command_and_limits_of_its_own() {
        let text = r#"[{"name": "bit", "path": "b.gguf", "command": "serve {model} {port}", "memory": "4GB", "priority": 2, "preload": true, "concurrency": 4}]"#;
        let expected = LocalModel {
            name: Some("bit".into()),
            path: Some("b.gguf".into()),
            command: Some("serve {model} {port}".into()),
            memory: Some(Size(4 << 30)),
            priority: 2,
            preload: true,
            concurrency: Some(4),
        };
        assert_eq!(read(text).unwrap(), [expected]);
    }

    #[test]
    fn what_cannot_be_started_is_refused() {
        for text in [
            "[{}]",
            r#"[{"path": ""}]"#,
            r#"[{"name": "a", "memory": "much"}]"#,
            r#"[{"name": "a", "concurrency": 0}]"#,
            r#"[{"name": "a", "port": 1}]"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
