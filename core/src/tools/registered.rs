//! HTTP tools that tenants register, kept with their other things.
//!
//! | collection      | id              | holds                                    |
//! |-----------------|-----------------|------------------------------------------|
//! | `tools`         | the tool's name | a [`NewTool`], and when it was registered |
//! | `tools.usage`   | `total`         | the counter `tools`                      |

use std::{fmt, sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue, Method};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Fixed, HttpTool, Tool, UrlTemplate,
    remote::{METHODS, Remote, fields_that_may_be_missing, is_tool_name},
    web::Target,
};
use crate::{
    Code, Error, Result, chat,
    ports::{
        Commit, Host, HttpClient, Outcome, Page, Record, Records, Refusal, Timestamp, When, Write,
    },
    settings::{self, Headers},
};

const COLLECTION: &str = "tools";
const USAGE: &str = "tools.usage";
const TOTAL: &str = "total";
const TOOLS: &str = "tools";
/// The most tools of a tenant.
const MAX_TOOLS: u32 = 64;
/// The longest description, in bytes.
const MAX_DESCRIPTION: usize = 4096;
/// The largest tool, in bytes as it is kept.
const MAX_BYTES: usize = 64 << 10;
/// The longest that a tenant's tool may ask for.
const MAX_TIMEOUT: Duration = Duration::from_secs(300);
/// Headers that are not a tool's to say.
const OWN: [&str; 7] = [
    "connection",
    "content-length",
    "content-type",
    "host",
    "idempotency-key",
    "te",
    "transfer-encoding",
];

/// A tool as a tenant describes it. `Debug` shows no values of headers.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTool {
    /// 1 to 64 letters, digits, `_` and `-`.
    pub name: String,
    /// What it does, for models to read: at most 4096 bytes.
    pub description: String,
    /// JSON Schema of its input, which is an object.
    pub input_schema: Value,
    /// GET, POST, PUT, PATCH or DELETE. Default: POST.
    #[serde(default = "post")]
    pub method: String,
    /// Where it is called; `{field}` stands for a field of the input.
    pub url: String,
    /// Headers of every call. Their values are kept secret.
    #[serde(default)]
    pub headers: IndexMap<String, String>,
    /// The longest a call may take (`"10s"`), at most five minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
}

fn post() -> String {
    Method::POST.to_string()
}

impl fmt::Debug for NewTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<_> = self.headers.keys().collect();
        f.debug_struct("NewTool")
            .field("name", &self.name)
            .field("headers", &headers)
            .finish_non_exhaustive()
    }
}

/// A tool that is registered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegisteredTool {
    /// What its tenant said.
    pub tool: NewTool,
    /// When.
    pub created_at: Timestamp,
}

/// The tools that tenants have registered.
#[derive(Clone, Debug)]
pub struct RegisteredTools {
    records: Arc<dyn Records>,
    host: Arc<dyn Host>,
    web: Option<Arc<dyn HttpClient>>,
}

impl RegisteredTools {
    /// Those in `records`, called over `web`, which reaches no private address.
    pub fn new(
        records: Arc<dyn Records>,
        host: Arc<dyn Host>,
        web: Option<Arc<dyn HttpClient>>,
    ) -> Self {
        Self { records, host, web }
    }

    /// Registers a tool of `tenant`.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidRequest`] that names the field at fault; [`Code::Conflict`] if the name is taken;
    /// [`Code::OverQuota`] if there are too many; [`Code::StoreUnavailable`].
    pub async fn register(&self, tenant: &str, new: NewTool) -> Result<RegisteredTool> {
        build(&new)?;
        if self.web.is_none() {
            let message = "this gateway calls no addresses that tenants choose";
            return Err(Error::new(Code::Forbidden, message).at("url"));
        }
        let registered = RegisteredTool { tool: new, created_at: self.host.now() };
        let value = serde_json::to_vec(&registered).map_err(unreadable)?;
        if value.len() > MAX_BYTES {
            let message = format!("a tool may have at most {MAX_BYTES} bytes");
            return Err(Error::invalid("input_schema", message));
        }
        let name = &registered.tool.name;
        let writes = vec![
            Write::put_when(COLLECTION, name, value, When::Absent),
            Write::add_within(USAGE, TOTAL, [(TOOLS, 1)], (TOOLS, MAX_TOOLS.into())),
        ];
        match self.records.commit(Commit::new(tenant, writes)).await? {
            Outcome::Applied(_) => Ok(registered),
            Outcome::Refused { why: Refusal::Ceiling, .. } => {
                let message = format!("a tenant may register at most {MAX_TOOLS} tools");
                Err(Error::new(Code::OverQuota, message))
            }
            Outcome::Refused { why: Refusal::Condition, .. } => Err(taken(name)),
        }
    }

    /// The tools of `tenant`, by name.
    ///
    /// # Errors
    ///
    /// [`Code::StoreUnavailable`] if the store is not there.
    pub async fn list(&self, tenant: &str) -> Result<Vec<RegisteredTool>> {
        let page = Page { limit: MAX_TOOLS, ..Page::default() };
        self.records.page(tenant, COLLECTION, page).await?.iter().map(read).collect()
    }

