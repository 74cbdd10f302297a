//! Random numbers from a seed. The seed determines what each thread does, and the system when.

use std::env;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Marsaglia's xorshift.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        // A few steps, as the first numbers of similar seeds are similar; and not from 0, which would remain 0.
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        for _ in 0..8 {
            random.next();
        }
        random
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 11) as usize % limit
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub fn micros(&mut self, limit: usize) -> Duration {
        Duration::from_micros(self.below(limit) as u64)
    }

    /// A generator for another thread or task.
    pub fn fork(&mut self) -> Random {
        Random::new(self.next())
    }
}

/// The seed of this run: given, or a new one each time.
pub fn seed() -> u64 {
    number("OPENWORK_STRESS_SEED").unwrap_or_else(|| RandomState::new().hash_one(0) % 1_000_000)
}

/// How long all tests together take. The default is for every day; a release deserves minutes.
pub fn duration() -> Duration {
    Duration::from_secs(number("OPENWORK_STRESS_SECONDS").unwrap_or(5))
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} must be a number, and is {text:?}")))
}
