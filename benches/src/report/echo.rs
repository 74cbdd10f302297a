//! What an echo server does, and what it costs.
//!
//! Next: `calls.rs`.

use super::{Report, Request, columns, contestants, control, cpu, failures, wall};
use crate::contest::{self, Row};
use crate::contestant::Contestant::{self, Epoll, Openwork, Smol, Tokio};
use crate::echo::{self, Echo};
use crate::rt::Flavour;
use crate::table::{goal, head, line, median, nothing, rate, ratio, time};

pub fn title(row: &Echo) -> String {
    format!("{} × echo, {}", row.connections, row.flavour.name())
}

/// Requests and CPU time of an echo server.
pub fn echo(request: &Request) -> Report {
    let rows: Vec<Echo> = Echo::rows(request.effort.connections)
        .filter(|row| title(row).contains(&request.filter))
        .collect();
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
        let mut cells = vec![title(&row.what)];
        cells.extend([Openwork, Tokio, Smol, Epoll].map(|who| rate_and_cpu(row, who)));
        cells.push(ratio(row.ratio(Tokio, Openwork, wall)));
        cells.push(ratio(row.ratio(Epoll, Openwork, wall)));
        cells.push(ratio(row.ratio(Openwork, Tokio, cpu)));
        cells.push(goals_of_echo(row));
        cells.extend(control(request, row));
        text += &line(&cells);
    }
    Report { text, failures: failures(&rows, title) }
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
