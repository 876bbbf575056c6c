//! `dormouse check`: whether a gateway would start with these settings, this catalog and these agents.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use dormouse_core::{Code, Error, Result, agents::Agents, catalog::Catalog, settings::Settings};

/// Says what there is, or everything that is wrong with it, a line each.
pub(crate) fn check(settings: &Settings) -> Result<ExitCode> {
    let read = (dormouse_wiring::catalog(settings), dormouse_wiring::agents(settings));
    match read {
        (Ok(catalog), Ok(agents)) => {
            let mut counts = vec![
                count(catalog.providers().len(), "provider"),
                count(catalog.models().len(), "model"),
                count(catalog.logical_models().len(), "logical model"),
            ];
            if settings.agents.is_some() {
                counts.push(count(agents.list().len(), "agent"));
            }
            say(&mut io::stdout(), &format!("ok: {}", counts.join(", ")))?;
            Ok(ExitCode::SUCCESS)
        }
        (catalog, agents) => {
            // Nothing before the places: editors find them at the beginning of a line.
            for error in [catalog.err(), agents.err()].into_iter().flatten() {
                say(&mut io::stderr(), error.message())?;
            }
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Prints the JSON Schema of catalogs, or of files of agents.
pub(crate) fn schema(of_agents: bool) -> Result<ExitCode> {
    let schema = if of_agents { Agents::schema() } else { Catalog::schema() };
    say(&mut io::stdout(), &format!("{schema:#}"))?;
    Ok(ExitCode::SUCCESS)
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn say(to: &mut dyn Write, text: &str) -> Result<()> {
    writeln!(to, "{text}").and_then(|()| to.flush()).map_err(|error| {
        Error::new(Code::Internal, "cannot write to standard output").caused_by(error)
    })
}
