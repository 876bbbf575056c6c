//! Wire formats: bytes to and from the vocabulary of [`chat`](crate::chat).
//!
//! Pure and incremental: bytes in, values out, wherever the network cuts them. Each dialect has both
//! directions, since it is served and called: `decode_request` and `encode_answer` on the server's
//! side, `encode_request` and `decode_answer` on the client's.

pub mod openai_chat;
pub mod sse;
