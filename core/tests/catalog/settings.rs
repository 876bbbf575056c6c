//! The catalog of a gateway that has only settings.

use dormouse_core::{
    Code,
    catalog::{Api, AuthStyle, Catalog},
    money::NanoDollars,
    settings::Settings,
};

fn of(pairs: &[(&str, &str)]) -> dormouse_core::Result<Catalog> {
    let find = |name: &str| pairs.iter().find(|(key, _)| *key == name);
    let settings = Settings::read(|name| find(name).map(|(_, value)| (*value).to_owned()));
    Catalog::of_settings(&settings.unwrap())
}

#[test]
fn the_upstream_is_a_provider_that_takes_every_name() {
    let catalog = of(&[
        ("DORMOUSE_UPSTREAM", "https://u/v1/"),
        ("DORMOUSE_UPSTREAM_API_KEY", "sk-1"),
        ("DORMOUSE_UPSTREAM_AUTH", "x-api-key"),
        ("DORMOUSE_UPSTREAM_HEADERS", r#"{"x-org": "org-secret"}"#),
        ("DORMOUSE_DEFAULT_MODEL", "usual"),
        ("DORMOUSE_PRICES", r#"{"m": {"input": 1, "output": 2}, "*": {"input": 3, "output": 4}}"#),
    ]);
    let catalog = catalog.unwrap();
    let provider = &catalog.providers()[0];
    assert_eq!((provider.name.as_str(), provider.api), ("upstream", Api::OpenAi));
    assert_eq!((provider.base_url.as_str(), provider.auth), ("https://u/v1", AuthStyle::XApiKey));
    assert_eq!(provider.credentials[0].secret.expose(), "sk-1");
    assert_eq!(provider.headers.0.len(), 1);
    for (asked, sent, dollars) in [
        ("m", "m", 1),
        ("upstream/m", "upstream/m", 3),
        ("org/model", "org/model", 3),
        ("", "usual", 3),
    ] {
        let resolved = catalog.resolve(asked, None).unwrap();
        let model = &resolved.candidates[0].model;
        assert_eq!((model.upstream_model.as_str(), model.place.name()), (sent, "upstream"));
        assert_eq!(model.facts.price.unwrap().input, NanoDollars(dollars * 1_000_000_000));
    }
    assert_eq!(catalog.on_machine("m").facts.price.unwrap().output, NanoDollars(2_000_000_000));
}

#[test]
fn without_an_upstream_no_name_resolves() {
    let catalog = of(&[]).unwrap();
    assert!(catalog.providers().is_empty());
    assert_eq!(catalog.resolve("m", None).unwrap_err().code(), Code::ModelNotFound);
}

#[test]
fn an_upstream_that_cannot_be_called_names_its_setting() {
    for url in ["http://user:pass@u/v1", "http://u/v1?key=1", "http://u/#a", "http://"] {
        let error = of(&[("DORMOUSE_UPSTREAM", url)]).unwrap_err();
        assert_eq!(error.param(), Some("DORMOUSE_UPSTREAM"), "{url}");
        assert!(!error.message().contains("pass@"), "{error}");
    }
    let key = [("DORMOUSE_UPSTREAM", "http://u"), ("DORMOUSE_UPSTREAM_API_KEY", "a\nb")];
    assert_eq!(of(&key).unwrap_err().param(), Some("DORMOUSE_UPSTREAM_API_KEY"));
}
