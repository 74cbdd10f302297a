//! How can a task, which must be `'static`, hold a future that borrows?
//!
//! A task may be woken, aborted and joined from any thread at any time, so the engine asks for a future and an
//! output that are `'static`. A task of a scope borrows for a shorter lifetime, `'scope`, which is transmuted to
//! `'static`: for its future, and for the [`Packet`] where its output waits for the join handle. This **rule**
//! (10 in NOTES.md) makes that sound:
//!
//! - A token of a [`TaskTracker`] counts each future, from before its spawn until its destructor has run.
//!   [`ScopeData`] lists each output, from the poll that returns it until it is taken or dropped. **The scope
//!   does not return while a future is counted or an output is listed.**
//!
//! So no join handle has to be dropped, which a user may prevent by `mem::forget`. Only the futures have to be, and
//! they belong to the runtime, which drops all of them. What may be left after the scope, in a waker or a leaked
//! handle, is memory whose future or output is gone.
//!
//! ```text
//!             counted                            not counted
//!   spawn ──▶ future ───────── returns ────────▶ (dropped)
//!                                 │
//!   packet:   Expected ───────────┴▶ Stored, listed ──── taken or dropped ──▶ Gone
//!                 └─────────────── the handle is dropped ───────────────────▶ Gone
//! ```
//!
//! Next: `scope.rs`, which waits as the rule demands.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::thread;

use pin_project_lite::pin_project;
use slab::Slab;

use super::tracker::{TaskTracker, TaskTrackerToken};
use crate::engine::block_on::block_on;
use crate::engine::prim::{Mutex, OnDrop, catch_and_drop_panic};
use crate::runtime::Runtime;

/// A future of a scope, without its type and its lifetime.
pub(super) type LentFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What the tasks of a scope have borrowed.
#[derive(Default)]
pub(super) struct ScopeData {
    /// Has a token for each future whose destructor has not run.
    futures: TaskTracker,
    /// Packets that hold an output.
    outputs: Mutex<Slab<Arc<dyn DropOutput>>>,
    /// Tasks that have panicked and were not joined. Relaxed: the scope reads it after it has waited for all tasks.
    panics: AtomicUsize,
}

impl ScopeData {
    /// Counts a future, and erases its lifetime.
    ///
    /// # Safety
    ///
    /// The caller [settles](ScopeData::settle) before anything ends that is borrowed for `'a`, whatever happens until
    /// then. The future goes to a runtime, and the packet to a join handle that does not outlive `'a`.
    pub(super) unsafe fn lend<'a, F>(
        self: &Arc<Self>,
        future: F,
    ) -> (LentFuture, Arc<Packet<F::Output>>)
    where
        F: Future<Output: Send + 'a> + Send + 'a,
    {
        let counted =
            Counted { scope: self.clone(), has_returned: false, _token: self.futures.token() };
        let packet = Arc::new(Packet { scope: self.clone(), output: Mutex::new(Output::Expected) });
        let future: Pin<Box<dyn Future<Output = ()> + Send + 'a>> =
            Box::pin(Lent { future, packet: packet.clone(), counted });
        // SAFETY: rule 7, which the caller keeps. The future is counted until its destructor has run.
        let future = unsafe {
            mem::transmute::<Pin<Box<dyn Future<Output = ()> + Send + 'a>>, LentFuture>(future)
        };
        (future, packet)
    }

    /// Returns when no future is counted and no output is listed. Drops the outputs that no handle has taken; this
    /// repeats, as their destructors may spawn tasks.
    pub(super) fn settle(&self, drives: Option<&Runtime>) {
        // Nothing below should panic. If it does, unwinding would free what is still borrowed.
        let abort_on_unwind = OnDrop(|| process::abort());
        self.futures.close();
        loop {
            block_on_driving(drives, self.futures.wait());
            // First the futures: without them no other thread lists an output.
            let is_last = self.futures.is_empty();
            let outputs: Vec<_> =
                self.outputs.lock().iter().map(|(_, packet)| packet.clone()).collect();
            if is_last && outputs.is_empty() {
                break;
            }
            outputs.iter().for_each(|packet| packet.drop_output());
        }
        mem::forget(abort_on_unwind);
    }

    /// Whether a task has panicked that was not joined. A task that is cancelled by a thread which unwinds
    /// counts as one.
    pub(super) fn has_panic(&self) -> bool {
        self.panics.load(Relaxed) > 0
    }
}

