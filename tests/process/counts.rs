//! What a process uses: descriptors, threads, sources, tasks, timers, memory.

use std::fs;
use std::time::Duration;

use openwork::runtime::Handle;
use openwork::time::sleep;

use crate::allocator::allocated;
use crate::common::threads;

/// The number of open descriptors.
pub fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("Linux").count()
}

/// The number of descriptors to which a process may raise its limit.
pub fn most_descriptors() -> Option<usize> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find(|line| line.starts_with("Max open files"))?;
    line.split_whitespace().nth(4)?.parse().ok()
}

/// The bytes of memory that this process occupies. (The figures in `statm` lag behind; this one is
/// counted when it is asked for.)
pub fn resident() -> usize {
    let rollup = fs::read_to_string("/proc/self/smaps_rollup").expect("Linux");
    let rss = rollup.lines().find_map(|line| line.strip_prefix("Rss:")).unwrap();
    rss.trim().trim_end_matches("kB").trim().parse::<usize>().unwrap() * 1024
}

/// [`resident`], after the allocator has returned its free pages to the system.
pub fn resident_after_trim() -> usize {
    #[cfg(target_env = "gnu")]
    // SAFETY: `malloc_trim` may be called at any time, from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
    resident()
}

/// Bytes of complete tasks: the runtime prunes a list of tasks when 64 have ended, and until then it keeps them.
const COMPLETE_TASKS: isize = 256 << 10;

/// What a process uses at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    pub descriptors: usize,
    pub threads: usize,
    pub sources: usize,
    pub tasks: usize,
    pub timers: usize,
    pub bytes: isize,
}

impl Usage {
    /// Called inside a runtime.
    pub fn now() -> Usage {
        let metrics = Handle::current().metrics();
        Usage {
            descriptors: open_descriptors(),
            threads: threads().len(),
            sources: metrics.io_driver_fd_registered_count(),
            tasks: metrics.num_alive_tasks(),
            timers: metrics.num_timers(),
            bytes: allocated(),
        }
    }

    /// Each connection has a descriptor, a source, a task, and a time-out.
    #[track_caller]
    pub fn assert_more_by(self, connections: usize, before: Usage) {
        assert_eq!(self.descriptors, before.descriptors + connections);
        assert_eq!(self.sources, before.sources + connections);
        assert_eq!(self.tasks, before.tasks + connections);
        assert_eq!(self.timers, before.timers + connections);
    }

    /// Whether all that came after `before` is gone. Of the memory a twentieth may stay allocated, because queues keep
    /// their room for the next tasks, and [`COMPLETE_TASKS`].
    fn is_back(self, most: Usage, before: Usage) -> bool {
        let (used, kept) = (most.bytes - before.bytes, self.bytes - before.bytes);
        let may_stay = used / 20 + COMPLETE_TASKS;
        Usage { bytes: 0, ..self } == Usage { bytes: 0, ..before } && kept < may_stay
    }

    /// Waits until the process uses what it used before, and fails if that does not come about.
    ///
    /// A task is joined a moment before the metrics count its end, and its memory is freed when an idle worker prunes
    /// the list of tasks.
    pub async fn settle(most: Usage, before: Usage) {
        for _ in 0..1000 {
            if Usage::now().is_back(most, before) {
                break;
            }
            sleep(Duration::from_millis(1)).await;
        }
        let after = Usage::now();
        println!("before: {before:?}\n  most: {most:?}\n after: {after:?}");
        assert!(after.is_back(most, before), "something is left");
    }
}
