//! The tables: who takes part, how long a turn takes, and what the goals are.
//!
//! The goals are those of the design. Each is an upper limit for a ratio to a peer of the same rounds
//! (or for bytes), so that a table says by itself where it misses one.
//!
//! Next: a file for each kind of table: `races.rs`, `memory.rs`, `echo.rs`, `calls.rs`,
//! `stack.rs`.

mod races;
mod memory;
mod echo;
mod calls;
mod stack;

use std::time::Duration;

use crate::contest::Row;
use crate::contestant::Contestant::{self, Openwork, Tokio, TokioAgain};
use crate::instruments::Sample;
use crate::table::ratio;

pub use calls::calls;
pub use echo::echo;
pub use memory::memory;
pub use races::{busy, scheduler, sync, transfers};
pub use stack::stack;

/// How large and how often.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    pub rounds: usize,
    /// A measurement of a workload takes about so long.
    pub workload: Duration,
    /// A server is loaded for so long.
    pub echo: Duration,
    /// Rows with more connections are left out.
    pub connections: usize,
    /// System calls are counted over about so many requests.
    pub requests: usize,
    /// So many tasks are weighed.
    pub tasks: usize,
}

impl Effort {
    pub const FULL: Effort = Effort {
        rounds: 11,
        workload: Duration::from_millis(150),
        echo: Duration::from_millis(400),
        connections: usize::MAX,
        requests: 10_000,
        tasks: 100_000,
    };

    /// Shows that everything runs, and nothing else.
    pub const SMOKE: Effort = Effort {
        rounds: 1,
        workload: Duration::from_millis(2),
        echo: Duration::from_millis(5),
        connections: 64,
        requests: 100,
        tasks: 1_000,
    };

    pub fn is_smoke(&self) -> bool {
        self.workload == Effort::SMOKE.workload
    }
}

/// What is asked for on the command line.
#[derive(Debug, Clone)]
pub struct Request {
    pub effort: Effort,
    /// Only rows whose title has this in it.
    pub filter: String,
    /// Measure Tokio twice, to see the error of the measurement.
    pub control: bool,
}

/// A table, and what went wrong on the way.
pub struct Report {
    pub text: String,
    pub failures: Vec<String>,
}

fn wall(sample: &Sample) -> f64 {
    sample.wall
}

fn cpu(sample: &Sample) -> f64 {
    sample.cpu
}

fn contestants(request: &Request, peers: &[Contestant]) -> Vec<Contestant> {
    let again = request.control.then_some(TokioAgain);
    [Openwork].into_iter().chain(peers.iter().copied()).chain(again).collect()
}

/// The column of the control, if it was asked for.
fn control<T>(request: &Request, row: &Row<T>) -> Option<String> {
    request.control.then(|| ratio(row.ratio(TokioAgain, Tokio, wall)))
}

fn columns<'a>(request: &Request, columns: &[&'a str]) -> Vec<&'a str> {
    let control = request.control.then_some("Tokio again : Tokio");
    columns.iter().copied().chain(control).collect()
}

fn failures<T>(rows: &[Row<T>], title: impl Fn(&T) -> String) -> Vec<String> {
    let of_row = |row: &Row<T>| -> Vec<String> {
        let title = title(&row.what);
        row.failures().map(|(who, why)| format!("{title}, {}: {why}", who.name())).collect()
    };
    rows.iter().flat_map(of_row).collect()
}
