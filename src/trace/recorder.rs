//! The newest events of a program, in bounded memory.
//!
//! A lock that all threads take for each event would change what is recorded. So each thread has a **chunk** of its own,
//! which it fills under a lock that no other thread wants; a full chunk goes to the store. When the store has one and a
//! half times the events that it is to keep, it drops the oldest:
//!
//! ```text
//!   thread ── event ──▶ its chunk ── full ──▶ the store ── too many ──▶ the events before the cut are dropped;
//!                                                                      of what still exists, the last event is kept
//! ```
//!
//! What still exists at the cut (tasks, timers, descriptors, runtimes) is in a table of its own: without it a task that
//! was spawned an hour ago, and waits, would have no name. That is log compaction: of each key, the last value.
//!
//! Next: `json.rs`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;

use crate::engine::event::{Event, Outcome, Record};

/// Events that a [`Recorder`] keeps, unless it is told otherwise: a page of some 10 MB, which a browser shows at once.
pub(crate) const KEPT: usize = 100_000;

/// Events in a chunk. The store's lock is taken once for as many.
const CHUNK: usize = 256;

/// Records the events of runtimes that are built with [`Builder::trace`](crate::runtime::Builder::trace).
///
/// A clone records into the same memory. Each thread has a buffer, so that recording an event takes no lock that another
/// thread wants.
#[derive(Clone)]
pub struct Recorder(Arc<Inner>);

struct Inner {
    keep: usize,
    store: Mutex<Store>,
}

#[derive(Default)]
struct Store {
    threads: Vec<Arc<ThreadLog>>,
    full: Vec<(usize, Vec<Record>)>,
    /// Events in `full`.
    len: usize,
    dropped: u64,
    /// What existed at the cut.
    live: BTreeMap<Key, (usize, Record)>,
}

/// The events of one thread that are not in the store yet.
struct ThreadLog {
    index: usize,
    name: String,
    chunk: Mutex<Vec<Record>>,
}

/// Whose last event the table of what exists has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Runtime(u32),
    Task(u64),
    /// What a task waits for.
    Wait(u64),
    Timer(u32, u32),
    Descriptor(u32, i32),
}

thread_local! {
    /// The logs of this thread, one for each recorder.
    static LOGS: RefCell<Vec<(Weak<Inner>, Arc<ThreadLog>)>> = const { RefCell::new(Vec::new()) };
}

/// The events of a recorder, in the order of their times.
pub(crate) struct Recording {
    /// With the index of the thread.
    pub(crate) events: Vec<(usize, Record)>,
    /// How many of these are older than the cut: they say what existed then.
    pub(crate) before_cut: usize,
    pub(crate) threads: Vec<String>,
    pub(crate) dropped: u64,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recorder {
    /// A recorder that keeps the newest 100,000 events.
    pub fn new() -> Self {
        Self::with_capacity(KEPT)
    }

    /// A recorder that keeps at least the newest `events` events, and at most half as many more and some hundred for each
    /// thread.
    pub fn with_capacity(events: usize) -> Self {
        Recorder(Arc::new(Inner { keep: events.max(1), store: Mutex::default() }))
    }

    /// What was recorded, in the order of its times. Of two threads' events with the same time either may come first.
    pub fn records(&self) -> Vec<Record> {
        let recording = self.recording();
        let kept = recording.events.iter().skip(recording.before_cut);
        kept.map(|(_, record)| *record).collect()
    }

    /// How many events were dropped to make room for newer ones.
    pub fn dropped(&self) -> u64 {
        lock(&self.0.store).dropped
    }

    /// Called on the thread where the event happens.
    pub(crate) fn record(&self, record: &Record) {
        // Err: the thread is ending, and has no log any more.
        if LOGS.try_with(|logs| self.record_in(&mut logs.borrow_mut(), record)).is_err() {
            let log = self.0.new_log();
            lock(&log.chunk).push(*record);
        }
    }

    fn record_in(&self, logs: &mut Vec<(Weak<Inner>, Arc<ThreadLog>)>, record: &Record) {
        let is_ours = |log: &(Weak<Inner>, _)| std::ptr::eq(log.0.as_ptr(), &*self.0);
        let position = logs.iter().position(is_ours).unwrap_or_else(|| {
            logs.retain(|(recorder, _)| recorder.strong_count() > 0);
            logs.push((Arc::downgrade(&self.0), self.0.new_log()));
            logs.len() - 1
        });
        let log = &logs[position].1;
        let mut chunk = lock(&log.chunk);
        if chunk.capacity() == 0 {
            chunk.reserve_exact(CHUNK);
        }
        chunk.push(*record);
        if chunk.len() == CHUNK {
            let full = std::mem::take(&mut *chunk);
            drop(chunk);
            self.0.keep_chunk(log.index, full);
        }
    }

    pub(crate) fn recording(&self) -> Recording {
        let mut store = lock(&self.0.store);
        store.collect_chunks();
        let mut events: Vec<_> = store.live.values().copied().collect();
        let before_cut = events.len();
        let kept =
            store.full.iter().flat_map(|(thread, chunk)| chunk.iter().map(|it| (*thread, *it)));
        events.extend(kept);
        events[..before_cut].sort_by_key(|(_, record)| record.monotonic);
        events[before_cut..].sort_by_key(|(_, record)| record.monotonic);
        let threads = store.threads.iter().map(|log| log.name.clone()).collect();
        Recording { events, before_cut, threads, dropped: store.dropped }
    }
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("keep", &self.0.keep).finish_non_exhaustive()
    }
}

