//! Who searches the web: how it is chosen.

use super::{Settings, value::Value};
use crate::{Error, Result, tools::SearchEngine};

impl Value for SearchEngine {
    fn parse(text: Option<&str>) -> Result<Self, String> {
        match String::parse(text)?.as_str() {
            "duckduckgo" => Ok(Self::DuckDuckGo),
            "brave" => Ok(Self::Brave),
            url if url.starts_with("http://") || url.starts_with("https://") => {
                url.parse::<http::Uri>().map_err(|_| format!("`{url}` is not a URL"))?;
                Ok(Self::SearXng(url.to_owned()))
            }
            other => Err(format!("`{other}` is neither duckduckgo, brave nor a URL")),
        }
    }
}

pub(super) fn check(settings: &Settings) -> Result<()> {
    const KEY: &str = "DORMOUSE_WEB_SEARCH_KEY";
    if settings.web_search == SearchEngine::Brave && settings.web_search_key.is_none() {
        return Err(Error::invalid(KEY, format!("{KEY} must be set for brave")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn search_engines_are_chosen_by_name_or_url() {
        let engine = |text: &str| SearchEngine::parse(Some(text));
        assert_eq!(engine("brave"), Ok(SearchEngine::Brave));
        let url = "https://search.example.com";
        assert_eq!(engine(url), Ok(SearchEngine::SearXng(url.to_owned())));
        assert!(engine("bing").is_err());
    }

    #[test]
    fn brave_is_not_asked_without_its_key() {
        let settings =
            Settings::read(|name| (name == "DORMOUSE_WEB_SEARCH").then(|| "brave".into()));
        assert_eq!(settings.unwrap_err().param(), Some("DORMOUSE_WEB_SEARCH_KEY"));
    }
}
