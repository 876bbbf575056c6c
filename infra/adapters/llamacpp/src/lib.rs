//! Model servers that sleep: llama-server and its like, started when somebody asks for their model and
//! stopped when nobody does.
//!
//! | module      | does                                                                       |
//! |-------------|----------------------------------------------------------------------------|
//! | `options`   | what an operator may say about models and their servers                    |
//! | `discover`  | models from a file or a folder                                             |
//! | `fleet`     | decides who starts, waits, is evicted, gets which slot; touches nothing    |
//! | `life`      | one server from its start to its end                                       |
//! | `process`   | a child process that never outlives this one                               |
//! | `health`    | asks a server whether it is ready, and for how many                        |
//! | `supervisor`| the port, and what carries out the fleet's decisions                       |
//!
//! It speaks to servers over loopback TCP or a Unix socket only, and knows nothing about requests and
//! answers: these go to the address in the lease.

mod discover;
mod fleet;
mod health;
mod life;
mod options;
mod process;
mod supervisor;

pub use fleet::Counters;
pub use options::{ModelSpec, Options};
pub use supervisor::Supervisor;
