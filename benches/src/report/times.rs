//! The tables of time and CPU time: scheduler, channels and locks, transfers.
//!
//! A row is a workload on one flavour. Its cells are the median time and CPU time of one iteration for each
//! runtime, and the ratios to the peers. CPU time is that of all threads of the process: a runtime that spins
//! on a second core gains time and loses CPU time. Below the rows stands the geometric mean of the ratios,
//! for each flavour.
//!
//! Next: `memory.rs`.

use super::{Options, Report, columns, contestants, control, cpu, failures, wall};
use crate::child::{Order, Task};
use crate::contest::{self, Row};
use crate::contestant::Contestant::{self, Openwork, Smol, Tokio};
use crate::rt::Flavour;
use crate::stats::{Spread, geometric_mean};
use crate::sync::SyncWork;
use crate::table::{goal, head, line, median, ratio, time};
use crate::transfers::Transfer;
use crate::workloads::Workload;

/// A workload and the flavour on which it runs.
type Case = (Task, Flavour);

fn title((task, flavour): &Case) -> String {
    format!("{}, {}", task.name(), flavour.name())
}

/// What differs between the tables of this file.
struct Table {
    cases: Vec<Case>,
    peers: &'static [Contestant],
    /// Returns the text of the cell with the goals of a row.
    goals: fn(&Row<Case>) -> String,
    /// The goal for the geometric mean, if there is one.
    mean: Option<(&'static str, f64)>,
}

fn table(options: &Options, table: Table) -> Report {
    let matches = |case: &Case| title(case).contains(&options.filter);
    let cases: Vec<Case> = table.cases.into_iter().filter(matches).collect();
    let contestants = contestants(options, table.peers);
    let rows = contest::measure_rows(
        &cases,
        &contestants,
        options.effort.rounds,
        |(task, flavour), contestant| contest::run_child(Order { contestant, flavour, task }),
    );
    let mut titles = vec!["time / CPU of", Openwork.name()];
    titles.extend(table.peers.iter().map(|contestant| contestant.name()));
    titles.extend(["time : Tokio", "CPU : Tokio"]);
    titles.extend(table.peers.contains(&Smol).then_some("time : smol"));
    titles.push("goals");
    let mut text = head(&columns(options, &titles));
    for row in &rows {
        let mut cells = vec![title(&row.what), time_and_cpu(row, Openwork)];
        cells.extend(table.peers.iter().map(|contestant| time_and_cpu(row, *contestant)));
        cells.push(ratio(row.ratio(Openwork, Tokio, wall)));
        cells.push(ratio(row.ratio(Openwork, Tokio, cpu)));
        if table.peers.contains(&Smol) {
            cells.push(ratio(row.ratio(Openwork, Smol, wall)));
        }
        cells.push((table.goals)(row));
        cells.extend(control(options, row));
        text += &line(&cells);
    }
    if let Some(goal) = table.mean {
        text.extend(Flavour::BOTH.map(|flavour| mean(&rows, flavour, goal)));
    }
    Report { text, failures: failures(&rows, title) }
}

fn time_and_cpu(row: &Row<Case>, contestant: Contestant) -> String {
    match row.samples(contestant) {
        Ok(_) => format!(
            "{} / {}",
            median(row, contestant, wall, time),
            median(row, contestant, cpu, time)
        ),
        Err(_) => median(row, contestant, wall, time),
    }
}

/// The geometric means of a flavour's rows, as a line of text. Empty without rows.
fn mean(rows: &[Row<Case>], flavour: Flavour, (what, limit): (&str, f64)) -> String {
    let rows: Vec<_> = rows
        .iter()
        .filter(|row| row.what.1 == flavour && !is_join_from_outside(row))
        .filter(|row| !row.ratios(Openwork, Tokio, wall).is_empty())
        .collect();
    // The mean is formed in each round; the spread is over the rounds.
    let mean = |of| {
        let ratios: Vec<_> = rows.iter().map(|row| row.ratios(Openwork, Tokio, of)).collect();
        let rounds = ratios.iter().map(Vec::len).min().unwrap_or(0);
        let of_round = |round| geometric_mean(ratios.iter().map(|row: &Vec<f64>| row[round]));
        Spread::of((0..rounds).map(of_round))
    };
    let Some(of_time) = mean(wall) else { return String::new() };
    format!(
        "\nGeometric mean, {1} (rows: {0}): time : Tokio {2}, CPU : Tokio {3}; goal: {4}.\n",
        rows.len(),
        flavour.name(),
        ratio(Some(of_time)),
        ratio(mean(cpu)),
        goal(what, limit, Some(of_time)),
    )
}

/// This row measures how a thread parks and is woken, which is mostly the kernel's work. It has a goal of its
/// own and is not part of the mean.
fn is_join_from_outside(row: &Row<Case>) -> bool {
    matches!(row.what.0, Task::Workload(Workload::BlockOnSpawnJoin, _))
}

/// The limits for a single row of the scheduler.
fn goals_of_scheduler(row: &Row<Case>) -> String {
    let to_tokio = row.ratio(Openwork, Tokio, wall);
    if is_join_from_outside(row) {
        return goal("≤ 1 Tokio", 1.0, to_tokio);
    }
    let to_smol = row.ratio(Openwork, Smol, wall);
    [goal("≤ 0.75 Tokio", 0.75, to_tokio), goal("≤ 1 smol", 1.0, to_smol)].join(", ")
}

fn no_slower_than_tokio(row: &Row<Case>) -> String {
    goal("≤ 1 Tokio", 1.0, row.ratio(Openwork, Tokio, wall))
}

/// Each task on each flavour.
fn on_both(tasks: impl Iterator<Item = Task> + Clone) -> Vec<Case> {
    let on = |flavour| tasks.clone().map(move |task| (task, flavour));
    Flavour::BOTH.into_iter().flat_map(on).collect()
}

/// Spawning, yielding, waking and joining on a runtime that does nothing else.
pub fn scheduler(options: &Options) -> Report {
    let time = options.effort.workload;
    let tasks = Workload::SCHEDULER.into_iter().map(|workload| Task::Workload(workload, time));
    let (cases, peers) = (on_both(tasks), &[Tokio, Smol]);
    table(options, Table { cases, peers, goals: goals_of_scheduler, mean: Some(("≤ 0.5", 0.5)) })
}

/// Spawning from outside into a busy runtime. What is measured here is a policy: after how many polls a worker
/// looks into the injector. The ratios are so far from 1 that a mean would show nothing else.
pub fn busy(options: &Options) -> Report {
    let time = options.effort.workload;
    let on = |flavour| {
        let rows = Workload::busy(flavour).iter();
        rows.map(move |workload| (Task::Workload(*workload, time), flavour))
    };
    let cases = Flavour::BOTH.into_iter().flat_map(on).collect();
    let peers = &[Tokio, Smol];
    table(options, Table { cases, peers, goals: goals_of_scheduler, mean: None })
}

/// Channels, locks, timers, the blocking pool.
pub fn sync(options: &Options) -> Report {
    let time = options.effort.workload;
    let cases = on_both(SyncWork::all().map(|work| Task::Sync(work, time)));
    let (peers, mean) = (&[Tokio], Some(("≤ 0.7", 0.7)));
    table(options, Table { cases, peers, goals: no_slower_than_tokio, mean })
}

/// Large amounts of bytes, and many short connections.
pub fn transfers(options: &Options) -> Report {
    let time = options.effort.workload;
    let cases = on_both(Transfer::ALL.into_iter().map(|transfer| Task::Transfer(transfer, time)));
    let peers = &[Tokio, Smol];
    table(options, Table { cases, peers, goals: no_slower_than_tokio, mean: None })
}
