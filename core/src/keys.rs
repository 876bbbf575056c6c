//! API keys: who may call, for whom, and within which budget.
//!
//! A key is `dm_<id>_<secret>`. The id finds the record; of the secret only a SHA-256 digest is kept,
//! and it is compared in constant time. Whoever reads the store learns no key.

use std::{fmt, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{
    Code, Error, Result,
    agent::Mode,
    money::NanoDollars,
    ports::{Commit, Host, Outcome, Page, Record, Records, Timestamp, When, Write, hex},
    rates::Limits,
    tools::Allowed,
};

/// The tenant under which the gateway keeps what belongs to no tenant. Callers' tenants cannot begin
/// with an underscore.
pub(crate) const GATEWAY: &str = "_dormouse";
const KEYS: &str = "keys";
/// The longest name of a tenant, and of a key, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// Who calls. Made by identification alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Who owns the data and pays.
    pub tenant: String,
    /// The id of the key that was shown.
    pub key: String,
    /// The most that calls with this key may cost together.
    pub budget: Option<NanoDollars>,
    /// How much calls with this key may use in a minute.
    pub limits: Limits,
    /// Whose hands act, where neither a request nor its route says it. `None`: as holds for the tenant.
    pub mode: Option<Mode>,
    /// Which of the gateway's tools may be used, of those that the tenant may use. `None`: all of them.
    pub tools: Option<Allowed>,
    /// Whether the caller may make and revoke keys.
    pub admin: bool,
}

/// A key as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Names the key; part of it, and no secret.
    pub id: String,
    /// Who owns the data and pays.
    pub tenant: String,
    /// A label for people.
    #[serde(default)]
    pub name: String,
    /// The most that calls with this key may cost together.
    pub budget: Option<NanoDollars>,
    /// How much calls with this key may use in a minute.
    #[serde(default)]
    pub limits: Limits,
    /// Whose hands act, where neither a request nor its route says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Which of the gateway's tools may be used with it, of those that the tenant may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<Allowed>,
    /// Whether it may make and revoke keys.
    pub admin: bool,
    /// When it was made.
    pub created_at: Timestamp,
    digest: String,
}

impl Key {
    /// The caller that shows this key.
    pub fn caller(&self) -> Caller {
        Caller {
            tenant: self.tenant.clone(),
            key: self.id.clone(),
            budget: self.budget,
            limits: self.limits,
            mode: self.mode,
            tools: self.tools.clone(),
            admin: self.admin,
        }
    }
}

/// What a key is made from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewKey {
    /// Who owns the data and pays: 1 to 64 of `A–Z a–z 0–9 . _ -`, not beginning with `_`.
    pub tenant: String,
    /// A label for people, at most 64 bytes.
    pub name: String,
    /// The most that calls with this key may cost together.
    pub budget: Option<NanoDollars>,
    /// How much calls with this key may use in a minute; each at least 1.
    pub limits: Limits,
    /// Whose hands act, where neither a request nor its route says it.
    pub mode: Option<Mode>,
    /// Which of the gateway's tools may be used with it, of those that the tenant may use.
    pub tools: Option<Allowed>,
    /// Whether it may make and revoke keys.
    pub admin: bool,
}

/// A digest of a secret, compared in constant time.
#[derive(Clone, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The digest of `secret`.
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret).into())
    }

    /// Whether `secret` is the one, in a time that does not depend on how close it comes.
    pub fn matches(&self, secret: &str) -> bool {
        self.0.ct_eq(&Self::of(secret).0).into()
    }

    fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    fn from_text(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(…)")
    }
}

/// The keys of a gateway.
#[derive(Clone, Debug)]
pub struct Keys {
    records: Arc<dyn Records>,
    host: Arc<dyn Host>,
}

impl Keys {
    /// The keys kept in `records`.
    pub fn new(records: Arc<dyn Records>, host: Arc<dyn Host>) -> Self {
        Self { records, host }
    }

