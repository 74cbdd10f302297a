//! Formats figures as cells of a Markdown table.
//!
//! Next: `report/`, which prints the tables.

use crate::contest::{NoFigure, Row};
use crate::contestant::Contestant;
use crate::instruments::Sample;
use crate::stats::{Spread, Verdict};

const MICROSECOND: f64 = 1e3;
const MILLISECOND: f64 = 1e6;

/// A line of a table.
pub fn line(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

/// The head of a table: the first column is aligned left, the others right.
pub fn head(columns: &[&str]) -> String {
    format!("| {} |\n|---|{}\n", columns.join(" | "), "---:|".repeat(columns.len() - 1))
}

/// The median of a contestant, formatted by `show`, or why there is none.
pub fn median<T>(
    row: &Row<T>,
    contestant: Contestant,
    of: fn(&Sample) -> f64,
    show: fn(f64) -> String,
) -> String {
    match row.samples(contestant) {
        Ok(samples) => Spread::of(samples.iter().map(of)).map_or(nothing(), |it| show(it.median)),
        Err(NoFigure::Unsupported(why)) => format!("({why})"),
        Err(NoFigure::Failed(_)) => "**failed**".to_owned(),
    }
}

/// `0.48 (0.47–0.50)`: the median and the quartiles.
pub fn ratio(spread: Option<Spread>) -> String {
    spread.map_or(nothing(), |Spread { low, median, high }| {
        format!("{median:.2} ({low:.2}–{high:.2})")
    })
}

/// A goal, and whether the measured spread keeps its upper limit.
pub fn goal(what: &str, limit: f64, found: Option<Spread>) -> String {
    let verdict = match found.map(|found| Verdict::of(found, limit)) {
        None => "",
        Some(Verdict::Met) => " ✓",
        Some(Verdict::Close) => " **≈ too close to say**",
        Some(Verdict::Missed) => " **✗ missed**",
    };
    format!("{what}{verdict}")
}

pub fn nothing() -> String {
    "–".to_owned()
}

/// Nanoseconds in a suitable unit.
pub fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        it if it < MICROSECOND => format!("{it:.0} ns"),
        it if it < MILLISECOND => format!("{} µs", three_digits(it / MICROSECOND)),
        it => format!("{} ms", three_digits(it / MILLISECOND)),
    }
}

/// Requests per second.
pub fn rate(in_a_second: f64) -> String {
    format!("{} k/s", three_digits(in_a_second / 1_000.0))
}

pub fn bytes(number: f64) -> String {
    format!("{number:.0}")
}

/// Three digits; more would be noise.
fn three_digits(figure: f64) -> String {
    let decimals = match figure {
        it if it < 10.0 => 2,
        it if it < 100.0 => 1,
        _ => 0,
    };
    format!("{figure:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_has_three_digits_and_a_unit() {
        assert_eq!(time(12.4), "12 ns");
        assert_eq!(time(1_234.0), "1.23 µs");
        assert_eq!(time(123_456_789.0), "123 ms");
        assert_eq!(rate(54_321.0), "54.3 k/s");
    }

    #[test]
    fn a_goal_shows_its_verdict() {
        let at = |low, high| Some(Spread { low, median: (low + high) / 2.0, high });
        assert_eq!(goal("≤ 1", 1.0, at(0.5, 0.7)), "≤ 1 ✓");
        assert_eq!(goal("≤ 1", 1.0, at(1.1, 1.2)), "≤ 1 **✗ missed**");
        assert_eq!(goal("≤ 1", 1.0, at(0.9, 1.2)), "≤ 1 **≈ too close to say**");
        assert_eq!(goal("≤ 1", 1.0, None), "≤ 1");
    }
}
