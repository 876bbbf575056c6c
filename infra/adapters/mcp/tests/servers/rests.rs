//! Servers that are down.

use std::{fs, sync::Arc, time::Duration};

use dormouse_core::{Code, catalog::McpPlace, settings::Secret, tools::Toolbox};
use dormouse_testkit::fakes::TestHost;

use crate::peer::{client, script};

#[tokio::test]
async fn a_server_that_does_not_start_is_told_of_and_let_alone_for_longer_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let count = folder.path().join("count");
    let failing = r#"echo once >> "$1"; echo 'no configuration' >&2; exit 3"#;
    let host = Arc::new(TestHost::new());
    let server = client(&host, script(failing, &[&count.to_string_lossy()]), None);
    let starts = || fs::read_to_string(&count).unwrap().lines().count();
    let mut rest = 1;
    for tries in 1..=9 {
        for _ in 0..3 {
            let error = server.tools().await.unwrap_err();
            assert_eq!(error.code(), Code::UpstreamUnreachable);
            assert!(error.message().contains("no configuration"), "{error}");
            assert_eq!(starts(), tries, "it rests");
        }
        host.advance(Duration::from_secs(rest));
        rest = (rest * 2).min(60);
    }
}

#[tokio::test]
async fn what_a_server_says_of_its_secrets_is_not_told() {
    let talking = r#"echo "my key is $KEY" >&2; exit 3"#;
    let McpPlace::Process { command, args, .. } = script(talking, &[]) else { unreachable!() };
    let env = vec![("KEY".to_owned(), Secret::new("hush-hush-hush"))];
    let place = McpPlace::Process { command, args, env };
    let error = client(&Arc::default(), place, None).tools().await.unwrap_err();
    assert!(error.message().contains("my key is [redacted]"), "{error}");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let place = McpPlace::Process {
        command: "/nowhere/server".to_owned(),
        args: Vec::new(),
        env: Vec::new(),
    };
    let error = client(&Arc::default(), place, None).tools().await.unwrap_err();
    assert!(error.message().contains("`/nowhere/server` cannot be started"), "{error}");
}
