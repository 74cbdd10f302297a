//! Channels, locks, timers: Tokio's own benchmarks of them, and some more.
//!
//! Both crates use the same names, so the three files of workloads call the runtime `peer` and are compiled twice, for
//! `on_openwork.rs` and for `on_tokio.rs`, which each say which crate `peer` is. So there is no layer between a
//! workload and what it measures, and the two sides of a ratio run the same code. smol has other names and no
//! `broadcast`, no `timeout` and no runtime to drop, so it is not in this table.
//!
//! Counts and shapes are those of the files `benches/sync_*.rs`, `time_timeout.rs` and `spawn_blocking.rs` in Tokio's
//! repository, with three differences: the number of workers is that of [`workers`]; the receivers of `watch` and
//! `broadcast` do nothing with a value (Tokio's receivers format ten numbers, which takes longer than the channel); and
//! workloads that Tokio runs on one flavour run on both, where possible. Our own are `broadcast_stream_8`,
//! `semaphore_held_over_yield`, `sleep_unpolled`, the million sleeps and `runtime_start_and_drop`.
//!
//! Next: `channels.rs`.
//!
//! [`workers`]: crate::rt::workers

mod on_openwork;
mod on_tokio;

use std::time::Duration;

use crate::contestant::Contestant;
use crate::instruments::{Sample, measure};
use crate::rt::{Flavour, OnOpenwork, OnTokio, Rt};
use crate::workloads::Iteration;

/// How a workload is measured.
enum Run<'rt> {
    /// One iteration, which the measurement repeats.
    Repeated(Iteration<'rt>),
    /// A function that runs once and measures a part of its time.
    Once(Box<dyn FnOnce() -> Sample + 'rt>),
}

/// Sets up a workload on a runtime of the given flavour. The duration is that of the measurement, about.
type Prepare<Runtime> = for<'rt> fn(&'rt Runtime, Flavour, Duration) -> Run<'rt>;

/// Some rows of the table: names and functions.
type Workloads<Runtime> = [(&'static str, Prepare<Runtime>)];

fn repeated<'rt>(iteration: impl FnMut() + 'rt) -> Run<'rt> {
    Run::Repeated(Box::new(iteration))
}

/// A row of the table, identified by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncWork(&'static str);

impl SyncWork {
    /// All rows, in the order of the table.
    pub fn all() -> impl Iterator<Item = SyncWork> + Clone {
        on_tokio::WORKLOADS.iter().flat_map(|some| some.iter()).map(|(name, _)| SyncWork(name))
    }

    pub fn name(self) -> &'static str {
        self.0
    }

    pub fn parse(name: &str) -> Option<SyncWork> {
        Self::all().find(|work| work.0 == name)
    }

    /// Measures the workload, or returns why the contestant does not have it.
    pub fn run(
        self,
        contestant: Contestant,
        flavour: Flavour,
        time: Duration,
    ) -> Result<Sample, String> {
        match contestant {
            Contestant::Openwork => {
                let rt = OnOpenwork::build(flavour)?;
                Ok(self.run_on(&rt.0, &on_openwork::WORKLOADS, flavour, time))
            }
            Contestant::Tokio | Contestant::TokioAgain => {
                let rt = OnTokio::build(flavour)?;
                Ok(self.run_on(&rt.0, &on_tokio::WORKLOADS, flavour, time))
            }
            Contestant::Smol | Contestant::Epoll => Err("other channels and locks".to_owned()),
        }
    }

    fn run_on<Runtime>(
        self,
        rt: &Runtime,
        workloads: &[&Workloads<Runtime>],
        flavour: Flavour,
        time: Duration,
    ) -> Sample {
        let mut all = workloads.iter().flat_map(|some| some.iter());
        let (_, prepare) =
            all.find(|(name, _)| *name == self.0).expect("both crates have the same workloads");
        match prepare(rt, flavour, time) {
            Run::Repeated(iteration) => measure(time, iteration),
            Run::Once(run) => run(),
        }
    }
}