impl Inner {
    fn new_log(&self) -> Arc<ThreadLog> {
        let mut store = lock(&self.store);
        let index = store.threads.len();
        let name = thread::current().name().map_or(format!("thread {index}"), str::to_owned);
        let log = Arc::new(ThreadLog { index, name, chunk: Mutex::default() });
        store.threads.push(log.clone());
        log
    }

    fn keep_chunk(&self, thread: usize, chunk: Vec<Record>) {
        let mut store = lock(&self.store);
        store.len += chunk.len();
        store.full.push((thread, chunk));
        if store.len > self.keep + self.keep / 2 {
            store.collect_chunks();
            store.drop_oldest(self.keep);
        }
    }
}

impl Store {
    /// Takes what the threads have not handed over yet.
    fn collect_chunks(&mut self) {
        for log in &self.threads {
            let chunk = std::mem::take(&mut *lock(&log.chunk));
            self.len += chunk.len();
            self.full.push((log.index, chunk));
        }
        self.full.retain(|(_, chunk)| !chunk.is_empty());
    }

    /// Drops the oldest events but `keep`, and brings the table of what exists up to the cut.
    fn drop_oldest(&mut self, keep: usize) {
        // The cut is the end of a chunk: to find the exact event would sort them all. Of each thread's chunk that the
        // cut goes through, some events are dropped too; so a chunk for each thread is spared.
        let spare = self.len.saturating_sub(keep + self.threads.len() * CHUNK);
        let mut ends: Vec<_> =
            self.full.iter().filter_map(|(_, it)| Some((it.last()?.monotonic, it.len()))).collect();
        ends.sort_unstable();
        let mut sum = 0;
        let whole = ends.iter().take_while(|(_, len)| {
            sum += len;
            sum <= spare
        });
        let Some((cut, _)) = whole.last().copied() else { return };
        let mut old = Vec::new();
        for (thread, chunk) in &mut self.full {
            // A chunk is of one thread, and in order.
            let count = chunk.partition_point(|record| record.monotonic <= cut);
            let dropped = chunk.drain(..count).map(|record| (*thread, record));
            old.extend(dropped.filter(|(_, record)| changes_table(&record.event)));
            self.dropped += count as u64;
            self.len -= count;
        }
        self.full.retain(|(_, chunk)| !chunk.is_empty());
        old.sort_by_key(|(_, record)| record.monotonic);
        old.into_iter().for_each(|(thread, record)| self.apply(thread, record));
    }

    fn apply(&mut self, thread: usize, record: Record) {
        let runtime = record.runtime;
        let (added, removed) = match record.event {
            Event::RuntimeBegins { .. } => (Some(Key::Runtime(runtime)), None),
            Event::RuntimeEnds => (None, Some(Key::Runtime(runtime))),
            Event::Spawned { task, .. } => (Some(Key::Task(task)), None),
            Event::PollEnds { task, .. } => (None, Some(Key::Task(task))),
            Event::Waits(_) => (record.task.map(Key::Wait), None),
            Event::TimerArmed { timer, .. } => (Some(Key::Timer(runtime, timer)), None),
            Event::TimerFired { timer, .. } | Event::TimerRemoved { timer } => {
                (None, Some(Key::Timer(runtime, timer)))
            }
            Event::Registered { fd, .. } => (Some(Key::Descriptor(runtime, fd)), None),
            Event::Deregistered { fd } => (None, Some(Key::Descriptor(runtime, fd))),
            _ => (None, None),
        };
        if let Some(key) = added {
            self.live.insert(key, (thread, record));
        }
        if let Some(key) = removed {
            self.live.remove(&key);
            if let Key::Task(task) = key {
                self.live.remove(&Key::Wait(task));
            }
        }
    }
}

/// Whether an event changes what exists. An event of another kind costs no more than this when it is dropped.
fn changes_table(event: &Event) -> bool {
    match event {
        Event::PollEnds { outcome, .. } => *outcome != Outcome::Pending,
        Event::RuntimeBegins { .. }
        | Event::RuntimeEnds
        | Event::Spawned { .. }
        | Event::Waits(_)
        | Event::TimerArmed { .. }
        | Event::TimerFired { .. }
        | Event::TimerRemoved { .. }
        | Event::Registered { .. }
        | Event::Deregistered { .. } => true,
        _ => false,
    }
}
