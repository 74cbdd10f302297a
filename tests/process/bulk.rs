//! Many bytes go through a stream, and few are kept.
//!
//! 1 GiB in an optimised build, or when `OPENWORK_TEST_GIB` is set; else 128 MiB, which takes about as long without
//! optimisation. The test has a process of its own, since it measures the memory of the process.

use std::time::Instant;

use openwork::io::{AsyncReadExt, AsyncWriteExt};
use openwork::net::{TcpListener, TcpStream};
use openwork::task::yield_now;

use crate::alone;
use crate::common::{Flavour, ends};
use crate::counts::resident;

const PIECE: usize = 64 << 10;
/// The number of bytes by which the process may grow.
const GROWTH: usize = 4 << 20;

fn total() -> u64 {
    let all = cfg!(not(debug_assertions)) || std::env::var_os("OPENWORK_TEST_GIB").is_some();
    if all { 1 << 30 } else { 128 << 20 }
}

/// Bytes that depend on their place, eight at a time, and a sum in which that place counts.
struct Stream {
    state: u64,
    sum: u64,
    left: u64,
}

impl Stream {
    fn new() -> Stream {
        Stream { state: 0x9E37_79B9_7F4A_7C15, sum: 0, left: total() }
    }

    fn fill(&mut self, piece: &mut [u8]) {
        for word in piece.chunks_exact_mut(8) {
            // Marsaglia's xorshift.
            self.state ^= self.state << 13;
            self.state ^= self.state >> 7;
            self.state ^= self.state << 17;
            word.copy_from_slice(&self.state.to_le_bytes());
        }
    }

    fn count(&mut self, piece: &[u8]) {
        for word in piece.chunks_exact(8) {
            let word = u64::from_le_bytes(word.try_into().unwrap());
            self.sum = self.sum.rotate_left(5).wrapping_add(word);
        }
        self.left -= piece.len() as u64;
    }
}

async fn write(mut stream: TcpStream) -> u64 {
    let (mut sent, mut piece) = (Stream::new(), vec![0; PIECE]);
    while sent.left > 0 {
        sent.fill(&mut piece);
        sent.count(&piece);
        stream.write_all(&piece).await.unwrap();
    }
    stream.shutdown().await.unwrap();
    sent.sum
}

/// Reads, and stalls from time to time until the writer is stuck, while other tasks run many times.
async fn read(mut stream: TcpStream) -> (u64, usize) {
    let (mut got, mut piece) = (Stream::new(), vec![0; PIECE]);
    let (start, mut most) = (got.left, 0);
    let mut pieces = 0_u64;
    while got.left > 0 {
        if pieces.is_multiple_of(start / PIECE as u64 / 8) {
            for _ in 0..10_000 {
                yield_now().await;
            }
            most = most.max(resident());
        }
        pieces += 1;
        stream.read_exact(&mut piece).await.unwrap();
        got.count(&piece);
    }
    assert_eq!(stream.read(&mut piece).await.unwrap(), 0);
    (got.sum, most)
}

fn transfer(flavour: Flavour) {
    let started = Instant::now();
    flavour.block_on(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let far = listener.accept().await.unwrap().0;
        let before = resident();
        let (writes, reads) = (openwork::spawn(write(near)), openwork::spawn(read(far)));
        let (sent, (got, most)) = (writes.await.unwrap(), reads.await.unwrap());
        assert_eq!(got, sent);
        let grown = most.saturating_sub(before);
        assert!(grown < GROWTH, "{flavour:?} grew by {grown} bytes");
    });
    println!("{flavour:?}: {} MiB in {:?}", total() >> 20, started.elapsed());
}

#[test]
fn a_gibibyte_goes_through_a_reader_that_stalls_and_memory_stays_flat() {
    alone("a_gibibyte_goes_through_a_reader_that_stalls_and_memory_stays_flat", || {
        ends(|| [Flavour::CurrentThread, Flavour::Workers(2)].map(transfer));
    });
}
