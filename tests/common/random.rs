//! Chance that can be repeated.

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
