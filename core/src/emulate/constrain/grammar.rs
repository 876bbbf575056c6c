//! A grammar for calls, in llama.cpp's format (GBNF, `grammars/README.md` there).

use std::fmt::Write;

use serde_json::Value;

use crate::{
    chat::Tool,
    parse::{self, CallOptions},
};

/// The longest grammar that is sent, in bytes. Tools that need a longer one are not constrained.
pub const MAX_GRAMMAR_BYTES: usize = 64 << 10;

/// JSON (RFC 8259). White space is kept short, or a small model writes nothing else.
const JSON: &str = r#"
value ::= object | array | string | number | boolean | "null"
object ::= "{" ws ( string ":" ws value ( "," ws string ":" ws value )* )? ws "}"
array ::= "[" ws ( value ( "," ws value )* )? ws "]"
string ::= "\"" ( [^"\\\x7F\x00-\x1F] | "\\" ( ["\\/bfnrt] | "u" [0-9a-fA-F] [0-9a-fA-F] [0-9a-fA-F] [0-9a-fA-F] ) )* "\""
integer ::= "-"? ( "0" | [1-9] [0-9]* )
number ::= integer ( "." [0-9]+ )? ( [eE] [-+]? [0-9]+ )?
boolean ::= "true" | "false"
ws ::= ( " " | "\n" [ \t]* )?
"#;

/// Text that has no call in it: the tag that begins one never comes whole.
const TEXT: &str = r#"
text ::= ( [^<] | "<" [^t<] | "<t" [^o<] | "<to" [^o<] | "<too" [^l<] | "<tool" [^_<] )*
"#;

/// The grammar of an answer: calls, or text and then calls unless one is required. `None` where it
/// would be too long.
pub(super) fn grammar(tools: &[&Tool], options: CallOptions) -> Option<String> {
    let calls = if options.single { "call" } else { "call ( \"\\n\" call )*" };
    let mut grammar = match options.required {
        true => format!("root ::= {calls}\n"),
        false => format!("root ::= text ( {calls} )?{TEXT}"),
    };
    let names: Vec<String> = (0..tools.len()).map(|place| format!("tool-{place}")).collect();
    let one = names.join(" | ");
    writeln!(grammar, r#"call ::= "<tool_call>\n{{" ( {one} ) "}}\n</tool_call>""#).ok()?;
    for (name, tool) in names.iter().zip(tools) {
        let head = literal(&format!("\"name\": {}, \"arguments\": ", Value::from(&*tool.name)));
        let arguments = parse::schema(tool).as_ref().and_then(object);
        let arguments = arguments.unwrap_or_else(|| "object".into());
        writeln!(grammar, "{name} ::= {head} {arguments}").ok()?;
        if grammar.len() > MAX_GRAMMAR_BYTES {
            return None;
        }
    }
    grammar.push_str(JSON);
    Some(grammar)
}

/// An object by its schema: the required fields in their order, then any of the others in theirs. `None`
/// where the schema is not of that simple kind.
fn object(schema: &Value) -> Option<String> {
    let known = schema.get("properties")?.as_object()?;
    let required = schema.get("required")?.as_array()?;
    let (needed, others): (Vec<_>, Vec<_>) =
        known.iter().partition(|(field, _)| required.iter().any(|it| it == field.as_str()));
    if needed.is_empty() || needed.len() != required.len() {
        return None;
    }
    let mut rule = r#""{" ws "#.to_owned();
    for (place, (field, schema)) in needed.into_iter().enumerate() {
        rule.push_str(if place > 0 { r#" "," ws "# } else { "" });
        rule.push_str(&member(field, schema));
    }
    for (field, schema) in others {
        rule.push_str(r#" ( "," ws "#);
        rule.push_str(&member(field, schema));
        rule.push_str(" )?");
    }
    rule.push_str(r#" ws "}""#);
    Some(rule)
}

fn member(field: &str, schema: &Value) -> String {
    format!("{} ws {}", literal(&format!("{}:", Value::from(field))), value(schema))
}

/// The rule for a value: its choices, or its type.
fn value(schema: &Value) -> String {
    let choices = schema.get("enum").and_then(Value::as_array);
    if let Some(choices) = choices.filter(|choices| !choices.is_empty()) {
        let choices: Vec<String> = choices.iter().map(|it| literal(&it.to_string())).collect();
        return format!("( {} )", choices.join(" | "));
    }
    let rule = match schema.get("type").and_then(Value::as_str) {
        Some("string") => "string",
        Some("integer") => "integer",
        Some("number") => "number",
        Some("boolean") => "boolean",
        Some("array") => "array",
        Some("object") => "object",
        _ => "value",
    };
    rule.to_owned()
}

/// A text as a literal of the grammar.
fn literal(text: &str) -> String {
    let mut literal = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => literal.extend(['\\', c]),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            _ => literal.push(c),
        }
    }
    literal.push('"');
    literal
}
