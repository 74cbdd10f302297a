//! A call of std's runs on the blocking pool.
//!
//! Next: `paths.rs`.

use std::io;

use crate::runtime::Handle;

/// Runs `work` on the pool and awaits its result. `call` is the user's function, for messages.
pub(super) async fn run<T, F>(call: &'static str, work: F) -> io::Result<T>
where
    F: FnOnce() -> io::Result<T> + Send + 'static,
    T: Send + 'static,
{
    let job = Handle::current_for(call).try_spawn_blocking(work)?;
    job.await.unwrap_or_else(|error| Err(io::Error::other(error)))
}
