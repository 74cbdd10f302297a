//! Who may touch a task now?
//!
//! Several parties reach for one task at once: a worker polls it, a timer wakes it, a friend aborts it,
//! another task awaits its end. A lock around it would be right and dear. Instead one atomic byte says
//! in which state the task is, and *the right to touch a part of the task comes with a transition*: who
//! moved it from `Scheduled` to `Running` may poll the future, and nobody else until it moves on.
//!
//! ```text
//!               wake, abort              start_poll
//!    ┌──────┐ ─────────────▶ ┌───────────┐ ───────▶ ┌─────────┐  complete  ┌──────────┐
//!    │ Idle │                │ Scheduled │          │ Running │ ─────────▶ │ Complete │
//!    └──────┘                └───────────┘          └─────────┘            └──────────┘
//!      │  ▲                     ▲  │                 │ ▲  │ wake                ▲
//!      │  └───── end_poll ──────│──│─────────────────┘ │  ▼                     │
//!      │                        │  │         ┌─────────────────┐    complete    │
//!      │                        │  │         │ RunningNotified │ ───────────────┘
//!      │                        │  │         └─────────────────┘
//!      │                        └──│── end_poll ───────┘
//!      └ transition_to_shutdown ───┴──────────▶ Running                 (shutdown)
//! ```
//!
//! Beside the life stand a flag, *abort requested*, and what the [`JoinInterest`] does. This file decides and
//! touches nothing else: no future, no queue, no waker. Each transition answers what its caller must do
//! next, so that the next file reads as a list of decisions. Next: `task.rs`.

use super::prim::atomic::AtomicU8;
use super::prim::atomic::Ordering::{AcqRel, Acquire, Relaxed};

/// Where a task is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Lifecycle {
    /// It waits; its wakers are out in the world. It stands in no queue.
    Idle = 0,
    /// It stands in exactly one queue. Where every task begins.
    Scheduled = 1,
    /// One thread polls or drops its future.
    Running = 2,
    /// As `Running`, and it was woken since the poll began: the poll may have looked before the wake,
    /// so the task must be polled once more.
    RunningNotified = 3,
    /// Its future is gone. It is never polled again, whoever wakes it.
    Complete = 4,
}

/// What the task's `JoinHandle` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum JoinInterest {
    /// It exists and does not wait: the slot for its waker is its own.
    Held = 0,
    /// Its waker is in the slot, and the slot belongs to the task, which wakes it when it ends.
    Waiting = 1,
    /// It was dropped. Nobody wants the output.
    Dropped = 2,
}

/// The byte, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) lifecycle: Lifecycle,
    pub(crate) join_interest: JoinInterest,
    /// Somebody asked for the task's end. It stays set.
    pub(crate) abort: bool,
}

const LIFE: u8 = 0b000_0111;
const JOINER: u8 = 0b001_1000;
const JOINER_SHIFT: u32 = JOINER.trailing_zeros();
const ABORT: u8 = 0b010_0000;

impl Snapshot {
    #[inline]
    const fn pack(self) -> u8 {
        let abort = if self.abort { ABORT } else { 0 };
        self.lifecycle as u8 | (self.join_interest as u8) << JOINER_SHIFT | abort
    }

    #[inline]
    fn unpack(bits: u8) -> Self {
        Snapshot {
            lifecycle: match bits & LIFE {
                0 => Lifecycle::Idle,
                1 => Lifecycle::Scheduled,
                2 => Lifecycle::Running,
                3 => Lifecycle::RunningNotified,
                _ => Lifecycle::Complete,
            },
            join_interest: match (bits & JOINER) >> JOINER_SHIFT {
                0 => JoinInterest::Held,
                1 => JoinInterest::Waiting,
                _ => JoinInterest::Dropped,
            },
            abort: bits & ABORT != 0,
        }
    }
}

/// After [`State::wake`] and [`State::abort`].
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum AfterWake {
    /// The task is now `Scheduled`, by you: put it into a queue.
    Schedule,
    /// It is in a queue, will be put into one at the end of its poll, or is done.
    Nothing,
}

/// After [`State::start_poll`], by the one who took the task out of a queue.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum AfterStartPoll {
    /// The future is yours: poll it.
    Poll,
    /// The future is yours: drop it, the task was aborted. Then complete the task.
    Cancel,
    /// Leave it: a shutdown was here before you.
    Skip,
}

/// After [`State::end_poll`], when the future was pending.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum AfterEndPoll {
    /// The task is idle. It may already run elsewhere: do not touch it again.
    Idle,
    /// It was woken during the poll, and is `Scheduled` again: put it at the back of the queue.
    Reschedule,
    /// It was aborted during the poll, and the future is still yours: drop it. Then complete the task.
    Cancel,
}

/// After [`State::complete`].
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum AfterComplete {
    /// The output is the joiner's from now on, and so is the slot.
    LeaveOutput,
    /// The output is the joiner's, the slot is yours: take the waker out and wake it.
    WakeJoiner,
    /// Nobody will come for the output. It is yours: drop it.
    DropOutput,
}

/// After [`State::transition_to_shutdown`].
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum AfterShutdown {
    /// The future is yours: drop it. Then complete the task.
    Cancel,
    /// The task is done, or some other thread is polling it and will cancel it.
    Nothing,
}

