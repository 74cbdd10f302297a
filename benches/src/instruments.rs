//! How a process measures itself: the time that passes, the CPU time of its threads, its memory.
//!
//! Time tells how long a user waits. CPU time tells what it costs, on all threads together. A runtime that spins on
//! a second core to answer sooner is good in the first and bad in the second.
//!
//! Next: `sync/`, `memory.rs`.

use std::fs;
use std::process;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

/// A measurement that takes longer than this hangs (a lost wake-up, for instance). Much longer than the slowest.
const HANGS: Duration = Duration::from_secs(60);

/// The cost of one unit of work: an iteration or a request in nanoseconds, or a task in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sample {
    pub wall: f64,
    /// The time that all threads of the process ran, in user mode and in the kernel.
    pub cpu: f64,
    /// Percentiles 50, 99 and 99.9 of the latency of a request, in nanoseconds. 0 for other units.
    pub latency: [f64; 3],
}

/// The CPU time of this process so far, in nanoseconds. The kernel adds the time of a thread that is running on
/// another core only at its clock tick (some milliseconds), so a measurement must be much longer than that.
pub fn cpu_time() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let (seconds, nanoseconds) = (time.tv_sec.cast_unsigned(), time.tv_nsec.cast_unsigned());
    seconds * 1_000_000_000 + nanoseconds
}

/// Repeats an iteration for about `target` and returns the cost of one.
pub fn measure(target: Duration, mut iteration: impl FnMut()) -> Sample {
    // The doubling warms up the caches and the thread pools.
    let mut times = 1;
    let estimate = loop {
        let lap = lap(times, &mut iteration);
        if lap.wall * times as f64 * 4.0 >= target.as_nanos() as f64 {
            break lap.wall;
        }
        times *= 2;
    };
    let times = (target.as_nanos() as f64 / estimate).ceil().max(1.0);
    lap(times as u64, &mut iteration)
}

fn lap(times: u64, iteration: &mut impl FnMut()) -> Sample {
    let stopwatch = Stopwatch::start();
    for _ in 0..times {
        iteration();
    }
    stopwatch.stop(times)
}

/// Measures time and CPU time since its start.
pub struct Stopwatch {
    cpu: u64,
    begin: Instant,
}

impl Stopwatch {
    pub fn start() -> Stopwatch {
        Stopwatch { cpu: cpu_time(), begin: Instant::now() }
    }

    /// Returns the cost of one of `units` units of work.
    pub fn stop(self, units: u64) -> Sample {
        let (wall, cpu) = (self.begin.elapsed(), cpu_time() - self.cpu);
        let units = units as f64;
        Sample {
            wall: wall.as_nanos() as f64 / units,
            cpu: cpu as f64 / units,
            ..Sample::default()
        }
    }
}

/// The resident memory of this process, in bytes. (The kernel counts it when this file is read; the figures in
/// `statm` are updated later.)
pub fn resident() -> usize {
    let rollup = fs::read_to_string("/proc/self/smaps_rollup").expect("Linux");
    let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:")).expect("it has that line");
    line.trim().trim_end_matches("kB").trim().parse::<usize>().expect("a number of KiB") * 1024
}

/// Starts a thread that ends the process after [`HANGS`].
pub fn end_if_it_hangs() {
    thread::spawn(|| {
        thread::sleep(HANGS);
        eprintln!("no result after {HANGS:?}");
        process::abort();
    });
}

/// The number of cores on which this process may run (`taskset` lowers it).
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, |number| number.get())
}

/// Raises the limit of descriptors to the maximum: a connection takes one at each end.
pub fn raise_limit_of_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    // If this fails, the rows with many connections fail and print the error.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
