//! The parts put together: how a runtime is built, entered, used and ended.
//!
//! A [`Runtime`] owns the engine. A [`Handle`] is a way in: it can be cloned, sent to other threads, and
//! outlives its runtime harmlessly. Inside a runtime the free functions (`spawn`, `sleep` …) find it by
//! themselves, as the thread knows where it is.

pub(crate) mod join_error;
pub(crate) mod join_handle;
mod inner;
mod metrics;
mod handle;
mod rt;
mod builder;

pub use crate::engine::random::RngSeed;
pub use builder::{Builder, block_on};
pub use handle::{EnterGuard, Handle, RuntimeFlavor, TryCurrentError};
pub use metrics::{RuntimeMetrics, TaskInfo};
pub use rt::Runtime;
