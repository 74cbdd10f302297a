//! Who may touch a task now?
//!
//! Several parties reach for one task at once: a worker polls it, a timer wakes it, a friend aborts it,
//! another task awaits its end. A lock around it would be right and dear. Instead one atomic byte says
//! in which state the task is, and *the right to touch a part of the task comes with a transition*: who
//! moved it from `Scheduled` to `Running` may poll the future, and nobody else until it moves on.
//!
//! ```text
//!               wake, abort              start_poll
//!    ┌──────┐ ─────────────▶ ┌───────────┐ ───────▶ ┌─────────┐  finish   ┌──────┐
//!    │ Idle │                │ Scheduled │          │ Running │ ────────▶ │ Done │
//!    └──────┘                └───────────┘          └─────────┘           └──────┘
//!      │  ▲                     ▲  │                 │ ▲  │ wake             ▲
//!      │  └───── end_poll ──────│──│─────────────────┘ │  ▼                  │
//!      │                        │  │              ┌─────────┐     finish     │
//!      │                        │  │              │  Woken  │ ───────────────┘
//!      │                        │  │              └─────────┘
//!      │                        └──│── end_poll ("again") ─┘
//!      └──────── claim ────────────┴──────────▶ Running          (shutdown)
//! ```
//!
//! Beside the life stand a flag, *abort requested*, and what the [`Joiner`] does. This file decides and
//! touches nothing else: no future, no queue, no waker. Each transition answers what its caller must do
//! next, so that the next file reads as a list of decisions. Next: `task.rs`.

use super::prim::atomic::AtomicU8;
use super::prim::atomic::Ordering::{AcqRel, Acquire, Relaxed};

/// Where a task is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Life {
    /// It waits; its wakers are out in the world. It stands in no queue.
    Idle = 0,
    /// It stands in exactly one queue. Where every task begins.
    Scheduled = 1,
    /// One thread polls or drops its future.
    Running = 2,
    /// As `Running`, and it was woken since the poll began: the poll may have looked before the wake,
    /// so the task must be polled once more.
    Woken = 3,
    /// Its future is gone. It is never polled again, whoever wakes it.
    Done = 4,
}

/// What the task's `JoinHandle` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Joiner {
    /// It exists and does not wait: the slot for its waker is its own.
    Attached = 0,
    /// Its waker is in the slot, and the slot belongs to the task, which wakes it when it ends.
    Waiting = 1,
    /// It was dropped. Nobody wants the output.
    Gone = 2,
}

/// The byte, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) life: Life,
    pub(crate) joiner: Joiner,
    /// Somebody asked for the task's end. It stays set.
    pub(crate) abort: bool,
}

const LIFE: u8 = 0b000_0111;
const JOINER: u8 = 0b001_1000;
const JOINER_SHIFT: u32 = JOINER.trailing_zeros();
const ABORT: u8 = 0b010_0000;

impl Word {
    #[inline]
    const fn pack(self) -> u8 {
        let abort = if self.abort { ABORT } else { 0 };
        self.life as u8 | (self.joiner as u8) << JOINER_SHIFT | abort
    }

    #[inline]
    fn unpack(bits: u8) -> Self {
        Word {
            life: match bits & LIFE {
                0 => Life::Idle,
                1 => Life::Scheduled,
                2 => Life::Running,
                3 => Life::Woken,
                _ => Life::Done,
            },
            joiner: match (bits & JOINER) >> JOINER_SHIFT {
                0 => Joiner::Attached,
                1 => Joiner::Waiting,
                _ => Joiner::Gone,
            },
            abort: bits & ABORT != 0,
        }
    }
}

/// After [`State::wake`] and [`State::abort`].
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Wake {
    /// The task is now `Scheduled`, by you: put it into a queue.
    Schedule,
    /// It is in a queue, will be put into one at the end of its poll, or is done.
    Nothing,
}

/// After [`State::start_poll`], by the one who took the task out of a queue.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Start {
    /// The future is yours: poll it.
    Poll,
    /// The future is yours: drop it, the task was aborted. Then finish.
    Cancel,
    /// Leave it: a shutdown was here before you.
    Skip,
}

/// After [`State::end_poll`], when the future was pending.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum EndPoll {
    /// The task is idle. It may already run elsewhere: do not touch it again.
    Rest,
    /// It was woken during the poll, and is `Scheduled` again: put it at the back of the queue.
    Again,
    /// It was aborted during the poll, and the future is still yours: drop it. Then finish.
    Cancel,
}

/// After [`State::finish`].
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Finish {
    /// The output is the joiner's from now on, and so is the slot.
    LeaveOutput,
    /// The output is the joiner's, the slot is yours: take the waker out and wake it.
    WakeJoiner,
    /// Nobody will come for the output. It is yours: drop it.
    DropOutput,
}

/// After [`State::claim`].
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Claim {
    /// The future is yours: drop it. Then finish.
    Cancel,
    /// The task is done, or some other thread is polling it and will cancel it.
    Nothing,
}

/// After [`State::join_waits`] and [`State::join_returns`].
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Join {
    /// The change was made.
    Changed,
    /// The task is done: the output is there, and the slot no longer the joiner's if it was waiting.
    Done,
}

/// After [`State::detach`].
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Detach {
    /// Nothing is left to tidy.
    Nothing,
    /// The slot is yours again: drop the waker in it.
    DropWaker,
    /// The task is done, and the output is yours: drop it unless you took it.
    DropOutput,
}

