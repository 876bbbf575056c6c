//! A sandbox at a URL.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use http::{
    HeaderValue, Request, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE},
};

use super::wire::{self, Call, LARGEST, MEDIA_TYPE, PATH, Reply};
use crate::{
    Code, Error, Result,
    inference::Deadline,
    ports::{
        ByteStream, Confinement, File, Host, HttpClient, Limits, Program, Ran, Sandbox, Workspace,
    },
    settings::{SandboxMode, Secret, Settings},
};

/// How long a call may take beside what a program is given: its way, its wait for a place, its files.
const PATIENCE: Duration = Duration::from_secs(60);

/// When a sandbox that has too many calls may have fewer.
const PAUSE: Duration = Duration::from_secs(1);

/// The sandbox of a `dormouse sandbox serve`. Leaving a call ends its program there.
pub struct RemoteSandbox {
    http: Arc<dyn HttpClient>,
    host: Arc<dyn Host>,
    url: String,
    key: HeaderValue,
}

impl RemoteSandbox {
    /// The sandbox at `url`, which has no slash at its end, and takes callers with this key.
    ///
    /// # Errors
    /// [`InvalidRequest`](Code::InvalidRequest): the key has characters that no header may have.
    pub fn new(
        http: Arc<dyn HttpClient>,
        host: Arc<dyn Host>,
        url: &str,
        key: &Secret,
    ) -> Result<Self> {
        let bearer = HeaderValue::try_from(format!("Bearer {}", key.expose()));
        let mut key = bearer.map_err(|_| {
            let name = "DORMOUSE_SANDBOX_KEY";
            Error::invalid(name, format!("{name} has characters that cannot be sent"))
        })?;
        key.set_sensitive(true);
        Ok(Self { http, host, url: format!("{url}{PATH}"), key })
    }

    /// The sandbox of a gateway on a host that runs no programs itself: the one that its settings name, if
    /// they name one.
    ///
    /// # Errors
    /// [`InvalidRequest`](Code::InvalidRequest): the settings insist on one on the host.
    pub fn of(
        settings: &Settings,
        http: impl FnOnce() -> Arc<dyn HttpClient>,
        host: &Arc<dyn Host>,
    ) -> Result<Option<Arc<dyn Sandbox>>> {
        match (&settings.sandbox, &settings.sandbox_key) {
            (SandboxMode::Remote(url), Some(key)) => {
                Ok(Some(Arc::new(Self::new(http(), Arc::clone(host), url, key)?)))
            }
            (SandboxMode::Auto | SandboxMode::Off | SandboxMode::Remote(_), _) => Ok(None),
            (SandboxMode::Require | SandboxMode::Warn | SandboxMode::Gvisor(_), _) => {
                let name = "DORMOUSE_SANDBOX";
                let why = "must be the URL of a sandbox elsewhere: this host runs no programs";
                Err(Error::invalid(name, format!("{name} {why}")))
            }
        }
    }

