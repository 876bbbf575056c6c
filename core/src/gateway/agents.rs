//! The agents that a gateway has, and the sessions with them.

use std::ops::Range;

use super::{Gateway, Origin};
use crate::{
    Code, Error, Result,
    agents::{Agent, Agents},
    chat::Request,
    conversation::{Address, Listed, Opened, Policy, Session, Turn},
    inference::Model,
    keys::Caller,
};

impl Gateway {
    /// The same gateway with these agents.
    #[must_use]
    pub fn with_agents(self, agents: Agents) -> Self {
        self.agents.become_those(agents);
        self
    }

    /// Its agents.
    pub fn agents(&self) -> &Agents {
        &self.agents
    }

    /// Begins a session of `caller` with an agent.
    ///
    /// # Errors
    ///
    /// [`Code::NotFound`] if this gateway keeps no conversations.
    pub async fn begin_session(&self, caller: &Caller, agent: &Agent) -> Result<Listed> {
        let effective = self.tenants.of(&caller.tenant).await?;
        let policy = Policy::of(&effective.config);
        if !policy.keeps() {
            return Err(keeps_none());
        }
        self.conversations.begin(&caller.tenant, &agent.name, &policy).await
    }

    /// Finds a session of `caller` with an agent, to go on with it.
    ///
    /// # Errors
    ///
    /// Those of [`converse`](Self::converse); a conversation that is no session with this agent is a
    /// [`Code::NotFound`].
    pub async fn resume_session(&self, caller: &Caller, agent: &Agent, id: &str) -> Result<Opened> {
        self.session(caller, agent, id).await?;
        let address = Address::Id(id.to_owned());
        self.converse(caller, &address).await?.ok_or_else(keeps_none)
    }

    /// What is known of a session of `caller` with an agent.
    ///
    /// # Errors
    ///
    /// [`Code::NotFound`] for what is none.
    pub async fn session(&self, caller: &Caller, agent: &Agent, id: &str) -> Result<Session> {
        let session = self.conversations.session(&caller.tenant, id).await?;
        check(session, agent, id)
    }

    /// A session of `caller` with an agent, with all that was said in it.
    ///
    /// # Errors
    ///
    /// [`Code::NotFound`] for what is none.
    pub async fn read_session(
        &self,
        caller: &Caller,
        agent: &Agent,
        id: &str,
    ) -> Result<(Session, Vec<Turn>)> {
        let (session, turns) = self.conversations.read(&caller.tenant, id).await?;
        Ok((check(session, agent, id)?, turns))
    }

    /// Has the agent that a request is for say whose hands act. What its caller's route says, of hands and of
    /// what names mean, is not for the agent.
    pub(super) fn equip(&self, request: &mut Request, origin: &mut Origin) {
        if let Some(agent) = self.agents.of_model(&request.model) {
            origin.route = None;
            agent.equip(&mut request.agent);
        }
    }

    /// Has the agent that a request is for speak first. Says where the messages are then that were at
    /// `recalled`.
    pub(super) fn instruct(
        &self,
        request: &mut Request,
        recalled: Range<usize>,
    ) -> Result<Range<usize>> {
        let Some(agent) = self.agents.of_model(&request.model) else { return Ok(recalled) };
        let put = agent.instruct(request)?;
        Ok(recalled.start + put..recalled.end + put)
    }

    /// The agents, as models that can be asked for.
    pub(super) fn agents_as_models(&self) -> impl Iterator<Item = Model> {
        self.agents.list().into_iter().map(|agent| Model::of_agent(&agent))
    }
}

/// Whoever asks for a conversation that is none with this agent is told what is told of ids that never were.
fn check(session: Session, agent: &Agent, id: &str) -> Result<Session> {
    if session.agent.as_deref() == Some(agent.name.as_str()) {
        return Ok(session);
    }
    Err(crate::conversation::unknown(id))
}

fn keeps_none() -> Error {
    Error::new(Code::NotFound, "this gateway keeps no conversations")
}
