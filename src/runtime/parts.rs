//! What a runtime consists of.
//!
//! The thread's context holds this, behind `dyn Any`; `Handle` and `Runtime` are the two ways to own it.
//!
//! Next: `metrics.rs`.

use std::panic::RefUnwindSafe;
use std::sync::Arc;

use crate::engine::blocking::Pool;
use crate::engine::root::Post;
use crate::engine::shared::Share;
use crate::engine::threads::Crew;
use crate::engine::trace::Subscription;

/// The parts of one runtime, as a thread holds them.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) shared: Arc<Share>,
    pub(super) workers: Workers,
    pub(crate) pool: Arc<Pool>,
    pub(super) _subscription: Option<Arc<Subscription>>,
}

impl Parts {
    /// The same for another thread, with a [`Share`] of its own.
    pub(super) fn for_thread(&self) -> Arc<Parts> {
        Arc::new(Parts { shared: Arc::new(Share::clone(&self.shared)), ..self.clone() })
    }
}

// What panics in a runtime is a task's own: no broken invariant can be seen through what owns the parts, which
// are the runtime, its handles and its metrics.
impl RefUnwindSafe for Parts {}

/// Who runs the tasks.
#[derive(Clone)]
pub(super) enum Workers {
    /// Whoever is in `block_on`.
    CurrentThread(Arc<Post>),
    /// Threads of the runtime.
    MultiThread(Arc<Crew>),
}
