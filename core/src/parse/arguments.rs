//! A call's arguments, held against the tool's JSON Schema: required fields and simple types, no more.
//!
//! What a model clearly meant is put right (`"5"` where an integer is wanted). A schema's keywords beyond
//! `type`, `properties`, `required` and `items` are left to the tool.

use serde_json::{Map, Number, Value};

use super::Flaw;

/// How deep the schema is followed.
const MAX_DEPTH: usize = 8;

/// Fits `arguments` to `schema`, and says what remains wrong first.
pub(super) fn fit(tool: &str, schema: &Value, arguments: &mut Map<String, Value>) -> Option<Flaw> {
    let mut fitting = Fitting { tool, path: Vec::new(), flaw: None };
    fitting.object(schema, arguments);
    fitting.flaw
}

struct Fitting<'a> {
    tool: &'a str,
    path: Vec<String>,
    flaw: Option<Flaw>,
}

impl Fitting<'_> {
    fn object(&mut self, schema: &Value, fields: &mut Map<String, Value>) {
        let required: Vec<&str> = strings(schema.get("required")).collect();
        let known = schema.get("properties").and_then(Value::as_object);
        // A field that may be left out and is nothing was meant to be left out.
        fields.retain(|field, value| {
            let schema = known.and_then(|known| known.get(field));
            !value.is_null()
                || required.contains(&field.as_str())
                || schema.is_none_or(|schema| types(schema).is_empty() || allows(schema, "null"))
        });
        for field in required {
            if !fields.contains_key(field) {
                let field = self.at(field);
                let tool = self.tool.to_owned();
                self.flaw.get_or_insert(Flaw::MissingField { tool, field });
            }
        }
        for (field, value) in fields {
            if let Some(schema) = known.and_then(|known| known.get(field)) {
                self.path.push(field.clone());
                self.value(schema, value);
                self.path.pop();
            }
        }
    }

    fn value(&mut self, schema: &Value, value: &mut Value) {
        let wanted = types(schema);
        if !wanted.is_empty() && !wanted.iter().any(|it| is(value, it)) {
            match wanted.iter().find_map(|it| coerced(value, it)) {
                Some(better) => *value = better,
                None => self.flaw = self.flaw.take().or_else(|| Some(self.wrong_type(&wanted))),
            }
        }
        if self.path.len() >= MAX_DEPTH {
            return;
        }
        match value {
            Value::Object(fields) => self.object(schema, fields),
            Value::Array(items) => {
                if let Some(schema) = schema.get("items").filter(|items| items.is_object()) {
                    for (place, item) in items.iter_mut().enumerate() {
                        self.path.push(place.to_string());
                        self.value(schema, item);
                        self.path.pop();
                    }
                }
            }
            _ => {}
        }
    }

    fn wrong_type(&self, wanted: &[&str]) -> Flaw {
        Flaw::WrongType {
            tool: self.tool.to_owned(),
            field: self.path.join("."),
            expected: wanted.join(" or "),
        }
    }

    fn at(&self, field: &str) -> String {
        self.path.iter().map(|name| format!("{name}.")).collect::<String>() + field
    }
}

fn strings(value: Option<&Value>) -> impl Iterator<Item = &str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// The types that a schema allows; none where it does not say.
fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        several => strings(several).collect(),
    }
}

fn allows(schema: &Value, wanted: &str) -> bool {
    types(schema).contains(&wanted)
}

fn is(value: &Value, wanted: &str) -> bool {
    match wanted {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => true,
    }
}

/// The same value in another type, where there is no doubt.
fn coerced(value: &Value, wanted: &str) -> Option<Value> {
    match (wanted, value) {
        ("integer", Value::String(text)) => {
            text.trim().parse::<Number>().ok().and_then(|number| whole(&number))
        }
        ("integer", Value::Number(number)) => whole(number),
        ("number", Value::String(text)) => text.trim().parse().ok().map(Value::Number),
        ("boolean", Value::String(text)) => match text.trim() {
            "true" | "True" => Some(true.into()),
            "false" | "False" => Some(false.into()),
            _ => None,
        },
        ("string", Value::Number(_) | Value::Bool(_)) => Some(value.to_string().into()),
        ("array" | "object", Value::String(text)) => {
            super::json::read(text).filter(|value| is(value, wanted))
        }
        ("null", Value::String(text)) if matches!(text.trim(), "null" | "None") => {
            Some(Value::Null)
        }
        _ => None,
    }
}

/// A number without a fraction as an integer.
fn whole(number: &Number) -> Option<Value> {
    if number.is_i64() || number.is_u64() {
        return Some(number.clone().into());
    }
    // Beyond this, not every integer has a place among the floats.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let float = number.as_f64().filter(|it| it.fract() == 0.0 && it.abs() < EXACT)?;
    // What is added takes the sign from a negative zero.
    format!("{:.0}", float + 0.0).parse().ok().map(Value::Number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fitted(schema: &Value, arguments: &Value) -> (Value, Option<Flaw>) {
        let mut arguments = arguments.as_object().cloned().unwrap();
        let flaw = fit("t", schema, &mut arguments);
        (arguments.into(), flaw)
    }

    fn of(kind: &str) -> Value {
        json!({ "type": "object", "properties": { "a": { "type": kind } } })
    }

    #[test]
    fn a_value_takes_the_type_that_is_wanted() {
        for (kind, given, wanted) in [
            ("integer", json!("5"), json!(5)),
            ("integer", json!(5.0), json!(5)),
            ("integer", json!("-0.0"), json!(0)),
            ("number", json!(" 2.5"), json!(2.5)),
            ("boolean", json!("True"), json!(true)),
            ("string", json!(12), json!("12")),
            ("array", json!("['x']"), json!(["x"])),
            ("object", json!("{\"b\": 1}"), json!({"b": 1})),
        ] {
            let given = json!({ "a": given });
            assert_eq!(fitted(&of(kind), &given), (json!({ "a": wanted }), None), "{given}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_a_flaw() {
        let (_, flaw) = fitted(&of("integer"), &json!({ "a": "many" }));
        let expected = "integer".into();
        assert_eq!(flaw, Some(Flaw::WrongType { tool: "t".into(), field: "a".into(), expected }));
        let deep = json!({ "properties": { "a": { "required": ["b"] } }, "required": ["a"] });
        let (_, flaw) = fitted(&deep, &json!({ "a": {} }));
        assert_eq!(flaw, Some(Flaw::MissingField { tool: "t".into(), field: "a.b".into() }));
    }

    #[test]
    fn nothing_where_nothing_need_be_is_left_out() {
        assert_eq!(fitted(&of("string"), &json!({ "a": null, "b": null })).0, json!({ "b": null }));
    }
}
