//! What may a task hold that only borrows, when nobody can say for how long a task lives?
//!
//! A task may be woken, aborted and joined by anybody at any time, so all that it holds must be owned, or
//! be `'static`. Here a future that borrows is given to the runtime none the less, with its lifetime
//! stretched to `'static`, and so is the place where its output waits for its joiner. This is the rule
//! that makes it sound:
//!
//! - **What is lent is entered in the ledger before it is lent, and struck off when it is dropped:** a
//!   future by its own destructor, after all that it held is gone; an output by whoever takes it or drops
//!   it, and at last by the ledger itself. **The owner does not go on while anything is entered.**
//!
//! So nothing depends on a handle's destructor, which a user may prevent by `mem::forget`. It depends on
//! that of the future alone, and a future belongs to its runtime, which forgets none. What remains in the
//! world, in a waker that somebody keeps or a handle that was leaked, is an allocation whose future or
//! output is gone.
//!
//! ```text
//!             future     ┌──────── running: 1 ────────┐ dropped: struck off
//!   lend ──▶             │ returns                    │
//!             packet     Wanted ────▶ There(output) ──┴──▶ Gone: struck off
//!                           └── nobody wants it: dropped ──▶
//! ```
//!
//! Next: `scope.rs`, the owner who waits.

use std::future::Future;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::process;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;
use slab::Slab;

use crate::engine::prim::{Mutex, catch_and_drop_panic, discard, wake};
use crate::engine::trace::{self, Waiting};

/// A future without its type and its lifetime.
pub(super) type LentFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What is lent at the moment.
#[derive(Default)]
pub(super) struct Ledger(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    /// Futures that are not dropped.
    running: usize,
    /// Those that may hold an output, or will.
    packets: Slab<Arc<dyn Untaken>>,
    /// Tasks that have panicked, and whose joiner has not heard of it.
    panics: usize,
    waiter: Option<Waker>,
}

impl Ledger {
    /// Lends a future for as long as the ledger is not empty: see the rule.
    ///
    /// # Safety
    ///
    /// Before anything ends that is borrowed for `'a`, and whatever happens until then, the caller must
    /// have [settled](Ledger::settle) the ledger. What is returned goes to a runtime, the packet to a joiner
    /// who lives no longer than `'a`.
    pub(super) unsafe fn lend<'a, F>(
        self: &Arc<Self>,
        future: F,
    ) -> (LentFuture, Arc<Packet<F::Output>>)
    where
        F: Future + Send + 'a,
        F::Output: Send + 'a,
    {
        let mut entries = self.0.lock();
        let entry = entries.packets.vacant_entry();
        let packet = Arc::new(Packet { key: entry.key(), slot: Mutex::new(Slot::Wanted) });
        let untaken: Arc<dyn Untaken + 'a> = packet.clone();
        // SAFETY: the rule, which the caller keeps. This is the entry, and it ends when the output is gone.
        entry.insert(unsafe { mem::transmute::<Arc<dyn Untaken + 'a>, Arc<dyn Untaken>>(untaken) });
        entries.running += 1;
        drop(entries);
        let future: Pin<Box<dyn Future<Output = ()> + Send + 'a>> = Box::pin(Lent {
            future: Some(future),
            output: None,
            panicked: false,
            packet: packet.clone(),
            ledger: self.clone(),
        });
        // SAFETY: the same. The future is entered above as running, until its destructor has run.
        let future = unsafe {
            mem::transmute::<Pin<Box<dyn Future<Output = ()> + Send + 'a>>, LentFuture>(future)
        };
        (future, packet)
    }

    /// The joiner takes an output, or drops it. None: there is none, or not yet.
    pub(super) fn take<T>(&self, packet: &Packet<T>) -> Option<T> {
        let output = packet.take()?;
        let entry = self.0.lock().packets.remove(packet.key);
        drop(entry);
        Some(output)
    }

    /// A joiner has heard of its task's panic.
    pub(super) fn forgive(&self) {
        self.0.lock().panics -= 1;
    }

    /// How many tasks have panicked, and nobody has heard of it.
    pub(super) fn panics(&self) -> usize {
        self.0.lock().panics
    }

    /// A future is dropped, with all that it held. `left`: its output is in the packet, and stays entered.
    fn strike_off(&self, packet: usize, left: bool, panicked: bool) {
        let mut entries = self.0.lock();
        entries.running -= 1;
        entries.panics += usize::from(panicked);
        let packet = (!left).then(|| entries.packets.remove(packet));
        let waiter = if entries.running == 0 { entries.waiter.take() } else { None };
        drop(entries);
        drop(packet);
        wake(waiter);
    }

    /// Returns when nothing is lent any more. Outputs that nobody took are dropped here; and as a destructor
    /// may spawn another task, that is done until none is left. `wait` runs a future to its end: only its
    /// patience is relied on, the ledger itself is asked again.
    pub(super) fn settle(&self, wait: impl Fn(Ended<'_>)) {
        // Nothing below should panic. If it does, this is not the place to unwind from.
        let no_way_back = NoWayBack;
        loop {
            wait(Ended(self));
            let entries = self.0.lock();
            if entries.running == 0 && entries.packets.is_empty() {
                break;
            }
            let untaken: Vec<_> =
                entries.packets.iter().map(|(_, packet)| packet.clone()).collect();
            drop(entries);
            untaken.iter().for_each(|packet| self.drop_untaken(&**packet));
        }
        mem::forget(no_way_back);
    }

    /// Drops an output that nobody has taken.
    fn drop_untaken(&self, packet: &dyn Untaken) {
        // None: a handle that was itself in an output has just done so.
        if let Some(key) = packet.drop_output() {
            let entry = self.0.lock().packets.remove(key);
            drop(entry);
        }
    }
}

