//! spin.toml and the built component fit together.
//!
//! The `spin` program is in no package registry, so this takes the place of `spin up`'s own checks.

use std::{collections::BTreeSet, fs};

use toml::{Table, Value};

use crate::host::{compiled, root};

/// What the component asks for, and what it offers.
#[derive(Clone, Debug)]
struct Component {
    imports: BTreeSet<String>,
    exports: BTreeSet<String>,
}

/// The interfaces that need a grant, and the key of the manifest's component that grants each.
const GRANTS: [(&str, &str); 6] = [
    ("spin:sqlite/", "sqlite_databases"),
    ("spin:variables/", "variables"),
    ("spin:key-value/", "key_value_stores"),
    ("fermyon:spin/llm", "ai_models"),
    ("spin:redis/", "allowed_outbound_hosts"),
    ("wasi:http/client", "allowed_outbound_hosts"),
];

#[test]
fn the_manifest_fits_the_component() {
    assert_eq!(problems(&manifest(), &component()), Vec::<String>::new());
}

#[test]
fn a_missing_grant_is_found() {
    let component = component();
    for key in ["sqlite_databases", "variables", "allowed_outbound_hosts"] {
        let mut manifest = manifest();
        granted(&mut manifest).remove(key);
        let found = problems(&manifest, &component);
        assert!(found.iter().any(|it| it.contains(key)), "{key}: {found:?}");
    }
}

#[test]
fn a_grant_that_is_not_used_is_found() {
    let mut manifest = manifest();
    granted(&mut manifest).insert("key_value_stores".into(), Value::Array(vec!["default".into()]));
    let found = problems(&manifest, &component());
    assert!(found.iter().any(|it| it.contains("key_value_stores")), "{found:?}");
}

#[test]
fn a_component_that_serves_nothing_is_found() {
    let mut component = component();
    component.exports.clear();
    assert_eq!(problems(&manifest(), &component).len(), 1);
}

#[test]
fn every_path_in_the_manifest_exists() {
    let mut manifest = manifest();
    let component = granted(&mut manifest);
    let build = component["build"].as_table().unwrap();
    for pattern in build["watch"].as_array().unwrap() {
        let pattern = pattern.as_str().unwrap();
        let path = root().join(pattern.split("/*").next().unwrap());
        assert!(path.exists(), "{pattern} matches nothing");
    }
    // The file itself may have been built into another target folder.
    let command = build["command"].as_str().unwrap();
    let source = component["source"].as_str().unwrap();
    let (_, profile) = command.split_once("--profile ").expect("the build names a profile");
    assert_eq!(source, format!("target/wasm32-wasip2/{profile}/dormouse_spin.wasm"));
    assert!(command.contains("--package dormouse-spin --target wasm32-wasip2"), "{command}");
}

#[test]
fn every_variable_is_a_setting_and_what_has_a_credential_is_a_secret() {
    let mut manifest = manifest();
    let settings = fs::read_to_string(root().join("core/src/settings.rs")).unwrap();
    let declared = manifest["variables"].as_table().unwrap().clone();
    let component = granted(&mut manifest);
    let environment = component["environment"].as_table().unwrap().keys();
    for name in component["variables"].as_table().unwrap().keys().chain(environment) {
        let flag = name.to_lowercase().replacen("dormouse_", "", 1).replace('_', "-");
        assert!(settings.contains(&format!("\"{flag}\"")), "{name} is no setting");
    }
    for (name, variable) in declared {
        let secret = variable.get("secret").is_some_and(|it| it == &Value::Boolean(true));
        let has_credential = name.ends_with("_key") || name.ends_with("_store");
        assert_eq!(secret, has_credential, "{name}");
        assert!(variable.get("default").is_some() != variable.get("required").is_some(), "{name}");
    }
}

/// Everything in which `manifest` and `component` disagree.
fn problems(manifest: &Table, component: &Component) -> Vec<String> {
    let mut found = Vec::new();
    if !component.exports.iter().any(|name| name.starts_with("wasi:http/handler@0.3.")) {
        found.push(format!("no wasi:http/handler@0.3 among {:?}", component.exports));
    }
    let mut manifest = manifest.clone();
    let served = manifest["trigger"]["http"].as_array().unwrap().clone();
    for trigger in served {
        let target = trigger["component"].as_str().unwrap();
        if manifest["component"].get(target).is_none() {
            found.push(format!("the trigger names {target}, which there is not"));
        }
    }
    let declared: BTreeSet<_> = manifest["variables"].as_table().unwrap().keys().cloned().collect();
    let text = toml::to_string(&manifest["component"]).unwrap();
    let used = templates(&text);
    found.extend(used.difference(&declared).map(|it| format!("variable {it} is not declared")));
    found.extend(declared.difference(&used).map(|it| format!("variable {it} is not used")));
    let grants = granted(&mut manifest);
    for (interface, key) in GRANTS {
        let imported = component.imports.iter().any(|name| name.starts_with(interface));
        match (imported, grants.contains_key(key)) {
            (true, false) => found.push(format!("{interface} is imported but {key} is missing")),
            (false, true) => {
                found.push(format!("{key} is granted but {interface} is not imported"))
            }
            _ => {}
        }
    }
    let known = |name: &str| {
        name.starts_with("wasi:") || GRANTS.iter().any(|(interface, _)| name.starts_with(interface))
    };
    let unknown = component.imports.iter().filter(|name| !known(name));
    found.extend(unknown.map(|name| format!("{name} is imported, which no grant covers")));
    found
}

/// The names in `{{ name }}`.
fn templates(text: &str) -> BTreeSet<String> {
    text.split("{{")
        .skip(1)
        .filter_map(|rest| rest.split_once("}}"))
        .map(|(name, _)| name.trim().to_owned())
        .collect()
}

fn granted(manifest: &mut Table) -> &mut Table {
    manifest["component"]["dormouse"].as_table_mut().unwrap()
}

fn manifest() -> Table {
    let manifest: Table = fs::read_to_string(root().join("spin.toml")).unwrap().parse().unwrap();
    assert_eq!(manifest["spin_manifest_version"], Value::Integer(2));
    manifest
}

fn component() -> Component {
    let (engine, component) = compiled("gateway.wasm");
    let kind = component.component_type();
    let names = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
    Component {
        imports: names(kind.imports(&engine).map(|(name, _)| name).collect()),
        exports: names(kind.exports(&engine).map(|(name, _)| name).collect()),
    }
}
