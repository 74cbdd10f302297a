//! What each task waits for, and since when.
//!
//! The engine knows the state of a task, and not what its future waits for. The events tell it: each leaf future reports
//! why it is pending. So a runtime that records, prints its tasks at Ctrl-\, or has lints, has the subscriber of this
//! file, which keeps of each live task what its last poll has reported.
//!
//! ```text
//!   Spawned ─▶ an entry      PollBegins ─▶ its waits are forgotten      Waits ─▶ one wait      the end ─▶ no entry
//! ```
//!
//! A task that polls only some of its futures, as `FuturesUnordered` does, shows what these wait for.
//!
//! The entries of all runtimes are in one table, in shards, so that the threads seldom want the same lock.
//!
//! Next: `table.rs`, which shows it.

use std::collections::BTreeMap;
use std::panic::Location;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::recorder::lock;
use crate::engine::coop;
use crate::engine::event::{Cause, Event, Outcome, Record, Subscriber, TaskKind, WaitReason};

/// Shards of the table. A thread takes ids in blocks, and the tasks of a block are in one shard.
const SHARDS: usize = 16;
const ID_BLOCK: u64 = 64;

static SHARD: [Mutex<BTreeMap<u64, Entry>>; SHARDS] =
    [const { Mutex::new(BTreeMap::new()) }; SHARDS];

/// The locks that tasks wait for. A lock may change its holder while a task waits for it.
static LOCKS: Mutex<BTreeMap<usize, WantedLock>> = Mutex::new(BTreeMap::new());

struct WantedLock {
    waiting: usize,
    holder: Option<u64>,
}

/// What the events have told of a live task.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) runtime: u32,
    /// Its runtime has lints.
    pub(crate) has_lints: bool,
    pub(crate) kind: TaskKind,
    pub(crate) parent: Option<u64>,
    pub(crate) location: &'static Location<'static>,
    pub(crate) name: &'static str,
    pub(crate) polls: u32,
    pub(crate) phase: Phase,
    /// The worker that polls it, or has polled it.
    pub(crate) worker: Option<u32>,
    /// When its last poll began, or ended; or its spawn.
    pub(crate) since: Duration,
    /// What the last poll has reported.
    waits: Vec<WaitReason>,
    /// It was woken since the last poll began.
    is_woken: bool,
    /// Its polls in a row in which no operation completed, each after a wake by the task itself.
    pub(crate) idle_polls: u32,
    /// No waker of it exists.
    pub(crate) is_waker_lost: bool,
    /// The poll that was reported to take too long.
    pub(crate) long_poll: u32,
}

/// What a task does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Scheduled,
    Running,
    Waiting,
}

/// The subscriber for a runtime that is being built.
pub(crate) fn subscriber(has_lints: bool) -> Subscriber {
    Arc::new(move |record| apply(record, has_lints))
}

fn shard(task: u64) -> &'static Mutex<BTreeMap<u64, Entry>> {
    &SHARD[(task / ID_BLOCK) as usize % SHARDS]
}

/// What is known of a task.
pub(crate) fn entry(task: u64) -> Option<Entry> {
    lock(shard(task)).get(&task).cloned()
}

/// The entries for which `is_meant` is true, by their ids.
pub(crate) fn entries(is_meant: impl Fn(&Entry) -> bool) -> BTreeMap<u64, Entry> {
    let all = SHARD.iter().flat_map(|shard| {
        let shard = lock(shard);
        let meant = shard.iter().filter(|(_, entry)| is_meant(entry));
        meant.map(|(task, entry)| (*task, entry.clone())).collect::<Vec<_>>()
    });
    all.collect()
}

/// Changes the entry of a task.
pub(crate) fn update(task: u64, change: impl FnOnce(&mut Entry)) {
    if let Some(entry) = lock(shard(task)).get_mut(&task) {
        change(entry);
    }
}

/// Brings the table up to date.
fn apply(record: &Record, has_lints: bool) {
    match record.event {
        Event::Spawned { task, kind, parent, location, name } => {
            let entry = Entry {
                runtime: record.runtime,
                has_lints,
                kind,
                parent,
                location,
                name,
                polls: 0,
                phase: Phase::Scheduled,
                worker: None,
                since: record.monotonic,
                waits: Vec::new(),
                is_woken: false,
                idle_polls: 0,
                is_waker_lost: false,
                long_poll: 0,
            };
            lock(shard(task)).insert(task, entry);
        }
        Event::Woken { task, by } => update(task, |entry| entry.wake(by == Cause::Task(task))),
        Event::Aborted { task, .. } => update(task, |entry| entry.wake(false)),
        Event::PollBegins { task } => update(task, |entry| entry.start_poll(record)),
        Event::PollEnds { task, outcome: Outcome::Pending } => {
            update(task, |entry| entry.end_poll(record));
        }
        Event::PollEnds { task, .. } => {
            let removed = lock(shard(task)).remove(&task);
            removed.into_iter().for_each(|mut entry| entry.forget_waits());
        }
        Event::Waits(reason) => {
            if let Some(task) = record.task {
                update(task, |entry| entry.wait(reason));
            }
        }
        Event::WakerLost { task } => update(task, |entry| entry.is_waker_lost = true),
        Event::LockAssigned { lock: address, holder } => {
            if let Some(wanted) = lock(&LOCKS).get_mut(&address) {
                wanted.holder = holder;
            }
        }
        _ => {}
    }
}