/// Waits until no future is lent any more.
pub(super) struct Ended<'a>(&'a Ledger);

impl Future for Ended<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let ours = cx.waker().clone();
        let mut entries = self.0.0.lock();
        if entries.running == 0 {
            return Poll::Ready(());
        }
        let last = entries.waiter.replace(ours);
        drop(entries);
        discard(last);
        trace::waiting(Waiting::On { what: "the tasks of a scope" });
        Poll::Pending
    }
}

/// To go on now would be to go on while something is lent.
struct NoWayBack;

impl Drop for NoWayBack {
    fn drop(&mut self) {
        process::abort();
    }
}

/// Where an output waits for its joiner.
pub(super) struct Packet<T> {
    /// Its entry in the ledger.
    key: usize,
    slot: Mutex<Slot<T>>,
}

enum Slot<T> {
    /// The task has not left its output, and somebody may come for it.
    Wanted,
    There(T),
    /// It was taken, or nobody will come for it.
    Gone,
}

impl<T> Packet<T> {
    /// Leaves the output, unless nobody wants it.
    fn put(&self, output: T) -> Result<(), T> {
        let mut slot = self.slot.lock();
        match *slot {
            Slot::Wanted => {
                *slot = Slot::There(output);
                Ok(())
            }
            Slot::There(_) | Slot::Gone => Err(output),
        }
    }

    /// Takes the output if it is there; if not, it is not wanted any more. Who gets it strikes it off.
    fn take(&self) -> Option<T> {
        match mem::replace(&mut *self.slot.lock(), Slot::Gone) {
            Slot::There(output) => Some(output),
            Slot::Wanted | Slot::Gone => None,
        }
    }
}

/// A packet without its type.
trait Untaken: Send + Sync {
    /// Drops the output, if there is one, and answers with its entry.
    fn drop_output(&self) -> Option<usize>;
}

impl<T: Send> Untaken for Packet<T> {
    fn drop_output(&self) -> Option<usize> {
        let output = self.take()?;
        catch_and_drop_panic(|| drop(output));
        Some(self.key)
    }
}

pin_project! {
    /// A future that is lent. It puts its output into the packet when it is dropped itself, so that
    /// nobody has the output of a future which is still there.
    struct Lent<F>
    where
        F: Future,
    {
        #[pin]
        future: Option<F>,
        output: Option<F::Output>,
        panicked: bool,
        packet: Arc<Packet<F::Output>>,
        ledger: Arc<Ledger>,
    }

    impl<F> PinnedDrop for Lent<F>
    where
        F: Future,
    {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // As in the engine: a value that was returned stays returned, also if the future then panics
            // in its destructor; one that was cancelled, and panics in doing so, has panicked.
            let dropped = catch_unwind(AssertUnwindSafe(|| this.future.set(None)));
            let returned = this.output.is_some();
            let left = this.output.take().is_some_and(|output| match this.packet.put(output) {
                Ok(()) => true,
                Err(unwanted) => {
                    catch_and_drop_panic(|| drop(unwanted));
                    false
                }
            });
            let panicked = *this.panicked || (dropped.is_err() && !returned);
            // The last line of the rule: from here on nothing is left that borrows.
            this.ledger.strike_off(this.packet.key, left, panicked);
            if let Err(payload) = dropped {
                resume_unwind(payload);
            }
        }
    }
}

impl<F: Future> Future for Lent<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let future = this.future.as_pin_mut().expect("only the destructor drops the future");
        match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
            Ok(poll) => poll.map(|output| *this.output = Some(output)),
            Err(payload) => {
                *this.panicked = true;
                resume_unwind(payload)
            }
        }
    }
}
