//! The trait [`Rt`] for smol: one executor for the process, as smol's users have it. Worker threads run it, or
//! the thread that calls `block_on`.
//!
//! smol has no oneshot channel. The one of `futures` is the usual choice, and it costs less than a bounded queue
//! of capacity one.
//!
//! Next: `finish.rs`.

use std::future::pending;
use std::io;
use std::net::{self, SocketAddr};
use std::thread;
use std::time::Duration;

use futures::channel::oneshot;
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::net::{TcpListener, TcpStream};
use smol::{Executor, Task, Timer};

use super::{Flavour, Rt};

static EXECUTOR: Executor<'static> = Executor::new();

pub struct OnSmol(Flavour);

impl Rt for OnSmol {
    type Join<T: Send + 'static> = Task<T>;
    type Sender = oneshot::Sender<()>;
    type Receiver = oneshot::Receiver<()>;
    type Listener = TcpListener;
    type Stream = TcpStream;

    fn build(flavour: Flavour) -> Result<Self, String> {
        if flavour == Flavour::MultiThread {
            for _ in 0..flavour.threads() {
                // These threads end with the process.
                thread::spawn(|| smol::block_on(EXECUTOR.run(pending::<()>())));
            }
        }
        Ok(OnSmol(flavour))
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        match self.0 {
            Flavour::MultiThread => smol::block_on(future),
            Flavour::CurrentThread => smol::block_on(EXECUTOR.run(future)),
        }
    }

    fn spawn_from_outside<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        EXECUTOR.spawn(future)
    }

    fn spawn<F>(future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        EXECUTOR.spawn(future)
    }

    async fn join<T: Send + 'static>(task: Task<T>) -> T {
        task.await
    }

    fn detach<T: Send + 'static>(task: Task<T>) {
        task.detach();
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        smol::future::yield_now()
    }

    async fn sleep(duration: Duration) {
        Timer::after(duration).await;
    }

    fn oneshot() -> (Self::Sender, Self::Receiver) {
        oneshot::channel()
    }

    fn send(sender: Self::Sender) {
        sender.send(()).expect("the receiver waits");
    }

    async fn receive(receiver: Self::Receiver) {
        receiver.await.expect("the sender sends");
    }

    fn listen(listener: net::TcpListener) -> io::Result<TcpListener> {
        TcpListener::try_from(listener)
    }

    async fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
        listener.accept().await.map(|(stream, _)| stream)
    }

    fn connect(address: SocketAddr) -> impl Future<Output = io::Result<TcpStream>> + Send {
        TcpStream::connect(address)
    }

    fn read<'a>(
        stream: &'a mut TcpStream,
        buffer: &'a mut [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send {
        AsyncReadExt::read(stream, buffer)
    }

    fn write_all<'a>(
        stream: &'a mut TcpStream,
        bytes: &'a [u8],
    ) -> impl Future<Output = io::Result<()>> + Send {
        AsyncWriteExt::write_all(stream, bytes)
    }

    fn copy<'a>(
        from: &'a mut TcpStream,
        to: &'a mut TcpStream,
    ) -> impl Future<Output = io::Result<u64>> + Send {
        smol::io::copy(from, to)
    }
}
