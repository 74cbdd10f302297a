//! Thousands of connections that come, go, stall and reset at random, for any length of time. Every byte is checked, and
//! at the end both processes use what they used at the beginning.
//!
//! The two ends are in two processes, because a process may have twenty thousand descriptors on many machines. The
//! server is this test, in a process of its own; it starts itself once more as the clients. A seed and the number of a
//! connection determine its course ([`Course`]), so that each end knows what the other one does, and checks it:
//!
//! ```text
//!   client n                                   server
//!   its number ──────────────────────────▶
//!   bytes of exchange 0 ─────────────────▶     are they those that n sends here?
//!         are they right?  ◀──────────────     the same bytes, inverted
//!   … stalls, and more exchanges …             … stalls …
//!   the last exchange: closed in order; or closed or reset in the middle, by either end
//! ```
//!
//! ```text
//! OPENWORK_SOAK_SECONDS=600 cargo test --release --test process soak -- --nocapture
//! ```
//!
//! runs each flavour for ten minutes, with 10,000 connections, prints a seed and draws `target/soak_0.svg` (the
//! current-thread runtime) and `target/soak_2.svg` (two workers). `OPENWORK_SOAK_SEED` repeats the random numbers, and
//! `OPENWORK_SOAK_CONNECTIONS` sets the number. Without these it is a test of a few seconds.

mod clients;
mod course;
mod report;
mod server;

use std::env;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::allocator::allocated;
use crate::common::{again, ends_within};
use crate::counts::{most_descriptors, open_descriptors};
use crate::{alone_under, flavour_of, setting};

/// Descriptors that a process has open anyway.
const SPARE: usize = 50;

/// The bytes by which a process may grow: the allocator does not return every page.
const GROWTH: usize = 8 << 20;

/// No exchange takes longer, unless a wake-up was lost.
const PATIENCE: Duration = Duration::from_secs(60);

/// The variable that makes the second process the clients.
const CLIENTS: &str = "OPENWORK_TEST_SOAK_CLIENTS";

/// What both processes know.
#[derive(Debug, Clone, Copy)]
struct Settings {
    seed: u64,
    connections: usize,
    time: Duration,
    workers: usize,
}

impl Settings {
    fn new(workers: usize) -> Settings {
        let seconds = setting("OPENWORK_SOAK_SECONDS");
        let seed = setting("OPENWORK_SOAK_SEED");
        let connections = if seconds.is_some() { 10_000 } else { 200 };
        let most = most_descriptors().map_or(connections, |most| most.saturating_sub(SPARE));
        let chosen = setting("OPENWORK_SOAK_CONNECTIONS").map(|number| number as usize);
        Settings {
            seed: seed.unwrap_or_else(|| RandomState::new().hash_one(0) % 1_000_000),
            connections: chosen.unwrap_or(connections).min(most),
            time: Duration::from_secs(seconds.unwrap_or(2)),
            workers,
        }
    }

    fn to_words(self) -> String {
        let Settings { seed, connections, time, workers } = self;
        format!("{seed} {connections} {} {workers}", time.as_secs())
    }

    /// The settings, and the addresses of the server behind them.
    fn from_words(words: &str) -> (Settings, Vec<SocketAddr>) {
        let mut words = words.split(' ');
        let mut number = || words.next().unwrap().parse::<u64>().unwrap();
        let (seed, connections, seconds) = (number(), number() as usize, number());
        let (time, workers) = (Duration::from_secs(seconds), number() as usize);
        let settings = Settings { seed, connections, time, workers };
        (settings, words.map(|word| word.parse().unwrap()).collect())
    }

    /// Far more than the test takes on the slowest machine.
    fn limit(self) -> Duration {
        2 * self.time + 3 * PATIENCE
    }
}

fn soak(name: &'static str, workers: usize) {
    if let Ok(words) = env::var(CLIENTS) {
        let (settings, addresses) = Settings::from_words(&words);
        return ends_within(settings.limit(), move || {
            flavour_of(workers).block_on(clients::run(settings, addresses));
        });
    }
    alone_under(name, "ulimit -n \"$(ulimit -Hn)\"", || {
        let settings = Settings::new(workers);
        ends_within(settings.limit(), move || serve(name, settings));
    });
}

fn serve(name: &str, settings: Settings) {
    println!("{settings:?}, OPENWORK_SOAK_SEED={}", settings.seed);
    let (descriptors, bytes, start) = (open_descriptors(), allocated(), Instant::now());
    let mut clients = None;
    flavour_of(settings.workers).block_on(server::run(settings, |addresses| {
        let addresses = addresses.iter().map(|address| format!(" {address}"));
        let words = settings.to_words() + &addresses.collect::<String>();
        clients = Some(again(name).env(CLIENTS, words).spawn().unwrap());
    }));
    assert!(clients.unwrap().wait().unwrap().success(), "the clients have failed");
    println!("{:?} in {:?}", flavour_of(settings.workers), start.elapsed());
    assert_eq!(open_descriptors(), descriptors);
    let left = allocated().saturating_sub(bytes);
    assert!(left < 64 << 10, "{left} bytes are left after the runtime was dropped");
}

#[test]
fn connections_at_random_leave_nothing_on_one_thread() {
    soak("connections_at_random_leave_nothing_on_one_thread", 0);
}

#[test]
fn connections_at_random_leave_nothing_on_two_workers() {
    soak("connections_at_random_leave_nothing_on_two_workers", 2);
}
