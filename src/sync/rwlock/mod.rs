//! Many may look at a value at once, or one may change it.
//!
//! It is the lock of `lock.rs` with many permits, of which a reader takes one and a writer all. So everything
//! about who comes first is decided by the one line in which they wait:
//!
//! ```text
//!   reading now: A B      in line: W C      A and B go: W writes, then C reads
//!                                           W is dropped: C reads beside A and B at once
//! ```
//!
//! A writer who waits lets no more readers in, or those who read by turns would keep him out for ever. Hence
//! a task that reads must not wait to read again: a writer may have come in between, and waits for the first.
//!
//! ```
//! use openwork::sync::RwLock;
//!
//! # openwork::block_on(async {
//! let settings = RwLock::new(5);
//! let (one, other) = (settings.read().await, settings.read().await);
//! assert_eq!((*one, *other), (5, 5));
//! drop((one, other));
//! *settings.write().await += 1;
//! assert_eq!(*settings.read().await, 6);
//! # });
//! ```
//!
//! There is no poisoning: after a panic the next one gets the value as it was left.
//!
//! First `value.rs`; after the three files `once_cell.rs`.

mod value;
mod guards;
mod access;

pub use access::{Read, ReadOwned, Write, WriteOwned};
pub use guards::{
    OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard,
    RwLockMappedWriteGuard, RwLockReadGuard, RwLockWriteGuard,
};
pub use value::RwLock;
