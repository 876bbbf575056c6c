//! What holds for tenants, remembered for a while.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::Effective;
use crate::ports::Host;

/// The most tenants that are remembered at once.
const MAX_TENANTS: usize = 1024;

/// Remembers each tenant for a fixed time, and never more than [`MAX_TENANTS`].
#[derive(Debug)]
pub(super) struct Cache {
    host: Arc<dyn Host>,
    lifetime: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: BTreeMap<String, Entry>,
    /// How often something was forgotten. What was read before is not kept after.
    epoch: u64,
}

#[derive(Debug)]
struct Entry {
    effective: Arc<Effective>,
    /// When it is forgotten, by [`Host::elapsed`].
    until: Duration,
}

impl Cache {
    pub(super) fn new(host: Arc<dyn Host>, lifetime: Duration) -> Self {
        Self { host, lifetime, state: Mutex::default() }
    }

    pub(super) fn get(&self, tenant: &str) -> Option<Arc<Effective>> {
        let now = self.host.elapsed();
        let state = self.state();
        let entry = state.entries.get(tenant).filter(|entry| now < entry.until)?;
        Some(Arc::clone(&entry.effective))
    }

    /// What [`keep`](Self::keep) is to be given: how often something was forgotten before the read began.
    pub(super) fn epoch(&self) -> u64 {
        self.state().epoch
    }

    /// Remembers what was read, unless a write came between.
    pub(super) fn keep(&self, tenant: &str, effective: &Arc<Effective>, epoch: u64) {
        let now = self.host.elapsed();
        let mut state = self.state();
        if state.epoch == epoch {
            let until = now.saturating_add(self.lifetime);
            state.insert(tenant, Entry { effective: Arc::clone(effective), until }, now);
        }
    }

    pub(super) fn forget(&self, tenant: &str) {
        let mut state = self.state();
        state.epoch += 1;
        state.entries.remove(tenant);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn insert(&mut self, tenant: &str, entry: Entry, now: Duration) {
        if self.entries.len() >= MAX_TENANTS && !self.entries.contains_key(tenant) {
            self.make_room(now);
        }
        self.entries.insert(tenant.to_owned(), entry);
    }

    /// Drops what is too old, or else the oldest.
    fn make_room(&mut self, now: Duration) {
        self.entries.retain(|_, entry| now < entry.until);
        if self.entries.len() >= MAX_TENANTS {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.until);
            if let Some(oldest) = oldest.map(|(tenant, _)| tenant.clone()) {
                self.entries.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{settings::Settings, tenant::Config};

    #[test]
    fn tenants_without_end_do_not_fill_the_memory() {
        let settings = Settings::read(|_| None).unwrap();
        let effective = Arc::new(Effective::of(Config::of_settings(&settings)));
        let mut state = State::default();
        let mut now = Duration::ZERO;
        for number in 0..3 * MAX_TENANTS {
            now += Duration::from_millis(1);
            let until = now + Duration::from_secs(10);
            let entry = Entry { effective: Arc::clone(&effective), until };
            state.insert(&format!("tenant-{number}"), entry, now);
            assert!(state.entries.len() <= MAX_TENANTS);
        }
        let last = format!("tenant-{}", 3 * MAX_TENANTS - 1);
        assert!(state.entries.contains_key(&last), "the newest is remembered");
        assert!(!state.entries.contains_key("tenant-0"), "the oldest makes room");
    }
}
