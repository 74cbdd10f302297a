//! Spawns tasks in the runtime that this thread is in.
//!
//! Next: `yield_now.rs`.

use crate::engine::large::box_if_large;
use crate::runtime::Handle;
use crate::runtime::join_handle::JoinHandle;

/// Spawns a future as a task. The task runs even if the handle is not awaited, and continues if the handle is
/// dropped.
///
/// ```
/// # openwork::block_on(async {
/// let task = openwork::spawn(async { 1 + 2 });
/// assert_eq!(task.await.unwrap(), 3);
/// # });
/// ```
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let handle = Handle::current_for("openwork::spawn");
    box_if_large!(F, future = Box::pin(future) => handle.spawn_named::<_, F>(future))
}

/// Runs a closure that may block on a thread of the blocking pool.
///
/// The closure runs even if the handle is not awaited, and even if the runtime ends before the closure has begun:
/// dropping a runtime waits for it (see [`Runtime`](crate::runtime::Runtime)). An abort drops a closure that has not
/// begun, and has no effect on one that has.
///
/// If the runtime has already ended, or if the system refuses the last thread that could run the closure, then the
/// closure is dropped, and its handle returns a [`JoinError`](super::JoinError) that says "cancelled".
///
/// ```
/// # openwork::block_on(async {
/// let read = openwork::task::spawn_blocking(|| std::fs::read_to_string("Cargo.toml"));
/// assert!(read.await.unwrap().unwrap().contains("openwork"));
/// # });
/// ```
///
/// # Panics
///
/// Outside of a runtime, and if the pool has no thread and the system refuses one.
#[track_caller]
pub fn spawn_blocking<F, T>(closure: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let handle = Handle::current_for("task::spawn_blocking");
    box_if_large!(F, closure = Box::new(closure) as Box<dyn FnOnce() -> T + Send> => {
        handle.spawn_blocking(closure)
    })
}