/// The state of one task.
#[derive(Debug)]
pub(crate) struct State(AtomicU8);

impl State {
    /// A new task: in a queue, with a handle.
    pub(crate) fn new() -> Self {
        let word = Word { life: Life::Scheduled, joiner: Joiner::Attached, abort: false };
        State(AtomicU8::new(word.pack()))
    }

    #[inline]
    pub(crate) fn load(&self) -> Word {
        // Acquire: matches the release in `finish`; who sees `Done` sees the output.
        Word::unpack(self.0.load(Acquire))
    }

    /// The only way in which the byte changes.
    #[inline]
    fn update<R>(&self, decide: impl Fn(&mut Word) -> R) -> R {
        let mut seen = self.0.load(Relaxed);
        loop {
            let mut word = Word::unpack(seen);
            let verdict = decide(&mut word);
            // AcqRel, always: whoever gains a right acquires what its last owner released.
            //
            // A store also where nothing changes. A wake of a task that is already `Scheduled` seems to
            // need no write: the poll is still to come. But: waker one schedules the task; waker two
            // writes a message, sees `Scheduled` and goes; the worker takes the task, having acquired
            // what waker one released and nothing of waker two's, reads the old message and rests. The
            // second wake is lost. The store puts the message before the worker's `start_poll`. With a
            // mere load the model `two_wakes_and_a_poll` finds the schedule.
            match self.0.compare_exchange_weak(seen, word.pack(), AcqRel, Relaxed) {
                Ok(_) => return verdict,
                Err(now) => seen = now,
            }
        }
    }

    /// Something happened that the future waits for.
    #[inline]
    pub(crate) fn wake(&self) -> Wake {
        self.update(|word| match word.life {
            Life::Idle => {
                word.life = Life::Scheduled;
                Wake::Schedule
            }
            Life::Running => {
                word.life = Life::Woken;
                Wake::Nothing
            }
            Life::Scheduled | Life::Woken | Life::Done => Wake::Nothing,
        })
    }

    /// Somebody wants the task to end. Its future is dropped by a worker, not here: the one who aborts
    /// may be anywhere, also in the midst of this task's own poll.
    pub(crate) fn abort(&self) -> Wake {
        self.update(|word| {
            if word.life == Life::Done {
                return Wake::Nothing;
            }
            word.abort = true;
            if word.life == Life::Idle {
                word.life = Life::Scheduled;
                return Wake::Schedule;
            }
            Wake::Nothing
        })
    }

    /// A thread took the task out of a queue.
    #[inline]
    pub(crate) fn start_poll(&self) -> Start {
        let (was, start) = self.update(|word| {
            let was = word.life;
            if was == Life::Done {
                return (was, Start::Skip);
            }
            word.life = Life::Running;
            (was, if word.abort { Start::Cancel } else { Start::Poll })
        });
        // Not in the closure: the first word that it is shown may be out of date.
        assert!(
            matches!(was, Life::Scheduled | Life::Done),
            "a task in a queue is scheduled, or done by a shutdown"
        );
        start
    }

    /// The poll is over, and the future pending.
    #[inline]
    pub(crate) fn end_poll(&self) -> EndPoll {
        self.update(|word| {
            if word.abort {
                return EndPoll::Cancel;
            }
            if word.life == Life::Woken {
                word.life = Life::Scheduled;
                return EndPoll::Again;
            }
            word.life = Life::Idle;
            EndPoll::Rest
        })
    }

    /// The runtime ends, and no worker is left: take the task wherever it waits.
    pub(crate) fn claim(&self) -> Claim {
        self.update(|word| match word.life {
            Life::Idle | Life::Scheduled => {
                word.life = Life::Running;
                Claim::Cancel
            }
            Life::Running | Life::Woken => {
                word.abort = true;
                Claim::Nothing
            }
            Life::Done => Claim::Nothing,
        })
    }

    /// The future is dropped and the output in its place.
    #[inline]
    pub(crate) fn finish(&self) -> Finish {
        self.update(|word| {
            word.life = Life::Done;
            match word.joiner {
                Joiner::Attached => Finish::LeaveOutput,
                Joiner::Waiting => Finish::WakeJoiner,
                Joiner::Gone => Finish::DropOutput,
            }
        })
    }

    /// The joiner has put its waker into the slot, and hands the slot over.
    #[inline]
    pub(crate) fn join_waits(&self) -> Join {
        self.set_joiner(Joiner::Waiting)
    }

    /// The joiner takes the slot back, to put another waker in.
    #[inline]
    pub(crate) fn join_returns(&self) -> Join {
        self.set_joiner(Joiner::Attached)
    }

    #[inline]
    fn set_joiner(&self, joiner: Joiner) -> Join {
        self.update(|word| {
            if word.life == Life::Done {
                return Join::Done;
            }
            word.joiner = joiner;
            Join::Changed
        })
    }

    /// The joiner is dropped.
    #[inline]
    pub(crate) fn detach(&self) -> Detach {
        self.update(|word| {
            let was = word.joiner;
            if word.life == Life::Done {
                return Detach::DropOutput;
            }
            word.joiner = Joiner::Gone;
            if was == Joiner::Waiting { Detach::DropWaker } else { Detach::Nothing }
        })
    }
}
