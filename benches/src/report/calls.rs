//! The table of the system calls of a request.
//!
//! Next: `stack.rs`.

use super::echo::title;
use super::{Options, Report};
use crate::contest::NoFigure;
use crate::contestant::Contestant::{self, Epoll, Openwork, Smol, Tokio};
use crate::echo::{self, Calls, Echo};
use crate::stats::Spread;
use crate::table::{goal, head, line};

/// Calls that are rarer are not listed.
const RARE: f64 = 0.005;

/// One round, because these are counts, not times.
pub fn calls(options: &Options) -> Report {
    let mut text =
        head(&["calls for a request", "Openwork", "Tokio", "smol", "bare epoll", "goal"]);
    let mut failures = Vec::new();
    for row in Echo::rows(options.effort.connections) {
        let title = title(&row);
        if !title.contains(&options.filter) {
            continue;
        }
        eprint!(".");
        let count = |contestant: Contestant| echo::calls(row, contestant, options.effort.requests);
        let counted =
            [Openwork, Tokio, Smol, Epoll].map(|contestant| (contestant, count(contestant)));
        for (contestant, result) in &counted {
            if let Err(NoFigure::Failed(why)) = result {
                failures.push(format!("{title}, {}: {why}", contestant.name()));
            }
        }
        let mut cells = vec![title];
        cells.extend(counted.iter().map(|(_, result)| cell(result)));
        cells.push(goal_for_calls(&counted[0].1, &counted[1].1));
        text += &line(&cells);
    }
    eprintln!();
    Report { text, failures }
}

/// `2.03: recvfrom 1.00, sendto 1.00, epoll_wait 0.03`
fn cell(counted: &Result<Calls, NoFigure>) -> String {
    match counted {
        Ok(calls) => {
            let mut named: Vec<_> = calls.iter().filter(|(_, number)| **number > RARE).collect();
            named.sort_by(|one, other| other.1.total_cmp(one.1));
            let named: Vec<String> =
                named.into_iter().map(|(name, number)| format!("{name} {number:.2}")).collect();
            format!("{:.2}: {}", total(calls), named.join(", "))
        }
        Err(NoFigure::Unsupported(why)) => format!("({why})"),
        Err(NoFigure::Failed(_)) => "**failed**".to_owned(),
    }
}

fn total(calls: &Calls) -> f64 {
    calls.values().sum()
}

/// Compares the totals with the precision of the table, one hundredth.
fn goal_for_calls(ours: &Result<Calls, NoFigure>, theirs: &Result<Calls, NoFigure>) -> String {
    let ratio = ours.as_ref().ok().zip(theirs.as_ref().ok());
    let ratio = ratio.map(|(ours, theirs)| total(ours) / (total(theirs) + RARE));
    goal("≤ Tokio", 1.0, Spread::of(ratio))
}
