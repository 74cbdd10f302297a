//! How many system calls a request costs the server.
//!
//! Neither the load nor the machine's other business changes this figure much, which cannot be said of any
//! time. The calls are counted by `strace -c`, which makes each of them some ten times as slow; so nothing
//! is timed here, and this is a command of its own.
//!
//! Counted twice, without requests and with so many for each connection: the difference is theirs alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, process};

use super::load::Clients;
use super::{Echo, Server};
use crate::child::{Order, Task};
use crate::contest::{self, Excuse};
use crate::contestant::Contestant;
use crate::rt::Flavour;

/// Requests on each of many connections.
const FEW: usize = 4;

/// Calls by their name.
pub type Calls = BTreeMap<String, f64>;

/// The calls for one request, measured with about so many.
pub fn of_a_request(row: Echo, who: Contestant, requests: usize) -> Result<Calls, Excuse> {
    if who == Contestant::Epoll && row.flavour == Flavour::MultiThread {
        return Err(Excuse::Absent("has one thread".to_owned()));
    }
    if !strace_works() {
        return Err(Excuse::Absent("no strace".to_owned()));
    }
    let order = Order { contestant: who, flavour: row.flavour, task: Task::Echo };
    let each = (requests / row.connections).max(FEW);
    let before = count(order, row.connections, 0)?;
    let mut calls = count(order, row.connections, each)?;
    for (name, number) in &mut calls {
        *number -= before.get(name).unwrap_or(&0.0);
        *number /= (each * row.connections) as f64;
    }
    Ok(calls)
}

/// It needs a permission that containers often lack.
fn strace_works() -> bool {
    let mut strace = Command::new("strace");
    strace.args(["-c", "-o", "/dev/null", "true"]).stderr(Stdio::null());
    strace.status().is_ok_and(|status| status.success())
}

/// The calls of a server from its start to its end.
fn count(order: Order, connections: usize, each: usize) -> Result<Calls, Excuse> {
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

/// A file of ours for what strace says in the end.
struct Summary(PathBuf);

impl Summary {
    fn new() -> Summary {
        Summary(env::temp_dir().join(format!("openwork-benches-{}", process::id())))
    }

    fn read(&self) -> Result<Calls, Excuse> {
        parse(&fs::read_to_string(&self.0)?)
            .ok_or_else(|| Excuse::Failed("strace has another form".to_owned()))
    }
}

impl Drop for Summary {
    fn drop(&mut self) {
        let _ = fs::remove_file(Path::new(&self.0));
    }
}

/// A line for each call between two rules: share of time, seconds, µs each, calls, perhaps errors, name.
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
