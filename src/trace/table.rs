//! The live tasks of a runtime, as data and as a table.
//!
//! Next: `lints.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::tasks::{self, Entry, Phase};
use crate::engine::event::{TaskKind, WaitReason};
use crate::engine::scheduler::Shared;
use crate::engine::state::Lifecycle;
use crate::engine::task::Runnable;
use crate::engine::trace::monotonic_now;

/// The tasks of a runtime that are not complete, when it was asked. From
/// [`Handle::tasks`](crate::runtime::Handle::tasks).
///
/// It is a slice of [`TaskInfo`]s. `Display` prints a table, in which a task is below the task that has spawned it.
#[derive(Debug, Clone)]
pub struct Tasks {
    runtime: u32,
    /// The time by the runtime's clock, of which a deadline is so much ahead.
    now: Duration,
    tasks: Vec<TaskInfo>,
}

/// Describes a task that is not complete. From [`Handle::tasks`](crate::runtime::Handle::tasks).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskInfo {
    /// The id of the task.
    pub id: u64,
    /// The id of the task that spawned it. `None`: no task did.
    pub parent: Option<u64>,
    /// What it is.
    pub kind: TaskKind,
    /// The type of its future, which names the `async` block or function.
    pub future: &'static str,
    /// Where it was spawned.
    pub place: &'static Location<'static>,
    /// How often it was polled.
    pub polls: u32,
    /// `"idle"`, `"scheduled"`, `"running"`, or `"woken"` (while it runs).
    pub state: &'static str,
    /// The index of the worker that polls it now.
    pub worker: Option<u32>,
    /// How long ago its last poll began, or ended, by the system's clock. `None`: not recorded.
    pub since_poll: Option<Duration>,
    /// What its last poll has waited for. `None`: not recorded, as the runtime neither
    /// [records](crate::runtime::Builder::trace), nor [dumps](crate::runtime::Builder::dump_on_quit), nor has
    /// [lints](crate::runtime::Builder::lints).
    pub waits: Option<Vec<WaitReason>>,
    /// No waker of it exists, so it is never polled again. False if this is not recorded.
    pub is_waker_lost: bool,
}

impl TaskInfo {
    fn of(task: &dyn Runnable, entry: Option<&Entry>, now: Duration) -> Self {
        let header = task.header();
        TaskInfo {
            id: header.id,
            parent: (header.parent != 0).then_some(header.parent),
            kind: header.kind,
            future: task.future_type(),
            place: header.location,
            polls: header.polls.load(Relaxed),
            state: match header.state.load().lifecycle {
                Lifecycle::Idle => "idle",
                Lifecycle::Scheduled => "scheduled",
                Lifecycle::Running => "running",
                Lifecycle::RunningNotified => "woken",
                Lifecycle::Complete => "done",
            },
            worker: header.running_on.load(Relaxed).checked_sub(1).map(u32::from),
            is_waker_lost: entry.is_some_and(|entry| entry.is_waker_lost),
            since_poll: entry.map(|entry| now.saturating_sub(entry.since)),
            waits: entry.map(Entry::waits),
        }
    }

    /// What is in no list of the engine: a future of `block_on`, or a blocking job.
    fn of_entry(id: u64, entry: &Entry, now: Duration) -> Self {
        TaskInfo {
            id,
            parent: entry.parent,
            kind: entry.kind,
            future: entry.name,
            place: entry.location,
            polls: entry.polls,
            state: match entry.phase {
                Phase::Waiting => "idle",
                Phase::Scheduled => "scheduled",
                Phase::Running => "running",
            },
            worker: entry.worker.filter(|_| entry.phase == Phase::Running),
            is_waker_lost: entry.is_waker_lost,
            since_poll: Some(now.saturating_sub(entry.since)),
            waits: Some(entry.waits()),
        }
    }
}

impl Tasks {
    /// The spawned tasks.
    pub(crate) fn spawned(shared: &Shared) -> Tasks {
        Tasks::of(shared, false)
    }

    /// The spawned tasks, the futures of `block_on` and the blocking jobs.
    pub(crate) fn all(shared: &Shared) -> Tasks {
        Tasks::of(shared, true)
    }

    fn of(shared: &Shared, with_others: bool) -> Tasks {
        let entries = tasks::entries(|entry| entry.runtime == shared.id);
        let list = shared.tasks();
        let now = monotonic_now();
        let spawned =
            list.iter().map(|task| TaskInfo::of(&**task, entries.get(&task.header().id), now));
        let is_other = |entry: &Entry| with_others && entry.kind != TaskKind::Task;
        let others = entries.iter().filter(|(_, entry)| is_other(entry));
        let others = others.map(|(id, entry)| TaskInfo::of_entry(*id, entry, now));
        Tasks {
            runtime: shared.id,
            now: Duration::from_nanos(shared.driver.clock.now()),
            tasks: spawned.chain(others).collect(),
        }
    }

