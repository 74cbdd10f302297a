//! The table of the memory of a waiting task.
//!
//! Next: `echo.rs`.

use super::{Options, Report, columns, contestants, control, failures, wall};
use crate::child::{Order, Task};
use crate::contest;
use crate::contestant::Contestant::{Openwork, Smol, Tokio};
use crate::memory::Wait;
use crate::rt::Flavour;
use crate::stats::Spread;
use crate::table::{bytes, goal, head, line, median};

type Case = (Wait, Flavour);

fn title((wait, flavour): &Case) -> String {
    format!("a {} task, {}", wait.name(), flavour.name())
}

/// A row for each kind of wait and each flavour.
pub fn memory(options: &Options) -> Report {
    let all = Flavour::BOTH
        .into_iter()
        .flat_map(|flavour| [Wait::Nothing, Wait::Sleep].map(|wait| (wait, flavour)));
    let rows: Vec<Case> = all.filter(|row| title(row).contains(&options.filter)).collect();
    let contestants = contestants(options, &[Tokio, Smol]);
    let rows = contest::measure_rows(
        &rows,
        &contestants,
        options.effort.rounds,
        |(wait, flavour), contestant| {
            let task = Task::Memory(wait, options.effort.tasks);
            contest::run_child(Order { contestant, flavour, task })
        },
    );
    let mut text = head(&columns(options, &["bytes of", "Openwork", "Tokio", "smol", "goal"]));
    for row in &rows {
        let mut cells = vec![title(&row.what)];
        cells
            .extend([Openwork, Tokio, Smol].map(|contestant| median(row, contestant, wall, bytes)));
        let (what, limit) = bytes_of_goal(row.what.0);
        let found = row.samples(Openwork).ok().map(|it| it.iter().map(wall));
        cells.push(goal(what, limit, found.and_then(Spread::of)));
        cells.extend(control(options, row));
        text += &line(&cells);
    }
    Report { text, failures: failures(&rows, title) }
}

fn bytes_of_goal(wait: Wait) -> (&'static str, f64) {
    match wait {
        Wait::Nothing => ("≤ 180", 180.0),
        Wait::Sleep => ("≤ 250", 250.0),
    }
}
