//! Settings from Spin variables, and from the component's environment.

use std::{collections::BTreeMap, env};

use dormouse_core::{
    Code, Error, Result,
    settings::{SETTINGS, Settings},
};
use spin_sdk::variables;

/// The slots of an instance that is not told how many it has: as many requests as Spin ever sends to
/// one. Spin starts further instances when one is busy; a gateway in it that answered 429 first would
/// only get in the way.
const WORKERS: u32 = 128;

/// How long a streamed request waits for its headers, if nothing is said. A client that leaves before is
/// noticed only then, and within a second it should be.
const HEADERS_WITHIN: (&str, &str) = ("DORMOUSE_HEADERS_WITHIN", "500ms");

/// Reads every setting.
pub(crate) async fn read() -> Result<Settings> {
    let (name, value) = HEADERS_WITHIN;
    let mut given = BTreeMap::from([(name.to_owned(), value.to_owned())]);
    for setting in SETTINGS {
        let name = setting.variable();
        let value = look_up(&name).await?;
        given.extend(value.map(|value| (name, value)));
    }
    let mut settings = Settings::read(|name| given.get(name).cloned())?;
    settings.workers = settings.workers.or(Some(WORKERS));
    Ok(settings)
}

/// What `name` stands for: first the variable of that name in lower case (`dormouse_upstream`), which
/// the manifest must declare, then the environment (`DORMOUSE_UPSTREAM`).
pub(crate) async fn look_up(name: &str) -> Result<Option<String>> {
    match variables::get(name.to_lowercase()).await {
        Ok(value) if !value.trim().is_empty() => Ok(Some(value)),
        // A name that no variable can have may still be one of the environment.
        Ok(_) | Err(variables::Error::Undefined(_) | variables::Error::InvalidName(_)) => {
            Ok(env::var(name).ok())
        }
        Err(error) => Err(Error::new(Code::Internal, "a Spin variable cannot be read")
            .at(name)
            .caused_by(error)),
    }
}
