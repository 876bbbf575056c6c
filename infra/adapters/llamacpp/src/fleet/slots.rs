//! The numbered slots of a server, each with the prefix cache of the conversation it last met.

use std::hash::{BuildHasher, RandomState};

/// Which slots are taken, and by whom each was used last. Bounded by the number of slots.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    slots: Vec<Slot>,
    uses: u64,
    names: RandomState,
}

#[derive(Clone, Debug, Default)]
struct Slot {
    taken: bool,
    conversation: Option<u64>,
    used: u64,
}

impl Slots {
    /// `count` slots that met nobody yet.
    pub(crate) fn new(count: u32) -> Self {
        let slots = (0..count).map(|_| Slot::default()).collect();
        Self { slots, ..Self::default() }
    }

    /// Takes the free slot that met this conversation last, or else the one that was left alone for
    /// longest. `None`: there is no free one, or none at all.
    pub(crate) fn take(&mut self, conversation: Option<&str>) -> Option<u32> {
        let conversation = conversation.map(|name| self.names.hash_one(name));
        let free = || self.slots.iter().enumerate().filter(|(_, slot)| !slot.taken);
        let known =
            free().filter(|(_, slot)| conversation.is_some() && slot.conversation == conversation);
        let (at, _) = known
            .max_by_key(|(_, slot)| slot.used)
            .or_else(|| free().min_by_key(|(_, slot)| slot.used))?;
        self.uses += 1;
        let slot = self.slots.get_mut(at)?;
        *slot = Slot { taken: true, conversation, used: self.uses };
        u32::try_from(at).ok()
    }

    pub(crate) fn free(&mut self, slot: Option<u32>) {
        let slot = slot.and_then(|at| usize::try_from(at).ok());
        if let Some(slot) = slot.and_then(|at| self.slots.get_mut(at)) {
            slot.taken = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_meets_its_slot_again_if_it_is_free() {
        let mut slots = Slots::new(3);
        assert_eq!(slots.take(Some("a")), Some(0));
        assert_eq!(slots.take(Some("b")), Some(1));
        slots.free(Some(0));
        slots.free(Some(1));

        assert_eq!(slots.take(Some("b")), Some(1));
        assert_eq!(slots.take(Some("b")), Some(2), "its own is taken: the least recently used");
        assert_eq!(slots.take(Some("c")), Some(0));
        assert_eq!(slots.take(Some("d")), None);
    }

    #[test]
    fn strangers_take_what_was_left_alone_for_longest() {
        let mut slots = Slots::new(2);
        for expected in [0, 1, 0, 1] {
            let slot = slots.take(None);
            assert_eq!(slot, Some(expected));
            slots.free(slot);
        }
    }

    #[test]
    fn a_server_without_numbered_slots_has_none_to_give() {
        assert_eq!(Slots::default().take(Some("a")), None);
    }
}
