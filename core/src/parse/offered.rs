//! The tools a model may call, and the calls it printed held against them.

use serde_json::{Map, Value, json};

use super::{Flaw, arguments, json};
use crate::chat::Tool;

/// A call as it was printed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Printed {
    pub(super) name: String,
    pub(super) arguments: Arguments,
}

/// Arguments as they were printed.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Arguments {
    /// To be read as JSON.
    Text(String),
    /// Code, for the one text that the tool takes.
    Code(String),
    Value(Value),
}

/// A call that can be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) name: String,
    /// A JSON object, or the text that a custom tool takes.
    pub(super) arguments: String,
    pub(super) custom: bool,
}

/// The offered tools. Those of a kind that only one dialect has cannot be called in text.
#[derive(Clone, Debug)]
pub(super) struct Offered {
    tools: Vec<Tool>,
    /// Code in a block is none of their calls.
    leaves_code: bool,
}

/// Names of tools that run commands of a shell, without separators.
const SHELLS: [&str; 8] = ["bash", "shell", "sh", "zsh", "exec", "execute", "run", "cmd"];
const SHELL_PARTS: [&str; 4] = ["bash", "shell", "terminal", "command"];
/// The same for Python.
const PYTHONS: [&str; 3] = ["python", "ipython", "repl"];
const PYTHON_PARTS: [&str; 2] = ["python", "codeinterpreter"];
const PYTHON_RUNNERS: [&str; 3] = ["runcode", "executecode", "execcode"];

impl Offered {
    pub(super) fn new(tools: &[Tool], leaves_code: bool) -> Self {
        let named = tools.iter().filter(|tool| !tool.name.is_empty());
        let described = named.cloned().map(|tool| Tool { input_schema: schema(&tool), ..tool });
        Self { tools: described.collect(), leaves_code }
    }

    /// Whether a name that is still being written may become one of these.
    pub(super) fn may_become(&self, begun: &str) -> bool {
        let begun = squeezed(begun);
        let fits = |tool: &Tool| {
            let name = squeezed(&tool.name);
            name.starts_with(&begun) || format!("functions{name}").starts_with(&begun)
        };
        self.tools.iter().any(fits)
    }

    /// The tool of this name. Capitals and separators do not matter where it is clear which is meant.
    pub(super) fn find(&self, name: &str) -> Option<&Tool> {
        let name = name.trim();
        self.exact(name).or_else(|| {
            let bare = name.strip_prefix("functions.").unwrap_or(name);
            self.exact(bare).or_else(|| sole(self.tools.iter().filter(|it| alike(&it.name, bare))))
        })
    }

    fn exact(&self, name: &str) -> Option<&Tool> {
        self.tools.iter().find(|tool| tool.name == name)
    }

    /// The one tool that runs a block of code in this language, and the field that takes it.
    pub(super) fn runner(&self, language: &str) -> Option<(&Tool, &str)> {
        let python = matches!(language, "python" | "py" | "python3");
        let runs = |tool: &&Tool| {
            let name = squeezed(&tool.name);
            let (names, parts): (&[&str], &[&str]) =
                if python { (&PYTHONS, &PYTHON_PARTS) } else { (&SHELLS, &SHELL_PARTS) };
            names.contains(&name.as_str())
                || parts.iter().any(|part| name.contains(part))
                || python && PYTHON_RUNNERS.contains(&name.as_str())
        };
        let runners = self.tools.iter().filter(|tool| !self.leaves_code && runs(tool));
        sole(runners.filter_map(|tool| Some((tool, sole_text(tool)?))))
    }

    /// Puts a printed call right, as far as that goes. The flaw of a call that can be made is only told.
    pub(super) fn judge(&self, printed: Printed) -> (Option<Call>, Option<Flaw>) {
        let Some(tool) = self.find(&printed.name) else {
            return (None, Some(Flaw::UnknownTool { name: printed.name }));
        };
        let Some(mut fields) = fields(tool, printed.arguments) else {
            return (None, Some(Flaw::InvalidJson { tool: Some(tool.name.clone()) }));
        };
        let schema = tool.input_schema.as_ref();
        let flaw = schema.and_then(|schema| arguments::fit(&tool.name, schema, &mut fields));
        let text = fields.get(CUSTOM_INPUT).and_then(Value::as_str).filter(|_| tool.custom);
        let arguments = text.map_or_else(|| Value::Object(fields.clone()).to_string(), Into::into);
        (Some(Call { name: tool.name.clone(), arguments, custom: tool.custom }), flaw)
    }
}

