//! Money: budgets, holds and receipts, exact with any number of gateways.
//!
//! Before a model is called, the most the call can cost is *held* on the key's budget; afterwards the
//! hold is *settled* to the real cost and a *receipt* is written, in one commit. A hold whose process
//! died is *reclaimed* after its deadline by whoever needs the money next; there is no background job.
//!
//! | collection | id                    | holds                                                    |
//! |------------|-----------------------|----------------------------------------------------------|
//! | `budgets`  | key id                | counters `committed` (held + settled) and `settled`      |
//! | `holds`    | deadline, then random | what was held, for which call; its presence means open   |
//! | `receipts` | start, then random    | one [`Receipt`] for each call of a provider              |
//!
//! `committed` never passes the budget, because every addition names the budget as its ceiling; and
//! since a hold is deleted by the same commit that books its outcome, it is booked once. Whatever must be
//! written if and only if a call is held or booked is written *beside* it, in that commit.

mod hold;
mod ledger;
mod receipt;

pub use hold::{Draft, Hold};
pub use ledger::{Balance, Booked, Ledger, Reserved};
pub use receipt::{Outcome, Receipt};
