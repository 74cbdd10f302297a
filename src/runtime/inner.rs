//! What a runtime consists of.
//!
//! The thread's context holds this, behind `dyn Any`; `Handle` and `Runtime` are the two ways to own it.
//!
//! Next: `metrics.rs`.

use std::panic::RefUnwindSafe;
use std::sync::Arc;

use crate::engine::blocking::Pool;
use crate::engine::scheduler::SchedulerHandle;
use crate::engine::threads::WorkerThreads;

/// The parts of one runtime, as a thread holds them.
#[derive(Clone)]
pub(crate) struct Inner {
    pub(crate) shared: Arc<SchedulerHandle>,
    /// `None`: a current-thread runtime, whose worker is the thread in `block_on`.
    pub(super) worker_threads: Option<Arc<WorkerThreads>>,
    pub(crate) pool: Arc<Pool>,
}

impl Inner {
    /// The same for another thread, with a [`SchedulerHandle`] of its own.
    pub(super) fn for_thread(&self) -> Arc<Inner> {
        let shared = Arc::new(SchedulerHandle::clone(&self.shared));
        Arc::new(Inner { shared, ..self.clone() })
    }
}

// A panic in a runtime concerns one task: no broken invariant can be seen through what owns these parts, which are
// the runtime, its handles and its metrics.
impl RefUnwindSafe for Inner {}
