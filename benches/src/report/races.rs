//! Time and CPU time of what is done in turns, against Tokio, and against smol where it takes part.
//!
//! Next: `memory.rs`.

use super::{Report, Request, columns, contestants, control, cpu, failures, wall};
use crate::child::{Order, Task};
use crate::contest::{self, Row};
use crate::contestant::Contestant::{self, Openwork, Smol, Tokio};
use crate::rt::Flavour;
use crate::stats::{Spread, geometric_mean};
use crate::sync::SyncWork;
use crate::table::{goal, head, line, median, ratio, time};
use crate::transfers::Transfer;
use crate::workloads::Workload;

/// A row: what is done in turns, and on which flavour.
type Race = (Task, Flavour);

fn title((task, flavour): &Race) -> String {
    format!("{}, {}", task.name(), flavour.name())
}

/// What the tables of this kind differ in.
struct Table {
    races: Vec<Race>,
    peers: &'static [Contestant],
    /// The cell with the goals of a row.
    goals: fn(&Row<Race>) -> String,
    mean: Option<Mean>,
}

/// The geometric mean of time : Tokio, of a flavour's rows.
struct Mean {
    /// Which rows count.
    counts: fn(&Task) -> bool,
    /// So many of them has each flavour. Of fewer (a filter, a failure) the mean would mislead.
    rows: usize,
    /// What is said of those that do not count.
    without: &'static str,
    goal: (&'static str, f64),
}

fn races(request: &Request, table: Table) -> Report {
    let filtered = |race: &Race| title(race).contains(&request.filter);
    let races: Vec<Race> = table.races.into_iter().filter(filtered).collect();
    let invited = contestants(request, table.peers);
    let rows = contest::hold(&races, &invited, request.effort.rounds, |(task, flavour), who| {
        contest::carry_out(Order { contestant: who, flavour, task })
    });
    let mut text = head(&columns(request, &titles(table.peers)));
    for row in &rows {
        let mut cells = vec![title(&row.what), median(row, Openwork, wall, time)];
        cells.extend(table.peers.iter().map(|who| median(row, *who, wall, time)));
        cells.push(ratio(row.ratio(Openwork, Tokio, wall)));
        cells.push(ratio(row.ratio(Openwork, Tokio, cpu)));
        if table.peers.contains(&Smol) {
            cells.push(ratio(row.ratio(Openwork, Smol, wall)));
        }
        cells.push((table.goals)(row));
        cells.extend(control(request, row));
        text += &line(&cells);
    }
    if let Some(mean) = table.mean {
        text.extend(Flavour::BOTH.map(|flavour| mean.of(&rows, flavour)));
    }
    Report { text, failures: failures(&rows, title) }
}

fn titles(peers: &[Contestant]) -> Vec<&'static str> {
    let mut titles = vec!["a turn of", "Openwork"];
    titles.extend(peers.iter().map(|who| who.name()));
    titles.extend(["time : Tokio", "CPU : Tokio"]);
    titles.extend(peers.contains(&Smol).then_some("time : smol"));
    titles.push("goals");
    titles
}

impl Mean {
    /// The mean is formed in each round.
    fn of(&self, rows: &[Row<Race>], flavour: Flavour) -> String {
        let ratios: Vec<Vec<f64>> = rows
            .iter()
            .filter(|row| row.what.1 == flavour && (self.counts)(&row.what.0))
            .map(|row| row.ratios(Openwork, Tokio, wall))
            .filter(|ratios| !ratios.is_empty())
            .collect();
        if ratios.len() < self.rows {
            return String::new();
        }
        let rounds = ratios.iter().map(Vec::len).min().unwrap_or(0);
        let of_round =
            |round: usize| geometric_mean(&ratios.iter().map(|row| row[round]).collect::<Vec<_>>());
        let mean = Spread::of((0..rounds).map(of_round));
        let (what, limit) = self.goal;
        format!(
            "\nGeometric mean of time : Tokio, {}{}: {}; goal: {}.\n",
            flavour.name(),
            self.without,
            ratio(mean),
            goal(what, limit, mean),
        )
    }
}

/// The scheduler's workloads.
pub fn scheduler(request: &Request) -> Report {
    let time = request.effort.workload;
    let of = |flavour| {
        Workload::rows(flavour).map(move |workload| (Task::Workload(workload, time), flavour))
    };
    let table = Table {
        races: Flavour::BOTH.into_iter().flat_map(of).collect(),
        peers: &[Tokio, Smol],
        goals: goals_of_scheduler,
        mean: Some(Mean {
            counts: counts_for_the_scheduler,
            rows: 6,
            without: ", without the `busy` rows and `block_on`",
            goal: ("≤ 0.5", 0.5),
        }),
    };
    races(request, table)
}

/// The limits for a single row: a share of Tokio's time, and smol's. That of a thread's wake-up, which is
/// mostly the kernel's, is another.
fn goals_of_scheduler(row: &Row<Race>) -> String {
    let to_tokio = row.ratio(Openwork, Tokio, wall);
    if matches!(row.what.0, Task::Workload(Workload::BlockOnSpawnJoin, _)) {
        return goal("≤ 1 Tokio", 1.0, to_tokio);
    }
    let to_smol = row.ratio(Openwork, Smol, wall);
    [goal("≤ 0.75 Tokio", 0.75, to_tokio), goal("≤ 1 smol", 1.0, to_smol)].join(", ")
}

/// The rows that the goal for the mean names. With a busy runtime it is its policy that is measured (how
/// soon does it look at what comes from outside?), by factors that would drown the rest of the mean.
fn counts_for_the_scheduler(task: &Task) -> bool {
    let Task::Workload(workload, _) = task else { return false };
    match workload {
        Workload::SpawnManyLocal
        | Workload::SpawnManyRemoteIdle
        | Workload::YieldMany
        | Workload::PingPong
        | Workload::ChainedSpawn
        | Workload::ForkJoin => true,
        Workload::SpawnManyRemoteBusy
        | Workload::SpawnManyRemoteBusy1
        | Workload::SpawnManyRemoteBusy2
        | Workload::BlockOnSpawnJoin => false,
    }
}

/// Channels, locks and timers.
pub fn sync(request: &Request) -> Report {
    let time = request.effort.workload;
    let of = |flavour| SyncWork::all().map(move |work| (Task::Sync(work, time), flavour));
    let table = Table {
        races: Flavour::BOTH.into_iter().flat_map(of).collect(),
        peers: &[Tokio],
        goals: |row| goal("≤ 1 Tokio", 1.0, row.ratio(Openwork, Tokio, wall)),
        mean: Some(Mean {
            counts: |_| true,
            rows: SyncWork::all().count(),
            without: "",
            goal: ("≤ 0.8", 0.8),
        }),
    };
    races(request, table)
}

/// Throughput.
pub fn copy(request: &Request) -> Report {
    transfers(request, Transfer::COPY)
}

/// Connections.
pub fn connect(request: &Request) -> Report {
    transfers(request, Transfer::CONNECT)
}

fn transfers(request: &Request, transfers: [Transfer; 2]) -> Report {
    let time = request.effort.workload;
    let of = |flavour| transfers.map(|transfer| (Task::Transfer(transfer, time), flavour));
    let table = Table {
        races: Flavour::BOTH.into_iter().flat_map(of).collect(),
        peers: &[Tokio, Smol],
        goals: |row| goal("≤ 1 Tokio", 1.0, row.ratio(Openwork, Tokio, wall)),
        mean: None,
    };
    races(request, table)
}
