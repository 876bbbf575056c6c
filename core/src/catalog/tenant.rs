//! What a catalog says of tenants: the keys that [`crate::tenant`] lists, written as YAML.

use serde_json::{Value as Json, json};

use super::{
    kinds::{Count, ModelName, Share},
    path::Path,
    pattern::Pattern,
    read::{Fields, ObjectSchema, Read, Reading, Word},
    tree::{Node, Value},
};
use crate::{
    agent::Mode,
    keys::is_tenant,
    settings,
    tenant::{KEYS, Key, Kind, Layer},
};

/// The name of a tenant.
#[derive(Default)]
pub(super) struct TenantName(pub(super) String);

impl Word for TenantName {
    fn parse(text: &str) -> Result<Self, String> {
        is_tenant(text).then(|| Self(text.to_owned())).ok_or_else(|| {
            "is not a tenant's name: 1 to 64 letters, digits, `.`, `_` and `-`, not beginning with `_`"
                .to_owned()
        })
    }

    fn pattern() -> Option<&'static str> {
        Some("^[A-Za-z0-9.-][A-Za-z0-9._-]{0,63}$")
    }
}

/// A time, as it is written; it may be none at all.
#[derive(Default)]
struct Span(String);

impl Word for Span {
    fn parse(text: &str) -> Result<Self, String> {
        let wanted = |_| "is not a time such as 500ms, 10s, 5m or 90d".to_owned();
        settings::duration(text).map(|_| Self(text.to_owned())).map_err(wanted)
    }

    fn pattern() -> Option<&'static str> {
        Some("^[0-9]+(ms|s|m|h|d)$")
    }
}

/// Patterns of tools, as they are written; none allow no tool.
#[derive(Default)]
pub(crate) struct Patterns(pub(crate) Vec<String>);

impl Read for Patterns {
    fn read(node: &Node, path: &Path, reading: &mut Reading<'_>) -> Self {
        match &node.value {
            Value::List(items) if items.is_empty() => Self::default(),
            _ => {
                let patterns = Vec::<ToolPattern>::read(node, path, reading);
                // What could not be read left its default behind, and a note.
                let read = patterns.into_iter().map(|it| it.0).filter(|it| !it.is_empty());
                Self(read.collect())
            }
        }
    }

    fn schema() -> Json {
        let mut schema = Vec::<ToolPattern>::schema();
        if let Some(schema) = schema.as_object_mut() {
            schema.remove("minItems");
        }
        schema
    }
}

#[derive(Default)]
struct ToolPattern(String);

impl Word for ToolPattern {
    fn parse(text: &str) -> Result<Self, String> {
        text.strip_prefix('!').unwrap_or(text).parse::<Pattern>()?;
        Ok(Self(text.to_owned()))
    }

    fn pattern() -> Option<&'static str> {
        Some(r"^!?[^\s*]*\*?[^\s*]*$")
    }
}

/// Whose hands act.
#[derive(Default)]
pub(crate) struct Hands(pub(crate) Mode);

impl Word for Hands {
    fn parse(text: &str) -> Result<Self, String> {
        Mode::parse(text).map(Self)
    }

    fn pattern() -> Option<&'static str> {
        Some("^(emulate|loop)$")
    }
}

/// Values of keys that are not read-only.
#[derive(Default)]
pub(super) struct TenantValues(pub(super) Layer);

impl TenantValues {
    /// Reads the keys out of the fields of an object that has them among others.
    pub(super) fn take(fields: &mut Fields<'_, '_, '_>) -> Self {
        let mut layer = Layer::default();
        for key in keys() {
            let value: Option<Json> = match key.kind {
                Kind::Model => fields.optional::<ModelName>(key.name).map(|it| it.0.into()),
                Kind::Count => fields.optional::<Count>(key.name).map(|it| it.0.into()),
                Kind::Time => fields.optional::<Span>(key.name).map(|it| it.0.into()),
                Kind::Percent => fields.optional::<Share>(key.name).map(|it| it.0.into()),
                Kind::Tools => fields.optional::<Patterns>(key.name).map(|it| it.0.into()),
                Kind::Mode => fields.optional::<Hands>(key.name).map(|it| it.0.as_str().into()),
            };
            let Some(value) = value else { continue };
            // What could not be read left its default behind, and a note.
            let noted = value == json!(0) || value == json!("");
            if let Err(why) = layer.set(key, value)
                && !noted
            {
                fields.note(key.name, why);
            }
        }
        Self(layer)
    }

    pub(super) fn describe(object: &mut ObjectSchema) {
        for key in keys() {
            let about: &[&str] = &[key.help];
            match key.kind {
                Kind::Model => object.add::<ModelName>(key.name, about, false),
                Kind::Count => object.add::<Count>(key.name, about, false),
                Kind::Time => object.add::<Span>(key.name, about, false),
                Kind::Percent => object.add::<Share>(key.name, about, false),
                Kind::Tools => object.add::<Patterns>(key.name, about, false),
                Kind::Mode => object.add::<Hands>(key.name, about, false),
            }
        }
    }
}

impl Read for TenantValues {
    fn read(node: &Node, path: &Path, reading: &mut Reading<'_>) -> Self {
        let mut fields = Fields::of(node, path, reading);
        let values = Self::take(&mut fields);
        fields.finish();
        values
    }

    fn schema() -> Json {
        let mut object = ObjectSchema::default();
        Self::describe(&mut object);
        object.finish(&["What holds for a tenant."])
    }
}

/// The keys that a catalog may say.
fn keys() -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(|key| !key.read_only)
}
