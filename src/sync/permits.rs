//! How does one let in only so many at once, and the others in the order in which they came?
//!
//! Keep a number of **permits**. Who enters takes some, who leaves puts them back. If there are not
//! enough, one waits in line; and permits that are put back go to the first in line before anybody else
//! may have them, so that who wants many is not overtaken for ever by those who want few.
//!
//! ```text
//!              enough there                              all it wanted is there
//!   acquire ───────────────▶ holds them     ┌──────────┐ ─────────────────────▶ served: wake it,
//!      │                                    │ in line, │                        it comes for them
//!      └──── takes what is there ─────────▶ │ has some │
//!                                           └──────────┘ ── dropped ──▶ what it had goes on to the
//!                                                                       next in line
//! ```
//!
//! The number and two flags share one atomic word, so that taking and putting back costs one
//! compare-and-swap as long as nobody waits. While somebody does, the number is zero, and the flag sends
//! whoever puts permits back to the lock of the line. The flag changes under that lock only.
//!
//! This is the core: it counts, and knows nothing of what the permits are for. The semaphore, the locks and
//! the bounded channel stand on it.
//!
//! Next: `semaphore.rs`, the same for everybody's use.

use std::convert::Infallible;
use std::fmt;
use std::mem;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, Waker, ready};

use super::error::{AcquireError, TryAcquireError};
use super::wait_queue::{Key, WaitQueue, WakeList, const_fn};
use crate::engine::context;
use crate::engine::coop;
use crate::engine::prim::atomic::{AtomicUsize, Ordering};
use crate::engine::prim::{Mutex, discard, poll_or_register};
use crate::engine::trace::{self, Waiting};

/// No permits are given any more.
const CLOSED: usize = 0b01;
/// Somebody is in the line, and the number is zero.
const LINE: usize = 0b10;
/// One permit.
const ONE: usize = 0b100;

/// Who lets others in by permits: a semaphore, a lock, a channel.
pub(crate) trait Gate {
    /// The permits.
    fn permits(&self) -> &Permits;

    /// What one waits for who waits for them.
    fn waiting(&self) -> Waiting;

    /// Whether the owner of so many permits holds a lock exclusively.
    fn is_exclusive(&self, _permits: usize) -> bool {
        false
    }
}

/// A number of permits, and those who wait for some.
pub(crate) struct Permits {
    word: AtomicUsize,
    /// The task that holds a lock exclusively; 0 if none does, or the holder is no task. It is cleared
    /// before the permits are put back, and set after they are taken; under the line's lock if they are
    /// handed to a waiter. Nothing depends on it, so it is std's atomic (no model needs to know of it), and
    /// relaxed.
    holder: AtomicU64,
    line: Mutex<WaitQueue<Request>>,
}

/// What is noted of each waiter.
#[derive(Debug)]
struct Request {
    /// How many permits it still lacks.
    lacking: usize,
    /// The holder, once it has all it wants. The task that polled last.
    holder: u64,
}

impl Permits {
    /// Tokio's limit. It leaves three bits of the word; we use two.
    pub(crate) const MAX: usize = usize::MAX >> 3;

    const_fn! {
        #[track_caller]
        pub(crate) fn new(permits: usize) -> Self {
            assert_not_too_many(permits);
            let (word, holder) = (AtomicUsize::new(permits * ONE), AtomicU64::new(0));
            Permits { word, holder, line: Mutex::new(WaitQueue::new()) }
        }
    }

    /// The task that holds a lock exclusively, or 0.
    pub(crate) fn holder(&self) -> u64 {
        self.holder.load(Relaxed)
    }

    pub(crate) fn set_holder(&self, holder: u64) {
        self.holder.store(holder, Relaxed);
    }

