//! What the gateway's own check of inputs says, held against a whole implementation of JSON Schema.

use dormouse_core::tools::schema::check;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Values of a few shapes, so that schemas fit them now and then.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..4).prop_map(Value::from),
        prop_oneof![Just(1.0), Just(1.5), Just(-2.5)].prop_map(Value::from),
        "[ab]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[abc]", inner, 0..3).prop_map(|it| json!(it)),
        ]
    })
}

fn named(name: &'static str, of: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    of.prop_map(move |value| json!({ name: value }))
}

const KINDS: &[&str] = &["null", "boolean", "integer", "number", "string", "array", "object"];

fn simple() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        named("type", prop::sample::select(KINDS).prop_map(Value::from)),
        named("type", prop::sample::subsequence(KINDS, 1..3).prop_map(|it| json!(it))),
        named("enum", prop::collection::vec(value(), 1..3).prop_map(Value::from)),
        named("const", value()),
        (
            prop::sample::select(
                &["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"][..]
            ),
            -2_i64..3
        )
            .prop_map(|(name, bound)| json!({ name: bound })),
        (
            prop::sample::select(
                &[
                    "minLength",
                    "maxLength",
                    "minItems",
                    "maxItems",
                    "minProperties",
                    "maxProperties"
                ][..]
            ),
            0_u64..3
        )
            .prop_map(|(name, bound)| json!({ name: bound })),
        Just(json!({ "uniqueItems": true })),
        Just(json!({ "multipleOf": 2, "type": ["integer", "string"] })),
        named(
            "required",
            prop::sample::subsequence(&["a", "b"][..], 0..2).prop_map(|it| json!(it))
        ),
    ]
}

fn schema() -> impl Strategy<Value = Value> {
    simple().prop_recursive(3, 16, 3, |inner| {
        let list = || prop::collection::vec(inner.clone(), 1..3).prop_map(Value::from);
        prop_oneof![
            named("allOf", list()),
            named("anyOf", list()),
            named("oneOf", list()),
            named("not", inner.clone()),
            named("items", inner.clone()),
            (list(), inner.clone())
                .prop_map(|(first, rest)| json!({ "prefixItems": first, "items": rest })),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(one, two, three)| json!({ "if": one, "then": two, "else": three })),
            (prop::collection::btree_map("[ab]", inner.clone(), 0..3), inner.clone()).prop_map(
                |(fields, more)| json!({ "properties": fields, "additionalProperties": more })
            ),
        ]
    })
}

/// The same schema, by reference.
fn rooted(schema: &Value) -> Value {
    json!({ "$defs": { "x": schema }, "$ref": "#/$defs/x" })
}

proptest! {
    #[test]
    fn a_value_is_taken_if_and_only_if_json_schema_takes_it(schema in schema(), value in value()) {
        let schema = rooted(&schema);
        let ours = check(&schema, &value);
        prop_assert_eq!(ours.is_ok(), jsonschema::is_valid(&schema, &value), "{:?}", ours);
    }
}

#[test]
fn a_flaw_names_its_place() {
    let schema = json!({
        "type": "object",
        "properties": { "list": { "type": "array", "items": { "$ref": "#/$defs/entry" } } },
        "$defs": { "entry": { "type": "object", "required": ["name"] } },
    });
    let flaw = check(&schema, &json!({ "list": [{ "name": 1 }, {}] })).unwrap_err();
    assert_eq!((flaw.path.as_str(), flaw.why.as_str()), ("list[1].name", "is missing"));
}

#[test]
fn a_whole_number_is_one_however_it_is_written() {
    let even = json!({ "type": "integer", "multipleOf": 2 });
    assert!(check(&even, &json!(2.0)).is_ok() && check(&even, &json!(1.0)).is_err());
    assert!(
        check(&json!({ "const": 9_007_199_254_740_993_i64 }), &json!(9_007_199_254_740_992.0))
            .is_err()
    );
}

#[test]
fn a_schema_that_turns_in_circles_ends() {
    let circle = json!({ "$ref": "#" });
    let flaw = check(&circle, &json!(1)).unwrap_err();
    assert_eq!(flaw.why, "cannot be checked: the tool's schema is too complex");
    // Each level doubles the work.
    let wide = json!({ "anyOf": [{ "$ref": "#" }, { "$ref": "#" }] });
    assert!(check(&wide, &json!(1)).is_err());
}

#[test]
fn what_only_a_regular_expression_could_tell_is_left_to_the_tool() {
    let schema = json!({ "type": "string", "pattern": "^a+$", "format": "date" });
    assert_eq!(check(&schema, &json!("b")), Ok(()));
    let open = json!({ "patternProperties": { "^x": {} }, "additionalProperties": false });
    assert_eq!(check(&open, &json!({ "x1": 1 })), Ok(()));
}
