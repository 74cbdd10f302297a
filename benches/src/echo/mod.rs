//! An echo server: the cost that a runtime adds to the system calls.
//!
//! The server is the contestant, in a process of its own. The clients are one thread of this process with a bare
//! epoll loop, the same for all contestants: each connection sends a request, waits for the answer, and sends the
//! next request. The CPU time of the server for a request tells more than the number of requests per second: two
//! processes on two cores overlap, and the slower one limits the rate.
//!
//! No process is pinned to a core. With the server on one core and the clients on the other, each request wakes an
//! idle core twice, and on a virtual machine that costs several times as much as everything else: with one
//! connection all contestants were equal, at a fifth of the requests.
//!
//! Next: `load.rs` (the clients), `calls.rs` (system calls). The servers are in `server/`.

mod load;
mod calls;

use std::io::{self, BufRead, BufReader, Error, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::child::{Answer, Order, Task};
use crate::contest::{self, NoFigure, Outcome};
use crate::contestant::Contestant;
use crate::instruments::Sample;
use crate::rt::Flavour;
use crate::server::parent;

pub use calls::{Calls, of_a_request as calls};

/// Bytes of a request. Arbitrary; small, because large ones measure how fast the kernel copies.
const REQUEST: usize = 64;

/// The number of simultaneous connections of each row.
const CONNECTIONS: [usize; 4] = [1, 64, 1_000, 10_000];

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Echo {
    pub connections: usize,
    pub flavour: Flavour,
}

impl Echo {
    /// The rows with at most this number of connections.
    pub fn rows(most: usize) -> impl Iterator<Item = Echo> {
        let on = move |flavour| {
            let with = move |connections| Echo { connections, flavour };
            CONNECTIONS.into_iter().filter(move |number| *number <= most).map(with)
        };
        Flavour::BOTH.into_iter().flat_map(on)
    }
}

/// Starts a server, loads it for the given time, and ends it.
pub fn measure(row: Echo, contestant: Contestant, time: Duration) -> Outcome {
    if contestant == Contestant::Epoll && row.flavour == Flavour::MultiThread {
        return Err(NoFigure::Unsupported("one thread only".to_owned()));
    }
    let order = Order { contestant, flavour: row.flavour, task: Task::Echo };
    let mut server = Server::start(contest::command(order)?)?;
    load::run(row.connections, time, &mut server)
}

/// The handle of a server process. The process ends when the handle is dropped.
struct Server {
    process: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Server {
    fn start(mut command: Command) -> Result<Server, NoFigure> {
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
            (None, Some(Answer::Unsupported(why))) => Err(NoFigure::Unsupported(why)),
            _ => Err(NoFigure::Failed("the server did not start".to_owned())),
        }
    }

    fn answer(&mut self) -> Result<String, NoFigure> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }

    /// The CPU time of the server so far, in nanoseconds.
    fn cpu_time(&mut self) -> Result<u64, NoFigure> {
        let mut commands = self.commands.as_ref().expect("open until `end` or the drop");
        commands.write_all(b"CPU time\n")?;
        let answer = self.answer()?;
        answer.parse().map_err(|_| NoFigure::Failed("the server died under the load".to_owned()))
    }

    /// Ends the process and waits for it.
    fn end(&mut self) -> io::Result<ExitStatus> {
        drop(self.commands.take());
        self.process.wait()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The server ends when its input ends. A server that hangs is killed.
        drop(self.commands.take());
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Requests per second.
pub fn requests(sample: &Sample) -> f64 {
    Duration::from_secs(1).as_nanos() as f64 / sample.wall
}
