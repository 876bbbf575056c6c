//! What a catalog says of tenants.

use serde_json::json;

use crate::{A, read, refused};

const MODELS: &str = "models: [{name: x, provider: a}, {name: y, provider: a}]\n";

/// A catalog of one provider, two models, and `rest` from its third line on.
fn with(rest: &str) -> String {
    format!("{A}{MODELS}{rest}")
}

#[test]
fn each_tenant_has_its_own_values_over_those_of_all() {
    let text = "default_model: x\ntenant_defaults: {max_output_tokens: 9}\ntenants: [{name: acme, default_model: y}]";
    let catalog = read(&with(text)).unwrap();
    let level = catalog.tenants();
    assert_eq!(level.defaults.get("max_output_tokens"), Some(&json!(9)));
    assert_eq!(level.defaults.get("default_model"), Some(&json!("x")), "the catalog's default");
    assert_eq!(level.tenants["acme"].get("default_model"), Some(&json!("y")));
    assert_eq!(level.tenants["acme"].get("max_output_tokens"), None);
}

#[test]
fn what_no_tenant_may_have_is_refused() {
    for (rest, place, why) in [
        ("tenants: [{name: a}, {name: a}]", "3:29: tenants[1].name", "`a` is named a second time"),
        ("tenants: [{name: _a}]", "3:18: tenants[0].name", "is not a tenant's name"),
        (
            "tenants: [{name: a, default_model: z}]",
            "3:36: tenants[0].default_model",
            "no model `z`",
        ),
        (
            "tenant_defaults: {default_model: z}",
            "3:34: tenant_defaults.default_model",
            "no model `z`",
        ),
        (
            "tenant_defaults: {max_output_tokens: 0}",
            "3:38: tenant_defaults.max_output_tokens",
            "from 1",
        ),
        (
            "tenant_defaults: {max_output_token: 1}",
            "3:19: tenant_defaults.max_output_token",
            "did you mean `max_output_tokens`?",
        ),
        (
            "tenant_defaults: {conversation_messages: 1}",
            "3:42: tenant_defaults.conversation_messages",
            "from 2",
        ),
        (
            "tenant_defaults: {compaction_model: z}",
            "3:37: tenant_defaults.compaction_model",
            "no model `z`",
        ),
        ("tenant_defaults: {tools: ['a b']}", "3:27: tenant_defaults.tools[0]", "it has spaces"),
        ("tenants: [{name: a, body_limit: 1}]", "3:21: tenants[0].body_limit", "not a known field"),
    ] {
        refused(&with(rest), place, why);
    }
}

#[test]
fn a_tenant_may_be_left_without_tools() {
    let catalog =
        read(&with("tenant_defaults: {tools: ['*', '!bash']}\ntenants: [{name: a, tools: []}]"));
    let level = catalog.unwrap().tenants().clone();
    assert_eq!(level.defaults.get("tools"), Some(&json!(["*", "!bash"])));
    assert_eq!(level.tenants["a"].get("tools"), Some(&json!([])));
}