    /// One call and its reply, at most `time` later than what is usual.
    async fn call(&self, call: &Call, content: &[u8], time: Duration) -> Result<(Reply, Bytes)> {
        let request = Request::post(&self.url)
            .header(AUTHORIZATION, &self.key)
            .header(CONTENT_TYPE, MEDIA_TYPE)
            .body(wire::encode(call, content)?)
            .map_err(|error| unreachable("its URL cannot be called").caused_by(error))?;
        let patience = time.saturating_add(PATIENCE);
        let deadline = Deadline::after(Arc::clone(&self.host), patience);
        let body = deadline.within(patience, self.exchange(request)).await;
        let body = body.unwrap_or_else(|| Err(unreachable("it did not answer in time")))?;
        let (reply, content) = wire::decode::<Reply>(body)
            .map_err(|error| unreachable("its answer cannot be read").caused_by(error))?;
        Ok((reply.into_result()?, content))
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Bytes> {
        let sent = self.http.send(request).await;
        let response =
            sent.map_err(|error| unreachable("it cannot be reached").caused_by(error))?;
        match response.status() {
            StatusCode::OK => collect(response.into_body()).await,
            StatusCode::UNAUTHORIZED => {
                Err(unreachable("it does not know this gateway's DORMOUSE_SANDBOX_KEY"))
            }
            StatusCode::TOO_MANY_REQUESTS => {
                let error = Error::new(Code::Busy, "the sandbox has too many calls");
                Err(error.retry_after(PAUSE))
            }
            StatusCode::PAYLOAD_TOO_LARGE => {
                Err(Error::new(Code::BodyTooLarge, "the sandbox takes only smaller files"))
            }
            status => Err(unreachable(&format!("it answered {status}"))),
        }
    }

    async fn done(&self, call: &Call, content: &[u8]) -> Result<()> {
        match self.call(call, content, Duration::ZERO).await?.0 {
            Reply::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }
}

async fn collect(mut body: ByteStream) -> Result<Bytes> {
    let mut whole = BytesMut::new();
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| unreachable("its answer broke off").caused_by(error))?;
        if whole.len().saturating_add(piece.len()) > LARGEST {
            return Err(unreachable("its answer is too large"));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

#[async_trait]
impl Sandbox for RemoteSandbox {
    async fn confinement(&self) -> Result<Confinement> {
        match self.call(&Call::Confinement, &[], Duration::ZERO).await?.0 {
            Reply::Confinement(confinement) => Ok(confinement),
            other => Err(unexpected(&other)),
        }
    }

    async fn run(&self, workspace: &Workspace, program: &Program, limits: &Limits) -> Result<Ran> {
        let call = Call::Run {
            workspace: workspace.clone(),
            command: program.command.clone(),
            limits: limits.clone(),
        };
        let (reply, content) = self.call(&call, &program.stdin, limits.time).await?;
        let said = unexpected(&reply);
        reply.into_ran(content).ok_or(said)
    }

    async fn read(&self, workspace: &Workspace, path: &str) -> Result<Option<Bytes>> {
        let call = Call::Read { workspace: workspace.clone(), path: path.to_owned() };
        match self.call(&call, &[], Duration::ZERO).await? {
            (Reply::Content, content) => Ok(Some(content)),
            (Reply::Absent, _) => Ok(None),
            (other, _) => Err(unexpected(&other)),
        }
    }

    async fn write(&self, workspace: &Workspace, path: &str, content: Bytes) -> Result<()> {
        let call = Call::Write { workspace: workspace.clone(), path: path.to_owned() };
        self.done(&call, &content).await
    }

    async fn list(&self, workspace: &Workspace, path: &str) -> Result<Vec<File>> {
        let call = Call::List { workspace: workspace.clone(), path: path.to_owned() };
        match self.call(&call, &[], Duration::ZERO).await?.0 {
            Reply::Files { files } => Ok(files),
            other => Err(unexpected(&other)),
        }
    }

    async fn pack(&self, workspace: &Workspace) -> Result<Bytes> {
        let call = Call::Pack { workspace: workspace.clone() };
        match self.call(&call, &[], Duration::ZERO).await? {
            (Reply::Content, archive) => Ok(archive),
            (other, _) => Err(unexpected(&other)),
        }
    }

    async fn unpack(&self, workspace: &Workspace, archive: Bytes) -> Result<()> {
        self.done(&Call::Unpack { workspace: workspace.clone() }, &archive).await
    }

    async fn discard(&self, workspace: &Workspace) -> Result<()> {
        self.done(&Call::Discard { workspace: workspace.clone() }, &[]).await
    }
}

impl fmt::Debug for RemoteSandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteSandbox").field("url", &self.url).finish_non_exhaustive()
    }
}

fn unreachable(why: &str) -> Error {
    Error::new(Code::SandboxUnavailable, format!("the sandbox is elsewhere, and {why}"))
}

fn unexpected(reply: &Reply) -> Error {
    unreachable("its answer is not one to the call").caused_by(format!("{reply:?}"))
}
