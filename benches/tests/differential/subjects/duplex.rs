//! Both ends of a stream, read and written by several futures at once.

use super::peer::io::{DuplexStream, duplex};
use super::{poll_flush, poll_read, poll_shutdown, poll_write};
use crate::side::{Handle, Operation, Subject, done, waits};
use crate::steps::{Random, Step};
use std::io::{self, IoSlice};

pub struct Duplex {
    ends: [Handle<DuplexStream>; 2],
}

fn kind<T>(result: io::Result<T>) -> Result<T, io::ErrorKind> {
    result.map_err(|error| error.kind())
}

impl Subject for Duplex {
    fn new(random: &mut Random) -> Self {
        let (one, other) = duplex(1 + random.below(8));
        Duplex { ends: [Handle::new(one), Handle::new(other)] }
    }

    fn operate(&mut self, step: Step) -> Operation {
        let index = step.which % 2;
        let end = self.ends[index].clone();
        let count = step.amount % 7;
        match step.operation % 24 {
            0..8 => {
                let future = end.polled_by(move |end, cx| {
                    let mut buffer = vec![0; count];
                    let result = poll_read(end, cx, &mut buffer);
                    result.map(|result| kind(result).map(|read| buffer[..read].to_vec()))
                });
                waits(format!("end {index}: read {count}"), future)
            }
            8..16 => {
                let bytes: Vec<u8> =
                    (0..count as u8).map(|at| at + 8 * (step.number % 32) as u8).collect();
                let future = end.polled_by(move |end, cx| {
                    poll_write(end, cx, &[IoSlice::new(&bytes)]).map(kind)
                });
                waits(format!("end {index}: write {count}"), future)
            }
            16 | 17 => {
                let bytes: Vec<u8> =
                    (0..count as u8).map(|at| at + 8 * (step.number % 32) as u8).collect();
                let middle = (step.amount / 7) % (count + 1);
                let future = end.polled_by(move |end, cx| {
                    let (one, two) = bytes.split_at(middle);
                    poll_write(end, cx, &[IoSlice::new(one), IoSlice::new(two)]).map(kind)
                });
                waits(format!("end {index}: write {middle} and {}", count - middle), future)
            }
            18 => {
                let future = end.polled_by(|end, cx| poll_flush(end, cx).map(kind));
                waits(format!("end {index}: flush"), future)
            }
            19 | 20 => {
                let future = end.polled_by(|end, cx| poll_shutdown(end, cx).map(kind));
                waits(format!("end {index}: shutdown"), future)
            }
            21 => {
                drop(end);
                // A future cannot use an end that is dropped.
                let end = &self.ends[index];
                let end = if end.is_shared() { None } else { end.take() };
                done(format!("end {index}: drop"), end.is_some())
            }
            _ => {
                let all_gone = self.ends.iter().all(|end| end.with(|_| ()).is_none());
                if all_gone {
                    *self = Self::new(&mut Random(step.amount as u64));
                }
                done("new ends, if both are dropped", all_gone)
            }
        }
    }
}
