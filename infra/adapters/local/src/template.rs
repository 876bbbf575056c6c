//! Conversations as the text that a model was trained on, written by the model's own template.
//!
//! Templates are Jinja, as Hugging Face's `apply_chat_template` runs them: Python's methods of texts and
//! lists, blocks without the white space around them, `raise_exception`, and a `tojson` that writes what
//! Python writes. There is no `strftime_now`: a prompt that changes with the clock is read anew each time.

use std::io;

use dormouse_core::{Code, Error, Result};
use minijinja::{
    Environment, ErrorKind,
    syntax::SyntaxConfig,
    value::{Kwargs, Serde},
};
use serde::Serialize;
use serde_json::{
    Value,
    ser::{Formatter, PrettyFormatter, Serializer},
};

use crate::gguf::broken;

const NAME: &str = "chat";
/// How many instructions a template may run for one conversation: a hundred thousand messages' worth.
const FUEL: u64 = 5_000_000;

/// A model's template.
#[derive(Debug)]
pub(crate) struct Template {
    environment: Environment<'static>,
    bos: String,
    eos: String,
    tools: bool,
}

/// A conversation.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Conversation {
    pub(crate) messages: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tools: Vec<Value>,
    /// Further words of the caller to the template.
    #[serde(flatten)]
    pub(crate) more: serde_json::Map<String, Value>,
}

#[derive(Debug, Serialize)]
struct Scene<'a> {
    #[serde(flatten)]
    conversation: &'a Conversation,
    add_generation_prompt: bool,
    bos_token: &'a str,
    eos_token: &'a str,
}

impl Template {
    /// The template in `source`; `bos` and `eos` are how the first and last token are written.
    pub(crate) fn new(source: &str, bos: String, eos: String) -> Result<Self> {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_fuel(Some(FUEL));
        environment.set_syntax(syntax.map_err(|error| {
            Error::new(Code::Internal, "templates have no syntax").caused_by(error)
        })?);
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", refuse);
        environment.add_filter("tojson", to_json);
        let tools = source.contains("tools");
        environment.add_template_owned(NAME, source.to_owned()).map_err(|error| {
            broken(format!("its chat template cannot be read: {error}")).caused_by(error)
        })?;
        Ok(Self { environment, bos, eos, tools })
    }

    /// Whether it has words for tools.
    pub(crate) fn has_tools(&self) -> bool {
        self.tools
    }

    /// Writes a conversation, up to where the model goes on.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidRequest`]: the template refuses it, in its own words.
    pub(crate) fn write(&self, conversation: &Conversation) -> Result<String> {
        let scene = Scene {
            conversation,
            add_generation_prompt: true,
            bos_token: &self.bos,
            eos_token: &self.eos,
        };
        let written = self.environment.get_template(NAME).and_then(|it| it.render(Serde(scene)));
        written.map_err(|error| {
            let message = format!("the model's chat template refuses the conversation: {error}");
            Error::new(Code::InvalidRequest, message).at("messages").caused_by(error)
        })
    }
}

fn refuse(message: String) -> Result<String, minijinja::Error> {
    Err(minijinja::Error::new(ErrorKind::InvalidOperation, message))
}

/// JSON as Python's `json.dumps(value, ensure_ascii=False)` writes it.
#[expect(clippy::needless_pass_by_value, reason = "filters are given what they are called with")]
fn to_json(value: minijinja::Value, options: Kwargs) -> Result<minijinja::Value, minijinja::Error> {
    let odd = |error: serde_json::Error| {
        minijinja::Error::new(ErrorKind::BadSerialization, "cannot be written as JSON")
            .with_source(error)
    };
    let indent: Option<usize> = options.get("indent")?;
    // Whether letters are escaped, and the keys sorted, changes nothing that a model was trained on.
    for ignored in ["ensure_ascii", "sort_keys", "separators"] {
        let _: Option<minijinja::Value> = options.get(ignored)?;
    }
    options.assert_all_used()?;
    let mut out = Vec::new();
    match indent {
        Some(width) => {
            let indent = " ".repeat(width.min(16));
            let pretty = PrettyFormatter::with_indent(indent.as_bytes());
            value.serialize(&mut Serializer::with_formatter(&mut out, pretty)).map_err(odd)?;
        }
        None => {
            value.serialize(&mut Serializer::with_formatter(&mut out, Python)).map_err(odd)?;
        }
    }
    Ok(minijinja::Value::from_safe_string(String::from_utf8_lossy(&out).into_owned()))
}

/// With a space behind each comma and colon.
struct Python;

impl Formatter for Python {
    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(source: &str, conversation: &Value) -> Result<String> {
        let template = Template::new(source, "<s>".into(), "</s>".into()).unwrap();
        let list = |name: &str| conversation[name].as_array().cloned().unwrap_or_default();
        let more = serde_json::Map::new();
        template.write(&Conversation { messages: list("messages"), tools: list("tools"), more })
    }

    #[test]
    fn a_template_is_run_as_python_runs_it() {
        let source = "{{ bos_token }}\n{% for m in messages %}\n    {% if m.role == 'user' %}\n\
            [{{ m.content.strip().split(' ')[-1] }}]\n    {% endif %}\n{% endfor %}\n\
            {% set ns = namespace(n=0) %}{% set ns.n = ns.n + 1 %}{{ ns.n }}{% if tools is defined %}T{% endif %}\
            {% if add_generation_prompt %}>{% endif %}";
        let messages = json!([{ "role": "user", "content": " a b " }, { "role": "x" }]);
        assert_eq!(written(source, &json!({ "messages": messages })).unwrap(), "<s>\n[b]\n1>");
    }

    #[test]
    fn json_is_written_as_python_writes_it_and_in_the_order_it_came() {
        let tools = json!([{ "z": [1, 2.5, true, null], "a": { "ü": "<&'\"\n" } }]);
        let source = "{% for t in tools %}{{ t | tojson }}{% endfor %}";
        let conversation = json!({ "messages": [], "tools": tools });
        let plain = "{\"z\": [1, 2.5, true, null], \"a\": {\"ü\": \"<&'\\\"\\n\"}}";
        assert_eq!(written(source, &conversation).unwrap(), plain);
        let source = "{{ messages[0] | tojson(indent=2) }}";
        let conversation = json!({ "messages": [{ "a": [] }] });
        assert_eq!(written(source, &conversation).unwrap(), "{\n  \"a\": []\n}");
    }

    #[test]
    fn what_a_template_refuses_is_said_in_its_words() {
        let source = "{{ raise_exception('roles must alternate') }}";
        let error = written(source, &json!({ "messages": [] })).unwrap_err();
        assert!(error.message().contains("roles must alternate"), "{error}");
        assert_eq!(error.param(), Some("messages"));
    }

    #[test]
    fn a_template_that_does_not_end_is_ended() {
        let nothing = json!({ "messages": [] });
        let nested = "{% for i in range(99999) %}".repeat(3) + &"{% endfor %}".repeat(3);
        let itself = "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}";
        for source in [&nested, itself] {
            let error = written(source, &nothing).unwrap_err();
            assert_eq!(error.code(), Code::InvalidRequest, "{error}");
        }
    }

    #[test]
    fn a_template_that_is_none_is_refused() {
        let error = Template::new("{% if %}", String::new(), String::new()).unwrap_err();
        assert!(error.message().contains("chat template"), "{error}");
    }
}
