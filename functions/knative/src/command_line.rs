//! Flags and variables: made from the one table of settings in the core.

use std::env;

use clap::{Arg, ArgMatches, Command as Clap};
use dormouse_core::{
    Error, Result,
    settings::{SETTINGS, Setting, Settings},
};

/// What the user wants done.
#[derive(Debug)]
pub(crate) enum Command {
    /// Serve until told to stop.
    Serve(Settings),
    /// Run programs for gateways elsewhere until told to stop.
    Sandbox(Settings),
    /// See to the models of a gateway that runs.
    Models(Order),
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

/// What is wanted of a gateway that runs.
#[derive(Debug)]
pub(crate) struct Order {
    /// Where it listens.
    pub(crate) url: String,
    /// An administrator's key.
    pub(crate) api_key: Option<String>,
    /// What is to be done.
    pub(crate) act: Act,
}

/// What can be done with the models of a gateway.
#[derive(Debug)]
pub(crate) enum Act {
    /// List them and how they are.
    List,
    /// Start the server of one.
    Wake(String),
    /// Stop it when its answers are finished.
    Release(String),
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
        Some(("models", matches)) => order(matches).map(Command::Models),
        Some(("sandbox", matches)) => match matches.subcommand() {
            Some(("serve", matches)) => Ok(Command::Sandbox(settings(matches)?)),
            _ => Err(Error::invalid("command", "say what to do: serve")),
        },
        _ => Err(Error::invalid("command", "name a command: serve, ask, check, models or sandbox")),
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
    let name = || Arg::new("name").required(true).help("The model");
    let variable = |flag: &'static str, value: &'static str, help: &'static str| {
        Arg::new(flag).long(flag).value_name(value).help(help).global(true)
    };
    let models = Clap::new("models")
        .about("See to the models of a gateway that runs")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(Clap::new("list").about("List the models of the machine and how they are"))
        .subcommand(Clap::new("wake").about("Start a model's server").arg(name()))
        .subcommand(Clap::new("release").about("Stop it when its answers are finished").arg(name()))
        .arg(variable("url", "URL", "Where the gateway listens [default: http://127.0.0.1:8080]"))
        .arg(variable("api-key", "KEY", "An administrator's key [env: DORMOUSE_API_KEY]"));
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
        .subcommands([serve, ask, check, models, sandbox])
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

fn order(matches: &ArgMatches) -> Result<Order> {
    let given = |matches: &ArgMatches, flag: &str| matches.get_one::<String>(flag).cloned();
    let (act, matches) = match matches.subcommand() {
        Some(("list", matches)) => (Act::List, matches),
        Some(("wake", matches)) => (given(matches, "name").map_or(Act::List, Act::Wake), matches),
        Some(("release", matches)) => {
            (given(matches, "name").map_or(Act::List, Act::Release), matches)
        }
        _ => return Err(Error::invalid("command", "say what to do: list, wake or release")),
    };
    let url = given(matches, "url").unwrap_or_else(|| "http://127.0.0.1:8080".to_owned());
    let api_key = given(matches, "api-key").or_else(|| env::var("DORMOUSE_API_KEY").ok());
    Ok(Order { url, api_key, act })
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
