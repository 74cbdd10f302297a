//! TCP echo servers: requests per second, CPU time of a request, latency of a request.
//!
//! Next: `calls.rs`.

use super::{Options, Report, columns, contestants, control, cpu, failures, wall};
use crate::contest::{self, Row};
use crate::contestant::Contestant::{self, Epoll, Openwork, Smol, Tokio};
use crate::echo::{self, Echo};
use crate::rt::Flavour;
use crate::table::{goal, head, line, median, ratio, time};

pub fn title(row: &Echo) -> String {
    format!("{} × echo, {}", row.connections, row.flavour.name())
}

/// Two tables: requests and CPU time with the goals, and percentiles of the latency.
pub fn echo(options: &Options) -> Report {
    let rows: Vec<Echo> = Echo::rows(options.effort.connections)
        .filter(|row| title(row).contains(&options.filter))
        .collect();
    let contestants = contestants(options, &[Tokio, Smol, Epoll]);
    let rows =
        contest::measure_rows(&rows, &contestants, options.effort.rounds, |row, contestant| {
            echo::measure(row, contestant, options.effort.echo)
        });
    let text = requests(options, &rows) + "\n" + &latencies(&rows);
    Report { text, failures: failures(&rows, title) }
}

/// The columns of both tables: what each contestant showed.
const ALL: [Contestant; 4] = [Openwork, Tokio, Smol, Epoll];

fn requests(options: &Options, rows: &[Row<Echo>]) -> String {
    let mut columns =
        columns(options, &["requests : Tokio", "requests : bare", "CPU : Tokio", "goals"]);
    columns.splice(0..0, ["requests / CPU each"].into_iter().chain(ALL.map(Contestant::name)));
    let mut text = head(&columns);
    for row in rows {
        let mut cells = vec![title(&row.what)];
        cells.extend(ALL.map(|contestant| rate_and_cpu(row, contestant)));
        cells.push(ratio(row.ratio(Tokio, Openwork, wall)));
        cells.push(ratio(row.ratio(Epoll, Openwork, wall)));
        cells.push(ratio(row.ratio(Openwork, Tokio, cpu)));
        cells.push(goals(row));
        cells.extend(control(options, row));
        text += &line(&cells);
    }
    text
}

fn rate_and_cpu(row: &Row<Echo>, contestant: Contestant) -> String {
    let rate = median(row, contestant, echo::requests, crate::table::rate);
    match row.samples(contestant) {
        Ok(_) => format!("{rate} / {}", median(row, contestant, cpu, time)),
        Err(_) => rate,
    }
}

fn latencies(rows: &[Row<Echo>]) -> String {
    let mut columns = vec!["latency: 50 / 99 / 99.9 %"];
    columns.extend(ALL.map(Contestant::name));
    columns.extend(["50 % : Tokio", "99 % : Tokio", "99.9 % : Tokio"]);
    let mut text = head(&columns);
    for row in rows {
        let mut cells = vec![title(&row.what)];
        cells.extend(ALL.map(|contestant| match row.samples(contestant) {
            Ok(_) => PERCENTILES.map(|of| median(row, contestant, of, time)).join(" / "),
            Err(_) => median(row, contestant, wall, time),
        }));
        cells.extend(PERCENTILES.map(|of| ratio(row.ratio(Openwork, Tokio, of))));
        text += &line(&cells);
    }
    text
}

const PERCENTILES: [fn(&crate::instruments::Sample) -> f64; 3] =
    [|sample| sample.latency[0], |sample| sample.latency[1], |sample| sample.latency[2]];

/// A current-thread server must answer this share of the bare loop's requests.
const SHARE_OF_BARE: f64 = 0.95;

/// The goals for requests are stated as limits for their time.
fn goals(row: &Row<Echo>) -> String {
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
