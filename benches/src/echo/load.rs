//! The clients: connections that send a request, wait for the answer, and send the next request.
//!
//! The latency of a request is the time from its `write` to the `read` that completes the answer. It includes the
//! time in which the answer waits for the client thread, which serves all connections. The high percentiles show how
//! evenly a server treats its connections.
//!
//! Next: `calls.rs`.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::OwnedFd;

use super::{REQUEST, Server};
use crate::contest::{NoFigure, Outcome};
use crate::instruments::Sample;
use crate::stats::quantile;

/// The server warms up for this share of the time before the measurement.
const WARM_UP: f64 = 0.25;

/// A server that sends no answer for this time hangs.
const PATIENCE: Duration = Duration::from_secs(5);

/// Opens the connections and measures for the given time.
pub fn run(connections: usize, time: Duration, server: &mut Server) -> Outcome {
    let mut clients = Clients::connect(server.address, connections)?;
    clients.drive(time.mul_f64(WARM_UP), &mut Vec::new())?;
    let before = server.cpu_time()?;
    let mut latencies = Vec::new();
    let took = clients.drive(time, &mut latencies)?;
    let cpu = server.cpu_time()? - before;
    let answers = latencies.len() as f64;
    latencies.sort_by(f64::total_cmp);
    Ok(Sample {
        wall: took.as_nanos() as f64 / answers,
        cpu: cpu as f64 / answers,
        latency: [0.5, 0.99, 0.999].map(|share| quantile(&latencies, share)),
    })
}

pub struct Clients {
    epoll: OwnedFd,
    clients: Vec<Client>,
}

struct Client {
    stream: TcpStream,
    /// Bytes of the answer that have not arrived. 0: no request is pending.
    missing: usize,
    /// When the request was sent.
    sent: Instant,
}

impl Clients {
    pub fn connect(address: SocketAddr, number: usize) -> Result<Clients, NoFigure> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let mut clients = Vec::with_capacity(number);
        for index in 0..number {
            let stream = connect(address)?;
            epoll::add(&epoll, &stream, EventData::new_u64(index as u64), EventFlags::IN)?;
            clients.push(Client { stream, missing: 0, sent: Instant::now() });
        }
        Ok(Clients { epoll, clients })
    }

    /// Keeps one request pending on each connection for `time`. Adds the latency of each answered request, and
    /// returns how long the call really took.
    fn drive(&mut self, time: Duration, latencies: &mut Vec<f64>) -> Result<Duration, NoFigure> {
        let begin = Instant::now();
        for client in self.clients.iter_mut().filter(|client| client.missing == 0) {
            client.send()?;
        }
        while begin.elapsed() < time {
            for index in self.ready()? {
                let client = &mut self.clients[index];
                if client.receive()? {
                    // A request of the warm-up may have waited until this call. Its latency begins with the call.
                    latencies.push(client.sent.max(begin).elapsed().as_nanos() as f64);
                    client.send()?;
                }
            }
        }
        Ok(begin.elapsed())
    }

    /// Sends `each` requests on each connection and waits for all answers.
    pub fn exchange(&mut self, each: usize) -> Result<(), NoFigure> {
        let mut to_send = vec![each; self.clients.len()];
        let mut to_receive = each * self.clients.len();
        // The first request of a connection is sent at once, each other one after an answer.
        let mut may_send: Vec<usize> = (0..self.clients.len()).collect();
        loop {
            for index in may_send.drain(..).filter(|index| to_send[*index] > 0) {
                self.clients[index].send()?;
            }
            if to_receive == 0 {
                return Ok(());
            }
            for index in self.ready()? {
                if self.clients[index].receive()? {
                    to_send[index] -= 1;
                    to_receive -= 1;
                    may_send.push(index);
                }
            }
        }
    }

    /// Waits until an answer arrives, and returns the clients whose sockets are readable.
    fn ready(&self) -> Result<impl Iterator<Item = usize> + use<>, NoFigure> {
        let mut events = Vec::with_capacity(self.clients.len());
        let patience = Timespec::try_from(PATIENCE).expect("some seconds");
        if epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&patience))? == 0 {
            return Err(NoFigure::Failed(format!("no answer for {PATIENCE:?}")));
        }
        Ok(events.into_iter().map(|event| event.data.u64() as usize))
    }
}

/// Connects and exchanges one request, so that there are never more connections than the server accepts.
fn connect(address: SocketAddr) -> Result<TcpStream, NoFigure> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&[0; REQUEST])?;
    stream.read_exact(&mut [0; REQUEST])?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

impl Client {
    fn send(&mut self) -> Result<(), NoFigure> {
        (self.missing, self.sent) = (REQUEST, Instant::now());
        self.stream.write_all(&[0; REQUEST])?;
        Ok(())
    }

    /// Reads once. Returns whether the answer is complete.
    fn receive(&mut self) -> Result<bool, NoFigure> {
        match self.stream.read(&mut [0; REQUEST]) {
            Ok(0) => return Err(NoFigure::Failed("the server closed the connection".to_owned())),
            Ok(length) => self.missing -= length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => (),
            Err(error) => return Err(error.into()),
        }
        Ok(self.missing == 0)
    }
}
