//! What holds the programs that tools run: how it is chosen.

use super::{Settings, value::Value};
use crate::{Error, Result, ports::Limits};

/// The shortest key between a gateway and a sandbox elsewhere, in characters.
const SHORTEST_KEY: usize = 16;

/// What holds programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SandboxMode {
    /// All means that the machine has, as long as they keep files, network and processes out of reach.
    Auto,
    /// All means there are.
    Require,
    /// Whatever the machine has, even if it is nothing.
    Warn,
    /// gVisor: the name or the path of its `runsc`.
    Gvisor(String),
    /// A sandbox elsewhere, at this URL.
    Remote(String),
    /// No program is run.
    Off,
}

impl Value for SandboxMode {
    fn parse(text: Option<&str>) -> Result<Self, String> {
        let text = String::parse(text)?;
        match text.as_str() {
            "auto" => Ok(Self::Auto),
            "require" => Ok(Self::Require),
            "warn" => Ok(Self::Warn),
            "off" => Ok(Self::Off),
            url if url.starts_with("http://") || url.starts_with("https://") => {
                let uri: Result<http::Uri, _> = url.parse();
                uri.map_err(|error| format!("`{url}` is not a URL: {error}"))?;
                Ok(Self::Remote(url.trim_end_matches('/').to_owned()))
            }
            path if path == "runsc" || path.ends_with("/runsc") => Ok(Self::Gvisor(text)),
            _ => Err(format!(
                "`{text}` is not one of auto, require, warn, runsc, off, nor the path of a runsc, nor an http:// or https:// URL"
            )),
        }
    }
}

impl Settings {
    /// What a program may use, as far as the operator says it.
    pub fn sandbox_limits(&self) -> Limits {
        let bytes = |size: super::Size| u64::try_from(size.0).unwrap_or(u64::MAX);
        Limits {
            memory: bytes(self.sandbox_memory),
            processes: self.sandbox_processes,
            disk: bytes(self.sandbox_disk),
            ..Limits::default()
        }
    }
}

pub(super) fn check(settings: &Settings) -> Result<()> {
    const KEY: &str = "DORMOUSE_SANDBOX_KEY";
    match &settings.sandbox_key {
        Some(key) if key.expose().len() < SHORTEST_KEY => {
            Err(Error::invalid(KEY, format!("{KEY} must have at least {SHORTEST_KEY} characters")))
        }
        None if matches!(settings.sandbox, SandboxMode::Remote(_)) => Err(Error::invalid(
            KEY,
            format!("{KEY} must be set: the sandbox at DORMOUSE_SANDBOX takes nobody without it"),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(text: &str) -> Result<SandboxMode, String> {
        SandboxMode::parse(Some(text))
    }

    #[test]
    fn a_sandbox_is_a_word_a_program_or_a_url() {
        assert_eq!(mode("auto"), Ok(SandboxMode::Auto));
        assert_eq!(mode("/opt/runsc"), Ok(SandboxMode::Gvisor("/opt/runsc".into())));
        assert_eq!(
            mode("https://box.example:8443/"),
            Ok(SandboxMode::Remote("https://box.example:8443".into()))
        );
        for wrong in ["on", "docker", "http://", "ftp://box", "runsc2"] {
            assert!(mode(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_sandbox_elsewhere_needs_a_key() {
        let read = |key: &'static str| {
            Settings::read(move |name| match name {
                "DORMOUSE_SANDBOX" => Some("http://127.0.0.1:1".to_owned()),
                "DORMOUSE_SANDBOX_KEY" => Some(key.to_owned()),
                _ => None,
            })
        };
        assert_eq!(read("").unwrap_err().param(), Some("DORMOUSE_SANDBOX_KEY"));
        assert_eq!(read("short").unwrap_err().param(), Some("DORMOUSE_SANDBOX_KEY"));
        assert!(read("long enough to be one").is_ok());
    }
}
