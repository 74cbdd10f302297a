//! The clients: connections that each send a request, wait for the answer, and send the next.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::OwnedFd;

use super::{REQUEST, Server};
use crate::contest::{Excuse, Turn};
use crate::instruments::Sample;
use crate::stats::quantile;

/// Of the time, the part in which the server warms up and nothing is counted.
const WARM_UP: f64 = 0.25;

/// After so long without any answer the server is taken to hang.
const PATIENCE: Duration = Duration::from_secs(5);

/// Opens the connections, and measures for so long.
pub fn run(connections: usize, time: Duration, server: &mut Server) -> Turn {
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
    /// Bytes of the answer that are still to come. 0: there is no request under way.
    missing: usize,
    /// When the request was sent.
    sent: Instant,
}

impl Clients {
    pub fn connect(address: SocketAddr, number: usize) -> Result<Clients, Excuse> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let mut clients = Vec::with_capacity(number);
        for index in 0..number {
            let stream = greet(address)?;
            epoll::add(&epoll, &stream, EventData::new_u64(index as u64), EventFlags::IN)?;
            clients.push(Client { stream, missing: 0, sent: Instant::now() });
        }
        Ok(Clients { epoll, clients })
    }

    /// Keeps a request under way on each connection for so long. Returns how many were answered, and in
    /// what time.
    fn drive(&mut self, time: Duration, latencies: &mut Vec<f64>) -> Result<Duration, Excuse> {
        let begin = Instant::now();
        for client in self.clients.iter_mut().filter(|client| client.missing == 0) {
            client.send()?;
        }
        while begin.elapsed() < time {
            for index in self.ready()? {
                let client = &mut self.clients[index];
                if client.receive()? {
                    // A request of the warm-up may have waited until this call: its latency begins here.
                    latencies.push(client.sent.max(begin).elapsed().as_nanos() as f64);
                    client.send()?;
                }
            }
        }
        Ok(begin.elapsed())
    }

    /// So many requests on each connection, all of them answered in the end.
    pub fn exchange(&mut self, each: usize) -> Result<(), Excuse> {
        let mut to_send = vec![each; self.clients.len()];
        let mut to_receive = each * self.clients.len();
        // The first of each goes out by itself, the others when an answer is there.
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

    /// The clients to which something has come. Waits for the first.
    fn ready(&self) -> Result<impl Iterator<Item = usize> + use<>, Excuse> {
        let mut events = Vec::with_capacity(self.clients.len());
        let patience = Timespec::try_from(PATIENCE).expect("some seconds");
        if epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&patience))? == 0 {
            return Err(Excuse::Failed(format!("no answer for {PATIENCE:?}")));
        }
        Ok(events.into_iter().map(|event| event.data.u64() as usize))
    }
}

/// Connects, and has one request answered, so that no more connections come than the server accepts.
fn greet(address: SocketAddr) -> Result<TcpStream, Excuse> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&[0; REQUEST])?;
    stream.read_exact(&mut [0; REQUEST])?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

impl Client {
    fn send(&mut self) -> Result<(), Excuse> {
        (self.missing, self.sent) = (REQUEST, Instant::now());
        self.stream.write_all(&[0; REQUEST])?;
        Ok(())
    }

    /// Takes what is there. Returns whether that was all of the answer.
    fn receive(&mut self) -> Result<bool, Excuse> {
        match self.stream.read(&mut [0; REQUEST]) {
            Ok(0) => return Err(Excuse::Failed("the server hung up".to_owned())),
            Ok(length) => self.missing -= length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => (),
            Err(error) => return Err(error.into()),
        }
        Ok(self.missing == 0)
    }
}