/// After [`State::set_join_waker`] and [`State::unset_join_waker`].
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum AfterJoin {
    /// The change was made.
    Changed,
    /// The task is done: the output is there, and the slot no longer the joiner's if it was waiting.
    Complete,
}

/// After [`State::detach`].
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum AfterDetach {
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
        let word = Snapshot {
            lifecycle: Lifecycle::Scheduled,
            join_interest: JoinInterest::Held,
            abort: false,
        };
        State(AtomicU8::new(word.pack()))
    }

    #[inline]
    pub(crate) fn load(&self) -> Snapshot {
        // Acquire: matches the release in `complete`; who sees `Complete` sees the output.
        Snapshot::unpack(self.0.load(Acquire))
    }

    /// The only way in which the byte changes.
    #[inline]
    fn update<R>(&self, decide: impl Fn(&mut Snapshot) -> R) -> R {
        let mut seen = self.0.load(Relaxed);
        loop {
            let mut word = Snapshot::unpack(seen);
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
    pub(crate) fn wake(&self) -> AfterWake {
        self.update(|word| match word.lifecycle {
            Lifecycle::Idle => {
                word.lifecycle = Lifecycle::Scheduled;
                AfterWake::Schedule
            }
            Lifecycle::Running => {
                word.lifecycle = Lifecycle::RunningNotified;
                AfterWake::Nothing
            }
            Lifecycle::Scheduled | Lifecycle::RunningNotified | Lifecycle::Complete => {
                AfterWake::Nothing
            }
        })
    }

    /// Somebody wants the task to end. Its future is dropped by a worker, not here: the one who aborts
    /// may be anywhere, also in the midst of this task's own poll.
    pub(crate) fn abort(&self) -> AfterWake {
        self.update(|word| {
            if word.lifecycle == Lifecycle::Complete {
                return AfterWake::Nothing;
            }
            word.abort = true;
            if word.lifecycle == Lifecycle::Idle {
                word.lifecycle = Lifecycle::Scheduled;
                return AfterWake::Schedule;
            }
            AfterWake::Nothing
        })
    }

    /// A thread took the task out of a queue.
    #[inline]
    pub(crate) fn start_poll(&self) -> AfterStartPoll {
        let (was, start) = self.update(|word| {
            let was = word.lifecycle;
            if was == Lifecycle::Complete {
                return (was, AfterStartPoll::Skip);
            }
            word.lifecycle = Lifecycle::Running;
            (was, if word.abort { AfterStartPoll::Cancel } else { AfterStartPoll::Poll })
        });
        // Not in the closure: the first word that it is shown may be out of date.
        assert!(
            matches!(was, Lifecycle::Scheduled | Lifecycle::Complete),
            "a task in a queue is scheduled, or done by a shutdown"
        );
        start
    }

    /// The poll is over, and the future pending.
    #[inline]
    pub(crate) fn end_poll(&self) -> AfterEndPoll {
        self.update(|word| {
            if word.abort {
                return AfterEndPoll::Cancel;
            }
            if word.lifecycle == Lifecycle::RunningNotified {
                word.lifecycle = Lifecycle::Scheduled;
                return AfterEndPoll::Reschedule;
            }
            word.lifecycle = Lifecycle::Idle;
            AfterEndPoll::Idle
        })
    }

    /// The runtime ends, and no worker is left: take the task wherever it waits.
    pub(crate) fn transition_to_shutdown(&self) -> AfterShutdown {
        self.update(|word| match word.lifecycle {
            Lifecycle::Idle | Lifecycle::Scheduled => {
                word.lifecycle = Lifecycle::Running;
                AfterShutdown::Cancel
            }
            Lifecycle::Running | Lifecycle::RunningNotified => {
                word.abort = true;
                AfterShutdown::Nothing
            }
            Lifecycle::Complete => AfterShutdown::Nothing,
        })
    }

    /// The future is dropped and the output in its place.
    #[inline]
    pub(crate) fn complete(&self) -> AfterComplete {
        self.update(|word| {
            word.lifecycle = Lifecycle::Complete;
            match word.join_interest {
                JoinInterest::Held => AfterComplete::LeaveOutput,
                JoinInterest::Waiting => AfterComplete::WakeJoiner,
                JoinInterest::Dropped => AfterComplete::DropOutput,
            }
        })
    }

    /// The joiner has put its waker into the slot, and hands the slot over.
    #[inline]
    pub(crate) fn set_join_waker(&self) -> AfterJoin {
        self.set_joiner(JoinInterest::Waiting)
    }

    /// The joiner takes the slot back, to put another waker in.
    #[inline]
    pub(crate) fn unset_join_waker(&self) -> AfterJoin {
        self.set_joiner(JoinInterest::Held)
    }

    #[inline]
    fn set_joiner(&self, joiner: JoinInterest) -> AfterJoin {
        self.update(|word| {
            if word.lifecycle == Lifecycle::Complete {
                return AfterJoin::Complete;
            }
            word.join_interest = joiner;
            AfterJoin::Changed
        })
    }

    /// The joiner is dropped.
    #[inline]
    pub(crate) fn detach(&self) -> AfterDetach {
        self.update(|word| {
            let was = word.join_interest;
            if word.lifecycle == Lifecycle::Complete {
                return AfterDetach::DropOutput;
            }
            word.join_interest = JoinInterest::Dropped;
            if was == JoinInterest::Waiting { AfterDetach::DropWaker } else { AfterDetach::Nothing }
        })
    }
}