    /// How many permits are there to be taken.
    pub(crate) fn available(&self) -> usize {
        self.word.load(Ordering::Acquire) / ONE
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.word.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Takes permits, if there are enough now. It overtakes nobody: while there is a line, the number is
    /// zero.
    pub(crate) fn try_acquire(&self, wanted: usize) -> Result<(), TryAcquireError> {
        self.update(|word| match word / ONE {
            _ if word & CLOSED != 0 => Err(TryAcquireError::Closed),
            there if there < wanted => Err(TryAcquireError::NoPermits),
            _ => Ok((word - wanted * ONE, ())),
        })
    }

    /// Puts permits back, or new ones in.
    #[track_caller]
    pub(crate) fn add(&self, permits: usize) {
        assert!(
            permits <= Self::MAX,
            "cannot add more than MAX_PERMITS permits ({}), but these are {permits}",
            Self::MAX
        );
        let added = self.update(|word| match word & LINE {
            0 => Ok((Self::plus(word, permits).ok_or(NotAdded::TooMany)?, ())),
            _ => Err(NotAdded::SomebodyWaits),
        });
        match added {
            Ok(()) => {}
            Err(NotAdded::TooMany) => too_many(permits),
            Err(NotAdded::SomebodyWaits) => {
                let mut wakers = WakeList::default();
                self.serve(&mut self.line.lock(), permits, &mut wakers);
                wakers.wake_all();
            }
        }
    }

    /// Takes permits out for good, as many as there are to be taken. Returns how many.
    pub(crate) fn forget(&self, permits: usize) -> usize {
        self.change(|word| {
            let taken = permits.min(word / ONE);
            (word - taken * ONE, taken)
        })
    }

    /// Gives no more permits. Those in line are the caller's to wake, outside of its own locks.
    pub(crate) fn close(&self) -> WakeList {
        let mut wakers = WakeList::default();
        let mut line = self.line.lock();
        self.change(|word| ((word | CLOSED) & !LINE, ()));
        line.pop_all(&mut wakers);
        wakers
    }

    /// Takes permits, or what there is of them and a place in line for the rest.
    fn arrive(&self, wanted: usize, holder: u64, cx: &Context<'_>) -> Result<Stage, AcquireError> {
        match self.try_acquire(wanted) {
            Ok(()) => Ok(Stage::Has),
            Err(TryAcquireError::Closed) => Err(AcquireError(())),
            Err(TryAcquireError::NoPermits) => {
                let mut waker = Some(cx.waker().clone());
                let stage = self.stand_in_line(wanted, holder, &mut waker);
                discard(waker);
                stage
            }
        }
    }

    /// Takes the waker if it has to wait.
    fn stand_in_line(
        &self,
        wanted: usize,
        holder: u64,
        waker: &mut Option<Waker>,
    ) -> Result<Stage, AcquireError> {
        let mut line = self.line.lock();
        let lacking = self.update(|word| match word / ONE {
            _ if word & CLOSED != 0 => Err(AcquireError(())),
            there if there >= wanted => Ok((word - wanted * ONE, 0)),
            // The race. We: one permit too few … Other: puts it back, sees no flag, goes … We: into the
            // line, for ever. But the swap that takes the rest also sets the flag. So the other's swap
            // came before it, and is counted here; or it comes after it, sees the flag, and waits for
            // the lock, which we hold until we stand in the line.
            there => Ok((LINE, wanted - there)),
        })?;
        Ok(match waker.take_if(|_| lacking > 0) {
            None => Stage::Has,
            Some(waker) => Stage::InLine(line.push(Request { lacking, holder }, waker)),
        })
    }

    /// Looks whether a place in line was served. While the permits are closed it stays: what was given
    /// to it after all is then given back.
    fn look_again(
        &self,
        key: Key,
        holder: u64,
        cx: &mut Context<'_>,
    ) -> Result<Stage, AcquireError> {
        let look = |line: &mut WaitQueue<Request>| {
            let request = line.note(key);
            request.holder = holder;
            match request.lacking {
                _ if self.is_closed() => Poll::Ready(Err(AcquireError(()))),
                0 => Poll::Ready(Ok(line.remove(key))),
                _ => Poll::Pending,
            }
        };
        match poll_or_register(&self.line, cx, look, |line| line.waker(key)) {
            Poll::Ready(served) => served.map(|_| Stage::Has),
            Poll::Pending => Ok(Stage::InLine(key)),
        }
    }

    /// Leaves the line, and passes on what was given.
    fn leave_line(&self, key: Key, wanted: usize) {
        let mut wakers = WakeList::default();
        let mut line = self.line.lock();
        let (Request { lacking, .. }, waker) = line.remove(key);
        if lacking == 0 {
            self.set_holder(0);
        }
        self.serve(&mut line, wanted - lacking, &mut wakers);
        drop(line);
        wakers.wake_all();
        discard(waker);
    }

    /// Gives permits to those in line, in order, and what is left to everybody.
    fn serve(&self, line: &mut WaitQueue<Request>, mut permits: usize, wakers: &mut WakeList) {
        while let Some(head) = line.head() {
            let Request { lacking, holder } = line.note(head);
            let given = permits.min(*lacking);
            *lacking -= given;
            permits -= given;
            if *lacking > 0 {
                return;
            }
            // Not at its next poll: the permits are its own from here on.
            self.set_holder(*holder);
            wakers.extend(line.unlink(head));
        }
        self.change(|word| match Self::plus(word & !LINE, permits) {
            Some(word) => (word, ()),
            None => too_many(permits),
        });
    }

    fn plus(word: usize, permits: usize) -> Option<usize> {
        (permits <= Self::MAX - word / ONE).then_some(word + permits * ONE)
    }

    /// Changes the word as `next` says, unless that refuses.
    fn update<R, E>(&self, next: impl Fn(usize) -> Result<(usize, R), E>) -> Result<R, E> {
        let mut word = self.word.load(Ordering::Acquire);
        loop {
            let (new, verdict) = next(word)?;
            // AcqRel, partner of itself: who puts a permit back releases what was done under it, and
            // who takes it, however many swaps later, acquires that.
            match self.word.compare_exchange_weak(word, new, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Ok(verdict),
                Err(now) => word = now,
            }
        }
    }

    /// Changes the word as `next` says.
    fn change<R>(&self, next: impl Fn(usize) -> (usize, R)) -> R {
        let Ok(verdict) = self.update(|word| Ok::<_, Infallible>(next(word)));
        verdict
    }
}

impl fmt::Debug for Permits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permits").field("available", &self.available()).finish()
    }
}

