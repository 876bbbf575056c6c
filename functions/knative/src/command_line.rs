//! Flags and variables: made from the one table of settings in the core.

use std::env;

use clap::{Arg, ArgMatches, Command as Clap};
use dormouse_core::{
    Error, Result,
    settings::{SETTINGS, Setting, Settings},
};

use crate::{client::Client, models, runs, tools};

/// What the user wants done.
#[derive(Debug)]
pub(crate) enum Command {
    /// Serve until told to stop.
    Serve(Settings),
    /// Run programs for gateways elsewhere until told to stop.
    Sandbox(Settings),
    /// See to the models of a gateway that runs.
    Models(Client, models::Act),
    /// See to its runs.
    Runs(Client, runs::Act),
    /// List its tools, or call one.
    Tools(Client, tools::Act),
    /// List its agents.
    Agents(Client),
    /// Say whether a gateway would start with these settings.
    Check(Settings),
    /// Print the JSON Schema of catalogs, or of files of agents.
    Schema {
        /// Of agents.
        of_agents: bool,
    },
    /// Ask one question and print the answer.
    Ask {
        /// With which gateway.
        settings: Settings,
        /// What to ask.
        question: String,
    },
}

/// Reads the command line. Ends the process after `--help`, `--version` and errors of usage.
pub(crate) fn parse() -> Result<Command> {
    let matches = clap().get_matches();
    match matches.subcommand() {
        Some(("ask", matches)) => {
            let question = matches.get_many::<String>("question").unwrap_or_default();
            let question = question.map(String::as_str).collect::<Vec<_>>().join(" ");
            Ok(Command::Ask { settings: settings(matches)?, question })
        }
        Some(("serve", matches)) => Ok(Command::Serve(settings(matches)?)),
        Some(("check", matches)) if matches.contains_id("schema") => {
            let of = matches.get_one::<String>("schema");
            Ok(Command::Schema { of_agents: of.is_some_and(|of| of == "agents") })
        }
        Some(("check", matches)) => Ok(Command::Check(settings(matches)?)),
        Some(("models", matches)) => models(matches),
        Some(("runs", matches)) => runs(matches),
        Some(("tools", matches)) => tools(matches),
        Some(("agents", matches)) => match matches.subcommand() {
            Some(("list", matches)) => Ok(Command::Agents(client(matches))),
            _ => Err(Error::invalid("command", "say what to do: list")),
        },
        Some(("sandbox", matches)) => match matches.subcommand() {
            Some(("serve", matches)) => Ok(Command::Sandbox(settings(matches)?)),
            _ => Err(Error::invalid("command", "say what to do: serve")),
        },
        _ => Err(Error::invalid("command", "name a command: `dormouse --help` lists them")),
    }
}

fn clap() -> Clap {
    let serve = Clap::new("serve").about("Serve the gateway until SIGTERM or Ctrl-C").args(flags());
    let question = Arg::new("question").required(true).num_args(1..).help("What to ask");
    let ask = Clap::new("ask")
        .about("Send one question through the whole gateway and print the answer as it comes")
        .args(flags())
        .arg(question);
    let schema = Arg::new("schema")
        .long("schema")
        .value_name("OF")
        .num_args(0..=1)
        .default_missing_value("catalog")
        .value_parser(["catalog", "agents"]);
    let check = Clap::new("check")
        .about("Read the settings, the catalog and the agents, and say everything that is wrong with them")
        .args(flags())
        .arg(schema.help("Print the JSON Schema of catalogs, or of files of agents, instead"));
    let sandbox = Clap::new("sandbox")
        .about("Run programs for gateways that cannot: on Lambda, in Spin, on other machines")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(Clap::new("serve").about("Serve them until SIGTERM or Ctrl-C").args(flags()));
    Clap::new("dormouse")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A serverless agent gateway in front of any model server")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands([serve, ask, check, sandbox])
        .subcommands(for_gateways_that_run())
}