    /// Makes a key. The second value is the key itself: it is not kept, so this is the only chance
    /// to see it.
    pub async fn mint(&self, new: NewKey) -> Result<(Key, String)> {
        check_tenant(&new.tenant)?;
        if new.name.len() > MAX_NAME_BYTES {
            return Err(Error::invalid("name", "`name` may have at most 64 bytes"));
        }
        for (field, limit) in
            [("rate_limit_requests", new.limits.requests), ("rate_limit_tokens", new.limits.tokens)]
        {
            if limit == Some(0) {
                return Err(Error::invalid(field, format!("`{field}` must be at least 1")));
            }
        }
        let random = self.host.random();
        let id = hex(random.into_iter().take(6));
        let secret = URL_SAFE_NO_PAD.encode(self.host.random());
        let key = Key {
            id: id.clone(),
            tenant: new.tenant,
            name: new.name,
            budget: new.budget,
            limits: new.limits,
            mode: new.mode,
            tools: new.tools,
            admin: new.admin,
            created_at: self.host.now(),
            digest: Fingerprint::of(&secret).to_text(),
        };
        match self.commit(Write::put_when(KEYS, &id, encode(&key)?, When::Absent)).await? {
            Outcome::Applied(_) => Ok((key, format!("dm_{id}_{secret}"))),
            Outcome::Refused { .. } => {
                Err(Error::new(Code::Conflict, "the new key's id is taken: try again"))
            }
        }
    }

    /// The caller that shows `text`, or `None` if it is no valid key.
    pub async fn verify(&self, text: &str) -> Result<Option<Caller>> {
        let Some((id, secret)) = text.strip_prefix("dm_").and_then(|rest| rest.split_once('_'))
        else {
            return Ok(None);
        };
        let key = self.find(id).await?;
        // An unknown id costs the same comparison as a known one.
        let digest = key.as_ref().and_then(|key| Fingerprint::from_text(&key.digest));
        let known = digest.unwrap_or(Fingerprint([0; 32])).matches(secret);
        Ok(key.filter(|_| known).map(|key| key.caller()))
    }

    /// Reads one key.
    pub async fn get(&self, id: &str) -> Result<Key> {
        self.find(id).await?.ok_or_else(|| Error::new(Code::NotFound, "there is no such key"))
    }

    /// Reads up to `limit` keys by id, those after `after`.
    pub async fn list(&self, after: Option<String>, limit: u32) -> Result<Vec<Key>> {
        let page = Page { after, limit, ..Page::default() };
        let records = self.records.page(GATEWAY, KEYS, page).await?;
        records.iter().map(decode).collect()
    }

    /// Revokes a key, at once and everywhere.
    pub async fn revoke(&self, id: &str) -> Result<()> {
        self.get(id).await?;
        self.commit(Write::delete(KEYS, id)).await.map(|_| ())
    }

    async fn find(&self, id: &str) -> Result<Option<Key>> {
        if id.is_empty() || id.len() > MAX_NAME_BYTES {
            return Ok(None);
        }
        self.records.get(GATEWAY, KEYS, id).await?.as_ref().map(decode).transpose()
    }

    async fn commit(&self, write: Write) -> Result<Outcome> {
        self.records.commit(Commit::new(GATEWAY, vec![write])).await
    }
}

/// Whether `name` can be a tenant's: 1 to 64 of `A–Z a–z 0–9 . _ -`, not beginning with `_`.
pub fn is_tenant(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=MAX_NAME_BYTES).contains(&name.len())
        && !name.starts_with('_')
        && name.bytes().all(allowed)
}

/// Whether `tenant` can be a tenant's name.
///
/// # Errors
///
/// [`Code::InvalidRequest`] if it is none.
pub fn check_tenant(tenant: &str) -> Result<()> {
    if is_tenant(tenant) {
        return Ok(());
    }
    Err(Error::invalid(
        "tenant",
        "`tenant` must be 1 to 64 letters, digits, `.`, `_` or `-`, and not begin with `_`",
    ))
}

fn encode(key: &Key) -> Result<Vec<u8>> {
    serde_json::to_vec(key)
        .map_err(|error| Error::new(Code::Internal, "a key cannot be stored").caused_by(error))
}

fn decode(record: &Record) -> Result<Key> {
    serde_json::from_slice(&record.value)
        .map_err(|error| Error::new(Code::Internal, "a stored key cannot be read").caused_by(error))
}
