//! One trait over all runtimes, so that each workload is written once.
//!
//! The trait [`Rt`] has the few operations that a workload consists of: spawn, join, yield, sleep, send a
//! message, read from a socket. Each runtime implements it with its own oneshot channel and its own sockets,
//! in a layer that is equally thin for all. So the difference between two figures of a row comes from the
//! runtimes, not from the benchmark.
//!
//! What all runtimes do with the same code is not in this trait: see `finish.rs`.
//!
//! Next: `on_peer.rs`.

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
    /// [`workers`] threads run the tasks. The thread that calls `block_on` runs only the root future.
    MultiThread,
    /// The thread that calls `block_on` runs all tasks.
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

    /// The number of threads that run tasks.
    pub fn threads(self) -> usize {
        match self {
            Flavour::MultiThread => workers(),
            Flavour::CurrentThread => 1,
        }
    }
}

/// A runtime, as the workloads see it. The functions without `self` are called inside the runtime.
pub trait Rt: Sized + Send + Sync + 'static {
    /// The join handle of a task.
    type Join<T: Send + 'static>: Send + 'static;
    /// The two ends of a oneshot channel.
    type Sender: Send + 'static;
    type Receiver: Send + 'static;
    type Listener: Send + Sync + 'static;
    type Stream: Send + 'static;

    /// Builds the runtime, or returns why this flavour is not available.
    fn build(flavour: Flavour) -> Result<Self, String>;

    fn block_on<F: Future>(&self, future: F) -> F::Output;

    /// Spawns from a thread outside the runtime.
    fn spawn_from_outside<F>(&self, future: F) -> Self::Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;

    fn spawn<F>(future: F) -> Self::Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;

    fn join<T: Send + 'static>(task: Self::Join<T>) -> impl Future<Output = T> + Send;

    /// Drops the join handle; the task continues.
    fn detach<T: Send + 'static>(task: Self::Join<T>);

    fn yield_now() -> impl Future<Output = ()> + Send;

    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send;

    fn oneshot() -> (Self::Sender, Self::Receiver);

    fn send(sender: Self::Sender);

    fn receive(receiver: Self::Receiver) -> impl Future<Output = ()> + Send;

    /// Registers a listener that is in non-blocking mode.
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

    /// Copies until the end of the stream, by the `copy` of the runtime's `io`.
    fn copy<'a>(
        from: &'a mut Self::Stream,
        to: &'a mut Self::Stream,
    ) -> impl Future<Output = io::Result<u64>> + Send;
}
