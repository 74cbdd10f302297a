//! One measurement of one contestant, in a process of its own.
//!
//! A new process does not inherit the heap, the threads or the caches of an earlier measurement, and if the
//! runtime hangs or aborts, only its row is lost.
//!
//! The process is this program, started again with an [`Order`] on its command line. It prints one [`Answer`] on
//! a line and ends. (A server of the echo benchmark prints more lines; see `server/parent.rs`.)
//!
//! Next: `stats.rs`; then `contest.rs`, which starts these processes.

use std::time::Duration;

use crate::contestant::Contestant;
use crate::instruments::{self, Sample, measure};
use crate::memory::{Wait, bytes_of_a_task};
use crate::rt::{Flavour, OnOpenwork, OnSmol, OnTokio, Rt};
use crate::server;
use crate::stack::{self, Entry};
use crate::sync::SyncWork;
use crate::transfers::{self, Transfer};
use crate::workloads::{self, Workload};

/// The first word on the command line of a child process. The number of workers and the order follow.
pub const FIRST_WORD: &str = "child";

/// What a child process measures. A `Duration` says for how long, about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    Workload(Workload, Duration),
    Sync(SyncWork, Duration),
    Transfer(Transfer, Duration),
    /// Measure the memory of this number of tasks.
    Memory(Wait, usize),
    /// Run a future of this size in KiB.
    Stack(Entry, usize),
    /// Serve until the parent closes the pipe.
    Echo,
}

impl Task {
    /// The name in a table and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Task::Workload(workload, _) => workload.name(),
            Task::Sync(work, _) => work.name(),
            Task::Transfer(transfer, _) => transfer.name(),
            Task::Memory(wait, _) => wait.name(),
            Task::Stack(entry, _) => entry.name(),
            Task::Echo => "server",
        }
    }
}

/// A measurement: which contestant, which flavour, which task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    pub contestant: Contestant,
    pub flavour: Flavour,
    pub task: Task,
}

impl Order {
    /// The words of the command line.
    pub fn to_words(self) -> Vec<String> {
        let (kind, amount) = match self.task {
            Task::Workload(_, time) => ("scheduler", time.as_millis()),
            Task::Sync(_, time) => ("sync", time.as_millis()),
            Task::Transfer(_, time) => ("transfer", time.as_millis()),
            Task::Memory(_, tasks) => ("memory", tasks as u128),
            Task::Stack(_, kib) => ("stack", kib as u128),
            Task::Echo => ("echo", 0),
        };
        let amount = amount.to_string();
        [self.contestant.name(), self.flavour.name(), kind, self.task.name(), &amount]
            .map(str::to_owned)
            .to_vec()
    }

    /// Parses the words of the command line.
    pub fn from_words(words: &[String]) -> Option<Order> {
        let [contestant, flavour, kind, name, amount] = words else { return None };
        let amount: u64 = amount.parse().ok()?;
        let task = match (kind.as_str(), name.as_str()) {
            ("scheduler", name) => {
                Task::Workload(Workload::parse(name)?, Duration::from_millis(amount))
            }
            ("sync", name) => Task::Sync(SyncWork::parse(name)?, Duration::from_millis(amount)),
            ("transfer", name) => {
                Task::Transfer(Transfer::parse(name)?, Duration::from_millis(amount))
            }
            ("memory", "pending") => Task::Memory(Wait::Nothing, amount as usize),
            ("memory", "sleeping") => Task::Memory(Wait::Sleep, amount as usize),
            ("stack", name) => Task::Stack(Entry::parse(name)?, amount as usize),
            ("echo", "server") => Task::Echo,
            _ => return None,
        };
        let contestant = Contestant::parse(contestant)?;
        Some(Order { contestant, flavour: Flavour::parse(flavour)?, task })
    }
}

/// What the process prints at its end.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Measured(Sample),
    /// The contestant does not have this, and why.
    Unsupported(String),
}

impl Answer {
    pub fn to_line(&self) -> String {
        match self {
            Answer::Measured(Sample { wall, cpu, .. }) => format!("measured {wall} {cpu}"),
            Answer::Unsupported(why) => format!("unsupported {why}"),
        }
    }

    pub fn from_line(line: &str) -> Option<Answer> {
        let (kind, rest) = line.trim_end().split_once(' ')?;
        match kind {
            "measured" => {
                let (wall, cpu) = rest.split_once(' ')?;
                let (wall, cpu) = (wall.parse().ok()?, cpu.parse().ok()?);
                Some(Answer::Measured(Sample { wall, cpu, ..Sample::default() }))
            }
            "unsupported" => Some(Answer::Unsupported(rest.to_owned())),
            _ => None,
        }
    }
}

/// The main function of a child process.
pub fn run(order: Order) {
    if let Task::Stack(entry, kib) = order.task {
        instruments::end_if_it_hangs();
        return stack::run(order.contestant, entry, kib);
    }
    if let Task::Sync(work, time) = order.task {
        instruments::end_if_it_hangs();
        let answer = match work.run(order.contestant, order.flavour, time) {
            Ok(sample) => Answer::Measured(sample),
            Err(why) => Answer::Unsupported(why),
        };
        return println!("{}", answer.to_line());
    }
    match order.contestant {
        Contestant::Openwork => run_on::<OnOpenwork>(order),
        Contestant::Tokio | Contestant::TokioAgain => run_on::<OnTokio>(order),
        Contestant::Smol => run_on::<OnSmol>(order),
        Contestant::Epoll => server::bare::serve(),
    }
}

fn run_on<R: Rt>(order: Order) {
    let flavour = order.flavour;
    let rt = match R::build(flavour) {
        Ok(rt) => rt,
        Err(why) => return println!("{}", Answer::Unsupported(why).to_line()),
    };
    let sample = match order.task {
        Task::Echo => return server::serve(&rt),
        Task::Workload(workload, time) => {
            instruments::end_if_it_hangs();
            measure(time, workloads::prepare(workload, flavour, &rt))
        }
        Task::Transfer(transfer, time) => {
            instruments::end_if_it_hangs();
            measure(time, transfers::prepare(transfer, &rt))
        }
        Task::Sync(..) | Task::Stack(..) => {
            unreachable!("`run` handles these, because they are not generic over `Rt`")
        }
        Task::Memory(wait, tasks) => {
            instruments::end_if_it_hangs();
            Sample { wall: bytes_of_a_task(&rt, wait, tasks), ..Sample::default() }
        }
    };
    println!("{}", Answer::Measured(sample).to_line());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_survives_the_command_line() {
        let tasks = [
            Task::Workload(Workload::PingPong, Duration::from_millis(7)),
            Task::Sync(SyncWork::all().next().unwrap(), Duration::from_millis(7)),
            Task::Transfer(Transfer::Copy, Duration::from_millis(7)),
            Task::Memory(Wait::Sleep, 9),
            Task::Memory(Wait::Nothing, 9),
            Task::Stack(Entry::HandleSpawn, 9),
            Task::Echo,
        ];
        for task in tasks {
            let (contestant, flavour) = (Contestant::Smol, Flavour::CurrentThread);
            let order = Order { contestant, flavour, task };
            assert_eq!(Order::from_words(&order.to_words()), Some(order));
        }
    }

    #[test]
    fn an_answer_survives_the_pipe() {
        let measured = Answer::Measured(Sample { wall: 1.25, cpu: 1e9, ..Sample::default() });
        for answer in [measured, Answer::Unsupported("not here yet".to_owned())] {
            assert_eq!(Answer::from_line(&answer.to_line()), Some(answer));
        }
    }
}