impl Entry {
    fn wake(&mut self, by_itself: bool) {
        self.is_woken = true;
        if !by_itself {
            self.idle_polls = 0;
        }
        if self.phase == Phase::Waiting {
            self.phase = Phase::Scheduled;
        }
    }

    fn start_poll(&mut self, record: &Record) {
        self.forget_waits();
        self.phase = Phase::Running;
        self.is_woken = false;
        self.polls += 1;
        self.worker = record.worker;
        self.since = record.monotonic;
    }

    fn end_poll(&mut self, record: &Record) {
        self.phase = if self.is_woken { Phase::Scheduled } else { Phase::Waiting };
        self.since = record.monotonic;
        // The event is reported before the poll's budget is gone.
        let is_idle = self.is_woken && !coop::has_made_progress();
        self.idle_polls = if is_idle { self.idle_polls + 1 } else { 0 };
    }

    fn wait(&mut self, reason: WaitReason) {
        if let WaitReason::Lock { lock: address, holder, .. } = reason {
            let is_new = !self.waits.iter().any(|it| lock_of(it) == Some(address));
            let mut locks = lock(&LOCKS);
            let wanted = locks.entry(address).or_insert(WantedLock { waiting: 0, holder });
            wanted.waiting += usize::from(is_new);
            wanted.holder = holder;
            if !is_new {
                return;
            }
        } else if self.waits.contains(&reason) {
            return;
        }
        self.waits.push(reason);
    }

    fn forget_waits(&mut self) {
        for address in self.waits.drain(..).filter_map(|reason| lock_of(&reason)) {
            let mut locks = lock(&LOCKS);
            if let Some(wanted) = locks.get_mut(&address) {
                wanted.waiting -= 1;
                if wanted.waiting == 0 {
                    locks.remove(&address);
                }
            }
        }
    }

    /// What it waits for, with the holders of locks as they are now.
    pub(crate) fn waits(&self) -> Vec<WaitReason> {
        let locks = lock(&LOCKS);
        let now = self.waits.iter().map(|reason| match *reason {
            WaitReason::Lock { what, lock, holder } => {
                let holder = locks.get(&lock).map_or(holder, |wanted| wanted.holder);
                WaitReason::Lock { what, lock, holder }
            }
            other => other,
        });
        now.collect()
    }

    /// The task without which this one cannot go on, and the lock that it holds, if it is one. A task that waits for
    /// several things may wait for the first of them only, and is not counted.
    fn blocker(&self) -> Option<(u64, WaitReason)> {
        if self.phase != Phase::Waiting {
            return None;
        }
        match self.waits()[..] {
            [reason @ WaitReason::Lock { holder: Some(task), .. }]
            | [reason @ WaitReason::Join { task }] => Some((task, reason)),
            _ => None,
        }
    }
}

fn lock_of(reason: &WaitReason) -> Option<usize> {
    match reason {
        WaitReason::Lock { lock, .. } => Some(*lock),
        _ => None,
    }
}

/// The tasks that wait for each other in a circle, from `task` on, each with what it waits for. Empty: there is no
/// circle through this task.
pub(crate) fn deadlock_of(task: u64) -> Vec<(u64, WaitReason)> {
    // Twice, as tasks run meanwhile. Each step was true when it was looked at; a circle that is found twice has not
    // changed in between, as each task in it waits for the next.
    let circle = circle_of(task);
    if circle.is_empty() || circle_of(task) != circle { Vec::new() } else { circle }
}

fn circle_of(first: u64) -> Vec<(u64, WaitReason)> {
    let (mut circle, mut task) = (Vec::new(), first);
    while let Some((blocker, reason)) = entry(task).and_then(|entry| entry.blocker()) {
        circle.push((task, reason));
        if blocker == first {
            return circle;
        }
        // A circle that does not lead back here is another task's.
        if circle.iter().any(|(seen, _)| *seen == blocker) {
            break;
        }
        task = blocker;
    }
    Vec::new()
}

/// `task 3 → a mutex → task 5 → a mutex → task 3`
pub(crate) fn chain(circle: &[(u64, WaitReason)]) -> String {
    let step = |(task, reason): &(u64, WaitReason)| match reason {
        WaitReason::Lock { what, .. } => format!("task {task} → {what} → "),
        _ => format!("task {task} → the end of "),
    };
    let steps: String = circle.iter().map(step).collect();
    let first = circle.first().map_or(0, |(task, _)| *task);
    steps + &format!("task {first}")
}
