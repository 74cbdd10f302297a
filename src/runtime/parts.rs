//! What a runtime consists of.
//!
//! The thread's context holds this, behind `dyn Any`; `Handle` and `Runtime` are the two ways to own it.

use std::sync::Arc;

use crate::engine::blocking::Pool;
use crate::engine::trace::Subscription;
use crate::engine::worker::Shared;

/// The parts of one runtime.
pub(crate) struct Parts {
    pub(crate) shared: Arc<Shared>,
    pub(crate) pool: Arc<Pool>,
    pub(super) _subscription: Option<Subscription>,
}
