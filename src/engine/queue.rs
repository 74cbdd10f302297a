//! Whose turn is it?
//!
//! The tasks that are ready stand in line. One line for everybody would do, but each push and pop would
//! meet those of all other threads; and most tasks are woken by their neighbours, on the very thread that
//! will poll them. So each worker has a line of its own, and there is one more that all may push to.
//!
//! ```text
//!   woken by a task here ──▶ [ slot ] ─ no room ─▶ [    the worker's line    ] ──▶ the worker
//!                                                    │ full: half    │ half        ▲ first in each round,
//!                                                    ▼               ▼             │ and when it is empty
//!   woken on another thread ────────────▶ [ injector ]          (a thief)    [ injector ]
//! ```
//!
//! The **slot** holds one task: the one that was woken last. It runs next, while what its waker has
//! written is still in the cache; a message and its answer go back and forth at the speed of a call. But
//! two tasks that wake each other would hold it for ever, so it wins three times in a row at most.
//!
//! The **line** is a ring of 256 from which idle workers steal half, and half of which moves to the
//! injector when it is full. A worker that is alone has nobody to hide from: its line lies in its thread's
//! own memory, needs no atomics, has no bound and no slot, and keeps strict first in, first out.
//!
//! The **injector** takes from all threads and has no bound: a wake comes from anywhere, from a
//! destructor, from inside another task's poll, and must neither fail nor block.
//!
//! This file does not know when to look where; that is the worker's business. Next: `timer.rs`.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::mem::{self, ManuallyDrop};
use std::sync::Arc;

use crossbeam_queue::{ArrayQueue, SegQueue};

use super::task::Runnable;

/// A task that is to be polled.
type Ready = Arc<dyn Runnable>;

/// Tasks that a ring holds. Tokio's number; more give thieves more to take and cost cache.
const RING: usize = 256;

/// How often in a row the slot may win. Tokio's number; its effect is how long two tasks that wake each
/// other keep the next one waiting.
const WINS: u8 = 3;

/// A line longer than this gives memory back when it is empty. Arbitrary; 64 KiB.
const LONG: usize = 4096;

/// The line that all threads may push to.
pub(crate) struct Injector(SegQueue<Ready>);

impl Injector {
    pub(crate) fn new() -> Self {
        Injector(SegQueue::new())
    }

    pub(crate) fn push(&self, task: Ready) {
        self.0.push(task);
    }

    pub(crate) fn pop(&self) -> Option<Ready> {
        self.0.pop()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Moves a worker's share to its empty ring. Returns how many that were.
    pub(crate) fn share_with(&self, ring: &Ring, workers: usize) -> usize {
        let share = (self.len() / workers + 1).min(RING / 2);
        move_tasks(share, || self.pop(), ring)
    }
}

/// A line from which other workers steal.
pub(crate) struct Ring(ArrayQueue<Ready>);

impl Ring {
    pub(crate) fn new() -> Self {
        Ring(ArrayQueue::new(RING))
    }

