//! Where this crate differs from Tokio on purpose. Chapter 18 of NOTES.md has the same list.

use crate::side::{Event, Record};
use std::cell::Cell;

pub struct Difference {
    /// The tests that may see it. The fixed sequences of each must show it at least once.
    pub subjects: &'static [&'static str],
    pub what: &'static str,
    /// Makes the two records equal in this respect.
    equate: fn(ours: &mut Record, theirs: &mut Record),
    /// Whether the two sides go different ways afterwards, so that the sequence ends.
    then_ends: bool,
}

type Equate = fn(&mut Record, &mut Record);

/// A difference after which the sides agree again.
const fn difference(
    subjects: &'static [&'static str],
    what: &'static str,
    equate: Equate,
) -> Difference {
    Difference { subjects, what, equate, then_ends: false }
}

/// A difference after which the sides go different ways.
const fn fork(subjects: &'static [&'static str], what: &'static str, equate: Equate) -> Difference {
    Difference { subjects, what, equate, then_ends: true }
}

pub const DIFFERENCES: &[Difference] = &[
    difference(
        &["oneshot", "join_set", "time", "duplex"],
        "Tokio calls wakers that have no effect: twice, or of a future that is ready or dropped",
        |ours, theirs| {
            let kept = |event: &Event| has_effect(event) || ours.events.contains(event);
            theirs.events.retain(kept);
        },
    ),
    difference(
        &["mpsc_bounded", "mpsc_unbounded"],
        "each calls wakers that have no effect, but not the same ones",
        |ours, theirs| {
            ours.events.retain(has_effect);
            theirs.events.retain(has_effect);
        },
    ),
    difference(
        &["broadcast", "watch", "cancellation_token", "join_set", "time"],
        "the order of the wakes and drops of one operation",
        |ours, theirs| {
            ours.events.sort();
            theirs.events.sort();
        },
    ),
    fork(
        &["mpsc_bounded"],
        "a message that is sent with a permit after the receiver was dropped is dropped at once",
        |ours, theirs| {
            if ours.text.contains("send with a permit") || ours.text.contains("pause and send") {
                ours.events.retain(|event| theirs.events.contains(event));
            }
        },
    ),
    difference(
        &["watch"],
        "the value that ends the wait of a `wait_for` counts as changed",
        |ours, theirs| {
            if ours.text.starts_with("wait_for") && theirs.text.contains(", false))") {
                ours.text = ours.text.replace(", true))", ", false))");
            }
        },
    ),
    difference(
        &["time"],
        "`Sleep::is_elapsed` is false before the first poll, even after a `reset`",
        |ours, theirs| {
            if theirs.text.contains("is_elapsed, deadline: Some((true") {
                ours.text = ours.text.replace("Some((false", "Some((true");
            }
        },
    ),
    difference(
        &["length_delimited_codec"],
        "a stream that ends inside a frame is `UnexpectedEof`, even directly after the head",
        |ours, theirs| {
            let is_theirs = |text: &str| {
                text.contains("(Err(\"Other\"), ") || text.ends_with("(Ok(None), b\"\")")
            };
            if ours.text.contains("(Err(\"UnexpectedEof\"), ") && is_theirs(&theirs.text) {
                theirs.text = ours.text.clone();
            }
        },
    ),
    difference(
        &["length_delimited_codec"],
        "a length that is out of range after its adjustment is `InvalidData`",
        |ours, theirs| {
            if ours.text.starts_with("decode") {
                theirs.text =
                    theirs.text.replace("(Err(\"InvalidInput\")", "(Err(\"InvalidData\")");
            }
        },
    ),
    fork(
        &["length_delimited_codec"],
        "a frame that ends inside its own head is an error",
        |ours, theirs| {
            let is_error = ours.text.contains("(Err(\"InvalidData\"), ");
            if ours.text.contains("head in the frame") && is_error {
                theirs.text = ours.text.clone();
            }
        },
    ),
    fork(
        &["length_delimited_codec"],
        "the limit is for the frame, after the adjustment",
        |ours, theirs| {
            let is_too_long = |record: &Record| record.text.contains(", too long\"");
            let explains = match is_too_long(ours) {
                true => ours.text.contains("adjusted by +"),
                false => is_too_long(theirs) && ours.text.contains("adjusted by -"),
            };
            if explains {
                theirs.text = ours.text.clone();
            }
        },
    ),
    difference(
        &["lines_codec"],
        "the bytes of a line that is too long leave the buffer at once",
        |ours, theirs| {
            let is_too_long = |record: &Record| record.text.contains("(Err(\"too long\"), ");
            if is_too_long(ours) && is_too_long(theirs) {
                theirs.text = ours.text.clone();
            }
        },
    ),
    fork(
        &["duplex"],
        "a shutdown wakes a task that waits to write to the same end",
        |ours, theirs| {
            if ours.text.contains(": shutdown, ") {
                ours.events.retain(|event| theirs.events.contains(event));
            }
        },
    ),
];

fn has_effect(event: &Event) -> bool {
    !matches!(event, Event::Redundant { .. })
}

pub enum Verdict {
    Agree,
    /// A listed difference explains them, and the sides go different ways afterwards.
    Fork,
    Differ,
}

/// Whether the listed differences explain these records. Counts those that do.
pub fn judge(subject: &str, ours: &Record, theirs: &Record, seen: &[Cell<u64>]) -> Verdict {
    if ours == theirs {
        return Verdict::Agree;
    }
    let (mut ours, mut theirs) = (ours.clone(), theirs.clone());
    for (difference, seen) in DIFFERENCES.iter().zip(seen) {
        if !difference.subjects.contains(&subject) {
            continue;
        }
        let before = (ours.clone(), theirs.clone());
        (difference.equate)(&mut ours, &mut theirs);
        if before != (ours.clone(), theirs.clone()) {
            seen.set(seen.get() + 1);
            if ours == theirs {
                return if difference.then_ends { Verdict::Fork } else { Verdict::Agree };
            }
        }
    }
    Verdict::Differ
}
