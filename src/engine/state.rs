//! The state of a task decides which thread may touch its future. Several threads act on one task at the same time: a
//! worker polls it, a timer wakes it, another task aborts it, and one more awaits its output.
//!
//! One atomic byte says in which state the task is, and *the right to touch a part of the task comes with
//! a transition*: the thread that moved the task from `Scheduled` to `Running` may poll the future, and no
//! other thread may until the next transition. There is no lock.
//!
//! ```text
//!               wake, abort              start_poll
//!    ┌──────┐ ─────────────▶ ┌───────────┐ ───────▶ ┌─────────┐  complete  ┌──────────┐
//!    │ Idle │                │ Scheduled │          │ Running │ ─────────▶ │ Complete │
//!    └──────┘                └───────────┘          └─────────┘            └──────────┘
//!      │  ▲                     ▲  │                 │   │ wake, abort           ▲
//!      │  └───── end_poll ──────│──│─────────────────┘   ▼                       │
//!      │                        │  │         ┌─────────────────┐    complete     │
//!      │                        └──│──────── │ RunningNotified │ ────────────────┘
//!      │                           │ end_poll└─────────────────┘
//!      │                           │             ▲
//!      │  (from Idle to Running)   │             │
//!      └── transition_to_shutdown ─┴─────────────┘
//! ```
//!
//! The byte holds an abort flag and the [`JoinInterest`] too. This file only decides: it touches no
//! future, no queue and no waker. Each transition answers what its caller must do next.
//! Next: `header.rs`.

use super::prim::atomic::AtomicU8;
use super::prim::atomic::Ordering::{AcqRel, Acquire, Release};

/// What happens to a task at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lifecycle {
    /// The task waits for a wake, and is in no queue. Set when a poll was pending and no wake came during
    /// it. Never the state of a new task, nor of one that was aborted.
    Idle,
    /// The task is in one queue, or the thread that moved it here is about to push it. Set at spawn, by a
    /// wake of an idle task, and after a poll during which a wake came. Never while the future is polled.
    Scheduled,
    /// One thread polls or drops the future. Set by the thread that took the task out of a queue,
    /// or by the shutdown. Never set by two threads at once.
    Running,
    /// As `Running`, and a wake or an abort came since: the future may have looked before the wake, so it must be
    /// polled again. The task is in no queue; after a shutdown, in none from which tasks are still polled.
    RunningNotified,
    /// The future was dropped. Set once, by the thread that ran the task or shut it down. No transition leaves it.
    Complete,
}

/// Whether the task has a `JoinHandle`, and whether that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JoinInterest {
    /// The handle exists and does not wait. The handle may change the join waker.
    Held,
    /// The handle has left its waker. The task takes that waker when it completes.
    Waiting,
    /// The handle was dropped. The task drops its own output.
    Dropped,
}

/// The byte at one moment, decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) lifecycle: Lifecycle,
    /// Without meaning once the task is `Complete`.
    pub(crate) join_interest: JoinInterest,
}

// The flags. Each transition is one atomic operation on them; only `end_poll` needs a compare-and-swap loop.
//
//   Idle             no flag of these three
//   Scheduled        SCHEDULED
//   Running          RUNNING
//   RunningNotified  RUNNING and SCHEDULED
//   Complete         COMPLETE, whatever the other two are
//
// SCHEDULED and RUNNING are the two upper bits, so that an addition to them never changes another flag.
const RUNNING: u8 = 1 << 7;
const SCHEDULED: u8 = 1 << 6;
const COMPLETE: u8 = 1;
/// An abort was requested. Never cleared.
const ABORT: u8 = 1 << 1;
const JOIN_WAITING: u8 = 1 << 2;
/// Overrides `JOIN_WAITING`.
const JOIN_DROPPED: u8 = 1 << 3;

/// The answer of [`State::wake`] and [`State::abort`].
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum AfterWake {
    /// The task was idle and is `Scheduled` now. Push it to a queue.
    Schedule,
    /// The task is being polled. The end of its poll will answer [`AfterEndPoll::Reschedule`].
    Reschedule,
    /// The task is in a queue, or was woken during its poll before, or is complete.
    Nothing,
}

