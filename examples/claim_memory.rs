//! The claim: a task costs next to nothing, a thread costs memory.
//!
//! Some say "a task costs about 2 KB". It costs what it must remember while it waits, and the runtime's
//! share on top: the compiler counts the first (`size_of_val`), and what is kept across an `.await`
//! decides it. A thread costs the pages of its stack that it has touched, at least one.
//!
//! What you will see: many tasks and then many threads, all waiting at the same time, and how much
//! memory the system has really given to the process for each ("resident"). Expect some 200 bytes for a
//! task that sleeps, as much more as it keeps in variables, and 8,000 or more for a thread. The
//! reserved addresses cost nothing until they are touched; the kernel's own memory for a thread, 16 KiB
//! of stack at least, is not in these figures.
//!
//!     cargo run --release --example claim_memory

use std::future::pending;
use std::sync::mpsc;
use std::sync::{Arc, RwLock};
use std::{fs, thread};

use openwork::runtime::Builder;
use openwork::time::{Duration, Sleep, sleep};

const TASKS: usize = 50_000;
/// As many as a small container will allow.
const THREADS: usize = 400;
const HOUR: Duration = Duration::from_secs(3600);

fn main() -> std::io::Result<()> {
    if kib("/proc/self/smaps_rollup", "Rss:").is_none() {
        println!(
            "This asks Linux for its figures (/proc/self/smaps_rollup), and there are none here."
        );
        return Ok(());
    }
    println!("{:44} {:>8} {:>14} {:>14}", "", "how many", "resident each", "reserved each");
    let waiting = tasks("a task that waits for something", pending)?;
    let sleeping = tasks("a task that sleeps", || sleep(HOUR))?;
    let remembering = tasks("a task that sleeps and keeps 2 KB meanwhile", remember)?;
    let thread = threads("a thread that waits")?;

    println!(
        "\nThe futures alone are of 0 bytes, {} and {}; the rest is the runtime's.",
        size_of::<Sleep>(),
        size_of_val(&remember()),
    );
    println!(
        "So {} sleeping tasks fit where one thread does, and {} of those that keep 2 KB.",
        thread / sleeping,
        thread / remembering
    );
    assert!(waiting <= sleeping && sleeping < remembering, "more to remember, more memory");
    assert!(sleeping * 10 <= thread, "a sleeping task is at least ten times smaller than a thread");
    Ok(())
}

/// An array that is used after the `.await` must be kept until then, and so is a part of the future.
async fn remember() {
    let buffer = [1_u8; 2048];
    sleep(HOUR).await;
    assert!(buffer.iter().all(|byte| *byte == 1));
}

/// Resident bytes for each of many tasks that wait.
fn tasks<F>(what: &str, wait: impl Fn() -> F) -> std::io::Result<usize>
where
    F: Future<Output = ()> + Send + 'static,
{
    // With the clock paused, a sleep of ours ends only when all the tasks have been polled, and wait.
    let runtime = Builder::new_current_thread().start_paused(true).build()?;
    let each = runtime.block_on(async {
        let before = Memory::now();
        for _ in 0..TASKS {
            drop(openwork::spawn(wait()));
        }
        sleep(Duration::from_nanos(1)).await;
        before.each_of(what, TASKS)
    });
    // The memory of these tasks must not serve the next ones, which would look cheaper than they are.
    std::mem::forget(runtime);
    Ok(each)
}

/// Resident bytes for each of many threads that wait.
fn threads(what: &str) -> std::io::Result<usize> {
    let gate = Arc::new(RwLock::new(()));
    let closed = gate.write().expect("no thread panics while it holds the lock");
    let (arrived, arrivals) = mpsc::channel();
    let before = Memory::now();
    let mut threads = Vec::new();
    while threads.len() < THREADS {
        let (gate, arrived) = (gate.clone(), arrived.clone());
        let waits = move || {
            arrived.send(()).expect("main counts them");
            drop(gate.read());
        };
        match thread::Builder::new().spawn(waits) {
            Ok(thread) => threads.push(thread),
            Err(error) => {
                println!("(no more threads here than {}: {error})", threads.len());
                break;
            }
        }
    }
    for _ in &threads {
        arrivals.recv().expect("every thread says that it is there");
    }
    let each = before.each_of(what, threads.len().max(1));
    drop(closed);
    for thread in threads {
        thread.join().expect("no thread panics");
    }
    Ok(each)
}

/// What this process occupies, in bytes.
struct Memory {
    resident: usize,
    reserved: usize,
}

impl Memory {
    fn now() -> Memory {
        Memory {
            resident: kib("/proc/self/smaps_rollup", "Rss:").unwrap_or(0) * 1024,
            reserved: kib("/proc/self/status", "VmSize:").unwrap_or(0) * 1024,
        }
    }

    /// Prints what has come since, and answers the resident part of it, for each of so many.
    fn each_of(&self, what: &str, count: usize) -> usize {
        let now = Memory::now();
        let each = now.resident.saturating_sub(self.resident) / count;
        let reserved = now.reserved.saturating_sub(self.reserved) / count;
        println!("{what:44} {count:8} {each:8} bytes {reserved:8} bytes");
        each
    }
}

/// The number of a line such as `Rss:     1234 kB`.
fn kib(file: &str, line: &str) -> Option<usize> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|text| text.strip_prefix(line))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}