    /// Puts a task at the back. If the ring is full, its older half goes to the injector: not just this
    /// one task, so that the next 128 pushes are cheap again.
    fn push(&self, mut task: Ready, injector: &Injector) {
        while let Err(rejected) = self.0.push(task) {
            task = rejected;
            // Thieves may take some meanwhile.
            (0..RING / 2).map_while(|_| self.0.pop()).for_each(|oldest| injector.push(oldest));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn clear(&self) {
        while self.0.pop().is_some() {}
    }

    /// Moves half of this to the empty ring of a thief. Returns how many that were.
    pub(crate) fn give_half_to(&self, thief: &Ring) -> usize {
        move_tasks(self.len().div_ceil(2), || self.0.pop(), thief)
    }
}

/// Moves up to `count` tasks into a ring that has room for them: only its own worker pushes to it, and
/// that is the one who calls this because it is empty.
fn move_tasks(count: usize, take: impl Fn() -> Option<Ready>, to: &Ring) -> usize {
    let moved = (0..count).map_while(|_| take()).map(|task| to.0.push(task));
    moved.inspect(|pushed| assert!(pushed.is_ok(), "a thief's ring is empty")).count()
}

thread_local! {
    /// Without a destructor, which every access would have to ask about: a worker takes its line along when
    /// it goes, so what stays here is empty.
    static LINE: ManuallyDrop<RefCell<Line>> =
        const { ManuallyDrop::new(RefCell::new(Line::alone())) };
}

/// Calls `work` with the line of the worker that this thread is.
#[inline]
fn with_own<R>(work: impl FnOnce(&mut Line) -> R) -> R {
    LINE.with(|line| work(&mut line.borrow_mut()))
}

/// The line of one worker. While the worker works it is its thread's own, and the functions without
/// `self` are about that one.
pub(crate) struct Line {
    slot: Option<Ready>,
    /// How often in a row the slot has won.
    wins: u8,
    rest: Rest,
}

enum Rest {
    Private(VecDeque<Ready>),
    Shared(Arc<Ring>),
}

/// Where a task is after a push, and whether another worker should come for it.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Pushed {
    /// This worker runs it next. To wake another worker for it, which would steal it, doubled the processor
    /// time of an echo.
    Here,
    /// It waits for other tasks, and no other worker can run it.
    Behind,
    /// It waits for others, and can be stolen: somebody who has nothing to do should come.
    ForAnybody,
}

impl Line {
    /// The line of a worker that is alone.
    pub(crate) const fn alone() -> Self {
        Line { slot: None, wins: 0, rest: Rest::Private(VecDeque::new()) }
    }

    /// The line of a worker among others.
    pub(crate) const fn among_others(ring: Arc<Ring>) -> Self {
        Line { slot: None, wins: 0, rest: Rest::Shared(ring) }
    }

    /// The thread begins to work, or ends: its line comes with the work, and goes with it.
    pub(crate) fn exchange(kept: &mut Line) {
        with_own(|line| mem::swap(line, kept));
    }

    /// Puts a task at the back.
    #[inline]
    pub(crate) fn push_back(task: Ready, injector: &Injector) -> Pushed {
        with_own(|line| line.add(task, injector))
    }

    /// Puts a task where it runs next, if there is such a place; whom it drives out goes to the back.
    #[inline]
    pub(crate) fn push_next(task: Ready, injector: &Injector) -> Pushed {
        with_own(|line| match line.rest {
            Rest::Private(_) => line.add(task, injector),
            Rest::Shared(_) => match line.slot.replace(task) {
                Some(driven_out) => line.add(driven_out, injector),
                None => Pushed::Here,
            },
        })
    }

    #[inline]
    fn add(&mut self, task: Ready, injector: &Injector) -> Pushed {
        match &mut self.rest {
            Rest::Private(tasks) => {
                let runs_next = tasks.is_empty();
                tasks.push_back(task);
                if runs_next { Pushed::Here } else { Pushed::Behind }
            }
            Rest::Shared(ring) => {
                let runs_next = self.slot.is_none() && ring.is_empty();
                ring.push(task, injector);
                if runs_next { Pushed::Here } else { Pushed::ForAnybody }
            }
        }
    }

    #[inline]
    pub(crate) fn pop() -> Option<Ready> {
        with_own(|line| {
            if line.wins < WINS && line.slot.is_some() {
                line.wins += 1;
                return line.slot.take();
            }
            line.wins = 0;
            let task = match &mut line.rest {
                Rest::Private(tasks) => tasks.pop_front(),
                Rest::Shared(ring) => ring.0.pop(),
            };
            task.or_else(|| line.slot.take())
        })
    }

    pub(crate) fn len() -> usize {
        with_own(|line| {
            let rest = match &line.rest {
                Rest::Private(tasks) => tasks.len(),
                Rest::Shared(ring) => ring.len(),
            };
            usize::from(line.slot.is_some()) + rest
        })
    }

    /// Gives memory back after a burst.
    pub(crate) fn shrink() {
        with_own(|line| match &mut line.rest {
            Rest::Private(tasks) if tasks.is_empty() && tasks.capacity() > LONG => {
                tasks.shrink_to_fit();
            }
            _ => {}
        });
    }
}
