//! How can a program that chooses at random be run again, and do the same?
//!
//! A few places toss a coin for fairness: which of several futures is looked at first, from whom work is
//! taken. Coins that cannot be tossed again make a failed test a rumour. So every choice of a runtime
//! comes from numbers that its **seed** determines: same seed, same choices. With a paused clock the seed
//! is a constant; otherwise it is new each time, unless the owner gives one.
//!
//! ```text
//!   seed ──▶ Seeds ──┬─▶ Random of worker 0      by its number, whichever thread starts first
//!                    ├─▶ Random of worker 1
//!                    └─▶ Random of each `block_on`, in the order of the calls
//! ```
//!
//! The generator is SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators",
//! 2014): a counter, and a function that mixes its bits. Any start is a good one, also 0; one atomic
//! addition serves many threads; and streams begin at places drawn from another stream. It is fast and
//! fair, and hides nothing from an attacker.
//!
//! Next: `context.rs`, where each thread keeps its stream.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use super::prim::atomic::{AtomicU64, Ordering};

/// What the counter grows by: 2⁶⁴ divided by the golden ratio, made odd, so that it visits every number.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The seed of a runtime whose clock is paused. Arbitrary; its effect is that two runs are alike.
const WHILE_PAUSED: RngSeed = RngSeed(0);

/// Turns a counter into numbers that show no pattern. The constants are the paper's.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// Determines the choices that a runtime makes at random: the first branch that
/// [`select!`](crate::select) looks at, and the worker from whom another takes tasks.
#[derive(Debug, Clone)]
pub struct RngSeed(u64);

impl RngSeed {
    /// The seed that these bytes make. The same bytes make the same seed.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let number = bytes.iter().fold(bytes.len() as u64, |number, byte| {
            mix(number.wrapping_add(STEP) ^ u64::from(*byte))
        });
        RngSeed(number)
    }

    /// One that nobody can foresee. Std draws the keys of its hash maps from the system.
    fn of_the_system() -> Self {
        RngSeed(RandomState::new().build_hasher().finish())
    }
}

/// A stream of random numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Random {
    counter: u64,
}

impl Random {
    /// The stream of a thread that no runtime has given one.
    pub(crate) fn of_the_system() -> Self {
        Random { counter: RngSeed::of_the_system().0 }
    }

    fn next(&mut self) -> u64 {
        self.counter = self.counter.wrapping_add(STEP);
        mix(self.counter)
    }

    /// A number below `limit`. The upper half of the product instead of a remainder: no division, and the
    /// bias is one in four billion.
    pub(crate) fn below(&mut self, limit: u32) -> u32 {
        (((self.next() >> 32) * u64::from(limit)) >> 32) as u32
    }
}

/// Where the streams of a runtime begin.
#[derive(Debug)]
pub(crate) struct Seeds {
    counter: AtomicU64,
    /// The seed was given, or is a constant.
    fixed: bool,
}

impl Seeds {
    pub(crate) fn new(given: Option<RngSeed>, is_paused: bool) -> Self {
        let fixed = given.is_some() || is_paused;
        let RngSeed(seed) = match given {
            Some(seed) => seed,
            None if is_paused => WHILE_PAUSED,
            None => RngSeed::of_the_system(),
        };
        Seeds { counter: AtomicU64::new(seed), fixed }
    }

    /// A new stream.
    pub(crate) fn stream(&self) -> Random {
        // Relaxed: nothing else is read because of it.
        let counter = self.counter.fetch_add(STEP, Ordering::Relaxed);
        Random { counter: mix(counter.wrapping_add(STEP)) }
    }

    /// The clock was paused after the start: unless the seed is fixed, streams are those of a paused runtime
    /// from now on. Returns the one to go on with.
    pub(crate) fn pause(&self) -> Option<Random> {
        if self.fixed {
            return None;
        }
        self.counter.store(WHILE_PAUSED.0, Ordering::Relaxed);
        Some(self.stream())
    }
}
