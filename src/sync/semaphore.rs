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
//! This is the core: it counts, and knows nothing of what the permits are for. The channels stand on it.
//!
//! Next: `oneshot.rs`, the smallest channel.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use super::waiters::{Key, Waiters, Wakers, look_or_wait};
use crate::engine::context;
use crate::engine::prim::Mutex;
use crate::engine::prim::atomic::{AtomicUsize, Ordering};
use crate::engine::trace::{self, Waiting};

/// No permits are given any more.
const CLOSED: usize = 0b01;
/// Somebody is in the line, and the number is zero.
const LINE: usize = 0b10;
/// One permit.
const ONE: usize = 0b100;

/// The semaphore is closed.
#[derive(Debug)]
pub(crate) struct Closed;

/// Why permits could not be had at once.
#[derive(Debug)]
pub(crate) enum Refused {
    Closed,
    NoPermits,
}

/// A number of permits, and those who wait for some.
pub(crate) struct Semaphore {
    word: AtomicUsize,
    /// The note at each place is how many permits it still lacks.
    line: Mutex<Waiters<usize>>,
}

impl Semaphore {
    /// Tokio's limit. It leaves three bits of the word; we use two.
    pub(crate) const MAX_PERMITS: usize = usize::MAX >> 3;

    #[track_caller]
    pub(crate) fn new(permits: usize) -> Self {
        assert!(
            permits <= Self::MAX_PERMITS,
            "a semaphore may not have more than MAX_PERMITS permits ({})",
            Self::MAX_PERMITS
        );
        Semaphore { word: AtomicUsize::new(permits * ONE), line: Mutex::new(Waiters::new()) }
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
    pub(crate) fn try_acquire(&self, wanted: usize) -> Result<(), Refused> {
        self.update(|word| match word / ONE {
            _ if word & CLOSED != 0 => Err(Refused::Closed),
            there if there < wanted => Err(Refused::NoPermits),
            _ => Ok((word - wanted * ONE, ())),
        })
    }

    /// Takes permits, and stands in line until there are enough. `what` says to the trace what they are.
    // Inlined, so that the future is built where it is awaited. Built here and copied there, it made the
    // way of a message through a channel 48 ns long instead of 35.
    #[track_caller]
    #[inline]
    pub(crate) fn acquire(&self, wanted: usize, what: &'static str) -> Acquire<'_> {
        assert!(
            wanted <= Self::MAX_PERMITS,
            "a semaphore may not have more than MAX_PERMITS permits ({})",
            Self::MAX_PERMITS
        );
        Acquire { semaphore: self, wanted, what, place: None }
    }

    /// Puts permits back, or new ones in.
    #[track_caller]
    pub(crate) fn add(&self, permits: usize) {
        assert!(
            permits <= Self::MAX_PERMITS,
            "cannot add more than MAX_PERMITS permits ({})",
            Self::MAX_PERMITS
        );
        let add = |word| match word & LINE {
            0 => Ok((Self::plus(word, permits), ())),
            _ => Err(()),
        };
        if self.update(add).is_err() {
            let mut wakers = Wakers::default();
            self.serve(&mut self.line.lock(), permits, &mut wakers);
            wakers.wake_all();
        }
    }

    /// Takes permits out for good, as many as there are to be taken. Returns how many.
    #[expect(dead_code, reason = "for the public semaphore, which is still to come")]
    pub(crate) fn forget(&self, permits: usize) -> usize {
        self.change(|word| {
            let taken = permits.min(word / ONE);
            (word - taken * ONE, taken)
        })
    }

    /// Gives no more permits. Those in line are the caller's to wake, outside of its own locks.
    pub(crate) fn close(&self) -> Wakers {
        let mut wakers = Wakers::default();
        let mut line = self.line.lock();
        self.change(|word| ((word | CLOSED) & !LINE, ()));
        while let Some(waker) = line.serve() {
            wakers.push(waker);
        }
        wakers
    }

    /// Takes what there is, and a place in line for the rest. None: it was enough.
    fn stand_in_line(&self, wanted: usize, waker: Waker) -> Result<Option<Key>, Closed> {
        let mut line = self.line.lock();
        let lacking = self.update(|word| match word / ONE {
            _ if word & CLOSED != 0 => Err(Closed),
            there if there >= wanted => Ok((word - wanted * ONE, 0)),
            // The race. We: one permit too few … Other: puts it back, sees no flag, goes … We: into the
            // line, for ever. But the swap that takes the rest also sets the flag. So the other's swap
            // came before it, and is counted here; or it comes after it, sees the flag, and waits for
            // the lock, which we hold until we stand in the line.
            there => Ok((LINE, wanted - there)),
        })?;
        Ok((lacking > 0).then(|| line.push(lacking, waker)))
    }

    /// Gives permits to those in line, in order, and what is left to everybody.
    fn serve(&self, line: &mut Waiters<usize>, mut permits: usize, wakers: &mut Wakers) {
        while let Some(lacking) = line.first() {
            let given = permits.min(*lacking);
            *lacking -= given;
            permits -= given;
            if *lacking > 0 {
                return;
            }
            wakers.extend(line.serve());
        }
        self.change(|word| (Self::plus(word & !LINE, permits), ()));
    }

    fn plus(word: usize, permits: usize) -> usize {
        assert!(
            permits <= Self::MAX_PERMITS - word / ONE,
            "number of added permits ({permits}) would overflow MAX_PERMITS ({})",
            Self::MAX_PERMITS
        );
        word + permits * ONE
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

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore").field("permits", &self.available()).finish()
    }
}

/// Takes permits. Once it is ready they are the caller's, who must put them back.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub(crate) struct Acquire<'a> {
    semaphore: &'a Semaphore,
    wanted: usize,
    what: &'static str,
    /// Where it stands in line, once it does.
    place: Option<Key>,
}

impl Acquire<'_> {
    fn poll_first(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        match self.semaphore.try_acquire(self.wanted) {
            Ok(()) => return Poll::Ready(Ok(())),
            Err(Refused::Closed) => return Poll::Ready(Err(Closed)),
            Err(Refused::NoPermits) => {}
        }
        self.place = match self.semaphore.stand_in_line(self.wanted, cx.waker().clone()) {
            Ok(place) => place,
            Err(closed) => return Poll::Ready(Err(closed)),
        };
        if self.place.is_some() { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    fn poll_in_line(&mut self, key: Key, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        let look = |line: &mut Waiters<usize>| match line.note(key) {
            // Closed comes first: what was given after all is then given back.
            _ if self.semaphore.is_closed() => Poll::Ready(Err(Closed)),
            0 => Poll::Ready(Ok(line.remove(key))),
            _ => Poll::Pending,
        };
        let served = ready!(look_or_wait(&self.semaphore.line, cx, look, |line| line.waker(key)));
        if served.is_ok() {
            self.place = None;
        } else {
            self.give_up();
        }
        Poll::Ready(served.map(drop))
    }

    /// Leaves the line and passes on what it was given. Returns whether there was a place to leave.
    pub(crate) fn give_up(&mut self) -> bool {
        let place = self.place.take();
        place.map(|key| self.leave_line(key)).is_some()
    }

    fn leave_line(&self, key: Key) {
        let mut wakers = Wakers::default();
        let mut line = self.semaphore.line.lock();
        let (lacking, waker) = line.remove(key);
        self.semaphore.serve(&mut line, self.wanted - lacking, &mut wakers);
        drop(line);
        wakers.wake_all();
        drop(waker);
    }
}

impl Future for Acquire<'_> {
    type Output = Result<(), Closed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(context::poll_budget(cx));
        let acquired = match self.place {
            None => self.poll_first(cx),
            Some(key) => self.poll_in_line(key, cx),
        };
        if acquired.is_pending() {
            trace::waiting(Waiting::On { what: self.what });
            return Poll::Pending;
        }
        context::spend();
        acquired
    }
}

impl Drop for Acquire<'_> {
    fn drop(&mut self) {
        self.give_up();
    }
}
