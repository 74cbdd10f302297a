//! Sockets: who is woken, what is forgotten, and what is never lost.
//!
//! The other side of every connection is std's socket on a thread of its own, so that both sides
//! cannot be wrong in the same way. Nothing here waits for time to pass: the foreign side waits until
//! the runtime's trace says that it sleeps, and what must *not* happen is looked for after a turn of
//! the reactor in which it would have happened.
//!
//! Each law holds on every flavour of runtime. Where a test looks more closely than many threads admit, or
//! stops the clock, it says so.

mod common;
#[path = "net/harness.rs"]
mod harness;

#[path = "net/interest.rs"]
mod interest;
#[path = "net/lifetime.rs"]
mod lifetime;
#[path = "net/connect.rs"]
mod connect;
#[path = "net/accept.rs"]
mod accept;
#[path = "net/stream.rs"]
mod stream;
#[path = "net/end_of_stream.rs"]
mod end_of_stream;
#[path = "net/fairness.rs"]
mod fairness;
