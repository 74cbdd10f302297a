//! The three tables: who takes part, how long a turn takes, and what the goals are.
//!
//! The goals are those of the design. Each is an upper limit for a ratio to a peer of the same rounds
//! (or for bytes), so that a table says by itself where it misses one.
//!
//! Next: `main.rs`, if you have not begun there.

use std::time::Duration;

use crate::child::{Order, Task};
use crate::contest::{self, Row};
use crate::contestant::Contestant;
use crate::echo::{self, Echo};
use crate::instruments::Sample;
use crate::memory::Wait;
use crate::rt::Flavour;
use crate::stats::{Spread, geometric_mean};
use crate::table::{bytes, goal, head, line, median, nothing, rate, ratio, time};
use crate::workloads::Workload;
use Contestant::{Epoll, Openwork, Smol, Tokio, TokioAgain};

/// How large and how often.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    pub rounds: usize,
    /// A measurement of a workload takes about so long.
    pub workload: Duration,
    /// A server is loaded for so long.
    pub echo: Duration,
    /// So many tasks are weighed.
    pub tasks: usize,
}

impl Effort {
    pub const FULL: Effort = Effort {
        rounds: 11,
        workload: Duration::from_millis(150),
        echo: Duration::from_millis(400),
        tasks: 100_000,
    };

