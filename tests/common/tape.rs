//! What a runtime reports, on a tape.

use std::sync::{Arc, Mutex};

use openwork::runtime::Builder;
use openwork::trace::{Event, Record, WaitReason};

/// What a runtime reports. The address of a lock is 0.
#[derive(Clone, Default)]
pub struct Tape(Arc<Mutex<Vec<Record>>>);

impl Tape {
    pub fn listen(builder: &mut Builder) -> Tape {
        let tape = Tape::default();
        let ours = tape.clone();
        builder.on_event(move |record| ours.0.lock().unwrap().push(without_address(*record)));
        tape
    }

    /// What was reported since the last time.
    pub fn take(&self) -> Vec<Record> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

fn without_address(mut record: Record) -> Record {
    match &mut record.event {
        Event::Waits(WaitReason::Lock { lock, .. }) | Event::LockAssigned { lock, .. } => *lock = 0,
        _ => {}
    }
    record
}