    /// The cells of a row, after the first.
    fn row(&self, task: &TaskInfo) -> [String; 6] {
        let state = match (task.kind, task.worker) {
            (_, Some(worker)) => format!("{} on worker {worker}", task.state),
            _ => task.state.to_owned(),
        };
        let since = task.since_poll.map_or("-".to_owned(), seconds);
        let waits = match &task.waits {
            None => "not recorded".to_owned(),
            Some(_) if task.is_waker_lost => "nothing: no waker of it exists".to_owned(),
            Some(_) if task.state != "idle" => "-".to_owned(),
            Some(waits) if waits.is_empty() => "not reported by its future".to_owned(),
            Some(waits) => {
                let waits: Vec<_> = waits.iter().map(|reason| self.words(reason)).collect();
                waits.join(", or ")
            }
        };
        let place = format!("{}:{}", task.place.file(), task.place.line());
        [state, task.polls.to_string(), since, waits, place, task.future.to_owned()]
    }

    fn words(&self, reason: &WaitReason) -> String {
        match reason {
            WaitReason::Sleep { deadline } => {
                format!("a sleep, {} left", seconds(deadline.saturating_sub(self.now)))
            }
            other => other.to_string(),
        }
    }

    /// The tasks in the order of the tree, each with its depth: below the task that has spawned it, if that is there.
    fn tree(&self) -> Vec<(usize, &TaskInfo)> {
        let mut children: BTreeMap<Option<u64>, Vec<&TaskInfo>> = BTreeMap::new();
        let ids: BTreeSet<u64> = self.tasks.iter().map(|task| task.id).collect();
        for task in &self.tasks {
            let parent = task.parent.filter(|parent| ids.contains(parent));
            children.entry(parent).or_default().push(task);
        }
        let mut tree = Vec::new();
        let mut open: Vec<_> =
            children.remove(&None).into_iter().flatten().map(|it| (0, it)).collect();
        open.sort_by_key(|(_, task)| std::cmp::Reverse(task.id));
        while let Some((depth, task)) = open.pop() {
            tree.push((depth, task));
            let mut below = children.remove(&Some(task.id)).unwrap_or_default();
            below.sort_by_key(|task| std::cmp::Reverse(task.id));
            open.extend(below.into_iter().map(|task| (depth + 1, task)));
        }
        tree
    }
}

impl Deref for Tasks {
    type Target = [TaskInfo];

    fn deref(&self) -> &[TaskInfo] {
        &self.tasks
    }
}

impl IntoIterator for Tasks {
    type Item = TaskInfo;
    type IntoIter = std::vec::IntoIter<TaskInfo>;

    fn into_iter(self) -> Self::IntoIter {
        self.tasks.into_iter()
    }
}

const HEAD: [&str; 7] =
    ["task", "state", "polls", "last poll", "waits for", "spawned at", "future"];

impl fmt::Display for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tree = self.tree();
        let mut rows = vec![HEAD.map(str::to_owned)];
        for (depth, task) in tree {
            let kind = match task.kind {
                TaskKind::Root => " block_on",
                TaskKind::Blocking => " job",
                _ => "",
            };
            let [state, polls, since, waits, place, future] = self.row(task);
            let first = format!("{}{}{kind}", "  ".repeat(depth), task.id);
            rows.push([first, state, polls, since, waits, place, future]);
        }
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
        let widths: Vec<_> = (0..HEAD.len()).map(|column| width(column).unwrap_or(0)).collect();
        writeln!(f, "runtime {}: {} tasks", self.runtime, self.tasks.len())?;
        for row in &rows {
            let cells = row.iter().zip(&widths);
            let line: Vec<_> = cells.map(|(cell, width)| format!("{cell:<width$}")).collect();
            writeln!(f, "  {}", line.join("  ").trim_end())?;
        }
        let mut seen = Vec::new();
        for task in &self.tasks {
            let circle = tasks::deadlock_of(task.id);
            if !circle.is_empty() && !seen.contains(&task.id) {
                writeln!(f, "  deadlock: {}", tasks::chain(&circle))?;
            }
            seen.extend(circle.iter().map(|(task, _)| *task));
        }
        Ok(())
    }
}

/// `1.2 s`, or `35 ms` below a second.
fn seconds(duration: Duration) -> String {
    match duration.as_secs_f64() {
        seconds if seconds < 1.0 => format!("{:.0} ms", seconds * 1e3),
        seconds => format!("{seconds:.1} s"),
    }
}