/// Blocks this thread until the future is ready, and drives a runtime meanwhile.
pub(super) fn block_on_driving<F: Future>(drives: Option<&Runtime>, future: F) -> F::Output {
    match drives {
        Some(runtime) => runtime.block_on(future),
        None => block_on(future),
    }
}

/// Where an output waits for its join handle.
pub(super) struct Packet<T> {
    scope: Arc<ScopeData>,
    output: Mutex<Output<T>>,
}

enum Output<T> {
    /// The future has not returned.
    Expected,
    /// Listed in [`ScopeData`] under this key.
    Stored(usize, T),
    /// It was taken or dropped, or will be dropped at once since there is no handle.
    Gone,
}

impl<T> Packet<T> {
    /// Takes the output. If it is not there, it is not expected any more.
    pub(super) fn take(&self) -> Option<T> {
        let output = mem::replace(&mut *self.output.lock(), Output::Gone);
        let Output::Stored(key, output) = output else { return None };
        let listed = self.scope.outputs.lock().remove(key);
        drop(listed);
        Some(output)
    }

    /// The handle has returned the panic of its task.
    pub(super) fn panic_was_joined(&self) {
        self.scope.panics.fetch_sub(1, Relaxed);
    }
}

impl<T: Send> Packet<T> {
    /// Stores the output and lists it, or drops it if there is no handle.
    fn store<'a>(self: &Arc<Self>, output: T)
    where
        T: 'a,
    {
        let mut stored = self.output.lock();
        if let Output::Gone = *stored {
            drop(stored);
            catch_and_drop_panic(|| drop(output));
            return;
        }
        let packet: Arc<dyn DropOutput + 'a> = self.clone();
        // SAFETY: rule 7. The output is listed until it is gone.
        let packet =
            unsafe { mem::transmute::<Arc<dyn DropOutput + 'a>, Arc<dyn DropOutput>>(packet) };
        let key = self.scope.outputs.lock().insert(packet);
        *stored = Output::Stored(key, output);
    }
}

/// A packet without the type of its output.
trait DropOutput: Send + Sync {
    /// Drops the output. If it is not there yet, it will be dropped as soon as it is.
    fn drop_output(&self);
}

impl<T: Send> DropOutput for Packet<T> {
    fn drop_output(&self) {
        let output = self.take();
        catch_and_drop_panic(|| drop(output));
    }
}

pin_project! {
    /// A future that is counted until it is dropped.
    struct Lent<F>
    where
        F: Future,
    {
        #[pin]
        future: F,
        packet: Arc<Packet<F::Output>>,
        // Dropped after the future, even if the future's destructor panics.
        counted: Counted,
    }
}

impl<F: Future<Output: Send>> Future for Lent<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        this.future.poll(cx).map(|output| {
            this.packet.store(output);
            this.counted.has_returned = true;
        })
    }
}

/// Counts a future until it is dropped.
struct Counted {
    scope: Arc<ScopeData>,
    has_returned: bool,
    // Its destructor is the last line of the rule: nothing is left that borrows.
    _token: TaskTrackerToken,
}

impl Drop for Counted {
    fn drop(&mut self) {
        // As in the engine, a value that was returned stays returned, even if the future panics in its destructor.
        if thread::panicking() && !self.has_returned {
            self.scope.panics.fetch_add(1, Relaxed);
        }
    }
}
