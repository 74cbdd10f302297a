//! Openwork, as the laws see it.

use crate::Subject;
use crate::laws::contract::{Boxed, End, Handle, Runtime, Socket};
use openwork::io::{AsyncReadExt, AsyncWriteExt};
use openwork::net::TcpStream;
use openwork::runtime::Builder;
use openwork::task::JoinError;
use std::io::Result;

pub const SUBJECTS: [Subject; 2] = [
    Subject { name: "openwork, one thread", runtime: OURS, breaks: &[] },
    Subject {
        name: "openwork, two threads",
        runtime: Runtime { run: on_two_threads, threads: 2, ..OURS },
        breaks: &[],
    },
];

const OURS: Runtime = Runtime {
    run: |future| openwork::block_on(future),
    spawn: Some(|future| drop(openwork::spawn(future))),
    sleep: Some(|duration| Box::pin(openwork::time::sleep(duration))),
    join: Some(join),
    socket: Some(socket),
    threads: 1,
};

fn on_two_threads(future: Boxed<'static>) {
    Builder::new_multi_thread().worker_threads(2).build().unwrap().block_on(future);
}

fn join(future: Boxed<'static>) -> Handle {
    let handle = openwork::spawn(future);
    let abort = handle.abort_handle();
    let end = |error: JoinError| if error.is_panic() { End::Panicked } else { End::Aborted };
    Handle {
        end: Box::pin(async move { handle.await.map_or_else(end, |()| End::Returned) }),
        abort: Box::new(move || abort.abort()),
    }
}

fn socket(stream: std::net::TcpStream) -> Box<dyn Socket> {
    stream.set_nonblocking(true).unwrap();
    Box::new(TcpStream::from_std(stream).unwrap())
}

impl Socket for TcpStream {
    fn read<'a>(&'a mut self, buffer: &'a mut [u8]) -> Boxed<'a, Result<usize>> {
        Box::pin(AsyncReadExt::read(self, buffer))
    }

    fn write_all<'a>(&'a mut self, bytes: &'a [u8]) -> Boxed<'a, Result<()>> {
        Box::pin(AsyncWriteExt::write_all(self, bytes))
    }
}
