//! The command line.

use std::{collections::BTreeMap, ffi::OsString, net::SocketAddr, path::PathBuf};

use anyhow::{Context as _, Result, bail};
use lexopt::{Arg, Parser, ValueExt as _};

use crate::egress::Destination;

const USAGE: &str = "usage: dormouse-spin-host --component FILE [options]

  --component FILE     the WebAssembly component to serve
  --listen ADDRESS     where to listen (default 127.0.0.1:0: any free port)
  --sqlite FILE        the database called `default`; without it the component has none
  --variable KEY=VALUE a Spin variable; may be repeated
  --env KEY=VALUE      an environment variable of the component; may be repeated
  --allow DESTINATION  where it may send requests, as in `allowed_outbound_hosts`; may be repeated
  --cache DIR          keeps compiled components here, so that the next start takes milliseconds
  --compile            compiles the component into the cache, and ends

Prints `listening on http://ADDRESS` once it accepts connections.";

/// What to serve, and what the component is given.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// The component's file.
    pub component: PathBuf,
    /// Where to listen.
    pub listen: SocketAddr,
    /// The file of the database `default`.
    pub sqlite: Option<PathBuf>,
    /// Spin variables.
    pub variables: BTreeMap<String, String>,
    /// Environment variables.
    pub environment: Vec<(String, String)>,
    /// Where the component may send requests.
    pub allowed: Vec<Destination>,
    /// Where compiled components are kept.
    pub cache: Option<PathBuf>,
    /// Whether to end as soon as the component is compiled.
    pub compile: bool,
}

impl Options {
    /// Those of this process.
    ///
    /// # Errors
    ///
    /// What is wrong with them, with the usage. `--help` counts as wrong.
    pub fn from_command_line() -> Result<Self> {
        Self::parse(Parser::from_env()).context(USAGE)
    }

    /// The options in `arguments`, which do not begin with a program name.
    ///
    /// # Errors
    ///
    /// What is wrong with them.
    pub fn from_arguments<A>(arguments: A) -> Result<Self>
    where
        A: IntoIterator,
        A::Item: Into<OsString>,
        A::IntoIter: 'static,
    {
        Self::parse(Parser::from_args(arguments))
    }

    fn parse(mut parser: Parser) -> Result<Self> {
        let mut component = None;
        let mut options = Self {
            component: PathBuf::new(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            sqlite: None,
            variables: BTreeMap::new(),
            environment: Vec::new(),
            allowed: Vec::new(),
            cache: None,
            compile: false,
        };
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Long("component") => component = Some(parser.value()?.into()),
                Arg::Long("listen") => options.listen = parser.value()?.parse()?,
                Arg::Long("sqlite") => options.sqlite = Some(parser.value()?.into()),
                Arg::Long("variable") => options.variables.extend([pair(&mut parser)?]),
                Arg::Long("env") => options.environment.push(pair(&mut parser)?),
                Arg::Long("allow") => options.allowed.push(parser.value()?.parse()?),
                Arg::Long("cache") => options.cache = Some(parser.value()?.into()),
                Arg::Long("compile") => options.compile = true,
                Arg::Long("help") => bail!("help was asked for"),
                other => return Err(other.unexpected().into()),
            }
        }
        options.component = component.context("--component is missing")?;
        Ok(options)
    }
}

fn pair(parser: &mut Parser) -> Result<(String, String)> {
    let text = parser.value()?.string()?;
    let (key, value) = text.split_once('=').with_context(|| format!("{text}: no `=`"))?;
    Ok((key.into(), value.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_can_be_said() {
        let options = Options::from_arguments([
            "--component=c.wasm",
            "--listen",
            "127.0.0.1:8000",
            "--sqlite",
            "s.db",
            "--variable",
            "a=b=c",
            "--env",
            "X=",
            "--allow",
            "http://127.0.0.1:*",
        ])
        .unwrap();
        assert_eq!(options.listen.port(), 8000);
        assert_eq!(options.variables["a"], "b=c");
        assert_eq!(options.environment, [("X".to_owned(), String::new())]);
        assert_eq!(options.allowed.len(), 1);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for arguments in [vec![], vec!["--component=c", "--env=X"], vec!["--component=c", "extra"]]
        {
            assert!(Options::from_arguments(arguments.clone()).is_err(), "{arguments:?}");
        }
    }
}
