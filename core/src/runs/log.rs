//! Reading the events of a run: those that are there, and those to come.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use memchr::memmem;

use super::{EVENTS, Runs, pieces};
use crate::{Result, ports::Page};

/// What every event ends with.
const END: &[u8] = b"\n\n";
/// How many records are read at once.
const PAGE: u32 = 4;

/// An event of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its number: 0, 1, 2, …
    pub number: u64,
    /// Its bytes, as they were told: a server-sent event, its blank line included.
    pub bytes: Bytes,
}

/// Reads the events of one run in order, each once.
#[derive(Debug)]
pub struct Follow {
    runs: Runs,
    tenant: String,
    id: String,
    /// The first event that is wanted.
    from: u64,
    /// The last record that was read.
    cursor: Option<String>,
    /// The number of the next event in what is read.
    number: u64,
    /// What belongs to no whole event yet.
    rest: BytesMut,
    ready: VecDeque<Event>,
}

impl Follow {
    pub(super) fn new(runs: Runs, tenant: &str, id: &str, from: u64) -> Self {
        Self {
            runs,
            tenant: tenant.to_owned(),
            id: id.to_owned(),
            from,
            cursor: None,
            number: 0,
            rest: BytesMut::new(),
            ready: VecDeque::new(),
        }
    }

    /// The next event that is there by now. `None`: there is no other yet.
    pub async fn next(&mut self) -> Result<Option<Event>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            if !self.read().await? {
                return Ok(None);
            }
        }
    }

    /// Whether the run is over, or gone. What was told to its end is there then: read on until there is no
    /// other.
    pub async fn is_over(&self) -> Result<bool> {
        self.runs.is_over(&self.tenant, &self.id).await
    }

    /// Reads on. `false`: there is nothing more.
    async fn read(&mut self) -> Result<bool> {
        let (_, before) = pieces::below(&self.id);
        let after = match &self.cursor {
            Some(cursor) => cursor.clone(),
            None => self.first().await?,
        };
        let (after, before) = (Some(after), Some(before));
        let page = Page { after, before, limit: PAGE, ..Page::default() };
        let records = self.runs.records.page(&self.tenant, EVENTS, page).await?;
        for record in &records {
            if self.rest.is_empty() {
                self.number = pieces::number(&record.id).unwrap_or(self.number);
            }
            self.rest.extend_from_slice(&record.value);
            self.cut();
        }
        if let Some(last) = records.last() {
            self.cursor = Some(last.id.clone());
        }
        Ok(!records.is_empty())
    }

    /// The place in front of the record with the first event that is wanted.
    async fn first(&self) -> Result<String> {
        let (after, _) = pieces::below(&self.id);
        if self.from == 0 {
            return Ok(after);
        }
        let before = Some(pieces::event(&self.id, self.from.saturating_add(1)));
        let page = Page { after: Some(after.clone()), before, limit: 1, descending: true };
        let found = self.runs.records.page(&self.tenant, EVENTS, page).await?;
        let place = found.first().map(|record| pieces::whole(&record.id).to_owned());
        Ok(place.unwrap_or(after))
    }

    /// Takes whole events from what was read.
    fn cut(&mut self) {
        while let Some(end) = memmem::find(&self.rest, END) {
            let bytes = self.rest.split_to(end + END.len()).freeze();
            let number = self.number;
            self.number = number.saturating_add(1);
            if number >= self.from {
                self.ready.push_back(Event { number, bytes });
            }
        }
    }
}
