//! Carries out sequences on both sides, and shows the first one on which they differ, shortened.

use crate::differences::{self, DIFFERENCES, Verdict};
use crate::side::{ON_PURPOSE, Record, Steps, alive};
use crate::steps::Sequence;
use std::cell::Cell;
use std::fmt::Write as _;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write as _};
use std::panic;
use std::sync::{LazyLock, Once};
use std::time::Instant;

pub type Begin = fn(&Sequence) -> Box<dyn Steps>;

/// A subject, on openwork and on Tokio.
struct Subject {
    name: &'static str,
    ours: Begin,
    theirs: Begin,
    /// How often each listed difference was seen.
    seen: Vec<Cell<u64>>,
}

/// Both records of each step.
type Outcome = Vec<(Record, Record)>;

/// The number of sequences from each of the two seeds, unless `OPENWORK_SEQUENCES` is set.
const SEQUENCES: u64 = 1000;

/// The body of each test. A subject that needs a runtime takes ten times as long, so it runs one sequence of `share`.
pub fn agree(name: &'static str, share: u64, ours: Begin, theirs: Begin) {
    expect_panics();
    let seen = DIFFERENCES.iter().map(|_| Cell::new(0)).collect();
    let subject = Subject { name, ours, theirs, seen };
    let count = number("OPENWORK_SEQUENCES").unwrap_or(SEQUENCES).div_ceil(share);
    match number("OPENWORK_SEED") {
        Some(seed) => subject.run(seed, count),
        None => {
            subject.run(0, count);
            subject.expect_each_difference(count * share);
            subject.run(*NEW_SEED, count);
        }
    }
}

/// Printed past the test's captured output, so that it is known even if a sequence hangs.
static NEW_SEED: LazyLock<u64> = LazyLock::new(|| {
    // Below 2^63, so that the seeds after it do not overflow.
    let seed = RandomState::new().hash_one(0) >> 1;
    let _ = writeln!(io::stderr(), "the new sequences begin with OPENWORK_SEED={seed}");
    seed
});

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is no number")))
}

thread_local! {
    static EXPECTS_PANICS: Cell<bool> = const { Cell::new(false) };
    static TEST_PANICKED: Cell<bool> = const { Cell::new(false) };
}

/// A step may panic, on both sides, and so may a task. But a panic of this test's own code is a failure: if it
/// happened on both sides, it would just end the sequences early.
fn expect_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let is_in_test = info.location().is_some_and(|at| at.file().contains("differential"));
            let is_on_purpose = info.payload().downcast_ref() == Some(&ON_PURPOSE);
            TEST_PANICKED.set(TEST_PANICKED.get() || is_in_test && !is_on_purpose);
            if !EXPECTS_PANICS.get() {
                report(info);
            }
        }));
    });
}

impl Subject {
    fn run(&self, first: u64, count: u64) {
        let start = Instant::now();
        let (mut steps, mut panics) = (0, 0);
        for seed in first..first + count {
            let sequence = Sequence::new(seed);
            match self.carry_out(&sequence) {
                Ok(outcome) => {
                    steps += outcome.len();
                    panics += u64::from(outcome.iter().any(|(ours, _)| ours.panicked));
                }
                Err(outcome) => panic!("{}", self.failure(sequence, outcome, seed - first)),
            }
        }
        let seconds = start.elapsed().as_secs_f32();
        println!(
            "{}: {count} sequences from seed {first}, {steps} steps, {panics} panics, {seconds:.1} s",
            self.name
        );
    }

    /// The records, up to a difference that is not listed.
    fn carry_out(&self, sequence: &Sequence) -> Result<Outcome, Outcome> {
        EXPECTS_PANICS.set(true);
        let result = self.compare(sequence);
        EXPECTS_PANICS.set(false);
        result
    }

    fn compare(&self, sequence: &Sequence) -> Result<Outcome, Outcome> {
        let (mut ours, mut theirs) = ((self.ours)(sequence), (self.theirs)(sequence));
        let mut outcome = Vec::with_capacity(sequence.steps.len() + 1);
        for &step in &sequence.steps {
            let records = (ours.step(step), theirs.step(step));
            let panicked = records.0.panicked || records.1.panicked;
            let verdict = differences::judge(self.name, &records.0, &records.1, &self.seen);
            outcome.push(records);
            match verdict {
                _ if TEST_PANICKED.take() => return Err(outcome),
                Verdict::Agree if panicked => break,
                Verdict::Agree => {}
                Verdict::Fork => return Ok(outcome),
                Verdict::Differ => return Err(outcome),
            }
        }
        let mut records = (ours.end(), theirs.end());
        if alive() > 0 {
            let _ = write!(records.0.text, "; {} values were leaked", alive());
        }
        let verdict = differences::judge(self.name, &records.0, &records.1, &self.seen);
        outcome.push(records);
        if let Verdict::Differ = verdict { Err(outcome) } else { Ok(outcome) }
    }

    /// Leaves out steps while the sequence still fails.
    fn shorten(&self, mut sequence: Sequence) -> Sequence {
        let mut size = sequence.steps.len();
        while size > 0 {
            let mut from = 0;
            while from < sequence.steps.len() {
                let mut shorter = sequence.clone();
                let to = (from + size).min(shorter.steps.len());
                shorter.steps.drain(from..to);
                match self.carry_out(&shorter) {
                    Err(_) => sequence = shorter,
                    Ok(_) => from += size,
                }
            }
            size /= 2;
        }
        sequence
    }

    fn failure(&self, sequence: Sequence, outcome: Outcome, before: u64) -> String {
        let seed = sequence.seed;
        let shortest = self.shorten(sequence.clone());
        // Not by `carry_out`, so that panics are reported.
        let (note, sequence, outcome) = match self.compare(&shortest) {
            Err(outcome) => ("shortened", shortest, outcome),
            Ok(_) => ("which does not happen each time", sequence, outcome),
        };
        let mut text = format!(
            "{}: the sides differ, after {before} sequences on which they agree; {note}.\n\
             To repeat it: OPENWORK_SEED={seed} OPENWORK_SEQUENCES=1\n",
            self.name
        );
        let numbers = sequence.steps.iter().map(|step| step.number.to_string());
        for (number, (ours, theirs)) in numbers.chain(["end".to_owned()]).zip(outcome) {
            let sides = match ours == theirs {
                true => vec![("        ", ours)],
                false => vec![("openwork", ours), ("tokio   ", theirs)],
            };
            for (side, record) in sides {
                let _ = writeln!(text, "{number:>4} {side} {}  {:?}", record.text, record.events);
            }
        }
        text
    }

    /// Fails if a listed difference was never seen: then it is to be deleted from the list.
    fn expect_each_difference(&self, count: u64) {
        for (difference, seen) in DIFFERENCES.iter().zip(&self.seen) {
            if difference.subjects.contains(&self.name) {
                println!("{}: {} times: {}", self.name, seen.get(), difference.what);
                let is_seen = seen.get() > 0 || count < SEQUENCES;
                assert!(
                    is_seen,
                    "{}: it is listed and was not seen: {}",
                    self.name, difference.what
                );
            }
        }
    }
}
