//! The system calls of a request.
//!
//! Next: `stack.rs`.

use super::echo::title;
use super::{Report, Request};
use crate::contest::Excuse;
use crate::contestant::Contestant::{self, Epoll, Openwork, Smol, Tokio};
use crate::echo::{self, Calls, Echo};
use crate::stats::Spread;
use crate::table::{goal, head, line};

/// What is rarer than that is not named.
const SELDOM: f64 = 0.005;

/// By system call, once: it is a count.
pub fn calls(request: &Request) -> Report {
    let mut text =
        head(&["calls for a request", "Openwork", "Tokio", "smol", "bare epoll", "goal"]);
    let mut failures = Vec::new();
    for row in Echo::rows(request.effort.connections) {
        let title = title(&row);
        if !title.contains(&request.filter) {
            continue;
        }
        eprint!(".");
        let count = |who: Contestant| echo::calls(row, who, request.effort.requests);
        let counted = [Openwork, Tokio, Smol, Epoll].map(|who| (who, count(who)));
        for (who, result) in &counted {
            if let Err(Excuse::Failed(why)) = result {
                failures.push(format!("{title}, {}: {why}", who.name()));
            }
        }
        let mut cells = vec![title];
        cells.extend(counted.iter().map(|(_, result)| cell(result)));
        cells.push(no_more_than(&counted[0].1, &counted[1].1));
        text += &line(&cells);
    }
    eprintln!();
    Report { text, failures }
}

/// `2.03: recvfrom 1.00, sendto 1.00, epoll_wait 0.03`
fn cell(counted: &Result<Calls, Excuse>) -> String {
    match counted {
        Ok(calls) => {
            let mut named: Vec<_> = calls.iter().filter(|(_, number)| **number > SELDOM).collect();
            named.sort_by(|one, other| other.1.total_cmp(one.1));
            let named: Vec<String> =
                named.into_iter().map(|(name, number)| format!("{name} {number:.2}")).collect();
            format!("{:.2}: {}", total(calls), named.join(", "))
        }
        Err(Excuse::Absent(why)) => format!("({why})"),
        Err(Excuse::Failed(_)) => "**failed**".to_owned(),
    }
}

fn total(calls: &Calls) -> f64 {
    calls.values().sum()
}

/// To the hundredth that is shown.
fn no_more_than(ours: &Result<Calls, Excuse>, theirs: &Result<Calls, Excuse>) -> String {
    let ratio = ours.as_ref().ok().zip(theirs.as_ref().ok());
    let ratio = ratio.map(|(ours, theirs)| total(ours) / (total(theirs) + SELDOM));
    goal("≤ Tokio", 1.0, Spread::of(ratio))
}
