//! Looking at conversations from outside: listing, reading, deleting.

use super::{Conversations, MAX_SUCCESSORS, unknown};
use crate::{
    Code, Result,
    conversation::{
        Session, Turn, is_id,
        records::{NAMES, SESSIONS},
    },
    ports::{Page, Record, When, Write},
};

/// The most pages of conversations among which sessions with an agent are looked for.
const MAX_PAGES: usize = 10;

/// A conversation in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// What is known of it.
    pub session: Session,
}

impl Listed {
    fn read(record: &Record) -> Result<Self> {
        Ok(Self { id: record.id.clone(), session: Session::read(record)? })
    }
}

impl Conversations {
    /// Up to `limit` conversations of `tenant`, the newest first, without the first `offset`.
    pub async fn list(&self, tenant: &str, offset: u32, limit: u32) -> Result<Vec<Listed>> {
        self.sweep(tenant).await;
        let (mut skip, mut listed) = (offset, Vec::new());
        let mut before = None;
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        while listed.len() < wanted {
            let missing = u32::try_from(wanted - listed.len()).unwrap_or(u32::MAX);
            let page = Page {
                before,
                limit: skip.saturating_add(missing).min(Page::MAX_LIMIT),
                descending: true,
                ..Page::default()
            };
            let asked = page.limit;
            let found = self.records.page(tenant, SESSIONS, page).await?;
            let count = u32::try_from(found.len()).unwrap_or(u32::MAX);
            before = found.last().map(|record| record.id.clone());
            let skipped = usize::try_from(skip.min(count)).unwrap_or(usize::MAX);
            skip = skip.saturating_sub(count);
            for record in found.iter().skip(skipped) {
                listed.push(Listed::read(record)?);
            }
            if count < asked {
                break;
            }
        }
        Ok(listed)
    }

    /// Up to `limit` sessions of `tenant` with an agent, the newest first, without the first `offset`. They are
    /// looked for among the tenant's latest 10,000 conversations.
    pub async fn list_of(
        &self,
        tenant: &str,
        agent: &str,
        (offset, limit): (u32, u32),
    ) -> Result<Vec<Listed>> {
        self.sweep(tenant).await;
        let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let (mut found, mut before) = (Vec::new(), None);
        for _ in 0..MAX_PAGES {
            let page = Page { before, limit: Page::MAX_LIMIT, descending: true, ..Page::default() };
            let records = self.records.page(tenant, SESSIONS, page).await?;
            before = records.last().map(|record| record.id.clone());
            for record in &records {
                let listed = Listed::read(record)?;
                if listed.session.agent.as_deref() == Some(agent) {
                    found.push(listed);
                }
            }
            let enough = found.len() >= count(offset.saturating_add(limit));
            if enough || records.len() < count(Page::MAX_LIMIT) {
                break;
            }
        }
        Ok(found.into_iter().skip(count(offset)).take(count(limit)).collect())
    }

    /// Reads a conversation with all its turns.
    ///
    /// # Errors
    ///
    /// [`Code::NotFound`] if there is none with this id.
    pub async fn read(&self, tenant: &str, id: &str) -> Result<(Session, Vec<Turn>)> {
        let session = self.session(tenant, id).await?;
        let turns = self.read_turns(tenant, id, 0..session.turns).await?;
        Ok((session, turns))
    }

    /// Reads what is known of a conversation.
    ///
    /// # Errors
    ///
    /// [`Code::NotFound`] if there is none with this id.
    pub async fn session(&self, tenant: &str, id: &str) -> Result<Session> {
        Session::read(&self.record(tenant, id).await?)
    }

    /// Deletes the conversation with this id, also where a request is being answered in it: that answer is
    /// not kept.
    ///
    /// # Errors
    ///
    /// [`Code::NotFound`] if there is none.
    pub async fn delete(&self, tenant: &str, id: &str) -> Result<()> {
        let session = self.session(tenant, id).await?;
        let pointer = match &session.name {
            Some(name) => self.records.get(tenant, NAMES, name).await?,
            None => None,
        };
        let pointer = pointer.filter(|pointer| pointer.value == id.as_bytes());
        let unname = pointer.map(|it| Write::delete_when(NAMES, it.id, When::Version(it.version)));
        let gone = Write::delete(SESSIONS, id);
        self.commit(tenant, std::iter::once(gone).chain(unname).collect()).await?;
        self.delete_turns(tenant, id).await?;
        if session.apart > 0 {
            // What an answer under way still keeps is noted.
            self.delete_contents(tenant, id).await?;
        }
        self.sweep(tenant).await;
        Ok(())
    }

    /// Deletes what a tenant calls `name`, or has this id, with all that it went on from.
    ///
    /// # Errors
    ///
    /// [`Code::NotFound`] if there is nothing.
    pub async fn delete_session(&self, tenant: &str, name: &str) -> Result<()> {
        let mut next = if is_id(name) {
            Some(name.to_owned())
        } else {
            super::check_name(name).map_err(|_| unknown(name))?;
            let pointer = self.records.get(tenant, NAMES, name).await?;
            pointer.map(|pointer| String::from_utf8_lossy(&pointer.value).into_owned())
        };
        let mut deleted = false;
        for _ in 0..MAX_SUCCESSORS {
            let Some(id) = next.take() else { break };
            let session = match self.session(tenant, &id).await {
                Err(error) if error.code() == Code::NotFound => break,
                session => session?,
            };
            next = session.predecessor;
            self.delete(tenant, &id).await?;
            deleted = true;
        }
        if deleted { Ok(()) } else { Err(unknown(name)) }
    }
}
