//! A fair race needs one course for all runners.
//!
//! Every workload is written once, over the trait [`Rt`], and each runtime says here how it does the few
//! things that a workload is made of: spawn, join, yield, sleep, send a message, read a socket. So what
//! differs between two figures of a row is the runtime, not the benchmark.
//!
//! Each brings its own one-shot channel and its own sockets, as its users would have them; the wrapping
//! is the same thin layer everywhere. What is *not* here: anything that is done by the same code under
//! every runtime (see `finish.rs`).
//!
//! Next: the three files beside this one, then `finish.rs`.

mod on_openwork;
mod on_smol;
mod on_tokio;

use std::future::Future;
use std::io;
use std::net::{self, SocketAddr};
use std::sync::OnceLock;
use std::time::Duration;

pub use on_openwork::OnOpenwork;
pub use on_smol::OnSmol;
pub use on_tokio::OnTokio;

static WORKERS: OnceLock<usize> = OnceLock::new();

/// The worker threads of a multi-thread runtime. The default is the number that the goals assume.
pub fn workers() -> usize {
    *WORKERS.get_or_init(|| 2)
}

/// Sets the number of workers, before the first call of [`workers`].
pub fn set_workers(number: usize) {
    WORKERS.set(number).expect("the command line is read first");
}

/// The two kinds of runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// [`WORKERS`] threads that run tasks, none of which is the one that calls `block_on`.
    MultiThread,
    /// All tasks run on the thread that calls `block_on`.
    CurrentThread,
}

impl Flavour {
    pub const BOTH: [Flavour; 2] = [Flavour::MultiThread, Flavour::CurrentThread];

    pub fn name(self) -> &'static str {
        match self {
            Flavour::MultiThread => "multi-thread",
            Flavour::CurrentThread => "current-thread",
        }
    }

    pub fn parse(name: &str) -> Option<Flavour> {
        Self::BOTH.into_iter().find(|flavour| flavour.name() == name)
    }

    /// The threads that run tasks.
    pub fn threads(self) -> usize {
        match self {
            Flavour::MultiThread => workers(),
            Flavour::CurrentThread => 1,
        }
    }
}

/// A runtime, as the workloads see it. The functions without `self` are called inside of it.
pub trait Rt: Sized + Send + Sync + 'static {
    /// What is left with the one who spawned a task.
    type Join<T: Send + 'static>: Send + 'static;
    /// The two ends of a channel for one message.
    type Sender: Send + 'static;
    type Receiver: Send + 'static;
    type Listener: Send + Sync + 'static;
    type Stream: Send + 'static;

    /// Builds the runtime, or says why this flavour cannot be had.
    fn build(flavour: Flavour) -> Result<Self, String>;

    fn block_on<F: Future>(&self, future: F) -> F::Output;

    /// Spawns from a thread that is in no runtime.
    fn spawn_from_outside<F>(&self, future: F) -> Self::Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;

    fn spawn<F>(future: F) -> Self::Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;

    fn join<T: Send + 'static>(task: Self::Join<T>) -> impl Future<Output = T> + Send;

    /// Lets a task go on by itself.
    fn detach<T: Send + 'static>(task: Self::Join<T>);

    fn yield_now() -> impl Future<Output = ()> + Send;

    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send;

    fn oneshot() -> (Self::Sender, Self::Receiver);

    fn send(sender: Self::Sender);

    fn receive(receiver: Self::Receiver) -> impl Future<Output = ()> + Send;

    /// Takes over a listener that does not block.
    fn listen(listener: net::TcpListener) -> io::Result<Self::Listener>;

    fn accept(listener: &Self::Listener) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    fn connect(address: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    fn read<'a>(
        stream: &'a mut Self::Stream,
        buffer: &'a mut [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send;

    fn write_all<'a>(
        stream: &'a mut Self::Stream,
        bytes: &'a [u8],
    ) -> impl Future<Output = io::Result<()>> + Send;

    /// All that comes from one to the other, by the `copy` of the runtime's `io`.
    fn copy<'a>(
        from: &'a mut Self::Stream,
        to: &'a mut Self::Stream,
    ) -> impl Future<Output = io::Result<u64>> + Send;
}
