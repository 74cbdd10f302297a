//! The cost of an operation among a thousand tasks, timers or connections, and among a million: in instructions, whose
//! number does not depend on other load on the machine.
//!
//! callgrind counts them. It runs this test once more, and writes its count before and after each call of
//! [`openwork_measured`]; the difference is the cost of that call, on all threads.
//!
//! In a chart with two logarithmic axes a cost that does not depend on the number is a level line, and one that is
//! proportional to it has slope 1. log n has a slope of 0.08 between 10⁵ and 10⁶. The law is a slope of at most 0.15
//! between the last two decades.
//!
//! ```text
//! OPENWORK_CURVES_MOST=1000000 cargo test --release --test process curves -- --nocapture
//! ```
//!
//! prints the table and draws `target/curves.svg`. Without valgrind the tests are skipped, with `REQUIRE_VALGRIND=1`
//! they fail.

mod callgrind;
mod costs;

use std::fs;
use std::process::Command;

use crate::chart::{Line, Panel, Scale, svg};
use crate::common::again;
use crate::{alone_under, setting};
use callgrind::Cost;

const MOST_SLOPE: f64 = 0.15;

/// The largest number of tasks and timers.
fn most() -> usize {
    let most = if cfg!(debug_assertions) { 1000 } else { 10_000 };
    setting("OPENWORK_CURVES_MOST").unwrap_or(most) as usize
}

/// The last `count` of the powers of ten up to `most`.
fn decades(most: usize, count: usize) -> Vec<usize> {
    let all = (0..).map(|exponent| 10_usize.pow(exponent));
    let all: Vec<_> = all.take_while(|n| *n <= most).collect();
    all[all.len().saturating_sub(count)..].to_vec()
}

/// The function whose instructions are counted. Its name is that in callgrind's options.
#[unsafe(no_mangle)]
#[inline(never)]
fn openwork_measured(work: &mut dyn FnMut()) {
    work();
}

/// Counts the instructions of `work`: `times` operations of this name, among `n`.
fn measure(name: &str, n: usize, times: usize, mut work: impl FnMut()) {
    openwork_measured(&mut work);
    callgrind::declare(name, n, times);
}

/// The slope between the last two points, where both axes are logarithmic.
fn slope(line: &Line) -> f64 {
    let [.., (x, y), (x2, y2)] = line.points[..] else { panic!("two points at least: {line:?}") };
    (y2 / y).log10() / (x2 / x).log10()
}

/// A panel with a line for each operation.
fn panel(title: &str, costs: Vec<Cost>) -> Panel {
    let mut lines: Vec<Line> = Vec::new();
    for Cost { name, n, instructions } in costs {
        let point = (n as f64, instructions);
        match lines.iter_mut().find(|line| line.name == name) {
            Some(line) => line.points.push(point),
            None => lines.push(Line { name, points: vec![point] }),
        }
    }
    let (title, x_scale, y_scale) = (title.to_owned(), Scale::Logarithmic, Scale::Logarithmic);
    Panel { title, x_scale, y_scale, lines }
}

fn print(panel: &Panel) {
    println!("{}", panel.title);
    for line in &panel.lines {
        let costs = line.points.iter().map(|(n, cost)| format!("{n}: {cost:.0}"));
        println!("    {}: {}", line.name, costs.collect::<Vec<_>>().join(", "));
    }
}

const NAME: &str = "one_more_costs_at_most_log_n_more_among_many";

/// The command that starts this test once more.
fn this_test() -> Command {
    again(NAME)
}

#[test]
fn one_more_costs_at_most_log_n_more_among_many() {
    if let Some(family) = callgrind::counted() {
        return costs::run(&family);
    }
    alone_under(NAME, "ulimit -n \"$(ulimit -Hn)\"", || {
        let mut panels = Vec::new();
        for (family, title) in costs::FAMILIES {
            let Some(costs) = callgrind::count(this_test(), family) else { return };
            panels.push(panel(title, costs));
        }
        panels.iter().for_each(print);
        if setting("OPENWORK_CURVES_MOST").is_some() {
            fs::write("target/curves.svg", svg(&panels)).unwrap();
        }
        let lines = panels.iter().flat_map(|panel| &panel.lines);
        let lines = lines.filter(|line| !costs::HAS_NO_DECADES.contains(&&*line.name));
        for line in lines.clone() {
            println!("slope {:.3}: {}", slope(line), line.name);
        }
        let steep: Vec<_> = lines.filter(|line| slope(line) > MOST_SLOPE).collect();
        assert!(steep.is_empty(), "worse than O(log n): {steep:#?}");
    });
}
