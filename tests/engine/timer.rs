//! The timer heap against a sorted list: random timers are added, reset, cancelled and fired, in both.

use std::task::{Poll, Waker};

use crate::common::{Random, Wakes, for_seeds};
use real::timer::Timers;

/// The file of the engine, compiled a second time: it is not public.
#[path = "../../src/engine"]
#[allow(dead_code)]
mod real {
    pub mod timer;

    pub mod clock {
        pub type Nanos = u64;
    }

    pub mod random {
        use crate::common::Random;

        pub type Shuffle = Option<Chance>;

        pub struct Chance(pub Random);

        impl std::fmt::Debug for Chance {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("Chance")
            }
        }

        impl Chance {
            pub fn below(&mut self, limit: u32) -> u32 {
                self.0.below(limit as usize) as u32
            }
        }
    }
}

/// A timer of the list.
struct Listed {
    key: u32,
    deadline: u64,
    /// When it was added or reset: of equal deadlines the older fires first.
    age: usize,
    has_fired: bool,
    wakes: Wakes,
}

struct Both {
    timers: Timers,
    list: Vec<Listed>,
    ages: usize,
    now: u64,
    /// While a thread is parked: when its wait ends. `u64::MAX`: never.
    parked_until: Option<u64>,
    shuffles: bool,
}

impl Both {
    fn new(shuffle: Option<u64>) -> Both {
        let chance = shuffle.map(|seed| real::random::Chance(Random(seed)));
        Both {
            timers: Timers::new(chance),
            list: Vec::new(),
            ages: 0,
            now: 0,
            parked_until: None,
            shuffles: shuffle.is_some(),
        }
    }

    /// Near, so that many deadlines are equal; sometimes past.
    fn deadline(&self, random: &mut Random) -> u64 {
        (self.now + random.below(40) as u64).saturating_sub(3)
    }

    fn add(&mut self, deadline: u64) {
        let polled = self.timers.poll(deadline);
        assert_eq!(polled.is_ready(), deadline <= self.now, "{deadline} at {}", self.now);
        // The driver adds no timer that is due.
        if polled.is_pending() {
            let wakes = Wakes::new();
            let (key, must_unpark) = self.timers.insert(deadline);
            *self.timers.waker(key) = Some(wakes.waker());
            assert!(self.list.iter().all(|listed| listed.key != key), "key {key} is in use");
            self.list.push(Listed { key, deadline, age: self.ages, has_fired: false, wakes });
            self.set(deadline, must_unpark);
        }
    }

    fn reset(&mut self, index: usize, deadline: u64) {
        let listed = &mut self.list[index];
        if !listed.has_fired {
            (listed.deadline, listed.age) = (deadline, self.ages);
            let must_unpark = self.timers.reset(listed.key, deadline);
            self.set(deadline, must_unpark);
        }
    }

    /// A deadline was set. If the parked thread would wait beyond it, it must be unparked.
    fn set(&mut self, deadline: u64, must_unpark: bool) {
        self.ages += 1;
        if must_unpark {
            assert!(self.parked_until.is_some(), "no thread is parked");
            assert_eq!(self.earliest(), Some(deadline), "a later deadline ends no wait");
            self.unpark();
        }
        if let (Some(until), Some(earliest)) = (self.parked_until, self.earliest()) {
            assert!(until <= earliest, "a thread is parked until {until}, beyond {earliest}");
        }
    }

    fn cancel(&mut self, index: usize) {
        let listed = self.list.swap_remove(index);
        let waker: Option<Waker> = self.timers.cancel(listed.key);
        assert_eq!(waker.is_some(), !listed.has_fired);
    }

    fn park(&mut self) {
        let until = self.timers.prepare_park();
        assert_eq!(until, self.earliest());
        self.parked_until = Some(until.unwrap_or(u64::MAX));
    }

    fn unpark(&mut self) {
        self.timers.finish_park();
        self.parked_until = None;
    }

    fn earliest(&self) -> Option<u64> {
        self.list.iter().filter(|listed| !listed.has_fired).map(|listed| listed.deadline).min()
    }

    /// Time passes. Some of the timers that are due fire, the earliest first.
    fn expire(&mut self, now: u64, limit: usize) {
        self.unpark();
        let mut fired = Vec::new();
        let may_be_more = self.timers.expire(now, limit, &mut fired);
        self.now = self.now.max(now);
        let now = self.now;
        let mut due: Vec<_> =
            self.list.iter_mut().filter(|it| !it.has_fired && it.deadline <= now).collect();
        due.sort_by_key(|listed| (listed.deadline, listed.age));
        assert_eq!(fired.len(), due.len().min(limit));
        // There may be more only if the limit was reached.
        assert!(may_be_more || due.len() <= limit);
        assert!(!may_be_more || fired.len() == limit);
        for (nth, fired) in fired.into_iter().enumerate() {
            assert_eq!(fired.deadline, due[nth].deadline);
            let found = due.iter_mut().position(|listed| listed.key == fired.key).unwrap();
            assert!(self.shuffles || found == nth, "{} instead of {nth}", found);
            assert_eq!(due[found].deadline, fired.deadline);
            fired.waker.wake();
            due[found].has_fired = true;
        }
    }

    fn check(&mut self) {
        assert_eq!(self.timers.len(), self.list.len());
        assert_eq!(self.timers.next_deadline(), self.earliest());
        for listed in &self.list {
            assert_eq!(self.timers.has_fired(listed.key), listed.has_fired);
            assert_eq!(listed.wakes.count(), usize::from(listed.has_fired));
        }
    }
}

fn play(both: &mut Both, random: &mut Random) {
    // Many more are added than fired for a while, so that stale entries are purged too; then the other way round.
    for step in 0..600 {
        let grows = step / 150 % 2 == 0;
        match random.below(if grows { 12 } else { 24 }) {
            0..6 => both.add(both.deadline(random)),
            6..8 if !both.list.is_empty() => {
                let deadline = both.deadline(random);
                both.reset(random.below(both.list.len()), deadline);
            }
            8 => both.park(),
            9 | 12..14 => {
                let now = both.now + random.below(6) as u64;
                both.expire(now, 1 + random.below(20));
            }
            _ if !both.list.is_empty() => both.cancel(random.below(both.list.len())),
            _ => {}
        }
        if step % 7 == 0 {
            both.check();
        }
    }
    both.check();
}

#[test]
fn timers_fire_as_a_sorted_list_says() {
    for_seeds(60, |random| play(&mut Both::new(None), random));
}

#[test]
fn shuffled_timers_fire_in_the_order_of_their_deadlines_too() {
    for_seeds(60, |random| {
        let shuffle = 1 + random.below(1 << 30) as u64;
        play(&mut Both::new(Some(shuffle)), random);
    });
}

#[test]
fn a_closed_heap_hands_out_the_wakers_of_those_that_wait() {
    for_seeds(20, |random| {
        let mut both = Both::new(None);
        play(&mut both, random);
        let waits = both.list.iter().filter(|listed| !listed.has_fired).count();
        assert_eq!(both.timers.close().len(), waits);
        assert_eq!(both.timers.next_deadline(), None);
        assert!(matches!(both.timers.poll(0), Poll::Ready(Err(_))));
        // Each timer is removed by its owner.
        while let Some(listed) = both.list.pop() {
            assert!(both.timers.cancel(listed.key).is_none());
        }
        assert_eq!(both.timers.len(), 0);
    });
}
