//! Channels, locks, and the other ways in which tasks wait for each other.

#[path = "../common/mod.rs"]
mod common;

mod oneshot;
mod mpsc;
mod broadcast;
mod watch;
mod mutex;
mod rwlock;
mod semaphore;
mod notify;
mod barrier;
mod once_cell;
mod cancellation_token;
mod dropped;
mod wakers_that_panic;
mod wakers_that_call_back;
