//! Checks that nothing is lost when futures are dropped: before their first poll, while they wait, after they were woken,
//! or when they are ready. What a dropped future waited for goes to the next waiter.
//!
//! What waiters wait for is counted in **units**: permits, messages, bytes. A random script starts waits, polls and drops
//! them, and adds units. In the end each unit that was added was taken, or a new waiter finds it; and no waiter waits while
//! there is a unit for it.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::task::Poll;

use super::{Random, Wakes, for_seeds};

/// A wait, and what it returns: kept until the script drops it.
pub type Wait = Pin<Box<dyn Future<Output = Box<dyn Any>>>>;

/// Makes a [`Wait`] of a future.
pub fn wait<T: 'static>(future: impl Future<Output = T> + 'static) -> Wait {
    Box::pin(async { Box::new(future.await) as Box<dyn Any> })
}

/// What becomes of the units that a wait has taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// They are gone, as a message is.
    Gone,
    /// They come back when the output of the wait is dropped, as a permit does.
    Lent,
    /// They are still there, as the end of a channel is.
    There,
}

/// What is waited for.
pub struct Resource<'a> {
    /// Starts another wait.
    pub start: Box<dyn FnMut() -> Wait + 'a>,
    /// Adds a unit, or returns false if there cannot be more.
    pub add: Box<dyn FnMut() -> bool + 'a>,
    /// The units at the beginning.
    pub units: usize,
    /// How many units a wait takes.
    pub size: usize,
    pub taken: Taken,
    /// The most waits at a time.
    pub waits: usize,
    /// There is at most one unit that no waiter has been woken for, as in `Notify`.
    pub coalesces: bool,
}

impl<'a> Resource<'a> {
    pub fn new(start: impl FnMut() -> Wait + 'a, add: impl FnMut() -> bool + 'a) -> Resource<'a> {
        Resource {
            start: Box::new(start),
            add: Box::new(add),
            units: 0,
            size: 1,
            taken: Taken::Gone,
            waits: 4,
            coalesces: false,
        }
    }
}

struct Waiter {
    wait: Wait,
    wakes: Wakes,
    was_polled: bool,
}

impl Waiter {
    /// Returns what it waited for, if it is ready.
    fn poll(&mut self) -> Option<Box<dyn Any>> {
        self.wakes.take();
        self.was_polled = true;
        match self.wakes.poll(self.wait.as_mut()) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }
}

struct World<'a> {
    resource: Resource<'a>,
    waiters: Vec<Waiter>,
    outputs: Vec<Box<dyn Any>>,
}

impl World<'_> {
    fn start(&mut self) {
        if self.waiters.len() < self.resource.waits {
            let wait = (self.resource.start)();
            self.waiters.push(Waiter { wait, wakes: Wakes::new(), was_polled: false });
        }
    }

    /// Polls a waiter. Returns whether it was ready, and is gone.
    fn poll(&mut self, index: usize) -> bool {
        let Some(output) = self.waiters[index].poll() else { return false };
        self.waiters.remove(index);
        if self.resource.taken != Taken::There {
            let left = self.resource.units.checked_sub(self.resource.size);
            self.resource.units = left.expect("a wait is ready only if there are units for it");
        }
        self.outputs.push(output);
        true
    }

    /// Drops a waiter, whatever it has come to.
    fn cancel(&mut self, index: usize) {
        drop(self.waiters.remove(index));
        if self.resource.coalesces {
            self.resource.units = self.resource.units.min(self.waiting() + 1);
        }
    }

    fn add(&mut self) {
        let is_kept = !self.resource.coalesces
            || self.resource.units == 0
            || self.waiting() > self.resource.units;
        if is_kept && (self.resource.add)() {
            self.resource.units += 1;
        }
    }

    fn drop_output(&mut self, index: usize) {
        drop(self.outputs.swap_remove(index));
        if self.resource.taken == Taken::Lent {
            self.resource.units += self.resource.size;
        }
    }

    fn waiting(&self) -> usize {
        self.waiters.iter().filter(|waiter| waiter.was_polled).count()
    }

    fn is_there_a_unit(&self) -> bool {
        self.resource.units >= self.resource.size
    }

    fn play(&mut self, random: &mut Random) {
        for _ in 0..60 {
            match random.below(10) {
                0..3 => self.start(),
                3..6 if !self.waiters.is_empty() => {
                    _ = self.poll(random.below(self.waiters.len()));
                }
                6 if !self.waiters.is_empty() => self.cancel(random.below(self.waiters.len())),
                7..9 => self.add(),
                9 if !self.outputs.is_empty() => {
                    self.drop_output(random.below(self.outputs.len()));
                }
                _ => {}
            }
        }
        // A task is polled when it is spawned, and when it was woken.
        let must_be_polled = |waiter: &Waiter| !waiter.was_polled || waiter.wakes.count() > 0;
        while let Some(index) = self.waiters.iter().position(must_be_polled) {
            self.poll(index);
        }
        assert!(
            self.waiters.is_empty() || !self.is_there_a_unit(),
            "{} wait, and there are {} units",
            self.waiters.len(),
            self.resource.units
        );
        while !self.waiters.is_empty() {
            self.cancel(self.waiters.len() - 1);
        }
        // All that was not taken is found by new waiters, and no more.
        for _ in 0..200 {
            self.start();
            let expected = self.is_there_a_unit();
            assert_eq!(self.poll(0), expected, "there are {} units", self.resource.units);
            if !expected {
                break;
            }
        }
    }
}

/// Plays random scripts, each with a resource of its own.
pub fn nothing_is_lost<'a>(count: u64, resource: impl Fn() -> Resource<'a>) {
    for_seeds(count, |random| {
        let (waiters, outputs) = (Vec::new(), Vec::new());
        World { resource: resource(), waiters, outputs }.play(random);
    });
}
