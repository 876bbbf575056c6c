//! What a catalog says of servers of the Model Context Protocol.

use std::time::Duration;

use dormouse_core::catalog::McpPlace;

use crate::{A, read, refused};

/// A catalog of one provider, and these servers in its second line.
fn with(servers: &str) -> String {
    format!("{A}mcp_servers: [{servers}]")
}

#[test]
fn a_server_is_at_a_url_or_in_a_process() {
    let servers = "{name: docs, url: 'https://docs.example/mcp/', headers: {authorization: 'Bearer ${KEY}'}, timeout: 2m}, \
        {name: files, command: npx, args: [-y, server], env: {TOKEN: '${KEY}'}, tools: ['*', '!rm*']}";
    let catalog = read(&with(servers)).unwrap();
    let [docs, files] = catalog.mcp_servers() else { panic!("{:?}", catalog.mcp_servers()) };
    assert_eq!((docs.name.as_str(), docs.timeout), ("docs", Some(Duration::from_secs(120))));
    assert!(docs.tools.is_none());
    let McpPlace::Url { url, headers } = &docs.place else { panic!("{docs:?}") };
    assert_eq!(url, "https://docs.example/mcp");
    assert_eq!(headers.0[0].1, "Bearer value-of-KEY");
    let McpPlace::Process { command, args, env } = &files.place else { panic!("{files:?}") };
    assert_eq!((command.as_str(), args.len()), ("npx", 2));
    assert_eq!((env[0].0.as_str(), env[0].1.expose()), ("TOKEN", "value-of-KEY"));
    let tools = files.tools.as_ref().unwrap();
    assert!(tools.allows("read") && !tools.allows("rmdir"));
    assert!(!format!("{catalog:?}").contains("value-of-KEY"), "secrets are not printed");
}

#[test]
fn what_no_server_can_be_is_refused() {
    for (servers, place, why) in [
        ("{name: a}", "2:15: mcp_servers[0]", "neither where it is"),
        ("{name: a, url: 'http://a', command: b}", "2:15: mcp_servers[0]", "both `url`"),
        ("{name: a__b, command: b}", "2:22: mcp_servers[0].name", "single `_`"),
        ("{name: a.b, command: b}", "2:22: mcp_servers[0].name", "is not a server's name"),
        ("{name: a, url: 'ftp://a'}", "2:30: mcp_servers[0].url", "http://"),
        (
            "{name: a, url: 'http://a', args: [b]}",
            "2:48: mcp_servers[0].args",
            "only counts with `command`",
        ),
        (
            "{name: a, command: b, headers: {x: y}}",
            "2:46: mcp_servers[0].headers",
            "only counts with `url`",
        ),
        (
            "{name: a, command: b, env: {'1x': y}}",
            "2:49: mcp_servers[0].env.1x",
            "not the name of a variable",
        ),
        ("{name: a, command: b, tools: ['a b']}", "2:45: mcp_servers[0].tools[0]", "spaces"),
        ("{name: a, commands: b, command: b}", "2:25: mcp_servers[0].commands", "did you mean"),
        (
            "{name: a, command: b}, {name: a, command: c}",
            "2:45: mcp_servers[1].name",
            "`a` is taken already, by `mcp_servers[0].name`",
        ),
    ] {
        refused(&with(servers), place, why);
    }
}
