//! Builds, enters, uses and ends a runtime.
//!
//! A [`Runtime`] owns the engine: tasks, timers, sockets and threads. A [`Handle`] refers to it: it can be cloned and
//! sent to other threads, and may outlive its runtime. Inside a runtime the free functions (`spawn`, `sleep` …) find
//! the handle in the thread's context.

pub(crate) mod join_error;
pub(crate) mod join_handle;
pub(crate) mod inner;
mod handle;
mod metrics;
mod rt;
mod builder;
mod seeds;

pub use crate::engine::random::RngSeed;
pub use crate::trace::{TaskInfo, Tasks};
pub use builder::{Builder, block_on};
pub use handle::{EnterGuard, Handle, RuntimeFlavor, TryCurrentError};
pub use metrics::RuntimeMetrics;
pub use rt::Runtime;
pub use seeds::with_seeds;
