//! What tasks do with each other: Tokio's own benchmarks of its channels, locks and timers, and some more.
//!
//! The names are the same in both crates, so one text serves both: the three files of workloads know
//! the runtime as `peer`, and are compiled twice, below `on_openwork.rs` and below `on_tokio.rs`, each of
//! which says who that is. So nothing stands between a workload and what it measures, and the two that
//! are compared cannot drift apart.
//!
//! Counts and shapes are those of the files `benches/sync_*.rs`, `time_timeout.rs` and
//! `spawn_blocking.rs` in Tokio's repository, with three differences: there are [`WORKERS`] workers;
//! the receivers of `watch` and `broadcast` do nothing with what they get (Tokio's format ten numbers,
//! which takes longer than the channel); and what Tokio has on one flavour is run on both, where it can be.
//!
//! Next: `channels.rs`, `locks.rs`, `timers.rs`.
//!
//! [`WORKERS`]: crate::rt::WORKERS

mod on_openwork;
mod on_tokio;

use std::time::Duration;

use crate::contestant::Contestant;
use crate::instruments::{Sample, measure};
use crate::rt::{Flavour, OnOpenwork, OnTokio, Rt};
use crate::workloads::Turn;

/// How a workload is measured.
enum Course<'rt> {
    /// In turns, as often as the clock needs.
    Turns(Turn<'rt>),
    /// Once. It holds the watch itself, as not all of it counts.
    Once(Box<dyn FnOnce() -> Sample + 'rt>),
}

/// Does what is done once, on a runtime of that flavour; the measurement is to take about so long.
type Prepare<Runtime> = for<'rt> fn(&'rt Runtime, Flavour, Duration) -> Course<'rt>;

/// Some rows of the table: what they are called, and what they do.
type Workloads<Runtime> = [(&'static str, Prepare<Runtime>)];

fn turns<'rt>(turn: impl FnMut() + 'rt) -> Course<'rt> {
    Course::Turns(Box::new(turn))
}

/// A row of the table, by its name.
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

    /// Measures it, or says why it cannot be had.
    pub fn run(self, who: Contestant, flavour: Flavour, time: Duration) -> Result<Sample, String> {
        match who {
            Contestant::Openwork => {
                let rt = OnOpenwork::build(flavour)?;
                Ok(self.run_on(&rt.0, &on_openwork::WORKLOADS, flavour, time))
            }
            Contestant::Tokio | Contestant::TokioAgain => {
                let rt = OnTokio::build(flavour)?;
                Ok(self.run_on(&rt.0, &on_tokio::WORKLOADS, flavour, time))
            }
            Contestant::Smol | Contestant::Epoll => Err("has other channels and locks".to_owned()),
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
        let (_, prepare) = all.find(|(name, _)| *name == self.0).expect("both have the same text");
        match prepare(rt, flavour, time) {
            Course::Turns(turn) => measure(time, turn),
            Course::Once(run) => run(),
        }
    }
}
