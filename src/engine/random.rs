//! Cheap random numbers, which a seed determines.
//!
//! A runtime chooses at random the branch that `select!` polls first, and the worker that another worker steals from
//! first. Neither needs good randomness; both need it without a lock, so each thread has a generator of its own. A
//! runtime with a seed starts its generators from that seed, so a run can be repeated; a runtime with a paused clock
//! uses a constant seed.
//!
//! For tests there is [`Shuffle`], which makes a random order wherever none is promised.
//!
//! The generator is SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
//! 2014): a counter, and a function that mixes its bits.
//!
//! Next: `event.rs`, what happens in a runtime.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use super::prim::atomic::{AtomicU64, Ordering};

/// The counter's step: 2⁶⁴ divided by the golden ratio, made odd, so that the counter visits every number.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The seed of a runtime whose clock is paused. Any constant makes two runs alike.
const SEED_WHILE_PAUSED: u64 = 0;

/// Turns a counter into numbers without a visible pattern. The constants are the paper's.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// Determines the choices that a runtime makes at random: the first branch that
/// [`select!`](crate::select) polls, and the worker from which another worker steals tasks.
#[derive(Debug, Clone)]
pub struct RngSeed(u64);

impl RngSeed {
    /// The seed made from these bytes. The same bytes make the same seed.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let number = bytes.iter().fold(bytes.len() as u64, |number, byte| {
            mix(number.wrapping_add(STEP) ^ u64::from(*byte))
        });
        RngSeed(number)
    }

    pub(crate) fn from_number(number: u64) -> Self {
        Self::from_bytes(&number.to_le_bytes())
    }
}

/// A generator of random numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FastRand {
    counter: u64,
}

impl FastRand {
    /// A generator with a seed that cannot be predicted: std takes the keys of its hash maps from the system.
    pub(crate) fn from_entropy() -> Self {
        FastRand { counter: RandomState::new().build_hasher().finish() }
    }

    /// Puts the values into a random order (Fisher and Yates).
    pub(crate) fn shuffle<T>(&mut self, values: &mut [T]) {
        for last in (1..values.len()).rev() {
            values.swap(last, self.below(last as u32 + 1) as usize);
        }
    }

    /// A number below `limit`. It multiplies and takes the upper half, instead of dividing; the bias is one
    /// in four billion.
    pub(crate) fn below(&mut self, limit: u32) -> u32 {
        self.counter = self.counter.wrapping_add(STEP);
        (((mix(self.counter) >> 32) * u64::from(limit)) >> 32) as u32
    }
}

/// Makes a random order of the tasks of a current-thread runtime (`queue.rs`), of equal deadlines (`timer.rs`), and of
/// the sockets that one wait reports (`driver.rs`). `None`, as always but in tests: first in, first out.
pub(crate) type Shuffle = Option<FastRand>;

/// Seeds the generators of one runtime.
#[derive(Debug)]
pub(crate) struct RngSeedGenerator {
    counter: AtomicU64,
    /// The seed was given, or is the constant.
    is_fixed: bool,
    shuffles: bool,
}

impl RngSeedGenerator {
    pub(crate) fn new(given: Option<RngSeed>, is_paused: bool, shuffles: bool) -> Self {
        let constant = is_paused.then_some(SEED_WHILE_PAUSED);
        let fixed = given.map(|RngSeed(seed)| seed).or(constant);
        let seed = fixed.unwrap_or_else(|| FastRand::from_entropy().counter);
        RngSeedGenerator { counter: AtomicU64::new(seed), is_fixed: fixed.is_some(), shuffles }
    }

    /// A new generator for a thread.
    pub(crate) fn next_rng(&self) -> FastRand {
        // Relaxed: no other memory is read because of it.
        let counter = self.counter.fetch_add(STEP, Ordering::Relaxed);
        FastRand { counter: mix(counter.wrapping_add(STEP)) }
    }

    /// A new generator of orders; `None` unless this runtime shuffles.
    pub(crate) fn next_shuffle(&self) -> Shuffle {
        self.shuffles.then(|| self.next_rng())
    }

    /// The clock was paused after the start: from now on the seed is the constant, unless it was fixed. Returns
    /// the generator for this thread to go on with.
    pub(crate) fn pause(&self) -> Option<FastRand> {
        if self.is_fixed {
            return None;
        }
        self.counter.store(SEED_WHILE_PAUSED, Ordering::Relaxed);
        Some(self.next_rng())
    }
}
