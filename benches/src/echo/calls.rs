//! Counts the system calls of a server for a request.
//!
//! Unlike a time, this figure hardly changes with the load and the other work of the machine. `strace -c` counts the
//! calls and makes each of them about ten times slower, so nothing is timed here, and this is a table of its own.
//!
//! The calls are counted twice, without requests and with some on each connection. The difference is the requests'.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, process};

use super::load::Clients;
use super::{Echo, Server};
use crate::child::{Order, Task};
use crate::contest::{self, NoFigure};
use crate::contestant::Contestant;
use crate::rt::Flavour;

/// Requests on each connection, at least.
const FEWEST: usize = 4;

/// The number of calls for each name.
pub type Calls = BTreeMap<String, f64>;

/// Returns the calls for one request, measured over about `requests`.
pub fn of_a_request(row: Echo, contestant: Contestant, requests: usize) -> Result<Calls, NoFigure> {
    if contestant == Contestant::Epoll && row.flavour == Flavour::MultiThread {
        return Err(NoFigure::Unsupported("one thread only".to_owned()));
    }
    if !strace_works() {
        return Err(NoFigure::Unsupported("no strace".to_owned()));
    }
    let order = Order { contestant, flavour: row.flavour, task: Task::Echo };
    let each = (requests / row.connections).max(FEWEST);
    let before = count(order, row.connections, 0)?;
    let mut calls = count(order, row.connections, each)?;
    for (name, number) in &mut calls {
        *number -= before.get(name).unwrap_or(&0.0);
        *number /= (each * row.connections) as f64;
    }
    Ok(calls)
}

/// strace needs a permission that containers often do not have.
fn strace_works() -> bool {
    let mut strace = Command::new("strace");
    strace.args(["-c", "-o", "/dev/null", "true"]).stderr(Stdio::null());
    strace.status().is_ok_and(|status| status.success())
}

/// Counts the calls of a server from its start to its end.
fn count(order: Order, connections: usize, each: usize) -> Result<Calls, NoFigure> {
    let summary = Summary::new();
    let server = contest::command(order)?;
    let mut strace = Command::new("strace");
    strace.args(["-f", "-c", "-o"]).arg(&summary.0);
    strace.arg(server.get_program()).args(server.get_args());
    let mut server = Server::start(strace)?;
    let mut clients = Clients::connect(server.address, connections)?;
    clients.exchange(each)?;
    server.end()?;
    summary.read()
}

/// The temporary file for the output of strace.
struct Summary(PathBuf);

impl Summary {
    fn new() -> Summary {
        Summary(env::temp_dir().join(format!("openwork-benches-{}", process::id())))
    }

    fn read(&self) -> Result<Calls, NoFigure> {
        parse(&fs::read_to_string(&self.0)?)
            .ok_or_else(|| NoFigure::Failed("the output of strace has an unknown form".to_owned()))
    }
}

impl Drop for Summary {
    fn drop(&mut self) {
        let _ = fs::remove_file(Path::new(&self.0));
    }
}

/// Parses the lines between two rules: share of time, seconds, µs each, calls, errors (may be blank), name.
fn parse(summary: &str) -> Option<Calls> {
    let mut calls = Calls::new();
    for line in summary.lines().skip_while(|line| !line.starts_with("---")).skip(1) {
        let cells: Vec<&str> = line.split_whitespace().collect();
        if line.starts_with("---") {
            return Some(calls);
        }
        let (number, name) = (cells.get(3)?.parse().ok()?, *cells.last()?);
        calls.insert(name.to_owned(), number);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_has_a_line_for_each_call() {
        let summary = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.000600           1       512           sendto
 40.00    0.000400           1       600        88 recvfrom
------ ----------- ----------- --------- --------- ----------------
100.00    0.001000           0      1112        88 total
";
        let calls = [("recvfrom", 600.0), ("sendto", 512.0)];
        assert_eq!(parse(summary), Some(calls.map(|(name, it)| (name.to_owned(), it)).into()));
        assert_eq!(parse("what?"), None);
    }
}
