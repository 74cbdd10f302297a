//! The trait [`Rt`] for Openwork and for Tokio.
//!
//! Both crates use the same names, so this file is compiled twice: `on_openwork.rs` and `on_tokio.rs` each
//! say which crate `peer` is.
//!
//! Next: `on_smol.rs`.

use std::io;
use std::net::{self, SocketAddr};
use std::time::Duration;

use peer::io::{AsyncReadExt, AsyncWriteExt};
use peer::net::{TcpListener, TcpStream};
use peer::runtime::{Builder, Runtime};
use peer::sync::oneshot;
use peer::task::JoinHandle;

use super::peer;
use crate::rt::{Flavour, Rt};

pub struct OnPeer(pub Runtime);

impl Rt for OnPeer {
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
        runtime.map(OnPeer).map_err(|error| error.to_string())
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
        peer::spawn(future)
    }

    async fn join<T: Send + 'static>(task: JoinHandle<T>) -> T {
        task.await.expect("no task panics")
    }

    fn detach<T: Send + 'static>(task: JoinHandle<T>) {
        drop(task);
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        peer::task::yield_now()
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send {
        peer::time::sleep(duration)
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
        peer::io::copy(from, to)
    }
}
