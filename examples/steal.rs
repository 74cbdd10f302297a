//! A steal, as it happens.
//!
//! There are two workers. A parent spawns eight children, which puts them into the local queue of its own
//! worker, and then blocks its thread. Without another worker the children would wait until the parent is
//! done.
//!
//! What you will see: the other worker is unparked, finds its own queue empty, and steals half of the queue;
//! then half of the rest; and so on. One child stays: the last one is in the LIFO slot, where its worker
//! would poll it next, and no other worker steals from there.
//!
//!     cargo run --example steal

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

use openwork::runtime::{Builder, RuntimeMetrics};
use openwork::time::{Duration, Instant};
use openwork::trace::{Event, Outcome, Record, TaskKind};

const CHILDREN: usize = 8;

fn main() -> std::io::Result<()> {
    let log =
        Arc::new(Log { start: Instant::now(), names: Mutex::default(), metrics: OnceLock::new() });
    let events = log.clone();
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .on_event(move |record| events.record(record))
        .build()?;
    let metrics = log.metrics.get_or_init(|| runtime.handle().metrics());
    log.say(
        None,
        &format!("at first worker 0 and worker 1 have stolen {:?} tasks", stolen(metrics)),
    );

    let parent = runtime.spawn(async {
        let children: Vec<_> = (0..CHILDREN).map(|_| openwork::spawn(work())).collect();
        // A mistake, on purpose: this blocks the worker's thread.
        thread::sleep(Duration::from_millis(300));
        children
    });
    runtime.block_on(async {
        for child in parent.await.expect("the parent does not panic") {
            child.await.expect("a child does not panic");
        }
    });
    log.say(
        None,
        &format!("in the end worker 0 and worker 1 have stolen {:?} tasks", stolen(metrics)),
    );
    Ok(())
}

/// Blocks its thread, to make the steals visible. A real task would `.await` here.
async fn work() {
    thread::sleep(Duration::from_millis(20));
}

fn stolen(metrics: &RuntimeMetrics) -> [u64; 2] {
    [0, 1].map(|worker| metrics.worker_steal_count(worker))
}

/// Prints the events of the runtime.
struct Log {
    start: Instant,
    /// What the tasks are called in the output.
    names: Mutex<HashMap<u64, String>>,
    metrics: OnceLock<RuntimeMetrics>,
}

impl Log {
    /// Called by the thread on which something happens, as it happens.
    fn record(&self, record: &Record) {
        let mut names = self.names.lock().expect("no thread panics with the lock");
        let named = names.len();
        let name = |task| names.get(&task).map_or("?", String::as_str);
        let line = match record.event {
            Event::Spawned { task, kind: TaskKind::Task, .. } => {
                let name =
                    if named == 0 { "the parent".to_owned() } else { format!("child {named}") };
                names.insert(task, name.clone());
                if named == 0 {
                    format!("{name} is spawned")
                } else {
                    format!("{name} is spawned by it")
                }
            }
            Event::PollBegins { task } if names.contains_key(&task) => {
                let worker = record.worker.expect("tasks are polled by workers");
                let metrics = self.metrics.get().expect("it is set before the first spawn");
                let stolen = metrics.worker_steal_count(worker as usize);
                format!("{} is polled; stolen by this worker so far: {stolen}", name(task))
            }
            Event::PollEnds { task, outcome: Outcome::Returned } if name(task) == "the parent" => {
                "the parent is done".to_owned()
            }
            _ => return,
        };
        drop(names);
        self.say(record.worker, &line);
    }

    fn say(&self, worker: Option<u32>, line: &str) {
        let worker = worker.map_or("main".to_owned(), |worker| format!("worker {worker}"));
        println!("{:4} ms  {worker:9} {line}", self.start.elapsed().as_millis());
    }
}
