//! The key of whoever starts a gateway for the first time.

use dormouse_core::{Result, gateway::Gateway, keys::NewKey};

/// The tenant of that key.
const TENANT: &str = "default";
/// How many keys are looked at at once.
const PAGE: u32 = 1000;

/// With which key the gateway is administered.
#[derive(Debug)]
pub(crate) enum AdminKey {
    /// With the one that the settings fix.
    Fixed,
    /// With one that was shown before.
    Earlier,
    /// With this new one.
    New { id: String, text: String },
}

impl AdminKey {
    /// Makes a key unless the settings fix one or there is one already.
    pub(crate) async fn of(gateway: &Gateway) -> Result<Self> {
        if gateway.settings().api_key.is_some() {
            return Ok(Self::Fixed);
        }
        if exists(gateway).await? {
            return Ok(Self::Earlier);
        }
        let new = NewKey {
            tenant: TENANT.into(),
            name: "made at the first start".into(),
            admin: true,
            ..NewKey::default()
        };
        let (key, text) = gateway.keys().mint(new).await?;
        Ok(Self::New { id: key.id, text })
    }

    /// What the greeting says of it.
    pub(crate) fn line(&self) -> String {
        match self {
            Self::Fixed => "API key: the one in DORMOUSE_API_KEY".into(),
            Self::Earlier => {
                "API key: one that was shown before (or set DORMOUSE_API_KEY to one of your own)"
                    .into()
            }
            Self::New { text, .. } => {
                format!("API key (administrator; shown only this once): {text}")
            }
        }
    }

    /// What stands for it in a line to paste.
    pub(crate) fn for_shell(&self) -> &str {
        match self {
            Self::New { text, .. } => text,
            Self::Fixed | Self::Earlier => "$DORMOUSE_API_KEY",
        }
    }

    /// Takes a new key back that nobody has seen: the next start makes another.
    pub(crate) async fn take_back(&self, gateway: &Gateway) -> Result<()> {
        match self {
            Self::New { id, .. } => gateway.keys().revoke(id).await,
            Self::Fixed | Self::Earlier => Ok(()),
        }
    }
}

async fn exists(gateway: &Gateway) -> Result<bool> {
    let mut after = None;
    loop {
        let keys = gateway.keys().list(after, PAGE).await?;
        if keys.iter().any(|key| key.admin) {
            return Ok(true);
        }
        match keys.into_iter().next_back() {
            Some(last) => after = Some(last.id),
            None => return Ok(false),
        }
    }
}
