//! Runtimes: of one thread, and of 1, 2, 4 and 64 workers.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{self, Receiver};
use std::{env, thread};

use openwork::runtime::{Builder, RngSeed, Runtime};
use openwork::task::yield_now;
use openwork::trace::Event;

use super::ends::ends_as;

/// The kind of a runtime: the threads that run its tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    CurrentThread,
    /// A multi-thread runtime with this number of workers.
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

    /// Like [`openwork::block_on`], on a runtime of this flavour.
    pub fn block_on<F: Future>(self, future: F) -> F::Output {
        self.build().block_on(future)
    }

    /// A runtime, and a channel that gets a message whenever all of its workers are about to park.
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

/// The same for some flavours. If `OPENWORK_SHUFFLE` is set, only for the current-thread runtime: the others ignore it.
pub fn on_each_of(flavours: &[Flavour], law: impl Fn(Flavour) + Clone + Send + 'static) {
    let test = thread::current().name().unwrap_or("a test").to_owned();
    let chosen = |flavour: &Flavour| !is_shuffled() || *flavour == CurrentThread;
    for flavour in flavours.iter().copied().filter(chosen) {
        let law = law.clone();
        ends_as(format!("{test}, {flavour:?}"), move || law(flavour));
    }
}

/// Yields until the condition holds. If it never does, the test hangs, and [`ends`](super::ends) fails it.
pub async fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        yield_now().await;
    }
}

/// A current-thread runtime with the real clock.
pub fn real() -> Runtime {
    CurrentThread.build()
}

/// A current-thread runtime with a paused clock.
pub fn paused() -> Runtime {
    Builder::new_current_thread().start_paused(true).build().unwrap()
}

/// The same for a current-thread runtime.
pub fn sleepy() -> (Runtime, Receiver<()>) {
    CurrentThread.sleepy()
}
