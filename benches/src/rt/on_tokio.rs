//! How Tokio does it.

use std::io;
use std::net::{self, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{Flavour, Rt};

pub struct OnTokio(pub Runtime);

impl Rt for OnTokio {
    type Join<T: Send + 'static> = JoinHandle<T>;
    type Sender = oneshot::Sender<()>;
    type Receiver = oneshot::Receiver<()>;
    type Listener = TcpListener;
    type Stream = TcpStream;

    fn build(flavour: Flavour) -> Result<Self, String> {
        let mut builder = match flavour {
            Flavour::MultiThread => Builder::new_multi_thread(),
            Flavour::CurrentThread => Builder::new_current_thread(),
        };
        // A current-thread runtime has no workers and ignores their number.
        let runtime = builder.worker_threads(flavour.threads()).enable_all().build();
        runtime.map(OnTokio).map_err(|error| error.to_string())
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }

    fn spawn_from_outside<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.0.spawn(future)
    }

    fn spawn<F>(future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        tokio::spawn(future)
    }

    async fn join<T: Send + 'static>(task: JoinHandle<T>) -> T {
        task.await.expect("no task panics")
    }

    fn detach<T: Send + 'static>(task: JoinHandle<T>) {
        drop(task);
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        tokio::task::yield_now()
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send {
        tokio::time::sleep(duration)
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
        TcpListener::from_std(listener)
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
        tokio::io::copy(from, to)
    }
}
