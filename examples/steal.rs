//! A steal, as it happens.
//!
//! There are two workers. A host asks eight guests in, which puts them into the line of the worker that the
//! host itself runs on, and then falls asleep at the table, thread and all. Without another worker the
//! guests would wait until the host is awake.
//!
//! What you will see: the other worker wakes up, finds nothing of its own, and takes half of the line; then
//! half of what is left; and so on. One guest has to stay: the one who came last stands in the worker's
//! slot, where it would be polled next, and nobody steals from there.
//!
//!     cargo run --example steal

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

use openwork::runtime::{Builder, RuntimeMetrics};
use openwork::time::{Duration, Instant};
use openwork::trace::{Event, Record};

const GUESTS: usize = 8;

fn main() -> std::io::Result<()> {
    let scene =
        Arc::new(Scene { start: Instant::now(), cast: Mutex::default(), metrics: OnceLock::new() });
    let audience = scene.clone();
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .on_event(move |record| audience.hear(record))
        .build()?;
    let metrics = scene.metrics.get_or_init(|| runtime.handle().metrics());
    scene.say(
        None,
        &format!("at first worker 0 and worker 1 have stolen {:?} tasks", stolen(metrics)),
    );

    let host = runtime.spawn(async {
        let guests: Vec<_> = (0..GUESTS).map(|_| openwork::spawn(have_dinner())).collect();
        // What one must not do in a task: the thread is gone for as long as this takes.
        thread::sleep(Duration::from_millis(300));
        guests
    });
    runtime.block_on(async {
        for guest in host.await.expect("the host does not panic") {
            guest.await.expect("a guest does not panic");
        }
    });
    scene.say(
        None,
        &format!("in the end worker 0 and worker 1 have stolen {:?} tasks", stolen(metrics)),
    );
    Ok(())
}

/// Holds a thread, too, so that there is something to see. A task with manners would `.await` here.
async fn have_dinner() {
    thread::sleep(Duration::from_millis(20));
}

fn stolen(metrics: &RuntimeMetrics) -> [u64; 2] {
    [0, 1].map(|worker| metrics.worker_steal_count(worker))
}

/// Listens to the runtime, and tells what it hears.
struct Scene {
    start: Instant,
    /// The names of the tasks.
    cast: Mutex<HashMap<u64, String>>,
    metrics: OnceLock<RuntimeMetrics>,
}

impl Scene {
    /// Called by the thread on which something happens, as it happens.
    fn hear(&self, record: &Record) {
        let mut cast = self.cast.lock().expect("nobody panics on stage");
        let named = cast.len();
        let name = |task| cast.get(&task).map_or("?", String::as_str);
        let line = match record.event {
            Event::Spawned { task, .. } => {
                let name =
                    if named == 0 { "the host".to_owned() } else { format!("guest {named}") };
                cast.insert(task, name.clone());
                if named == 0 {
                    format!("{name} is spawned")
                } else {
                    format!("{name} is asked in")
                }
            }
            Event::PollBegins { task } => {
                let worker = record.worker.expect("tasks are polled by workers");
                let metrics = self.metrics.get().expect("it is set before the first spawn");
                let stolen = metrics.worker_steal_count(worker as usize);
                format!("{} is polled; stolen by this worker so far: {stolen}", name(task))
            }
            Event::Finished { task, .. } if name(task) == "the host" => {
                "the host is awake".to_owned()
            }
            _ => return,
        };
        drop(cast);
        self.say(record.worker, &line);
    }

    fn say(&self, worker: Option<u32>, line: &str) {
        let worker = worker.map_or("main".to_owned(), |worker| format!("worker {worker}"));
        println!("{:4} ms  {worker:9} {line}", self.start.elapsed().as_millis());
    }
}
