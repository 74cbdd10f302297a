//! Prints the state of a runtime in which nothing happens.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};
use std::{env, process, thread};

use crate::world::World;

/// Nothing in a round waits for longer than a millisecond. The rest is for a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Watches one world after the other.
pub struct Watchdog {
    shared: Arc<Shared>,
    thread: Option<thread::JoinHandle<()>>,
}

struct Shared {
    /// Counts what happens.
    progress: Arc<AtomicU64>,
    /// `None`: the watchdog ends.
    world: Mutex<Option<Weak<World>>>,
}

impl Watchdog {
    pub fn new() -> Self {
        let world = Mutex::new(Some(Weak::new()));
        let shared = Arc::new(Shared { progress: Arc::default(), world });
        let watched = shared.clone();
        Watchdog { shared, thread: Some(thread::spawn(move || watched.watch())) }
    }

    pub fn progress(&self) -> Arc<AtomicU64> {
        self.shared.progress.clone()
    }

    pub fn look_at(&self, world: &Arc<World>) {
        *self.shared.world.lock().unwrap() = Some(Arc::downgrade(world));
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        *self.shared.world.lock().unwrap() = None;
        let thread = self.thread.take().expect("it is dropped once");
        thread.thread().unpark();
        let _ = thread.join();
    }
}

impl Shared {
    fn watch(&self) {
        let mut last = (self.progress.load(SeqCst), Instant::now());
        while self.world.lock().unwrap().is_some() {
            thread::park_timeout(PATIENCE / 10);
            match self.progress.load(SeqCst) {
                now if now != last.0 => last = (now, Instant::now()),
                _ if last.1.elapsed() > PATIENCE => self.report(),
                _ => {}
            }
        }
    }

    fn report(&self) {
        let world = self.world.lock().unwrap().clone();
        match world.and_then(|world| world.upgrade()) {
            Some(world) => world.print(),
            None => eprintln!("it hangs between two worlds"),
        }
        // For a debugger.
        if env::var_os("OPENWORK_STRESS_STAY").is_some() {
            thread::sleep(Duration::from_secs(3600));
        }
        process::abort();
    }
}
