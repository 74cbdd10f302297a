//! The echo server without a runtime: the cost of the system calls alone.
//!
//! One thread and level-triggered events. A ready descriptor is read once and written once; if there are more bytes
//! to read, the next wait reports it again. This is no server for production (it blocks if a client does not read),
//! and no runtime can do less work.
//!
//! Next: `parent.rs`.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::{AsRawFd, OwnedFd};

use super::{BUFFER, parent};

/// Events of one wait: as many as in mio and `polling`.
const EVENTS: usize = 1024;

/// Serves until the process ends.
pub fn serve() {
    let listener = parent::meet();
    Loop::new(listener).and_then(Loop::run).expect("epoll works");
}

struct Loop {
    epoll: OwnedFd,
    listener: TcpListener,
    /// The key is the descriptor.
    streams: HashMap<u64, TcpStream>,
}

impl Loop {
    fn new(listener: TcpListener) -> io::Result<Loop> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, EventData::new_u64(key(&listener)), EventFlags::IN)?;
        Ok(Loop { epoll, listener, streams: HashMap::new() })
    }

    fn run(mut self) -> io::Result<()> {
        let mut events = Vec::with_capacity(EVENTS);
        loop {
            epoll::wait(&self.epoll, spare_capacity(&mut events), None)?;
            for event in events.drain(..) {
                match event.data.u64() {
                    it if it == key(&self.listener) => self.accept()?,
                    it => self.echo(it),
                }
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        let (stream, _) = self.listener.accept()?;
        epoll::add(&self.epoll, &stream, EventData::new_u64(key(&stream)), EventFlags::IN)?;
        self.streams.insert(key(&stream), stream);
        Ok(())
    }

    fn echo(&mut self, key: u64) {
        let stream = self.streams.get_mut(&key).expect("every registered stream is in the map");
        let mut buffer = [0; BUFFER];
        match stream.read(&mut buffer) {
            Ok(length) if length > 0 && stream.write_all(&buffer[..length]).is_ok() => (),
            // The client closed the connection. Closing the descriptor removes it from epoll.
            _ => drop(self.streams.remove(&key)),
        }
    }
}

fn key(descriptor: &impl AsRawFd) -> u64 {
    descriptor.as_raw_fd().cast_unsigned().into()
}
