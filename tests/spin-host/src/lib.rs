//! A small stand-in for Spin, in which the component is tested for real.
//!
//! It serves one component that exports `wasi:http/handler@0.3`, and gives it what Spin gives:
//! outbound HTTP and `spin:redis` to the hosts it was allowed, `spin:sqlite` on a file, and
//! `spin:variables`. Like Spin
//! it keeps instances and sends them further requests. It is no part of the product: a program that
//! only tests start, on loopback.
//!
//! | module       | holds                                                      |
//! |--------------|------------------------------------------------------------|
//! | [`options`]  | the command line                                           |
//! | [`engine`]   | compiling a component, or loading what was compiled before |
//! | [`guest`]    | what one instance is given                                 |
//! | [`egress`]   | which servers it may call                                  |
//! | [`pool`]     | how instances are kept, reused and ended                   |
//! | [`serve`]    | HTTP in front of it                                        |

mod bindings;
pub mod egress;
pub mod engine;
pub mod guest;
pub mod options;
pub mod pool;
mod redis;
pub mod serve;
mod sqlite;
mod variables;