    /// One tool of `tenant`.
    ///
    /// # Errors
    ///
    /// [`Code::NotFound`] if there is none of this name, [`Code::StoreUnavailable`].
    pub async fn get(&self, tenant: &str, name: &str) -> Result<RegisteredTool> {
        if !is_tool_name(name) {
            return Err(missing(name));
        }
        let record = self.records.get(tenant, COLLECTION, name).await?;
        read(&record.ok_or_else(|| missing(name))?)
    }

    /// Forgets a tool of `tenant`.
    ///
    /// # Errors
    ///
    /// As those of [`get`](Self::get).
    pub async fn delete(&self, tenant: &str, name: &str) -> Result<()> {
        if !is_tool_name(name) {
            return Err(missing(name));
        }
        let record =
            self.records.get(tenant, COLLECTION, name).await?.ok_or_else(|| missing(name))?;
        let writes = vec![
            Write::delete_when(COLLECTION, name, When::Version(record.version)),
            Write::add(USAGE, TOTAL, [(TOOLS, -1)]),
        ];
        match self.records.commit(Commit::new(tenant, writes)).await? {
            Outcome::Applied(_) => Ok(()),
            // Somebody else deleted it first.
            Outcome::Refused { .. } => Err(missing(name)),
        }
    }

    /// What can be called of the tools of `tenant`. What an earlier version took and this one does not is
    /// left out.
    ///
    /// # Errors
    ///
    /// [`Code::StoreUnavailable`] if the store is not there.
    pub async fn toolbox(&self, tenant: &str) -> Result<Fixed> {
        let Some(web) = &self.web else { return Ok(Fixed::default()) };
        let registered = self.list(tenant).await?;
        let tool = |it: &RegisteredTool| match build(&it.tool) {
            Ok(tool) => Some(Arc::new(Remote::guarded(tool, Arc::clone(web))) as Arc<dyn Tool>),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(tool = it.tool.name, error, "a registered tool is left out");
                None
            }
        };
        Ok(Fixed(registered.iter().filter_map(tool).collect()))
    }
}

/// Looks at what a tenant says of a tool.
fn build(new: &NewTool) -> Result<HttpTool> {
    let wrong = |field: &str, why: String| Error::invalid(field, format!("`{field}` {why}"));
    if !is_tool_name(&new.name) {
        return Err(wrong("name", "must be 1 to 64 letters, digits, `_` or `-`".to_owned()));
    }
    if new.description.is_empty() || new.description.len() > MAX_DESCRIPTION {
        return Err(wrong("description", format!("must have 1 to {MAX_DESCRIPTION} bytes")));
    }
    if new.input_schema.get("type") != Some(&Value::from("object")) {
        return Err(wrong("input_schema", "must be a JSON Schema of type object".to_owned()));
    }
    let method = METHODS.into_iter().find(|method| method.as_str() == new.method);
    let method =
        method.ok_or_else(|| wrong("method", "must be GET, POST, PUT, PATCH or DELETE".into()))?;
    let url = UrlTemplate::parse(&new.url).map_err(|why| wrong("url", why))?;
    // Filled with anything, it leads to the same host.
    Target::parse(&new.url.replace(['{', '}'], "")).map_err(|why| wrong("url", why))?;
    if let Some(field) = fields_that_may_be_missing(&url, &new.input_schema) {
        return Err(wrong(
            "url",
            format!("has `{{{field}}}`, which `input_schema` does not require"),
        ));
    }
    let timeout = new.timeout.as_deref().map(settings::duration).transpose();
    let timeout = timeout.ok().filter(|it| it.is_none_or(|it| !it.is_zero() && it <= MAX_TIMEOUT));
    let timeout = timeout
        .ok_or_else(|| wrong("timeout", "must be a time such as \"10s\", at most \"5m\"".into()))?;
    let definition = chat::Tool {
        name: new.name.clone(),
        description: Some(new.description.clone()),
        input_schema: Some(new.input_schema.clone()),
        ..chat::Tool::default()
    };
    Ok(HttpTool { definition, method, url, headers: headers(&new.headers)?, timeout })
}

fn headers(said: &IndexMap<String, String>) -> Result<Headers> {
    let header = |(name, value): (&String, &String)| {
        let field = format!("headers.{name}");
        let wrong = |why: &str| Error::invalid(field.clone(), format!("`{field}` {why}"));
        let name: HeaderName = name.parse().map_err(|_| wrong("is not the name of a header"))?;
        if OWN.contains(&name.as_str()) {
            return Err(wrong("is set by the gateway itself"));
        }
        let mut value: HeaderValue =
            value.parse().map_err(|_| wrong("cannot be sent in a header"))?;
        value.set_sensitive(true);
        Ok((name, value))
    };
    said.iter().map(header).collect::<Result<_>>().map(Headers)
}

fn taken(name: &str) -> Error {
    Error::new(Code::Conflict, format!("there is a tool `{name}` already")).at("name")
}

fn missing(name: &str) -> Error {
    let shown: String = name.chars().take(64).collect();
    Error::new(Code::NotFound, format!("there is no registered tool `{shown}`"))
}

fn read(record: &Record) -> Result<RegisteredTool> {
    serde_json::from_slice(&record.value).map_err(unreadable)
}

fn unreadable(error: serde_json::Error) -> Error {
    Error::new(Code::Internal, "a registered tool cannot be read or written").caused_by(error)
}
