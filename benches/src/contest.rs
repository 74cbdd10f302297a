//! Rounds in which every contestant has its turn.
//!
//! Measuring one runtime for a minute and then the other compares two minutes of the machine. Here a row
//! is measured for all contestants within a second, again and again, each time beginning with another of
//! them, so that neither the weather nor the order favours anybody.
//!
//! Next: `echo/`, whose turns are longer; then `table.rs`.

use std::io;
use std::process::{Command, Output};

use rustix::io::Errno;

use crate::child::{self, Answer, Order};
use crate::contestant::Contestant;
use crate::instruments::Sample;
use crate::rt;
use crate::stats::Spread;

/// What came of a contestant's turn.
pub type Turn = Result<Sample, Excuse>;

/// Why there is no figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Excuse {
    /// The contestant does not have this.
    Absent(String),
    /// It should have worked.
    Failed(String),
}

impl From<io::Error> for Excuse {
    fn from(error: io::Error) -> Excuse {
        Excuse::Failed(error.to_string())
    }
}

impl From<Errno> for Excuse {
    fn from(error: Errno) -> Excuse {
        io::Error::from(error).into()
    }
}

/// The figures of one contestant in one row: one for each round, or why there are none.
#[derive(Debug)]
pub struct Figures {
    pub contestant: Contestant,
    pub samples: Result<Vec<Sample>, Excuse>,
}

/// A row of a table, measured.
#[derive(Debug)]
pub struct Row<T> {
    pub what: T,
    figures: Vec<Figures>,
}

impl<T> Row<T> {
    /// The samples of a contestant, or why there are none.
    pub fn samples(&self, contestant: Contestant) -> Result<&[Sample], &Excuse> {
        let figures = self.figures.iter().find(|figures| figures.contestant == contestant);
        match &figures.expect("every table asks for those it has invited").samples {
            Ok(samples) => Ok(samples),
            Err(excuse) => Err(excuse),
        }
    }

    /// One ratio for each round, or none if one of the two is missing.
    pub fn ratios(&self, one: Contestant, other: Contestant, of: fn(&Sample) -> f64) -> Vec<f64> {
        let (Ok(one), Ok(other)) = (self.samples(one), self.samples(other)) else {
            return Vec::new();
        };
        one.iter().zip(other).map(|(one, other)| of(one) / of(other)).collect()
    }

    /// The ratios' spread.
    pub fn ratio(
        &self,
        one: Contestant,
        other: Contestant,
        of: fn(&Sample) -> f64,
    ) -> Option<Spread> {
        Spread::of(self.ratios(one, other, of))
    }

    pub fn failures(&self) -> impl Iterator<Item = (Contestant, &str)> {
        self.figures.iter().filter_map(|figures| match &figures.samples {
            Err(Excuse::Failed(why)) => Some((figures.contestant, why.as_str())),
            _ => None,
        })
    }
}

/// Measures every row for every contestant, once in each round.
pub fn measure<T: Copy>(
    rows: &[T],
    contestants: &[Contestant],
    rounds: usize,
    mut turn: impl FnMut(T, Contestant) -> Turn,
) -> Vec<Row<T>> {
    let mut measured: Vec<Row<T>> = rows.iter().map(|row| invite(*row, contestants)).collect();
    for round in 0..rounds {
        eprint!("round {} of {rounds} ", round + 1);
        for row in &mut measured {
            eprint!(".");
            for place in 0..contestants.len() {
                let figures = &mut row.figures[(round + place) % contestants.len()];
                // Who has failed once is not asked again.
                if let Ok(samples) = &mut figures.samples {
                    match turn(row.what, figures.contestant) {
                        Ok(sample) => samples.push(sample),
                        Err(excuse) => figures.samples = Err(excuse),
                    }
                }
            }
        }
        eprintln!();
    }
    measured
}

fn invite<T>(what: T, contestants: &[Contestant]) -> Row<T> {
    let no_figures = |contestant: &_| Figures { contestant: *contestant, samples: Ok(Vec::new()) };
    Row { what, figures: contestants.iter().map(no_figures).collect() }
}

/// This program again, with an order.
pub fn command(order: Order) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([child::FIRST_WORD, &rt::workers().to_string()]).args(order.to_words());
    Ok(command)
}

/// Has an order carried out by a process of its own.
pub fn run_child(order: Order) -> Turn {
    let output = command(order)?.output()?;
    if !output.status.success() {
        return Err(Excuse::Failed(last_words(&output)));
    }
    match Answer::from_line(&String::from_utf8_lossy(&output.stdout)) {
        Some(Answer::Measured(sample)) => Ok(sample),
        Some(Answer::Absent(why)) => Err(Excuse::Absent(why)),
        None => Err(Excuse::Failed("it gave no answer".to_owned())),
    }
}

/// How a process ended that failed.
pub fn last_words(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    format!("{}: {}", output.status, errors.trim().replace('\n', "; "))
}