/// The answer of [`State::start_poll`].
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum AfterStartPoll {
    /// The caller owns the future. Poll it.
    Poll,
    /// The caller owns the future, and the task was aborted. Drop the future, then complete the task.
    Cancel,
    /// A shutdown has completed the task. Leave it alone.
    Skip,
}

/// The answer of [`State::end_poll`].
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum AfterEndPoll {
    /// The task is idle. Another thread may already be running it: do not touch it again.
    Idle,
    /// A wake came during the poll, and the task is `Scheduled`. Push it to the back of the queue.
    Reschedule,
    /// An abort came during the poll, and the caller still owns the future. Drop it, then complete the task.
    Cancel,
}

/// The answer of [`State::complete`].
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum AfterComplete {
    /// The output and the join waker belong to the handle from now on.
    LeaveOutput,
    /// The output belongs to the handle, the join waker to the caller. Take the waker and call it.
    WakeJoiner,
    /// There is no handle. The output belongs to the caller: drop it.
    DropOutput,
}

/// The answer of [`State::transition_to_shutdown`].
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum AfterShutdown {
    /// The caller owns the future. Drop it, then complete the task.
    Cancel,
    /// The task is complete, or another thread polls it and will cancel it.
    Nothing,
}

/// The answer of [`State::set_join_waker`] and [`State::unset_join_waker`].
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum AfterJoin {
    /// The join interest was changed.
    Changed,
    /// The task is complete, and the output is there. A waker that the handle had left before belongs to
    /// the thread that completed the task.
    Complete,
}

/// The answer of [`State::detach`].
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum AfterDetach {
    /// Nothing is left to drop.
    Nothing,
    /// The join waker belongs to the handle again. Drop it.
    DropWaker,
    /// The task is complete, and the output belongs to the handle. Drop it, unless it was taken.
    DropOutput,
}

/// The state of one task.
#[derive(Debug)]
pub(crate) struct State(AtomicU8);

impl State {
    /// A new task is `Scheduled` and has a handle.
    pub(crate) fn new() -> Self {
        State(AtomicU8::new(SCHEDULED))
    }

    #[inline]
    pub(crate) fn load(&self) -> Snapshot {
        // Acquire: matches the Release in `complete`. A thread that sees `Complete` sees the output.
        let bits = self.0.load(Acquire);
        Snapshot {
            lifecycle: match bits & (COMPLETE | RUNNING | SCHEDULED) {
                bits if bits & COMPLETE != 0 => Lifecycle::Complete,
                SCHEDULED => Lifecycle::Scheduled,
                RUNNING => Lifecycle::Running,
                0 => Lifecycle::Idle,
                _ => Lifecycle::RunningNotified,
            },
            join_interest: match bits & (JOIN_DROPPED | JOIN_WAITING) {
                0 => JoinInterest::Held,
                JOIN_WAITING => JoinInterest::Waiting,
                _ => JoinInterest::Dropped,
            },
        }
    }

    /// An event came that the future waits for.
    #[inline]
    pub(crate) fn wake(&self) -> AfterWake {
        self.notify(SCHEDULED)
    }

    /// Asks for the task's cancellation. A worker drops the future, not the caller, which may be inside this task's own
    /// poll.
    pub(crate) fn abort(&self) -> AfterWake {
        self.notify(SCHEDULED | ABORT)
    }

    #[inline]
    fn notify(&self, flags: u8) -> AfterWake {
        // Release: matches the Acquire in `start_poll` and, of an abort, in `end_poll`. What the waker's
        // thread wrote before the wake is seen by the poll after it.
        //
        // The race: a wake that changes nothing must write too. It seems that a wake of a `Scheduled` task
        // could merely look, since a poll will follow. But: waker one schedules the task. Waker two writes
        // a message, sees `Scheduled`, and returns. The worker starts the poll; it has acquired what waker
        // one released, and nothing of waker two's. The future reads the old message and is pending: the
        // second wake is lost. The write puts the message before the worker's `start_poll`. With a mere
        // load the model `two_wakes_and_a_poll` fails.
        let old = self.0.fetch_or(flags, Release);
        match old & (SCHEDULED | RUNNING | COMPLETE) {
            0 => AfterWake::Schedule,
            RUNNING => AfterWake::Reschedule,
            _ => AfterWake::Nothing,
        }
    }

