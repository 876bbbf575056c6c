//! The rules of the workspace, checked: who may depend on whom, what the core may not name, how long a
//! file may be.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a failed expectation is a failed test"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// What must also run where there is no operating system to speak of.
const PORTABLE: [&str; 3] = ["dormouse-core", "dormouse-http", "dormouse-spin"];

/// What such a crate may not depend on, however indirectly. Cloud libraries come with prefixes.
const HOST_ONLY: [&str; 12] = [
    "hyper",
    "hyper-util",
    "lambda_http",
    "lambda_runtime",
    "libsqlite3-sys",
    "mio",
    "redis",
    "reqwest",
    "rusqlite",
    "rustls",
    "socket2",
    "sqlx",
];
const HOST_ONLY_PREFIXES: [&str; 2] = ["aws-", "tokio-"];
/// What looks like it and is not: the types of the Model Context Protocol come with it, and none of it is run.
const NOT_HOST_ONLY: [&str; 2] = ["tokio-macros", "tokio-util"];

/// The most lines of a source file.
const LONGEST: usize = 400;

/// What the core would say if it reached around its ports.
const NOT_IN_CORE: [&str; 9] = [
    "std::env",
    "std::fs",
    "std::net",
    "std::os",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "tokio",
];

#[test]
fn what_is_portable_runs_without_a_host() {
    for package in PORTABLE {
        let all = everything_under(package);
        let forbidden: Vec<_> = all.iter().filter(|name| is_host_only(name)).collect();
        assert!(forbidden.is_empty(), "{package} depends on {forbidden:?}");
    }
}

#[test]
fn the_core_does_not_know_tokio() {
    let all = everything_under("dormouse-core");
    assert!(!all.contains("tokio"), "there is no tokio runtime in a Spin component");
}

#[test]
fn layers_point_inwards() {
    let workspace = Workspace::read();
    for (package, folder) in &workspace.members {
        let allowed: &[&str] = match folder.as_str() {
            "core" => &[],
            "functions/http" | "tests/testkit" => &["core"],
            "functions/wiring" => &["core", "infra/adapters/"],
            // The testkit: a build of the component that runs the conformance suite against itself. The
            // adapter: what is said to a server and how its answers are read, without a client, since Spin
            // has one (`what_is_portable_runs_without_a_host`).
            "functions/spin" => {
                &["core", "functions/http", "infra/adapters/redis", "tests/testkit"]
            }
            "functions/knative" | "functions/lambda" => {
                &["core", "functions/http", "functions/wiring"]
            }
            "tests/system" => &["tests/testkit"],
            adapter if adapter.starts_with("infra/adapters/") => &["core"],
            other => panic!("{other} has no place in the layers: give it one here"),
        };
        for dependency in workspace.members_under(package) {
            let fits = allowed.iter().any(|it| {
                dependency == it.trim_end_matches('/')
                    || it.ends_with('/') && dependency.starts_with(it)
            });
            assert!(fits, "{folder} may know {allowed:?}, not {dependency}");
        }
    }
}

#[test]
fn the_core_reaches_for_nothing_but_its_ports() {
    for file in sources(&root().join("core/src")) {
        let code = code(&file);
        let named: Vec<_> = NOT_IN_CORE
            .into_iter()
            .filter(|path| {
                code.contains(path) || imports(&code).iter().any(|it| it.starts_with(path))
            })
            .collect();
        assert!(named.is_empty(), "{} names {named:?}", file.display());
    }
}

#[test]
fn no_source_file_is_too_long_to_read() {
    let folders = ["core", "functions", "infra", "tests"];
    let files = folders.iter().flat_map(|folder| sources(&root().join(folder)));
    let long: Vec<_> = files
        .filter_map(|file| {
            let lines = fs::read_to_string(&file).unwrap().lines().count();
            (lines > LONGEST).then(|| format!("{}: {lines} lines", file.display()))
        })
        .collect();
    assert!(long.is_empty(), "more than {LONGEST} lines: {long:#?}");
}

