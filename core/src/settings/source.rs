//! Where the catalog and the agents are written, and which settings say the same and so may not stand beside it.

use super::{
    Settings,
    value::{Prices, Secret, Value},
};
use crate::{Error, Result, catalog::Api, ports::EmbeddedModel};

/// Where a catalog is, or agents are. `Debug` does not show its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CatalogSource {
    /// In the file of this path; agents, perhaps in the files of this folder.
    File(String),
    /// Here: this is the YAML. Kept from being printed, as it may hold credentials.
    Text(Secret),
}

impl CatalogSource {
    /// What messages call a catalog: the path, or the setting that holds it.
    pub fn name(&self) -> &str {
        match self {
            Self::File(path) => path,
            Self::Text(_) => "DORMOUSE_CONFIG",
        }
    }
}

impl Value for CatalogSource {
    fn parse(text: Option<&str>) -> Result<Self, String> {
        let text = text.ok_or("a value is required")?;
        if text.contains('\n') {
            Ok(Self::Text(Secret::new(text)))
        } else {
            Ok(Self::File(text.trim().to_owned()))
        }
    }

    // The line breaks and the indentation of YAML mean something.
    fn trimmed(text: &str) -> &str {
        text
    }
}

/// Refuses an upstream that is none, and what a catalog says better, as which of both would count nobody could tell.
pub(super) fn check(settings: &Settings) -> Result<()> {
    settings.upstream.as_ref().map_or(Ok(()), |url| check_upstream(url, settings.upstream_api))?;
    if settings.config.is_none() {
        return Ok(());
    }
    let given = [
        ("DORMOUSE_UPSTREAM", settings.upstream.is_some(), "list it under `providers`"),
        (
            "DORMOUSE_UPSTREAM_API_KEY",
            settings.upstream_api_key.is_some(),
            "list it under the provider's `credentials`",
        ),
        (
            "DORMOUSE_UPSTREAM_API",
            settings.upstream_api != Api::default(),
            "set the provider's `api`",
        ),
        ("DORMOUSE_UPSTREAM_AUTH", settings.upstream_auth.is_some(), "set the provider's `auth`"),
        (
            "DORMOUSE_UPSTREAM_HEADERS",
            !settings.upstream_headers.0.is_empty(),
            "set the provider's `headers`",
        ),
        (
            "DORMOUSE_DEFAULT_MODEL",
            settings.default_model.is_some(),
            "set `default_model` in the catalog",
        ),
        (
            "DORMOUSE_PRICES",
            settings.prices != Prices::default(),
            "set each model's `price` in the catalog",
        ),
    ];
    let Some((name, _, instead)) = given.into_iter().find(|(_, given, _)| *given) else {
        return Ok(());
    };
    let message = format!(
        "{name} may not be set beside DORMOUSE_CONFIG, whose catalog says the same: {instead}, or leave one of them out"
    );
    Err(Error::invalid(name, message))
}

fn check_upstream(url: &str, api: Api) -> Result<()> {
    let wrong = |name: &str, why: &str| Err(Error::invalid(name, format!("{name} {why}")));
    if EmbeddedModel::written(url).is_some() {
        return match api {
            Api::OpenAi => Ok(()),
            _ => wrong("DORMOUSE_UPSTREAM_API", "must be openai, which a model in process speaks"),
        };
    }
    if !url.starts_with("http://") && !url.starts_with("https://") {
        let why = "must begin with http:// or https://, or with embedded: for a model in process";
        return wrong("DORMOUSE_UPSTREAM", why);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings> {
        let find = |name: &str| pairs.iter().find(|(key, _)| *key == name);
        Settings::read(|name| find(name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn an_upstream_is_a_url_or_a_model_in_process_which_speaks_openai() {
        let named =
            |pairs: &[(&str, &str)]| read(pairs).map_err(|error| error.param().map(str::to_owned));
        for url in ["http://h/v1", "https://h/v1", "embedded:nano", "embedded:/m/x.gguf"] {
            assert!(named(&[("DORMOUSE_UPSTREAM", url)]).is_ok(), "{url}");
        }
        for url in ["h/v1", "ftp://h", "embedded:", "embedded://6e"] {
            let wrong = named(&[("DORMOUSE_UPSTREAM", url)]).map(drop);
            assert_eq!(wrong, Err(Some("DORMOUSE_UPSTREAM".into())), "{url}");
        }
        let ollama = ("DORMOUSE_UPSTREAM_API", "ollama");
        let wrong = named(&[("DORMOUSE_UPSTREAM", "embedded:nano"), ollama]).map(drop);
        assert_eq!(wrong, Err(Some("DORMOUSE_UPSTREAM_API".into())));
    }

    #[test]
    fn a_value_with_a_line_break_is_the_catalog_itself() {
        let source = |text| read(&[("DORMOUSE_CONFIG", text)]).unwrap().config.unwrap();
        assert_eq!(source(" catalog.yaml "), CatalogSource::File("catalog.yaml".into()));
        for text in ["\nmodels: [{name: a}]", "  models:\n  - name: a"] {
            assert_eq!(source(text), CatalogSource::Text(Secret::new(text)));
        }
    }

    #[test]
    fn what_the_catalog_says_may_not_be_said_beside_it() {
        for (name, value) in [
            ("DORMOUSE_UPSTREAM", "http://127.0.0.1:1/v1"),
            ("DORMOUSE_UPSTREAM_API_KEY", "sk-1"),
            ("DORMOUSE_UPSTREAM_AUTH", "x-api-key"),
            ("DORMOUSE_UPSTREAM_HEADERS", r#"{"a": "b"}"#),
            ("DORMOUSE_DEFAULT_MODEL", "m"),
            ("DORMOUSE_PRICES", r#"{"m": {"input": 1, "output": 1}}"#),
        ] {
            read(&[(name, value)]).unwrap();
            let error = read(&[(name, value), ("DORMOUSE_CONFIG", "a.yaml")]).unwrap_err();
            assert_eq!(error.param(), Some(name));
            assert!(error.message().contains("DORMOUSE_CONFIG"), "{error}");
        }
    }

    #[test]
    fn the_text_of_a_catalog_is_not_printed() {
        let settings = read(&[("DORMOUSE_CONFIG", "\nsecret: hunter2")]).unwrap();
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}
