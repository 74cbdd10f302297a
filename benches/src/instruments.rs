//! How a process measures itself: the time that passed, the time that its threads worked, the memory
//! that it has.
//!
//! Wall time says how long one waits; CPU time says what it cost, on all threads together. A runtime
//! that keeps a second core spinning to be quick looks good in the first and bad in the second.
//!
//! Next: `memory.rs`.

use std::fs;
use std::process;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

/// After this a measurement is taken to hang (a lost wake-up, say). Far beyond the slowest.
const HANGS: Duration = Duration::from_secs(60);

/// What one unit of work costs: a turn of a workload or a request in nanoseconds, or a task in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sample {
    pub wall: f64,
    /// Of all threads of the process, in user and in system mode.
    pub cpu: f64,
    /// Percentiles 50, 99 and 99.9 of the latency of a request, in nanoseconds. 0 for all else.
    pub latency: [f64; 3],
}

/// The nanoseconds that the threads of this process have worked until now. Those of another thread that
/// is running may lag by a tick of the system's clock, some milliseconds: measure many of them.
pub fn cpu_time() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let (seconds, nanoseconds) = (time.tv_sec.cast_unsigned(), time.tv_nsec.cast_unsigned());
    seconds * 1_000_000_000 + nanoseconds
}

/// Calls `turn` so often that it takes about `target`, and says what one turn cost.
pub fn measure(target: Duration, mut turn: impl FnMut()) -> Sample {
    // Doubling warms the caches and the pools up, too.
    let mut times = 1;
    let estimate = loop {
        let lap = lap(times, &mut turn);
        if lap.wall * times as f64 * 4.0 >= target.as_nanos() as f64 {
            break lap.wall;
        }
        times *= 2;
    };
    let times = (target.as_nanos() as f64 / estimate).ceil().max(1.0);
    lap(times as u64, &mut turn)
}

fn lap(times: u64, turn: &mut impl FnMut()) -> Sample {
    let stopwatch = Stopwatch::start();
    for _ in 0..times {
        turn();
    }
    stopwatch.stop(times)
}

/// Time and CPU time since its start.
pub struct Stopwatch {
    cpu: u64,
    begin: Instant,
}

impl Stopwatch {
    pub fn start() -> Stopwatch {
        Stopwatch { cpu: cpu_time(), begin: Instant::now() }
    }

    /// For each of so many units of work.
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

/// The bytes of memory that this process occupies. (The figures in `statm` lag behind; this one is
/// counted when it is asked for.)
pub fn resident() -> usize {
    let rollup = fs::read_to_string("/proc/self/smaps_rollup").expect("Linux");
    let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:")).expect("it has that line");
    line.trim().trim_end_matches("kB").trim().parse::<usize>().expect("a number of KiB") * 1024
}

/// Ends the process if it is still there after the time in which every measurement is over.
pub fn end_if_it_hangs() {
    thread::spawn(|| {
        thread::sleep(HANGS);
        eprintln!("it hangs: no result after {HANGS:?}");
        process::abort();
    });
}

/// The cores that there are to run on.
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, |number| number.get())
}

/// As many descriptors as the system allows: a connection takes one at each end.
pub fn raise_limit_of_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    // Where it is refused, the rows with many connections say what happened.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
