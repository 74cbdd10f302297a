//! New tasks, in the runtime that this thread is in.
//!
//! Next: `yield_now.rs`.

use crate::engine::large::box_if_large;
use crate::runtime::Handle;
use crate::runtime::join_handle::JoinHandle;

/// Runs a future as a task of its own. It begins to run by itself, whether or not the handle is awaited,
/// and goes on when the handle is dropped.
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
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let handle = Handle::current_for("openwork::spawn");
    box_if_large!(F, future = Box::pin(future) => handle.spawn_named::<_, F>(future))
}

/// Runs a closure that blocks, on a thread where it may.
///
/// It runs whether or not the handle is awaited, even if the runtime ends before it has begun: a runtime that
/// is dropped waits for it (see [`Runtime`](crate::runtime::Runtime) for the other ways to end one). To
/// abort it drops a closure that has not begun, and has no effect on one that has.
///
/// If the runtime has ended already, the closure is dropped and its handle answers "cancelled". So is a
/// closure that waits in the queue when the last thread that could run it does not start.
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
/// Outside of a runtime, and if the pool has no thread and the system gives none.
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
