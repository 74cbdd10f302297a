//! What a runtime consists of.
//!
//! The thread's context holds this, behind `dyn Any`; `Handle` and `Runtime` are the two ways to own it.

use std::sync::Arc;

use crate::engine::blocking::Pool;
use crate::engine::root::Post;
use crate::engine::shared::Shared;
use crate::engine::threads::Crew;
use crate::engine::trace::Subscription;

/// The parts of one runtime.
pub(crate) struct Parts {
    pub(crate) shared: Arc<Shared>,
    pub(super) workers: Workers,
    pub(crate) pool: Arc<Pool>,
    pub(super) _subscription: Option<Subscription>,
}

/// Who runs the tasks.
pub(super) enum Workers {
    /// Whoever is in `block_on`.
    CurrentThread(Post),
    /// Threads of the runtime.
    MultiThread(Arc<Crew>),
}
