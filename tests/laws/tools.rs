//! What the cases are made of: a flag to wait for, a waker that counts, and whether threads sleep.
//!
//! What must happen after the runtime has gone to sleep is done by a thread that *sees* it sleep: Linux
//! shows the state of each thread, and how often it went to sleep. So the result does not depend on how
//! busy the machine is. (On other systems the thread waits for a fixed time.)

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

/// The message of a panic that belongs to a case.
pub const ON_PURPOSE: &str = "a panic on purpose";

/// Something to wait for, by one task at a time. Any thread may set it.
#[derive(Clone)]
pub struct Flag(Arc<Mutex<(usize, Option<Waker>)>>);

impl Flag {
    pub fn new() -> Flag {
        Flag::after(1)
    }

    /// The flag is set when it has been raised this often.
    pub fn after(times: usize) -> Flag {
        Flag(Arc::new(Mutex::new((times, None))))
    }

    pub fn raise(&self) {
        let mut state = self.0.lock().unwrap();
        state.0 = state.0.saturating_sub(1);
        let waker = if state.0 == 0 { state.1.take() } else { None };
        drop(state); // the waker is code of the runtime: it may take any lock
        waker.into_iter().for_each(Waker::wake);
    }

    pub fn is_up(&self) -> bool {
        self.0.lock().unwrap().0 == 0
    }

    pub fn wait(&self) -> impl Future<Output = ()> + Send + 'static {
        let this = self.clone();
        poll_fn(move |cx| {
            let mut state = this.0.lock().unwrap();
            if state.0 == 0 {
                return Poll::Ready(());
            }
            let old = state.1.replace(cx.waker().clone());
            drop(state);
            drop(old);
            Poll::Pending
        })
    }
}

/// Wakes itself and is pending, once.
pub fn yield_now() -> impl Future<Output = ()> + Send + 'static {
    once(|cx| cx.waker().wake_by_ref())
}

/// Does this in its first poll, and is pending; it is ready in the second.
pub fn once(
    act: impl FnOnce(&mut Context<'_>) + Send + 'static,
) -> impl Future<Output = ()> + Send + 'static {
    let mut act = Some(act);
    poll_fn(move |cx| match act.take() {
        Some(act) => {
            act(cx);
            Poll::Pending
        }
        None => Poll::Ready(()),
    })
}

/// Tasks that never wait: each wakes itself in every poll, until they are told to stop.
#[derive(Clone)]
pub struct Busy {
    polls: Arc<AtomicUsize>,
    stop: Flag,
}

impl Busy {
    pub fn new() -> Busy {
        Busy { polls: Arc::default(), stop: Flag::new() }
    }

    pub fn task(&self) -> impl Future<Output = ()> + Send + 'static {
        let this = self.clone();
        poll_fn(move |cx| {
            if this.stop.is_up() {
                return Poll::Ready(());
            }
            this.polls.fetch_add(1, SeqCst);
            cx.waker().wake_by_ref();
            Poll::Pending
        })
    }

    /// Blocks the thread until they were polled 1000 times, or for 200 ms.
    pub fn wait_for_polls(&self) {
        let start = Instant::now();
        while self.polls.load(SeqCst) < 1000 && start.elapsed() < Duration::from_millis(200) {
            thread::yield_now();
        }
    }

    pub fn stop(&self) {
        self.stop.raise();
    }
}

/// Polls once with this waker. Returns whether the future was ready.
pub fn poll_once<F: Future + Unpin>(future: &mut F, waker: &Waker) -> bool {
    std::pin::Pin::new(future).poll(&mut Context::from_waker(waker)).is_ready()
}

/// A waker that does nothing but count.
#[derive(Default)]
pub struct Wakes(AtomicUsize);

impl Wakes {
    pub fn count(&self) -> usize {
        self.0.load(SeqCst)
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Does something when it is dropped.
pub struct AtDrop<F: FnMut()>(pub F);

impl<F: FnMut()> Drop for AtDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Threads of the case, whose sleep does not matter.
static EXCLUDED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// On a thread of its own: waits until all others sleep, then acts. If they never do, it acts after
/// half a second: two other laws are about that.
pub fn when_asleep(act: impl FnOnce() + Send + 'static) {
    thread::spawn(move || {
        exclude_this_thread();
        asleep_within(Duration::from_millis(500), Duration::from_millis(5));
        act();
        EXCLUDED.lock().unwrap().remove(&this_thread());
    });
}

/// Whether within `limit` all threads but the excluded ones sleep for `at_least`, without a break.
pub fn asleep_within(limit: Duration, at_least: Duration) -> bool {
    let start = Instant::now();
    if !cfg!(target_os = "linux") {
        thread::sleep(limit.min(Duration::from_millis(100)));
        return true; // it cannot be seen here
    }
    loop {
        let before = sleepers();
        thread::sleep(at_least);
        if before.is_some() && before == sleepers() {
            return true;
        }
        if start.elapsed() > limit {
            return false;
        }
    }
}

/// From here on it does not matter whether this thread sleeps.
pub fn exclude_this_thread() {
    EXCLUDED.lock().unwrap().insert(this_thread());
}

/// How often each thread went to sleep so far; none if one of them is awake.
fn sleepers() -> Option<BTreeMap<String, String>> {
    let excluded = EXCLUDED.lock().unwrap().clone();
    let mut sleepers = BTreeMap::new();
    for entry in fs::read_dir("/proc/self/task").ok()? {
        let id = entry.ok()?.file_name().into_string().ok()?;
        if excluded.contains(&id) {
            continue;
        }
        let status = fs::read_to_string(format!("/proc/self/task/{id}/status")).ok()?;
        let line = |name| status.lines().find_map(|line: &str| line.strip_prefix(name));
        if !line("State:")?.trim_start().starts_with('S') {
            return None;
        }
        sleepers.insert(id, line("voluntary_ctxt_switches:")?.to_owned());
    }
    Some(sleepers)
}

fn this_thread() -> String {
    let link = fs::read_link("/proc/thread-self").unwrap_or_default();
    link.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// How many threads this process has, where that can be seen.
pub fn threads() -> usize {
    fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}
