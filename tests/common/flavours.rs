//! Runtimes: of one thread, and of 1, 2, 4 and 64 workers.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{self, Receiver};
use std::{env, thread};

use openwork::runtime::{Builder, RngSeed, Runtime};
use openwork::task::yield_now;
use openwork::trace::Event;

use super::ends::ends_as;

/// Who runs the tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    CurrentThread,
    /// So many threads of the runtime.
    Workers(usize),
}

use Flavour::{CurrentThread, Workers};

impl Flavour {
    /// More workers than processors among them, and many more.
    pub const ALL: [Flavour; 5] = [CurrentThread, Workers(1), Workers(2), Workers(4), Workers(64)];

    pub fn builder(self) -> Builder {
        match self {
            CurrentThread => Builder::new_current_thread(),
            Workers(workers) => {
                let mut builder = Builder::new_multi_thread();
                builder.worker_threads(workers);
                builder
            }
        }
    }

    pub fn build(self) -> Runtime {
        self.builder().build().unwrap()
    }

    /// A builder for a runtime that runs tasks in the order in which they became ready, even if `OPENWORK_SHUFFLE` is
    /// set: a builder with a seed ignores it. For tests of that order.
    pub fn in_order(self) -> Builder {
        let mut builder = self.builder();
        builder.rng_seed(RngSeed::from_bytes(b"in order"));
        builder
    }

    /// What [`openwork::block_on`] does, which knows one flavour only.
    pub fn block_on<F: Future>(self, future: F) -> F::Output {
        self.build().block_on(future)
    }

    /// A runtime that says when it has nothing left to do and all of it goes to sleep.
    pub fn sleepy(self) -> (Runtime, Receiver<()>) {
        let workers = if let Workers(workers) = self { workers } else { 1 };
        let (send, asleep) = mpsc::channel();
        let sleepers = AtomicUsize::new(0);
        let mut builder = self.builder();
        builder.on_event(move |record| match record.event {
            Event::Park { .. } if sleepers.fetch_add(1, SeqCst) + 1 == workers => {
                let _ = send.send(());
            }
            Event::Unpark => _ = sleepers.fetch_sub(1, SeqCst),
            _ => {}
        });
        (builder.build().unwrap(), asleep)
    }
}

/// Checks a law on the current-thread runtime, and with 1, 2, 4 and 64 workers. The law must end, as in
/// [`ends`]; a failure names the flavour.
pub fn on_every_flavour(law: impl Fn(Flavour) + Clone + Send + 'static) {
    on_each_of(&Flavour::ALL, law);
}

/// The same with workers only.
pub fn with_workers(law: impl Fn(Flavour) + Clone + Send + 'static) {
    on_each_of(&Flavour::ALL[1..], law);
}

/// Whether `OPENWORK_SHUFFLE` gives a seed to each current-thread runtime that sets none.
pub fn is_shuffled() -> bool {
    env::var_os("OPENWORK_SHUFFLE").is_some_and(|seed| !seed.is_empty())
}

/// The same for some. While current-thread runtimes are shuffled, the others are left out: nothing changes for them.
pub fn on_each_of(flavours: &[Flavour], law: impl Fn(Flavour) + Clone + Send + 'static) {
    let test = thread::current().name().unwrap_or("a test").to_owned();
    let chosen = |flavour: &Flavour| !is_shuffled() || *flavour == CurrentThread;
    for flavour in flavours.iter().copied().filter(chosen) {
        let law = law.clone();
        ends_as(format!("{test}, {flavour:?}"), move || law(flavour));
    }
}

/// Gives way until something has come about by itself. What never does hangs, and is found by [`ends`].
pub async fn until(mut come_about: impl FnMut() -> bool) {
    while !come_about() {
        yield_now().await;
    }
}

/// A runtime with the real clock.
pub fn real() -> Runtime {
    CurrentThread.build()
}

/// A runtime whose time stands still.
pub fn paused() -> Runtime {
    Builder::new_current_thread().start_paused(true).build().unwrap()
}

/// A runtime with the real clock that says when it has nothing left to do and goes to sleep.
pub fn sleepy() -> (Runtime, Receiver<()>) {
    CurrentThread.sleepy()
}