    /// The calling thread took the task out of a queue.
    #[inline]
    pub(crate) fn start_poll(&self) -> AfterStartPoll {
        // From SCHEDULED to RUNNING by an addition, which changes no other flag. If COMPLETE is set, these two mean
        // nothing.
        //
        // Acquire: matches the Release in `end_poll`, for the future, and that in `notify`.
        let old = self.0.fetch_add(RUNNING - SCHEDULED, Acquire);
        if old & COMPLETE != 0 {
            return AfterStartPoll::Skip;
        }
        assert!(
            old & (SCHEDULED | RUNNING) == SCHEDULED,
            "a task in a queue is scheduled, or a shutdown has completed it"
        );
        if old & ABORT == 0 { AfterStartPoll::Poll } else { AfterStartPoll::Cancel }
    }

    /// The poll is over, and the future is pending.
    #[inline]
    pub(crate) fn end_poll(&self) -> AfterEndPoll {
        // A loop, as the decision depends on the flags: an aborted task stays RUNNING.
        //
        // Release: matches the Acquire in `start_poll` and in `transition_to_shutdown`; the next owner
        // sees what this poll did to the future. Acquire, if aborted: matches the Release of the abort.
        let released = self
            .0
            .fetch_update(Release, Acquire, |bits| (bits & ABORT == 0).then_some(bits - RUNNING));
        match released {
            Ok(old) if old & SCHEDULED == 0 => AfterEndPoll::Idle,
            Ok(_) => AfterEndPoll::Reschedule,
            Err(_) => AfterEndPoll::Cancel,
        }
    }

    /// The runtime ends, and no worker is left to take the task out of a queue.
    pub(crate) fn transition_to_shutdown(&self) -> AfterShutdown {
        // Acquire: matches the Release in `end_poll`, for the future, and that in `notify`. Release:
        // matches the Acquire in `end_poll`, where a running task finds the abort.
        let old = self.0.fetch_or(RUNNING | ABORT, AcqRel);
        if old & (RUNNING | COMPLETE) == 0 { AfterShutdown::Cancel } else { AfterShutdown::Nothing }
    }

    /// The future was dropped, and the output is in its place.
    #[inline]
    pub(crate) fn complete(&self) -> AfterComplete {
        // Release: matches the Acquire in `load`, `set_join_waker`, `unset_join_waker` and `detach`, for
        // the output. Acquire: matches the Release in `set_join_waker`, for the join waker.
        let old = self.0.fetch_add(COMPLETE.wrapping_sub(RUNNING), AcqRel);
        if old & JOIN_DROPPED != 0 {
            AfterComplete::DropOutput
        } else if old & JOIN_WAITING != 0 {
            AfterComplete::WakeJoiner
        } else {
            AfterComplete::LeaveOutput
        }
    }

    /// The handle has stored its join waker, and gives it to the task.
    #[inline]
    pub(crate) fn set_join_waker(&self) -> AfterJoin {
        // Release and Acquire: both match `complete`, for the join waker and for the output.
        Self::after_join(self.0.fetch_or(JOIN_WAITING, AcqRel))
    }

    /// The handle takes the join waker back, to replace it.
    #[inline]
    pub(crate) fn unset_join_waker(&self) -> AfterJoin {
        // Acquire: matches the Release in `complete`, for the output.
        Self::after_join(self.0.fetch_and(!JOIN_WAITING, Acquire))
    }

    #[inline]
    fn after_join(old: u8) -> AfterJoin {
        if old & COMPLETE == 0 { AfterJoin::Changed } else { AfterJoin::Complete }
    }

    /// The handle is dropped.
    #[inline]
    pub(crate) fn detach(&self) -> AfterDetach {
        // Acquire: matches the Release in `complete`, for the output.
        let old = self.0.fetch_or(JOIN_DROPPED, Acquire);
        if old & COMPLETE != 0 {
            AfterDetach::DropOutput
        } else if old & JOIN_WAITING != 0 {
            AfterDetach::DropWaker
        } else {
            AfterDetach::Nothing
        }
    }
}