    /// Shows that everything runs, and nothing else.
    pub const SMOKE: Effort = Effort {
        rounds: 1,
        workload: Duration::from_millis(2),
        echo: Duration::from_millis(5),
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

/// A row of the first table: a workload on a flavour.
type Race = (Workload, Flavour);

fn race_title((workload, flavour): &Race) -> String {
    format!("{}, {}", workload.name(), flavour.name())
}

/// Time and CPU time of the scheduler's workloads.
pub fn scheduler(request: &Request) -> Report {
    let all = Flavour::BOTH
        .into_iter()
        .flat_map(|flavour| Workload::rows(flavour).map(move |workload| (workload, flavour)));
    let rows: Vec<Race> = all.filter(|row| race_title(row).contains(&request.filter)).collect();
    let invited = contestants(request, &[Tokio, Smol]);
    let rows = contest::hold(&rows, &invited, request.effort.rounds, |(workload, flavour), who| {
        let task = Task::Workload(workload, request.effort.workload);
        contest::carry_out(Order { contestant: who, flavour, task })
    });
    let titles = [
        "a turn of",
        "Openwork",
        "Tokio",
        "smol",
        "time : Tokio",
        "CPU : Tokio",
        "time : smol",
        "goals",
    ];
    let mut text = head(&columns(request, &titles));
    for row in &rows {
        let mut cells = vec![race_title(&row.what)];
        cells.extend([Openwork, Tokio, Smol].map(|who| median(row, who, wall, time)));
        cells.push(ratio(row.ratio(Openwork, Tokio, wall)));
        cells.push(ratio(row.ratio(Openwork, Tokio, cpu)));
        cells.push(ratio(row.ratio(Openwork, Smol, wall)));
        cells.push(goals_of_race(row));
        cells.extend(control(request, row));
        text += &line(&cells);
    }
    for flavour in Flavour::BOTH {
        text += &mean_of_races(&rows, flavour);
    }
    Report { text, failures: failures(&rows, race_title) }
}

/// The limits for a single row: a share of Tokio's time, and smol's.
const ROW_OF_TOKIO: f64 = 0.75;
const ROW_OF_SMOL: f64 = 1.0;

/// For the row that is mostly the kernel's, waking a thread.
const WAKE_UP_OF_TOKIO: f64 = 1.0;

/// For the geometric mean of the other rows.
const MEAN_OF_TOKIO: f64 = 0.5;

fn goals_of_race(row: &Row<Race>) -> String {
    let to_tokio = row.ratio(Openwork, Tokio, wall);
    if row.what.0 == Workload::BlockOnSpawnJoin {
        return goal("≤ 1 Tokio", WAKE_UP_OF_TOKIO, to_tokio);
    }
    let to_smol = row.ratio(Openwork, Smol, wall);
    let goals =
        [goal("≤ 0.75 Tokio", ROW_OF_TOKIO, to_tokio), goal("≤ 1 smol", ROW_OF_SMOL, to_smol)];
    goals.join(", ")
}

/// The rows that the goal for the mean names. With a busy runtime it is its policy that is measured (how
/// soon does it look at what comes from outside?), by factors that would drown the rest of the mean.
fn counts_for_the_mean(workload: Workload) -> bool {
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

/// So many of them has each flavour. Of fewer (a filter, a failure) the mean would mislead.
const ROWS_OF_MEAN: usize = 6;

/// The geometric mean of a flavour's rows, formed in each round.
fn mean_of_races(rows: &[Row<Race>], flavour: Flavour) -> String {
    let ratios: Vec<Vec<f64>> = rows
        .iter()
        .filter(|row| row.what.1 == flavour && counts_for_the_mean(row.what.0))
        .map(|row| row.ratios(Openwork, Tokio, wall))
        .filter(|ratios| !ratios.is_empty())
        .collect();
    if ratios.len() < ROWS_OF_MEAN {
        return String::new();
    }
    let rounds = ratios.iter().map(Vec::len).min().unwrap_or(0);
    let of_round =
        |round: usize| geometric_mean(&ratios.iter().map(|row| row[round]).collect::<Vec<_>>());
    let mean = Spread::of((0..rounds).map(of_round));
    format!(
        "\nGeometric mean of time : Tokio, {}, without the `busy` rows and `block_on`: {}; goal: {}.\n",
        flavour.name(),
        ratio(mean),
        goal("≤ 0.5", MEAN_OF_TOKIO, mean),
    )
}

type Weighing = (Wait, Flavour);

fn weighing_title((wait, flavour): &Weighing) -> String {
    format!("a {} task, {}", wait.name(), flavour.name())
}

/// The memory of tasks that wait.
pub fn memory(request: &Request) -> Report {
    let all = Flavour::BOTH
        .into_iter()
        .flat_map(|flavour| [Wait::Nothing, Wait::Sleep].map(|wait| (wait, flavour)));
    let rows: Vec<Weighing> =
        all.filter(|row| weighing_title(row).contains(&request.filter)).collect();
    let invited = contestants(request, &[Tokio, Smol]);
    let rows = contest::hold(&rows, &invited, request.effort.rounds, |(wait, flavour), who| {
        let task = Task::Memory(wait, request.effort.tasks);
        contest::carry_out(Order { contestant: who, flavour, task })
    });
    let mut text = head(&columns(request, &["bytes of", "Openwork", "Tokio", "smol", "goal"]));
    for row in &rows {
        let mut cells = vec![weighing_title(&row.what)];
        cells.extend([Openwork, Tokio, Smol].map(|who| median(row, who, wall, bytes)));
        let (what, limit) = bytes_of_goal(row.what.0);
        let found = row.samples(Openwork).ok().map(|it| it.iter().map(wall));
        cells.push(goal(what, limit, found.and_then(Spread::of)));
        cells.extend(control(request, row));
        text += &line(&cells);
    }
    Report { text, failures: failures(&rows, weighing_title) }
}

fn bytes_of_goal(wait: Wait) -> (&'static str, f64) {
    match wait {
        Wait::Nothing => ("≤ 180", 180.0),
        Wait::Sleep => ("≤ 250", 250.0),
    }
}

fn echo_title(row: &Echo) -> String {
    format!("{} × echo, {}", row.connections, row.flavour.name())
}

/// Requests and CPU time of an echo server.
pub fn echo(request: &Request) -> Report {
    let rows: Vec<Echo> =
        Echo::rows().filter(|row| echo_title(row).contains(&request.filter)).collect();
    let invited = contestants(request, &[Tokio, Smol, Epoll]);
    let rows = contest::hold(&rows, &invited, request.effort.rounds, |row, who| {
        echo::turn(row, who, request.effort.echo)
    });
    let mut text = head(&columns(
        request,
        &[
            "requests / CPU each",
            "Openwork",
            "Tokio",
            "smol",
            "bare epoll",
            "requests : Tokio",
            "requests : bare",
            "CPU : Tokio",
            "goals",
        ],
    ));
    for row in &rows {
        let mut cells = vec![echo_title(&row.what)];
        cells.extend([Openwork, Tokio, Smol, Epoll].map(|who| rate_and_cpu(row, who)));
        cells.push(ratio(row.ratio(Tokio, Openwork, wall)));
        cells.push(ratio(row.ratio(Epoll, Openwork, wall)));
        cells.push(ratio(row.ratio(Openwork, Tokio, cpu)));
        cells.push(goals_of_echo(row));
        cells.extend(control(request, row));
        text += &line(&cells);
    }
    Report { text, failures: failures(&rows, echo_title) }
}

fn rate_and_cpu(row: &Row<Echo>, who: Contestant) -> String {
    match row.samples(who) {
        Ok(_) => {
            let rate = median(row, who, echo::requests, rate);
            format!("{rate} / {}", median(row, who, cpu, time))
        }
        Err(_) => median(row, who, wall, |_| nothing()),
    }
}

/// Of the bare loop's requests a current-thread server is to answer this share.
const SHARE_OF_BARE: f64 = 0.95;

/// Requests are to be as many as a peer's, that is, their time at most as long; so is the CPU time.
fn goals_of_echo(row: &Row<Echo>) -> String {
    let requests = match row.what.flavour {
        Flavour::CurrentThread => {
            let time = row.ratio(Openwork, Epoll, wall);
            goal("requests ≥ 0.95 bare", 1.0 / SHARE_OF_BARE, time)
        }
        Flavour::MultiThread => goal("requests ≥ 1 Tokio", 1.0, row.ratio(Openwork, Tokio, wall)),
    };
    let work = goal("CPU ≤ 1 Tokio", 1.0, row.ratio(Openwork, Tokio, cpu));
    format!("{requests}, {work}")
}
