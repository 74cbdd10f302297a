//! The parts of a runtime, which its threads, handles and its owner share.
//!
//! Next: `handle.rs`, how code reaches these parts.

use std::panic::RefUnwindSafe;
use std::sync::Arc;

use crate::engine::blocking::Pool;
use crate::engine::context::AnyRuntime;
use crate::engine::scheduler::SchedulerHandle;
use crate::engine::threads::WorkerThreads;
use crate::engine::trace::Tracer;

/// The parts of one runtime. The thread's context holds them as `dyn AnyRuntime`.
#[derive(Clone)]
pub(crate) struct Inner {
    pub(crate) shared: Arc<SchedulerHandle>,
    /// `None`: a current-thread runtime, whose worker is the thread in `block_on`.
    pub(super) worker_threads: Option<Arc<WorkerThreads>>,
    pub(crate) pool: Arc<Pool>,
}

impl Inner {
    /// The same parts for another thread, with a [`SchedulerHandle`] of its own.
    pub(super) fn for_thread(&self) -> Arc<Inner> {
        let shared = Arc::new(SchedulerHandle::clone(&self.shared));
        Arc::new(Inner { shared, ..self.clone() })
    }
}

impl AnyRuntime for Inner {
    fn tracer(&self) -> &Arc<Tracer> {
        &self.shared.driver.tracer
    }
}

// A panic ends one task. What owns these parts (the runtime, its handles and its metrics) has no invariant that
// the panic could break.
impl RefUnwindSafe for Inner {}