#[test]
fn imports_are_seen_through() {
    let code = "
        use std::{
            fs, sync::{Arc, atomic::*},
            time::{Duration, SystemTime as Now},
        };
        fn used() { /* not an import */ }
        pub(crate) use bytes::Bytes;
    ";
    let wanted = [
        "std::fs",
        "std::sync::Arc",
        "std::sync::atomic::*",
        "std::time::Duration",
        "std::time::SystemTimeasNow",
        "bytes::Bytes",
    ];
    assert_eq!(imports(code), wanted);
}

/// Every path that `code` imports, without white space.
fn imports(code: &str) -> Vec<String> {
    let mut paths = Vec::new();
    let statements = code.split(';').filter_map(|it| {
        let start = it.rfind("use ")?;
        let whole_word = !it[..start].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        whole_word.then(|| it[start + "use ".len()..].split_whitespace().collect::<String>())
    });
    for statement in statements {
        expand("", &statement, &mut paths);
    }
    paths
}

/// Adds the paths that an import's tree stands for, each behind `prefix`.
fn expand(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let Some((stem, group)) = tree.split_once('{') else {
        paths.push(format!("{prefix}{tree}"));
        return;
    };
    let prefix = format!("{prefix}{stem}");
    let group = group.strip_suffix('}').unwrap_or(group);
    let (mut depth, mut start) = (0, 0);
    for (at, symbol) in group.char_indices().chain([(group.len(), ',')]) {
        match symbol {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if start < at {
                    expand(&prefix, &group[start..at], paths);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}

fn is_host_only(package: &str) -> bool {
    let prefixed = HOST_ONLY_PREFIXES.iter().any(|it| package.starts_with(it));
    HOST_ONLY.contains(&package) || prefixed && !NOT_HOST_ONLY.contains(&package)
}

/// What cargo says of the workspace.
struct Workspace {
    /// Package names and folders of the members.
    members: BTreeMap<String, String>,
    /// Normal and build dependencies of every package, by name.
    dependencies: BTreeMap<String, BTreeSet<String>>,
}

impl Workspace {
    fn read() -> Self {
        let metadata = cargo(&["metadata", "--format-version=1"]);
        let metadata: Value = serde_json::from_str(&metadata).unwrap();
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();

        let ids: BTreeSet<_> = list(&metadata["workspace_members"]).iter().map(text).collect();
        let mut members = BTreeMap::new();
        let mut names = BTreeMap::new();
        for package in list(&metadata["packages"]) {
            let (id, name) = (text(&package["id"]), text(&package["name"]));
            if ids.contains(&id) {
                let manifest = PathBuf::from(text(&package["manifest_path"]));
                let folder = manifest.parent().unwrap().strip_prefix(root()).unwrap();
                members.insert(name.clone(), folder.display().to_string());
            }
            names.insert(id, name);
        }
        let mut dependencies = BTreeMap::<_, BTreeSet<_>>::new();
        for node in list(&metadata["resolve"]["nodes"]) {
            let needed = list(&node["deps"]).into_iter().filter(|dependency| {
                list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"] != "dev")
            });
            let needed = needed.map(|dependency| names[&text(&dependency["pkg"])].clone());
            dependencies.entry(names[&text(&node["id"])].clone()).or_default().extend(needed);
        }
        Self { members, dependencies }
    }

    /// Folders of the members that `package` depends on directly.
    fn members_under(&self, package: &str) -> BTreeSet<&str> {
        self.dependencies[package]
            .iter()
            .filter_map(|name| self.members.get(name))
            .map(String::as_str)
            .collect()
    }
}

/// Every package that ends up in a build of `package` alone, on whatever machine.
fn everything_under(package: &str) -> BTreeSet<String> {
    let edges = "--edges=normal,no-proc-macro";
    let tree = cargo(&[
        "tree",
        "--package",
        package,
        edges,
        "--target=all",
        "--prefix=none",
        "--format={p}",
    ]);
    tree.lines().skip(1).filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

fn cargo(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO"));
    let output = command.args(arguments).arg("--locked").current_dir(root()).output();
    let output = output.expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What of a file is the product's code: neither comments nor its tests.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let lines = text.lines().take_while(|line| line.trim() != "#[cfg(test)]");
    let code = lines.filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| [line, "\n"]).collect()
}

/// Rust files under `folder`, other people's and generated ones left out.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}
