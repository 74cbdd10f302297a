//! Measures every row for every contestant, in rounds.
//!
//! To measure one runtime for a minute and then the other compares two minutes of the machine, which does other
//! work meanwhile. Here all contestants are measured for a row within a second, and again in each round. Each round
//! begins with another contestant, so that the order favours none.
//!
//! Next: `echo/`, whose measurements take longer; then `table.rs`.

use std::io;
use std::process::{Command, Output};

use rustix::io::Errno;

use crate::child::{self, Answer, Order};
use crate::contestant::Contestant;
use crate::instruments::Sample;
use crate::rt;
use crate::stats::Spread;

/// The result of one measurement.
pub type Outcome = Result<Sample, NoFigure>;

/// Why there is no figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoFigure {
    /// The contestant does not have this, and why.
    Unsupported(String),
    /// The measurement failed, and how.
    Failed(String),
}

impl From<io::Error> for NoFigure {
    fn from(error: io::Error) -> NoFigure {
        NoFigure::Failed(error.to_string())
    }
}

impl From<Errno> for NoFigure {
    fn from(error: Errno) -> NoFigure {
        io::Error::from(error).into()
    }
}

/// A row of a table, and for each contestant a sample of each round, or why there are none.
#[derive(Debug)]
pub struct Row<T> {
    pub what: T,
    figures: Vec<(Contestant, Result<Vec<Sample>, NoFigure>)>,
}

impl<T> Row<T> {
    /// Returns the samples of a contestant, or why there are none.
    pub fn samples(&self, contestant: Contestant) -> Result<&[Sample], &NoFigure> {
        let figures = self.figures.iter().find(|(of, _)| *of == contestant);
        figures.expect("a table shows only its contestants").1.as_deref()
    }

    /// Returns a ratio for each round, or none if one of the two contestants has no samples.
    pub fn ratios(&self, one: Contestant, other: Contestant, of: fn(&Sample) -> f64) -> Vec<f64> {
        let (Ok(one), Ok(other)) = (self.samples(one), self.samples(other)) else {
            return Vec::new();
        };
        one.iter().zip(other).map(|(one, other)| of(one) / of(other)).collect()
    }

    /// Returns the spread of the ratios.
    pub fn ratio(
        &self,
        one: Contestant,
        other: Contestant,
        of: fn(&Sample) -> f64,
    ) -> Option<Spread> {
        Spread::of(self.ratios(one, other, of))
    }

    pub fn failures(&self) -> impl Iterator<Item = (Contestant, &str)> {
        self.figures.iter().filter_map(|(contestant, samples)| match samples {
            Err(NoFigure::Failed(why)) => Some((*contestant, why.as_str())),
            _ => None,
        })
    }
}

/// Measures every row for every contestant, once in each round.
pub fn measure_rows<T: Copy>(
    rows: &[T],
    contestants: &[Contestant],
    rounds: usize,
    mut measure: impl FnMut(T, Contestant) -> Outcome,
) -> Vec<Row<T>> {
    let empty = || contestants.iter().map(|contestant| (*contestant, Ok(Vec::new()))).collect();
    let mut rows: Vec<_> = rows.iter().map(|row| Row { what: *row, figures: empty() }).collect();
    for round in 0..rounds {
        eprint!("round {} of {rounds} ", round + 1);
        for row in &mut rows {
            eprint!(".");
            for index in 0..contestants.len() {
                let (contestant, figures) = &mut row.figures[(round + index) % contestants.len()];
                // A contestant that failed once is not measured again.
                if let Ok(samples) = figures {
                    match measure(row.what, *contestant) {
                        Ok(sample) => samples.push(sample),
                        Err(why) => *figures = Err(why),
                    }
                }
            }
        }
        eprintln!();
    }
    rows
}

/// A command that starts this program again with an order.
pub fn command(order: Order) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([child::FIRST_WORD, &rt::workers().to_string()]).args(order.to_words());
    Ok(command)
}

/// Runs an order in a child process.
pub fn run_child(order: Order) -> Outcome {
    let output = command(order)?.output()?;
    if !output.status.success() {
        return Err(NoFigure::Failed(last_words(&output)));
    }
    match Answer::from_line(&String::from_utf8_lossy(&output.stdout)) {
        Some(Answer::Measured(sample)) => Ok(sample),
        Some(Answer::Unsupported(why)) => Err(NoFigure::Unsupported(why)),
        None => Err(NoFigure::Failed("the process printed no answer".to_owned())),
    }
}

/// Describes how a process failed: its status and what it wrote to stderr.
pub fn last_words(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    format!("{}: {}", output.status, errors.trim().replace('\n', "; "))
}
