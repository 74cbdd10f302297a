//! Random numbers that can be repeated.

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{SystemTime, UNIX_EPOCH};

/// Random numbers, the same ones in each run.
pub struct Random(pub u64);

impl Random {
    /// A number below `limit`. (The generator is Marsaglia's xorshift.)
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit
    }
}

/// Checks a property with `count` seeds: the first half is the same in each run, the other half is new. A failure
/// prints its seed, and `OPENWORK_PROPERTY_SEED` tries that one alone.
pub fn for_seeds(count: u64, property: impl Fn(&mut Random)) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let seeds: Vec<u64> = match env::var("OPENWORK_PROPERTY_SEED") {
        Ok(seed) => vec![seed.parse().expect("OPENWORK_PROPERTY_SEED is a number")],
        Err(_) => (1..=count / 2).chain((1..=count.div_ceil(2)).map(|n| now ^ n << 32)).collect(),
    };
    for seed in seeds {
        // The first numbers of xorshift are small if the seed is, and with 0 all are 0.
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let tried = catch_unwind(AssertUnwindSafe(|| property(&mut random)));
        if let Err(panic) = tried {
            eprintln!("repeat it with OPENWORK_PROPERTY_SEED={seed}");
            resume_unwind(panic);
        }
    }
}
