//! The course of a connection, by the seed and its number.

use std::time::Duration;

use super::Settings;
use crate::common::Random;

/// How a connection ends, during its last exchange or after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// After the last exchange the client shuts its side down, and reads to the end.
    InOrder,
    /// The client closes while it sends or receives.
    ClientCloses,
    /// The same with a reset.
    ClientResets,
    /// The server closes when it has the first bytes of the last exchange, and answers none of them.
    ServerCloses,
    /// The same with a reset.
    ServerResets,
}

impl End {
    pub const ALL: [End; 5] =
        [End::InOrder, End::ClientCloses, End::ClientResets, End::ServerCloses, End::ServerResets];
}

#[derive(Debug, Clone, Copy)]
pub struct Exchange {
    /// The bytes before it.
    pub offset: u64,
    pub length: usize,
    /// Before the client sends.
    pub think: Duration,
    /// Before the client reads the answer. With a long exchange the server cannot write meanwhile, then does not read,
    /// and the client cannot write.
    pub stall: Duration,
    pub is_last: bool,
}

impl Exchange {
    /// The latency of a long exchange, or one that stalls, says little about the runtime.
    pub fn is_timed(&self) -> bool {
        self.length <= SHORT && self.stall.is_zero() && !self.is_last
    }
}

/// Most exchanges have at most this number of bytes.
const SHORT: usize = 256;
const LONG: usize = 8 << 10;
const VERY_LONG: usize = 512 << 10;

pub struct Course {
    pub id: u64,
    pub end: End,
    pub exchanges: Vec<Exchange>,
}

impl Course {
    pub fn new(settings: Settings, id: u64) -> Course {
        let mut random = Random(mix(settings.seed ^ mix(id)) | 1);
        // With all connections together about ten exchanges in a millisecond.
        let think = settings.connections * 200;
        let micros = |number: usize| Duration::from_micros(number as u64);
        let end = End::ALL[random.below(End::ALL.len())];
        let (count, mut offset) = (2 + random.below(20), 0);
        let mut exchanges = Vec::with_capacity(count);
        for number in 1..=count {
            let length = 1 + match random.below(200) {
                0 => random.below(VERY_LONG),
                1..40 => random.below(LONG),
                _ => random.below(SHORT),
            };
            let stalls = random.below(20) == 0 || length > LONG;
            exchanges.push(Exchange {
                offset,
                length,
                think: micros(random.below(think)),
                stall: if stalls { micros(random.below(think)) } else { Duration::ZERO },
                is_last: number == count,
            });
            offset += length as u64;
        }
        Course { id, end, exchanges }
    }

    /// The bytes of all exchanges.
    pub fn length(&self) -> u64 {
        self.last().offset + self.last().length as u64
    }

    pub fn last(&self) -> &Exchange {
        self.exchanges.last().expect("there are two at least")
    }
}

/// The finaliser of SplitMix64.
fn mix(mut number: u64) -> u64 {
    number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

/// The bytes that connection `id` sends, from `offset` on.
pub fn bytes(id: u64, offset: u64) -> impl Iterator<Item = u8> {
    let word = move |index: u64| mix((id << 32 | index) + 1).to_le_bytes();
    let words = (offset / 8..).flat_map(word);
    words.skip((offset % 8) as usize)
}
