//! The functions of a runtime that the laws call.
//!
//! Function pointers rather than a trait: what a runtime does not have yet is `None`, and the laws
//! that need it are left out. Futures are boxed, so that each function has no type parameters.

use std::future::Future;
use std::io::Result;
use std::net::{TcpListener, TcpStream};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub type Boxed<'a, T = ()> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A runtime, as the laws see it.
#[derive(Clone, Copy)]
pub struct Runtime {
    /// Runs the root future to its end. Within it the functions below may be called.
    pub run: fn(Boxed<'static>),
    /// Starts a task, which goes on by itself.
    pub spawn: Option<fn(Boxed<'static>)>,
    /// A future that is ready when this time has passed since the call.
    pub sleep: Option<fn(Duration) -> Boxed<'static>>,
    /// The same as `spawn`, with a handle.
    pub join: Option<fn(Boxed<'static>) -> Handle>,
    /// A connected socket, to read from and write to.
    pub socket: Option<fn(TcpStream) -> Box<dyn Socket>>,
    /// How many threads poll tasks.
    pub threads: usize,
}

/// Waits for a task, or aborts it.
pub struct Handle {
    pub end: Boxed<'static, End>,
    pub abort: Box<dyn FnOnce() + Send>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Returned,
    Panicked,
    Aborted,
}

pub trait Socket: Send {
    /// Any number of bytes, at least one; none at the end of the stream.
    fn read<'a>(&'a mut self, buffer: &'a mut [u8]) -> Boxed<'a, Result<usize>>;
    fn write_all<'a>(&'a mut self, bytes: &'a [u8]) -> Boxed<'a, Result<()>>;
}

/// What a law needs beside `run`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Spawn,
    Sleep,
    Join,
    Socket,
    /// Several threads that poll.
    Threads,
}

impl Runtime {
    pub fn has(&self, part: &Part) -> bool {
        match part {
            Part::Spawn => self.spawn.is_some(),
            Part::Sleep => self.sleep.is_some(),
            Part::Join => self.join.is_some(),
            Part::Socket => self.socket.is_some(),
            Part::Threads => self.threads > 1,
        }
    }

    // The same functions, with more convenient parameters.

    pub fn run<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> T {
        let output = Arc::new(Mutex::new(None));
        let slot = output.clone();
        (self.run)(Box::pin(async move {
            let output = future.await;
            *slot.lock().unwrap() = Some(output);
        }));
        let output = output.lock().unwrap().take();
        output.expect("`run` has returned before its future was ready")
    }

    pub fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.spawn.expect("the law needs `spawn`")(Box::pin(future));
    }

    pub fn sleep(&self, ms: u64) -> Boxed<'static> {
        self.sleep_for(Duration::from_millis(ms))
    }

    pub fn sleep_for(&self, duration: Duration) -> Boxed<'static> {
        self.sleep.expect("the law needs `sleep`")(duration)
    }

    pub fn join(&self, future: impl Future<Output = ()> + Send + 'static) -> Handle {
        self.join.expect("the law needs `join`")(Box::pin(future))
    }

    /// A socket of the runtime, and its peer, which is std's.
    pub fn connect(&self) -> (Box<dyn Socket>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let peer = listener.accept().unwrap().0;
        (self.socket.expect("the law needs `socket`")(ours), peer)
    }
}
