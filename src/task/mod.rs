//! Tasks: futures that run by themselves, side by side.
//!
//! A future that is awaited is a part of the task that awaits it. A future that is *spawned* is a task
//! of its own: the runtime polls it whenever it is woken, and it goes on also if nobody awaits it. What
//! remains is a [`JoinHandle`], for its output or its end.
//!
//! Many tasks of one kind go into a [`JoinSet`], or are merely counted by a [`TaskTracker`]. Tasks that
//! borrow from their caller are spawned in a [`scope`](fn@scope), which waits for them. A value that follows
//! a task wherever it runs is a [`task_local!`](crate::task_local).

mod spawn;
mod yield_now;
mod finished;
mod join_set;
mod lent;
mod scope;
mod local;
mod budget;
mod tracker;

pub use crate::runtime::join_error::{Id, JoinError};
pub use crate::runtime::join_handle::{AbortHandle, JoinHandle};
pub use budget::{ConsumeBudget, Unconstrained, consume_budget, id, try_id, unconstrained};
pub use join_set::{JoinAll, JoinNext, JoinNextWithId, JoinSet, Shutdown};
pub use local::{AccessError, LocalKey, TaskLocalFuture};
pub use scope::{Scope, ScopedJoinHandle, scope};
pub use spawn::{spawn, spawn_blocking};
pub use tracker::{TaskTracker, TaskTrackerToken, TaskTrackerWaitFuture, TrackedFuture};
pub use yield_now::{YieldNow, yield_now};
