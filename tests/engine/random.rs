//! The generator of random numbers against the published numbers of SplitMix64.

use real::random::{RngSeed, RngSeedGenerator};

/// The file of the engine, compiled a second time: it is not public.
#[path = "../../src/engine"]
#[allow(dead_code)]
mod real {
    pub mod random;

    pub mod prim {
        pub use std::sync::atomic;
    }
}

/// SplitMix64, as its authors publish it, with the seed 0.
const NUMBERS: [u64; 3] = [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f];

#[test]
fn a_generator_gives_the_numbers_of_splitmix64() {
    // No bytes are the seed 0. The numbers are the seeds of the threads' generators.
    let seeds = RngSeedGenerator::new(Some(RngSeed::from_bytes(b"")), false, false);
    for number in NUMBERS {
        assert_eq!(format!("{:?}", seeds.next_rng()), format!("FastRand {{ counter: {number} }}"));
    }
    // The upper bits of the numbers of the first of those.
    let seeds = RngSeedGenerator::new(Some(RngSeed::from_bytes(b"")), false, false);
    let mut rng = seeds.next_rng();
    let bits = [(); 3].map(|()| rng.below(1 << 31));
    assert_eq!(bits, [1_401_122_455, 1_505_841_538, 831_342_762]);
}
