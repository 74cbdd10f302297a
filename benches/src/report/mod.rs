//! The tables: which contestants, how long a measurement takes, what the goals are.
//!
//! The goals are those of the design. Each is an upper limit for a ratio to a peer in the same rounds (or for
//! bytes), so that the table shows which goals are missed.
//!
//! Next: a file for each kind of table: `times.rs`, `memory.rs`, `echo.rs`, `calls.rs`, `stack.rs`.

mod times;
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
pub use stack::stack;
pub use times::{busy, scheduler, sync, transfers};

/// The size and number of measurements.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    pub rounds: usize,
    /// How long a workload is measured, about.
    pub workload: Duration,
    /// How long an echo server is loaded.
    pub echo: Duration,
    /// Echo rows with more connections are left out.
    pub connections: usize,
    /// The number of requests over which system calls are counted, about.
    pub requests: usize,
    /// The number of tasks whose memory is measured.
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

    /// Only tests that everything runs.
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

/// The options of the command line.
#[derive(Debug, Clone)]
pub struct Options {
    pub effort: Effort,
    /// Only rows whose title contains this are measured.
    pub filter: String,
    /// Whether Tokio is measured twice, to show the error of measurement.
    pub control: bool,
}

/// A table, and the measurements that failed.
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

fn contestants(options: &Options, peers: &[Contestant]) -> Vec<Contestant> {
    let again = options.control.then_some(TokioAgain);
    [Openwork].into_iter().chain(peers.iter().copied()).chain(again).collect()
}

/// The cell of the column for `--control`.
fn control<T>(options: &Options, row: &Row<T>) -> Option<String> {
    options.control.then(|| ratio(row.ratio(TokioAgain, Tokio, wall)))
}

fn columns<'a>(options: &Options, columns: &[&'a str]) -> Vec<&'a str> {
    let control = options.control.then_some("Tokio again : Tokio");
    columns.iter().copied().chain(control).collect()
}

fn failures<T>(rows: &[Row<T>], title: impl Fn(&T) -> String) -> Vec<String> {
    let of_row = |row: &Row<T>| -> Vec<String> {
        let title = title(&row.what);
        row.failures()
            .map(|(contestant, why)| format!("{title}, {}: {why}", contestant.name()))
            .collect()
    };
    rows.iter().flat_map(of_row).collect()
}
