//! `dormouse check`: whether a gateway would start with these settings and this catalog.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use dormouse_core::{Code, Error, Result, catalog::Catalog, settings::Settings};

/// Says what the catalog holds, or everything that is wrong with it, a line each.
pub(crate) fn check(settings: &Settings) -> Result<ExitCode> {
    match dormouse_wiring::catalog(settings) {
        Ok(catalog) => {
            let counts = [
                count(catalog.providers().len(), "provider"),
                count(catalog.models().len(), "model"),
                count(catalog.logical_models().len(), "logical model"),
            ];
            say(&mut io::stdout(), &format!("ok: {}", counts.join(", ")))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            // Nothing before the places: editors find them at the beginning of a line.
            say(&mut io::stderr(), error.message())?;
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Prints the JSON Schema of catalogs.
pub(crate) fn schema() -> Result<ExitCode> {
    say(&mut io::stdout(), &format!("{:#}", Catalog::schema()))?;
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