fn for_gateways_that_run() -> [Clap; 4] {
    let variable = |flag: &'static str, value: &'static str, help: &'static str| {
        Arg::new(flag).long(flag).value_name(value).help(help).global(true)
    };
    let command = |name: &'static str, about: &'static str| {
        Clap::new(name)
            .about(about)
            .subcommand_required(true)
            .arg_required_else_help(true)
            .arg(variable("url", "URL", "Where it listens [default: http://127.0.0.1:8080]"))
            .arg(variable("api-key", "KEY", "A key of it [env: DORMOUSE_API_KEY]"))
    };
    let act = |name: &'static str, about: &'static str| Clap::new(name).about(about);
    let model = || Arg::new("name").required(true).help("The model");
    let models = command("models", "See to the models of a gateway that runs, as an administrator")
        .subcommand(act("list", "List the models of the machine and how they are"))
        .subcommand(act("wake", "Start a model's server").arg(model()))
        .subcommand(act("release", "Stop it when its answers are finished").arg(model()));
    let id = || Arg::new("id").required(true).help("The id of the run");
    let runs = command("runs", "See to the runs of a gateway: what it answers in the background")
        .subcommand(act("list", "List them, the newest first"))
        .subcommand(act("show", "Show one, with the receipts of its steps").arg(id()))
        .subcommand(act("cancel", "End one at once").arg(id()));
    let tool = Arg::new("name").required(true).help("The tool");
    let input = Arg::new("input").default_value("{}").help("What it is given, as a JSON object");
    let tools = command("tools", "See to the tools that a gateway runs itself")
        .subcommand(act("list", "List those that the key may use"))
        .subcommand(act("call", "Call one and print its answer").arg(tool).arg(input));
    let agents =
        command("agents", "See to the agents of a gateway").subcommand(act("list", "List them"));
    [models, runs, tools, agents]
}

fn flags() -> impl Iterator<Item = Arg> {
    SETTINGS.iter().map(|setting| {
        Arg::new(setting.flag).long(setting.flag).value_name(setting.value).help(help(setting))
    })
}

fn help(setting: &Setting) -> String {
    let default = setting.default.map(|default| format!(", default: {default}"));
    format!("{} [env: {}{}]", setting.help, setting.variable(), default.unwrap_or_default())
}

fn client(matches: &ArgMatches) -> Client {
    let url = given(matches, "url").unwrap_or_else(|| "http://127.0.0.1:8080".to_owned());
    let api_key = given(matches, "api-key").or_else(|| env::var("DORMOUSE_API_KEY").ok());
    Client { url, api_key }
}

fn given(matches: &ArgMatches, name: &str) -> Option<String> {
    matches.get_one::<String>(name).cloned()
}

/// What must be given; the command line is not read without it.
fn required(matches: &ArgMatches, name: &str) -> Result<String> {
    given(matches, name).ok_or_else(|| Error::invalid(name, format!("`{name}` is missing")))
}

fn models(matches: &ArgMatches) -> Result<Command> {
    use models::Act;
    let (act, matches) = match matches.subcommand() {
        Some(("list", matches)) => (Act::List, matches),
        Some(("wake", matches)) => (Act::Wake(required(matches, "name")?), matches),
        Some(("release", matches)) => (Act::Release(required(matches, "name")?), matches),
        _ => return Err(Error::invalid("command", "say what to do: list, wake or release")),
    };
    Ok(Command::Models(client(matches), act))
}

fn runs(matches: &ArgMatches) -> Result<Command> {
    use runs::Act;
    let (act, matches) = match matches.subcommand() {
        Some(("list", matches)) => (Act::List, matches),
        Some(("show", matches)) => (Act::Show(required(matches, "id")?), matches),
        Some(("cancel", matches)) => (Act::Cancel(required(matches, "id")?), matches),
        _ => return Err(Error::invalid("command", "say what to do: list, show or cancel")),
    };
    Ok(Command::Runs(client(matches), act))
}

fn tools(matches: &ArgMatches) -> Result<Command> {
    use tools::Act;
    let (act, matches) = match matches.subcommand() {
        Some(("list", matches)) => (Act::List, matches),
        Some(("call", matches)) => {
            let (name, input) = (required(matches, "name")?, required(matches, "input")?);
            (Act::Call { name, input }, matches)
        }
        _ => return Err(Error::invalid("command", "say what to do: list or call")),
    };
    Ok(Command::Tools(client(matches), act))
}

/// A flag wins over its variable.
fn settings(matches: &ArgMatches) -> Result<Settings> {
    Settings::read(|variable| {
        let setting = SETTINGS.iter().find(|setting| setting.variable() == variable)?;
        let given = matches.get_one::<String>(setting.flag).cloned();
        let set = |name: &str| env::var(name).ok().filter(|text| !text.trim().is_empty());
        given.or_else(|| set(variable)).or_else(|| {
            // Knative and most container platforms name the port and expect all interfaces.
            let port = set("PORT").filter(|_| setting.flag == "listen")?;
            Some(format!("0.0.0.0:{port}"))
        })
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        super::clap().debug_assert();
    }
}
