//! The table of the largest future that a stack bears. The last file in reading order.

use super::{Options, Report};
use crate::child::{Order, Task};
use crate::contest;
use crate::contestant::Contestant::{self, Openwork, Tokio};
use crate::rt::Flavour;
use crate::stack::{Entry, SIZES};
use crate::table::{head, line};

/// A row for each entry, in the profile of this build.
pub fn stack(options: &Options) -> Report {
    let mut text = head(&["largest future, in KiB", "Openwork", "Tokio", "goal"]);
    let mut failures = Vec::new();
    for entry in Entry::ALL.into_iter().filter(|entry| entry.name().contains(&options.filter)) {
        eprint!(".");
        let largest = [Openwork, Tokio].map(|contestant| largest(contestant, entry));
        for (contestant, largest) in [Openwork, Tokio].into_iter().zip(&largest) {
            if let Err(why) = largest {
                failures.push(format!("{}, {}: {why}", entry.name(), contestant.name()));
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

/// Finds the largest of the [`SIZES`] that does not overflow the stack, by bisection.
fn largest(contestant: Contestant, entry: Entry) -> Result<usize, String> {
    let (mut fits, mut overflows) = (0, SIZES.len());
    while fits < overflows {
        let middle = (fits + overflows) / 2;
        if survives(contestant, entry, SIZES[middle])? {
            fits = middle + 1;
        } else {
            overflows = middle;
        }
    }
    Ok(if fits == 0 { 0 } else { SIZES[fits - 1] })
}

/// Whether the process completes with a future of this size in KiB.
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