/// Why permits could not be added by a single swap.
enum NotAdded {
    SomebodyWaits,
    TooMany,
}

#[track_caller]
const fn assert_not_too_many(permits: usize) {
    // A constant text: this runs at compile time, too.
    assert!(
        permits <= Permits::MAX,
        "a semaphore may not have more than MAX_PERMITS permits (usize::MAX >> 3)"
    );
}

#[cold]
#[track_caller]
fn too_many(permits: usize) -> ! {
    panic!("number of added permits ({permits}) would overflow MAX_PERMITS ({})", Permits::MAX);
}

/// Takes permits, and stands in line until there are enough. Once it is ready they are the caller's, who
/// must put them back. `G` is how it holds whose permits they are: a reference, or an `Arc`.
pub(crate) struct Acquire<G: Deref<Target: Gate> + Unpin> {
    /// None once it was ready.
    gate: Option<G>,
    wanted: usize,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// It was not polled yet.
    New,
    /// It has a place in line, and comes from time to time to look.
    InLine(Key),
    /// It has all it wanted, and has not said so yet.
    Has,
}

impl<G: Deref<Target: Gate> + Unpin> Acquire<G> {
    // Inlined, so that the future is built where it is awaited. Built here and copied there, it made the
    // way of a message through a channel 48 ns long instead of 35.
    #[track_caller]
    #[inline]
    pub(crate) fn new(gate: G, wanted: usize) -> Self {
        assert_not_too_many(wanted);
        Acquire { gate: Some(gate), wanted, stage: Stage::New }
    }

    /// Gives the gate back when it is ready. `call` is what a caller who polls once more should be told.
    #[track_caller]
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        call: &str,
    ) -> Poll<Result<G, AcquireError>> {
        let Some(gate) = &self.gate else {
            panic!("the future of `{call}` was polled after it was ready");
        };
        let permits = gate.permits();
        let is_exclusive = gate.is_exclusive(self.wanted);
        let holder = if is_exclusive { context::task_id().unwrap_or(0) } else { 0 };
        let found = match self.stage {
            Stage::New => permits.arrive(self.wanted, holder, cx),
            Stage::InLine(key) => permits.look_again(key, holder, cx),
            Stage::Has => Ok(Stage::Has),
        };
        let closed = found.is_err();
        if let Ok(stage) = found {
            self.stage = stage;
            if let Stage::InLine(_) = self.stage {
                trace::waiting(gate.waiting());
                return Poll::Pending;
            }
            if is_exclusive {
                permits.set_holder(holder);
            }
        }
        // The budget is asked for last, not at the head as elsewhere. Without it one would go away before
        // one has a place in line, and be overtaken by whoever comes after.
        ready!(coop::poll_proceed(cx));
        coop::made_progress();
        if closed {
            self.give_up();
        }
        self.stage = Stage::New;
        let gate = self.gate.take().expect("it was there at the head");
        Poll::Ready(if closed { Err(AcquireError(())) } else { Ok(gate) })
    }

    /// How many permits it asks for.
    pub(crate) fn wanted(&self) -> usize {
        self.wanted
    }

    /// Puts back what it has, and leaves the line. Returns whether there was anything to leave.
    pub(crate) fn give_up(&mut self) -> bool {
        let Some(gate) = &self.gate else { return false };
        match mem::replace(&mut self.stage, Stage::New) {
            Stage::New => return false,
            Stage::InLine(key) => gate.permits().leave_line(key, self.wanted),
            Stage::Has => {
                gate.permits().set_holder(0);
                gate.permits().add(self.wanted);
            }
        }
        true
    }
}

impl<G: Deref<Target: Gate> + Unpin> Drop for Acquire<G> {
    fn drop(&mut self) {
        self.give_up();
    }
}

impl<G: Deref<Target: Gate> + Unpin> fmt::Debug for Acquire<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire")
            .field("wanted", &self.wanted)
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}
