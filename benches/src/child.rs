//! One measurement of one contestant, in a process of its own.
//!
//! In a process of its own nobody inherits the heap, the threads or the caches that another has left
//! behind, and a runtime that hangs or dies takes nothing with it but its row.
//!
//! The process is this very program, started again with an [`Order`] on its command line. It prints one
//! [`Answer`] on a line, and ends. (A server of the echo benchmark prints more; see `server/parent.rs`.)
//!
//! Next: `stats.rs`, and `contest.rs`, which gives the orders.

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

/// The first word on the command line of such a process.
pub const FIRST_WORD: &str = "child";

/// What a process is to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// For about so long.
    Workload(Workload, Duration),
    /// For about so long, too.
    Sync(SyncWork, Duration),
    /// And so does this.
    Transfer(Transfer, Duration),
    /// The memory of so many tasks.
    Memory(Wait, usize),
    /// Run a future of so many KiB.
    Stack(Entry, usize),
    /// Serve until the parent has had enough.
    Echo,
}

impl Task {
    /// What it is called in a table and on the command line.
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

/// Who is to measure what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    pub contestant: Contestant,
    pub flavour: Flavour,
    pub task: Task,
}

impl Order {
    /// As words of a command line.
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

    /// From the words of a command line.
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

/// What the process says in the end.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Measured(Sample),
    /// The contestant cannot do this, and why.
    Absent(String),
}

impl Answer {
    pub fn to_line(&self) -> String {
        match self {
            Answer::Measured(Sample { wall, cpu, .. }) => format!("measured {wall} {cpu}"),
            Answer::Absent(why) => format!("absent {why}"),
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
            "absent" => Some(Answer::Absent(rest.to_owned())),
            _ => None,
        }
    }
}

/// The life of the process.
pub fn run(order: Order) {
    if let Task::Stack(entry, kib) = order.task {
        instruments::end_if_it_hangs();
        return stack::run(order.contestant, entry, kib);
    }
    if let Task::Sync(work, time) = order.task {
        instruments::end_if_it_hangs();
        let answer = match work.run(order.contestant, order.flavour, time) {
            Ok(sample) => Answer::Measured(sample),
            Err(why) => Answer::Absent(why),
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
        Err(why) => return println!("{}", Answer::Absent(why).to_line()),
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
            unreachable!("it is run already, as it is not written over `Rt`")
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
        for answer in [measured, Answer::Absent("not here yet".to_owned())] {
            assert_eq!(Answer::from_line(&answer.to_line()), Some(answer));
        }
    }
}
