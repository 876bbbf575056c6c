//! Holds a tool's input against its JSON Schema (2020-12).
//!
//! Checked is what says of which shape a value is: types, fields, items, bounds, alternatives, references
//! within the schema. Left to the tool is what needs more than looking: `pattern`, `patternProperties`,
//! `format` and references to elsewhere. Regular expressions alone would double the size of the Spin
//! component, and few tools have any.

mod bounds;

use serde_json::{Map, Value};

/// How many schemas are looked at in one check, so that those of strangers cannot hold a request up.
const MAX_STEPS: usize = 20_000;
/// How deep schemas may refer to each other.
const MAX_DEPTH: usize = 64;

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Where: `items[2].name`; empty for the whole.
    pub path: String,
    /// What is wrong; completes the sentence that begins with the path.
    pub why: String,
}

/// Says what is first found wrong with `value`, if anything.
pub fn check(schema: &Value, value: &Value) -> Result<(), Flaw> {
    Checking { root: schema, steps: 0 }.value(schema, value, &Place::Whole, 0)
}

/// The same for the fields of an object.
pub(super) fn check_object(schema: &Value, fields: &Map<String, Value>) -> Result<(), Flaw> {
    // A value is made only to be looked at: inputs are small.
    check(schema, &Value::Object(fields.clone()))
}

struct Checking<'s> {
    root: &'s Value,
    steps: usize,
}

/// Where in the value we are.
#[derive(Clone, Copy)]
enum Place<'p> {
    Whole,
    Field(&'p Self, &'p str),
    Item(&'p Self, usize),
}

impl Place<'_> {
    fn written(&self) -> String {
        match self {
            Self::Whole => String::new(),
            Self::Item(of, at) => format!("{}[{at}]", of.written()),
            Self::Field(Self::Whole, name) => (*name).to_owned(),
            Self::Field(of, name) => format!("{}.{name}", of.written()),
        }
    }

    fn flaw(&self, why: impl Into<String>) -> Flaw {
        Flaw { path: self.written(), why: why.into() }
    }
}

impl Checking<'_> {
    fn value(
        &mut self,
        schema: &Value,
        value: &Value,
        place: &Place<'_>,
        depth: usize,
    ) -> Result<(), Flaw> {
        self.steps += 1;
        if self.steps > MAX_STEPS || depth > MAX_DEPTH {
            return Err(place.flaw("cannot be checked: the tool's schema is too complex"));
        }
        let schema = match schema {
            Value::Bool(false) => return Err(place.flaw("is not taken")),
            Value::Object(schema) => schema,
            _ => return Ok(()),
        };
        let root = self.root;
        if let Some(to) = schema.get("$ref").and_then(Value::as_str)
            && let Some(target) = to.strip_prefix('#').and_then(|to| root.pointer(&decoded(to)))
        {
            self.value(target, value, place, depth + 1)?;
        }
        bounds::check(schema, value).map_err(|why| place.flaw(why))?;
        match value {
            Value::Object(fields) => self.fields(schema, fields, place, depth)?,
            Value::Array(items) => self.items(schema, items, place, depth)?,
            _ => {}
        }
        self.alternatives(schema, value, place, depth)
    }

    fn fields(
        &mut self,
        schema: &Map<String, Value>,
        fields: &Map<String, Value>,
        place: &Place<'_>,
        depth: usize,
    ) -> Result<(), Flaw> {
        let required = schema.get("required").and_then(Value::as_array);
        for name in required.into_iter().flatten().filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                return Err(Place::Field(place, name).flaw("is missing"));
            }
        }
        let known = schema.get("properties").and_then(Value::as_object);
        // Which further fields a pattern takes is not known here.
        let further = schema
            .get("additionalProperties")
            .filter(|_| !schema.contains_key("patternProperties"));
        for (name, value) in fields {
            let here = Place::Field(place, name);
            match (known.and_then(|known| known.get(name)), further) {
                (Some(schema), _) => self.value(schema, value, &here, depth + 1)?,
                (None, Some(Value::Bool(false))) => {
                    let names = known.into_iter().flat_map(Map::keys).map(String::as_str);
                    let near = crate::near::did_you_mean(name, names);
                    return Err(here.flaw(format!("is not a known field{near}")));
                }
                (None, Some(schema)) => self.value(schema, value, &here, depth + 1)?,
                (None, None) => {}
            }
        }
        Ok(())
    }

    fn items(
        &mut self,
        schema: &Map<String, Value>,
        items: &[Value],
        place: &Place<'_>,
        depth: usize,
    ) -> Result<(), Flaw> {
        let first =
            schema.get("prefixItems").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let rest = schema.get("items");
        for (at, item) in items.iter().enumerate() {
            if let Some(schema) = first.get(at).or(rest) {
                self.value(schema, item, &Place::Item(place, at), depth + 1)?;
            }
        }
        Ok(())
    }

    fn alternatives(
        &mut self,
        schema: &Map<String, Value>,
        value: &Value,
        place: &Place<'_>,
        depth: usize,
    ) -> Result<(), Flaw> {
        let listed = |name: &str| schema.get(name).and_then(Value::as_array);
        for each in listed("allOf").into_iter().flatten() {
            self.value(each, value, place, depth + 1)?;
        }
        if let Some(any) = listed("anyOf") {
            let (fitting, first) = self.fitting(any, value, place, depth);
            if fitting == 0 {
                return Err(first.unwrap_or_else(|| place.flaw("is not taken")));
            }
        }
        if let Some(one) = listed("oneOf") {
            match self.fitting(one, value, place, depth) {
                (1, _) => {}
                (0, first) => return Err(first.unwrap_or_else(|| place.flaw("is not taken"))),
                _ => return Err(place.flaw("fits more than one of several forms")),
            }
        }
        if let Some(not) = schema.get("not")
            && self.value(not, value, place, depth + 1).is_ok()
        {
            return Err(place.flaw("has a form that is not taken"));
        }
        let Some(condition) = schema.get("if") else { return Ok(()) };
        let holds = self.value(condition, value, place, depth + 1).is_ok();
        let then = schema.get(if holds { "then" } else { "else" });
        then.map_or(Ok(()), |then| self.value(then, value, place, depth + 1))
    }

    /// How many of `schemas` the value fits, and what is wrong with it by the first that it does not.
    fn fitting(
        &mut self,
        schemas: &[Value],
        value: &Value,
        place: &Place<'_>,
        depth: usize,
    ) -> (usize, Option<Flaw>) {
        let (mut fitting, mut first) = (0, None);
        for schema in schemas {
            match self.value(schema, value, place, depth + 1) {
                Ok(()) => fitting += 1,
                Err(flaw) => first = first.or(Some(flaw)),
            }
        }
        (fitting, first)
    }
}

/// A JSON pointer out of the fragment of a URL. `%25` comes last, so that nothing is decoded twice.
fn decoded(fragment: &str) -> String {
    fragment.replace("%24", "$").replace("%20", " ").replace("%25", "%")
}
