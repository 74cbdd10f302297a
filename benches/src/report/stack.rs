//! The largest future that a stack bears.
//!
//! Next: `main.rs`, if you have not begun there.

use super::{Report, Request};
use crate::child::{Order, Task};
use crate::contest;
use crate::contestant::Contestant::{self, Openwork, Tokio};
use crate::rt::Flavour;
use crate::stack::{Entry, SIZES};
use crate::table::{head, line};

/// By entry, in the profile that this program was built with.
pub fn stack(request: &Request) -> Report {
    let mut text = head(&["largest future, in KiB", "Openwork", "Tokio", "goal"]);
    let mut failures = Vec::new();
    for entry in Entry::ALL.into_iter().filter(|entry| entry.name().contains(&request.filter)) {
        eprint!(".");
        let largest = [Openwork, Tokio].map(|who| largest(who, entry));
        for (who, largest) in [Openwork, Tokio].into_iter().zip(&largest) {
            if let Err(why) = largest {
                failures.push(format!("{}, {}: {why}", entry.name(), who.name()));
            }
        }
        let mut cells = vec![entry.name().to_owned()];
        cells.extend(
            largest.iter().map(|it| it.as_ref().map_or("**failed**".to_owned(), usize::to_string)),
        );
        let met = match &largest {
            [Ok(ours), Ok(theirs)] if ours >= theirs => "≥ Tokio ✓",
            [Ok(_), Ok(_)] => "≥ Tokio **✗ missed**",
            _ => "≥ Tokio",
        };
        cells.push(met.to_owned());
        text += &line(&cells);
    }
    eprintln!();
    Report { text, failures }
}

/// The largest of the [`SIZES`] with which the process does not die, by bisection.
fn largest(who: Contestant, entry: Entry) -> Result<usize, String> {
    let (mut fits, mut overflows) = (0, SIZES.len());
    while fits < overflows {
        let middle = (fits + overflows) / 2;
        if survives(who, entry, SIZES[middle])? {
            fits = middle + 1;
        } else {
            overflows = middle;
        }
    }
    Ok(if fits == 0 { 0 } else { SIZES[fits - 1] })
}

/// Whether the stack bears a future of so many KiB.
fn survives(contestant: Contestant, entry: Entry, kib: usize) -> Result<bool, String> {
    let order =
        Order { contestant, flavour: Flavour::CurrentThread, task: Task::Stack(entry, kib) };
    let output = contest::command(order).and_then(|mut child| child.output());
    let output = output.map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(true);
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("has overflowed its stack") {
        return Ok(false);
    }
    Err(contest::last_words(&output))
}
