//! Thoughts on their way through a caller.
//!
//! A provider signs or encrypts its model's thoughts and wants them back unchanged. A caller that speaks
//! another dialect has a place for one opaque text, and no more. So everything that must come back is
//! sealed into that text: nobody else can read or change it, and no other tenant can use it.
//!
//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03), with the tenant as associated data. The nonce is a keyed
//! digest of what is sealed, as in SIV modes (RFC 5297): the same thoughts give the same text, so that
//! prompts stay as they are and are found in providers' caches.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    Code, Error, Result,
    chat::Signature,
    keys::GATEWAY,
    ports::{Commit, Host, Outcome, Records, When, Write},
    settings::Secret,
};

/// What sealed texts begin with.
const PREFIX: &str = "dm-sealed-1.";
/// How long a nonce is, in bytes.
const NONCE: usize = 24;
const SECRETS: &str = "secrets";
const KEY: &str = "seal";

/// What a provider must get back as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thoughts {
    /// The thoughts as text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// The provider's proof that it wrote them, if it gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    /// There is only the proof.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub redacted: bool,
}

/// A key that seals and opens.
#[derive(Clone, PartialEq, Eq)]
pub struct Seal {
    encrypts: [u8; 32],
    names: [u8; 32],
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(…)")
    }
}

impl Seal {
    /// The key that is made from `secret`: at least 32 bytes that nobody can guess.
    pub fn from_secret(secret: &[u8]) -> Self {
        let derived = |purpose: &[u8]| -> [u8; 32] {
            Sha256::new().chain_update(purpose).chain_update(secret).finalize().into()
        };
        Self {
            encrypts: derived(b"dormouse seal: encrypt "),
            names: derived(b"dormouse seal: nonce "),
        }
    }

    /// Seals `thoughts` for `tenant`.
    ///
    /// # Errors
    ///
    /// [`Code::Internal`] if they cannot be written down.
    pub fn seal(&self, tenant: &str, thoughts: &Thoughts) -> Result<String> {
        let plain = serde_json::to_vec(thoughts).map_err(|error| broken().caused_by(error))?;
        let nonce = self.nonce(tenant, &plain);
        let payload = Payload { msg: &plain, aad: tenant.as_bytes() };
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), payload).map_err(|_| broken())?;
        let mut bytes = nonce.to_vec();
        bytes.extend_from_slice(&sealed);
        Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Opens what was sealed for `tenant`. `None`: it was changed, or sealed for another or with another
    /// key.
    pub fn open(&self, tenant: &str, text: &str) -> Option<Thoughts> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE)?;
        let nonce: [u8; NONCE] = nonce.try_into().ok()?;
        let payload = Payload { msg: sealed, aad: tenant.as_bytes() };
        let plain = self.cipher().decrypt(&XNonce::from(nonce), payload).ok()?;
        serde_json::from_slice(&plain).ok()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.encrypts.into())
    }

    /// A keyed digest, in the manner of HMAC: no one without the key can tell which thoughts it stands for.
    fn nonce(&self, tenant: &str, plain: &[u8]) -> [u8; NONCE] {
        let length = u64::try_from(tenant.len()).unwrap_or(u64::MAX);
        let inner = Sha256::new()
            .chain_update(self.names)
            .chain_update(length.to_be_bytes())
            .chain_update(tenant)
            .chain_update(plain)
            .finalize();
        let outer = Sha256::new().chain_update(self.names).chain_update(inner).finalize();
        let mut nonce = [0; NONCE];
        nonce.iter_mut().zip(outer).for_each(|(to, from)| *to = from);
        nonce
    }
}

/// Whether a text was sealed by some gateway.
pub fn is_sealed(text: &str) -> bool {
    text.starts_with(PREFIX)
}

/// The seal of a gateway: the operator's, or one that is made once for each store, so that all gateways of
/// the store have the same.
#[derive(Clone, Debug)]
pub struct Seals {
    records: Arc<dyn Records>,
    host: Arc<dyn Host>,
    known: Arc<OnceLock<Seal>>,
}

impl Seals {
    /// The seal that `secret` gives, or else the one of the store.
    pub fn new(records: Arc<dyn Records>, host: Arc<dyn Host>, secret: Option<&Secret>) -> Self {
        let known = OnceLock::new();
        if let Some(secret) = secret {
            known.get_or_init(|| Seal::from_secret(secret.expose().as_bytes()));
        }
        Self { records, host, known: Arc::new(known) }
    }

    /// The seal. Only the first call may have to ask the store.
    ///
    /// # Errors
    ///
    /// [`Code::StoreUnavailable`] if the store must be asked and is not there.
    pub async fn get(&self) -> Result<Seal> {
        if let Some(seal) = self.known.get() {
            return Ok(seal.clone());
        }
        let secret = match self.records.get(GATEWAY, SECRETS, KEY).await? {
            Some(record) => record.value,
            None => self.make().await?,
        };
        Ok(self.known.get_or_init(|| Seal::from_secret(&secret)).clone())
    }

    /// Makes a secret. Of several gateways that try at once, the first one's counts.
    async fn make(&self) -> Result<bytes::Bytes> {
        let secret = self.host.random().to_vec();
        let write = Write::put_when(SECRETS, KEY, secret.clone(), When::Absent);
        match self.records.commit(Commit::new(GATEWAY, vec![write])).await? {
            Outcome::Applied(_) => Ok(secret.into()),
            Outcome::Refused { .. } => {
                let there = self.records.get(GATEWAY, SECRETS, KEY).await?;
                there.map(|record| record.value).ok_or_else(broken)
            }
        }
    }
}

fn broken() -> Error {
    Error::new(Code::Internal, "thoughts cannot be sealed")
}
