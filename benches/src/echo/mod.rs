//! A server that sends back what it is sent: how much a runtime adds to the system calls.
//!
//! The server is the contestant, in a process of its own. The clients are one thread of this process,
//! with a bare epoll loop, the same for everybody: each connection sends a request, and the next one as
//! soon as the answer is there. So the figure with one connection is a latency, and with many it is a
//! throughput. Beside the requests in a second there is the server's CPU time for each of them, which
//! says more: two processes on two cores hide behind each other, and the slower of them sets the pace.
//!
//! Nobody is held on a core. Server on one and clients on the other would seem the fairer race, but then
//! each of them wakes an idle core for the other, and on a virtual machine that costs several times
//! as much as all the rest: with one connection every contestant came out even, at a fifth of the requests.
//!
//! Next: `load.rs` (the clients), `calls.rs` (system calls). The servers are in `server/`.

mod load;
mod calls;

use std::io::{self, BufRead, BufReader, Error, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::child::{Answer, Order, Task};
use crate::contest::{self, Excuse, Turn};
use crate::contestant::Contestant;
use crate::instruments::Sample;
use crate::rt::Flavour;
use crate::server::parent;

pub use calls::{Calls, of_a_request as calls};

/// Bytes of a request. Arbitrary; small, since large ones measure how fast the kernel copies.
const REQUEST: usize = 64;

/// Rows: how many connections there are at once.
const CONNECTIONS: [usize; 4] = [1, 64, 1_000, 10_000];

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Echo {
    pub connections: usize,
    pub flavour: Flavour,
}

impl Echo {
    /// With so many connections at most.
    pub fn rows(most: usize) -> impl Iterator<Item = Echo> {
        let on = move |flavour| {
            let with = move |connections| Echo { connections, flavour };
            CONNECTIONS.into_iter().filter(move |number| *number <= most).map(with)
        };
        Flavour::BOTH.into_iter().flat_map(on)
    }
}

/// Starts a server, loads it for so long, and ends it.
pub fn turn(row: Echo, contestant: Contestant, time: Duration) -> Turn {
    if contestant == Contestant::Epoll && row.flavour == Flavour::MultiThread {
        return Err(Excuse::Absent("has one thread".to_owned()));
    }
    let order = Order { contestant, flavour: row.flavour, task: Task::Echo };
    let mut server = Server::start(contest::command(order)?)?;
    load::run(row.connections, time, &mut server)
}

/// A server process, seen from here. It ends when this is dropped.
struct Server {
    process: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Server {
    fn start(mut command: Command) -> Result<Server, Excuse> {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let commands = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().expect("it is piped"));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut server = Server { process, commands, answers, address };
        let first = server.answer()?;
        match (first.strip_prefix(parent::READY), Answer::from_line(&first)) {
            (Some(port), _) => {
                server.address.set_port(port.parse().map_err(Error::other)?);
                Ok(server)
            }
            (None, Some(Answer::Absent(why))) => Err(Excuse::Absent(why)),
            _ => Err(Excuse::Failed("the server did not start".to_owned())),
        }
    }

    fn answer(&mut self) -> Result<String, Excuse> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }

    /// The nanoseconds that the server's threads have worked until now.
    fn cpu_time(&mut self) -> Result<u64, Excuse> {
        let mut commands = self.commands.as_ref().expect("open until the drop");
        commands.write_all(b"how much CPU time?\n")?;
        let answer = self.answer()?;
        answer.parse().map_err(|_| Excuse::Failed("the server died under the load".to_owned()))
    }

    /// Tells it to end, and waits until it has.
    fn end(&mut self) -> io::Result<ExitStatus> {
        drop(self.commands.take());
        self.process.wait()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The end of its input is the end of the server; should it hang, it is not asked.
        drop(self.commands.take());
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Requests in a second.
pub fn requests(sample: &Sample) -> f64 {
    Duration::from_secs(1).as_nanos() as f64 / sample.wall
}
