//! What a waiting task weighs.
//!
//! Next: `echo.rs`.

use super::{Report, Request, columns, contestants, control, failures, wall};
use crate::child::{Order, Task};
use crate::contest;
use crate::contestant::Contestant::{Openwork, Smol, Tokio};
use crate::memory::Wait;
use crate::rt::Flavour;
use crate::stats::Spread;
use crate::table::{bytes, goal, head, line, median};

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
    let contestants = contestants(request, &[Tokio, Smol]);
    let rows =
        contest::measure(&rows, &contestants, request.effort.rounds, |(wait, flavour), who| {
            let task = Task::Memory(wait, request.effort.tasks);
            contest::run_child(Order { contestant: who, flavour, task })
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