/// The field that holds the text of a custom tool, where it is called with an object.
pub(crate) const CUSTOM_INPUT: &str = "input";

/// The schema of a tool's arguments. Text has no other place in a printed call than such an object.
pub(crate) fn schema(tool: &Tool) -> Option<Value> {
    let text = || {
        json!({
            "type": "object",
            "properties": { CUSTOM_INPUT: { "type": "string" } },
            "required": [CUSTOM_INPUT],
        })
    };
    if tool.custom { Some(text()) } else { tool.input_schema.clone() }
}

/// The arguments as an object: none are an empty one, and a bare text is the one text a tool takes.
fn fields(tool: &Tool, arguments: Arguments) -> Option<Map<String, Value>> {
    let (value, text) = match arguments {
        Arguments::Code(code) => {
            return Some(Map::from_iter([(sole_text(tool)?.to_owned(), code.into())]));
        }
        Arguments::Value(Value::String(text)) | Arguments::Text(text) => {
            let blank = text.trim().is_empty();
            (if blank { Some(Value::Null) } else { json::read(&text) }, Some(text))
        }
        Arguments::Value(value) => (Some(value), None),
    };
    match (value, text) {
        (Some(Value::Object(fields)), _) => Some(fields),
        (Some(Value::Null), _) => Some(Map::new()),
        (_, Some(text)) if !text.trim_start().starts_with(['{', '[']) => {
            let field = sole_text(tool)?.to_owned();
            Some(Map::from_iter([(field, text.into())]))
        }
        _ => None,
    }
}

/// The field of a tool that takes one text and needs nothing else.
pub(super) fn sole_text(tool: &Tool) -> Option<&str> {
    let schema = tool.input_schema.as_ref()?;
    let known = schema.get("properties")?.as_object()?;
    let required = schema.get("required").and_then(Value::as_array);
    let field = match required.filter(|required| !required.is_empty()) {
        Some(required) => sole(required.iter())?.as_str()?,
        None => sole(known.keys())?,
    };
    let kind = known.get(field)?.get("type")?;
    (kind == "string").then_some(field)
}

fn sole<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let one = items.next()?;
    items.next().is_none().then_some(one)
}

fn squeezed(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn alike(one: &str, other: &str) -> bool {
    let (one, other) = (squeezed(one), squeezed(other));
    !one.is_empty() && one == other
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tool(name: &str, fields: &[&str]) -> Tool {
        let types = fields.iter().map(|field| ((*field).into(), json!({ "type": "string" })));
        let properties: Map<String, Value> = types.collect();
        Tool {
            name: name.into(),
            description: None,
            input_schema: Some(json!({ "properties": properties, "required": fields })),
            ..Tool::default()
        }
    }

    #[test]
    fn a_name_is_mended_where_it_is_clear() {
        let tools = [tool("get_weather", &[]), tool("get-time", &[]), tool("get_time", &[])];
        let offered = Offered::new(&tools, false);
        for name in ["get_weather", "Get-Weather", "getWeather", "functions.get_weather"] {
            assert_eq!(offered.find(name).unwrap().name, "get_weather");
        }
        assert_eq!(offered.find("get_time").unwrap().name, "get_time");
        assert_eq!(offered.find("getTime"), None);
        assert_eq!(offered.find("weather"), None);
    }

    #[test]
    fn code_is_run_where_one_tool_takes_it() {
        let bash = tool("run_command", &["command"]);
        let python = tool("python", &["code"]);
        let offered = Offered::new(&[bash.clone(), python, tool("copy", &["from", "to"])], false);
        assert_eq!(offered.runner("bash").unwrap().1, "command");
        assert_eq!(offered.runner("python").unwrap().1, "code");
        assert!(
            Offered::new(&[bash.clone(), tool("shell", &["cmd"])], false).runner("sh").is_none()
        );
        assert!(Offered::new(std::slice::from_ref(&bash), false).runner("python").is_none());
        assert!(Offered::new(&[bash], true).runner("bash").is_none());
    }
}
