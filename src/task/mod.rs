//! Spawns tasks, and waits for them.
//!
//! A future that is awaited is part of the task that awaits it. A future that is *spawned* is a task of its own: the
//! runtime polls it whenever it is woken, even if nothing awaits it. Its [`JoinHandle`] returns its output.
//!
//! A [`JoinSet`] owns many tasks with outputs of one type. A [`TaskTracker`] waits for tasks without keeping their
//! outputs. A [`scope`](fn@scope) waits for tasks that borrow from its caller. A
//! [`task_local!`](crate::task_local) is a value that follows a task from thread to thread.

mod spawn;
mod yield_now;
mod completion_queue;
mod join_set;
mod tracker;
mod scope_data;
mod scope;
mod local;
mod budget;

pub use crate::runtime::join_error::{Id, JoinError};
pub use crate::runtime::join_handle::{AbortHandle, JoinHandle};
pub use budget::{Unconstrained, consume_budget, id, try_id, unconstrained};
pub use join_set::JoinSet;
pub use local::{AccessError, LocalKey, TaskLocalFuture};
pub use scope::{Scope, ScopedJoinHandle, scope};
pub use spawn::{spawn, spawn_blocking};
pub use tracker::{TaskTracker, TaskTrackerToken, TaskTrackerWaitFuture, TrackedFuture};
pub use yield_now::yield_now;
