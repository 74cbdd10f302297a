//! Random steps, from a seed.
//!
//! A step is a few numbers. Their meaning depends on the state of the subject: "drop handle 7, modulo their number".
//! So each part of a sequence is a valid sequence, and a failing one can be shortened by leaving steps out.

/// SplitMix64: neighbouring seeds give unrelated numbers.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// Its place in the sequence, which it keeps when others are left out. It numbers the values that are sent.
    pub number: u32,
    pub action: Action,
    /// Chooses the operation of the subject.
    pub operation: usize,
    /// Chooses among the handles or futures there are.
    pub which: usize,
    /// A small argument.
    pub amount: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// An operation of the subject. If it is a future, it is polled at once.
    Operate,
    /// The same, without the poll.
    Start,
    Poll,
    /// A poll with another waker than at first.
    PollElsewhere,
    Drop,
}

/// The steps of a sequence, and a number from which the subject takes its parameters.
#[derive(Clone)]
pub struct Sequence {
    pub seed: u64,
    pub parameters: u64,
    pub steps: Vec<Step>,
}

/// Longer sequences find more faults, and are harder to read when they fail.
const MOST_STEPS: usize = 80;

impl Sequence {
    pub fn new(seed: u64) -> Sequence {
        let mut random = Random(seed);
        let parameters = random.next();
        let length = 1 + random.below(MOST_STEPS);
        let steps = (0..length as u32).map(|number| Step {
            number,
            action: match random.below(16) {
                0..7 => Action::Operate,
                7 => Action::Start,
                8..13 => Action::Poll,
                13 => Action::PollElsewhere,
                _ => Action::Drop,
            },
            operation: random.below(1 << 16),
            which: random.below(1 << 16),
            amount: random.below(1 << 16),
        });
        Sequence { seed, parameters, steps: steps.collect() }
    }
}
