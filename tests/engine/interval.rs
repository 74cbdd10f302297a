//! The laws of intervals. Behaviour 18; all of it on the virtual clock, where a tick comes at its very
//! nanosecond or is late on purpose.

use std::task::Poll;

use crate::common::{Wakes, ends, on_every_flavour, panic_of, paused};
use openwork::runtime::Handle;
use openwork::time::{
    Duration, Instant, Interval, MissedTickBehavior, advance, interval, interval_at, sleep, timeout,
};
use openwork::trace::Event;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Runs a program with the clock paused.
fn in_paused_time(program: impl AsyncFnOnce() + Send + 'static) {
    ends(|| paused().block_on(program()));
}

/// An interval of 300 ms, and the ticks that are due at some moment.
struct Watched {
    start: Instant,
    interval: Interval,
    wakes: Wakes,
}

impl Watched {
    fn new(behavior: MissedTickBehavior) -> Self {
        let start = Instant::now();
        let mut interval = interval_at(start, ms(300));
        interval.set_missed_tick_behavior(behavior);
        Watched { start, interval, wakes: Wakes::new() }
    }

    /// The ticks, in milliseconds since the start, until it has to wait.
    fn ticks(&mut self) -> Vec<u128> {
        let mut ticks = Vec::new();
        while let Poll::Ready(tick) = self.wakes.poll_fn(|cx| self.interval.poll_tick(cx)) {
            ticks.push((tick - self.start).as_millis());
        }
        ticks
    }

    /// The ticks after `millis` more milliseconds.
    async fn after(&mut self, millis: u64) -> Vec<u128> {
        advance(ms(millis)).await;
        self.ticks()
    }
}

const NONE: [u128; 0] = [];

#[test]
fn the_first_tick_comes_at_once_and_the_others_by_the_period() {
    in_paused_time(async || {
        let start = Instant::now();
        let mut ticks = interval(ms(10));
        assert_eq!(ticks.period(), ms(10));
        assert_eq!(ticks.missed_tick_behavior(), MissedTickBehavior::Burst);
        for n in 0..5 {
            assert_eq!(ticks.tick().await, start + n * ms(10));
            assert_eq!(Instant::now(), start + n * ms(10));
            // Work that is shorter than the period shifts nothing.
            sleep(ms(7)).await;
        }
        let later = Instant::now() + ms(100);
        assert_eq!(interval_at(later, ms(1)).tick().await, later);
        assert_eq!(Instant::now(), later);
        // One whose start has passed is late from the beginning.
        assert_eq!(interval_at(start, ms(1)).tick().await, start);
    });
}

#[test]
fn burst_catches_up() {
    in_paused_time(async || {
        let mut watched = Watched::new(MissedTickBehavior::Burst);
        assert_eq!(watched.ticks(), [0]);
        assert_eq!(watched.after(100).await, NONE);
        assert_eq!(watched.after(200).await, [300]);
        assert_eq!(watched.after(650).await, [600, 900]);
        assert_eq!(watched.after(200).await, NONE);
        assert_eq!(watched.after(50).await, [1200]);
        assert_eq!(watched.after(1000).await, [1500, 1800, 2100]);
    });
}

#[test]
fn delay_goes_on_from_now() {
    in_paused_time(async || {
        let mut watched = Watched::new(MissedTickBehavior::Delay);
        assert_eq!(watched.ticks(), [0]);
        assert_eq!(watched.after(300).await, [300]);
        // At 950. The tick of 600 comes, and then a new grid begins.
        assert_eq!(watched.after(650).await, [600]);
        assert_eq!(watched.after(299).await, NONE);
        assert_eq!(watched.after(1).await, [1250]);
        assert_eq!(watched.after(300).await, [1550]);
        assert_eq!(watched.after(300).await, [1850]);
    });
}

#[test]
fn skip_stays_on_the_grid() {
    in_paused_time(async || {
        let mut watched = Watched::new(MissedTickBehavior::Skip);
        assert_eq!(watched.ticks(), [0]);
        assert_eq!(watched.after(300).await, [300]);
        // At 950. The tick of 900 is left out.
        assert_eq!(watched.after(650).await, [600]);
        assert_eq!(watched.after(249).await, NONE);
        assert_eq!(watched.after(1).await, [1200]);
        assert_eq!(watched.after(300).await, [1500]);
        // At 2400, late by whole periods: the tick of this very moment is left out too.
        assert_eq!(watched.after(900).await, [1800]);
        assert_eq!(watched.after(299).await, NONE);
        assert_eq!(watched.after(1).await, [2700]);
    });
}

/// On a real machine each tick is late by microseconds, and none of them was missed.
#[test]
fn a_tick_that_is_a_little_late_shifts_nothing() {
    in_paused_time(async || {
        use MissedTickBehavior::{Burst, Delay, Skip};
        for behavior in [Burst, Delay, Skip] {
            let mut watched = Watched::new(behavior);
            assert_eq!(watched.ticks(), [0]);
            assert_eq!(watched.after(305).await, [300]);
            assert_eq!(watched.after(295).await, [600]);
            assert_eq!(watched.after(299).await, NONE);
            assert_eq!(watched.after(1).await, [900]);
        }
        // More is a miss.
        let mut watched = Watched::new(Delay);
        assert_eq!((watched.ticks(), watched.after(306).await), (vec![0], vec![300]));
        assert_eq!(watched.after(299).await, NONE);
        assert_eq!(watched.after(1).await, [606]);
    });
}

#[test]
fn it_can_begin_anew() {
    in_paused_time(async || {
        // After 100 ms of the second period.
        let begun = async || {
            let mut watched = Watched::new(MissedTickBehavior::Burst);
            assert_eq!(watched.ticks(), [0]);
            assert_eq!(watched.after(300).await, [300]);
            assert_eq!(watched.after(100).await, NONE);
            watched
        };

        let mut watched = begun().await;
        watched.interval.reset();
        assert_eq!(watched.after(299).await, NONE);
        assert_eq!(watched.after(1).await, [700]);
        assert_eq!(watched.after(300).await, [1000]);

        let mut watched = begun().await;
        watched.interval.reset_immediately();
        assert_eq!(watched.ticks(), [400]);
        assert_eq!(watched.after(300).await, [700]);

        let mut watched = begun().await;
        watched.interval.reset_after(ms(20));
        assert_eq!(watched.after(20).await, [420]);
        assert_eq!(watched.after(299).await, NONE);
        assert_eq!(watched.after(1).await, [720]);

        let mut watched = begun().await;
        watched.interval.reset_at(Instant::now() + ms(40));
        assert_eq!(watched.after(40).await, [440]);
        assert_eq!(watched.after(300).await, [740]);

        let mut watched = begun().await;
        watched.interval.reset_at(Instant::now() + ms(1000));
        assert_eq!(watched.after(999).await, NONE, "also further than a period");
        assert_eq!(watched.after(1).await, [1400]);
        assert_eq!(watched.after(300).await, [1700]);
    });
}

#[test]
fn a_reset_to_an_earlier_tick_wakes_the_waiting_task() {
    in_paused_time(async || {
        let mut watched = Watched::new(MissedTickBehavior::Burst);
        assert_eq!(watched.ticks(), [0]);
        watched.interval.reset_after(ms(10));
        advance(ms(10)).await;
        assert_eq!(watched.wakes.take(), 1);
        assert_eq!(watched.ticks(), [10]);
        // And not at the old moment.
        advance(ms(290)).await;
        assert_eq!(watched.wakes.take(), 0);
    });
}

#[test]
fn a_tick_that_is_told_leaves_no_waker_and_no_timer() {
    in_paused_time(async || {
        let timers = || Handle::current().metrics().num_timers();
        let mut watched = Watched::new(MissedTickBehavior::Burst);
        assert!(watched.wakes.poll_fn(|cx| watched.interval.poll_tick(cx)).is_ready());
        assert_eq!((watched.wakes.kept(), timers()), (0, 0));
        advance(ms(300)).await;
        assert_eq!(watched.wakes.take(), 0, "the second tick was not polled for");
        assert_eq!(watched.ticks(), [300]);
        assert_eq!((watched.wakes.kept(), timers()), (1, 1));
        drop(watched.interval);
        assert_eq!((watched.wakes.kept(), timers()), (0, 0));
    });
}

#[test]
fn a_tick_that_is_dropped_is_not_lost() {
    in_paused_time(async || {
        let start = Instant::now();
        let mut ticks = interval(ms(100));
        ticks.tick().await;
        for _ in 0..9 {
            assert!(timeout(ms(10), ticks.tick()).await.is_err());
        }
        assert_eq!(ticks.tick().await, start + ms(100));
        assert_eq!(Instant::now(), start + ms(100));
    });
}

#[test]
fn a_period_of_zero_is_refused_at_the_callers_line() {
    in_paused_time(async || {
        let expect = |call: &str, line, panicked: Option<crate::common::Panicked>| {
            let panicked = panicked.expect("the period is zero");
            assert_eq!(panicked.message, format!("`{call}`: `period` must be non-zero"));
            assert_eq!((panicked.line, &*panicked.file), (line, file!()));
        };
        expect("time::interval", line!(), panic_of(|| interval(Duration::ZERO)));
        let now = Instant::now();
        expect("time::interval_at", line!(), panic_of(|| interval_at(now, Duration::ZERO)));
    });
    let panicked = panic_of(|| interval(ms(1))).expect("there is no runtime");
    assert!(panicked.message.contains("no runtime here: `time::interval`"), "{panicked:?}");
    assert_eq!(panicked.file, file!());
}

#[test]
fn a_period_without_end_ticks_once() {
    in_paused_time(async || {
        let start = Instant::now();
        let mut ticks = interval(Duration::MAX);
        assert_eq!(ticks.tick().await, start);
        assert_eq!(ticks.period(), Duration::MAX);
        assert!(timeout(Duration::from_secs(1_000_000), ticks.tick()).await.is_err());
        ticks.reset();
        ticks.reset_after(Duration::MAX);
        for behavior in [MissedTickBehavior::Delay, MissedTickBehavior::Skip] {
            let mut ticks = interval_at(start, Duration::MAX);
            ticks.set_missed_tick_behavior(behavior);
            assert_eq!(ticks.tick().await, start);
            assert!(timeout(ms(1), ticks.tick()).await.is_err());
        }
    });
}

/// Behaviour 12: an interval far behind is ready at each poll.
#[test]
fn an_interval_that_catches_up_yields() {
    in_paused_time(async || {
        let mut ticks = interval_at(Instant::now(), ms(1));
        let other = openwork::spawn(async {});
        advance(ms(10_000)).await;
        let other_2 = openwork::spawn(async {});
        assert!(other.is_finished() && !other_2.is_finished());
        for _ in 0..129 {
            ticks.tick().await;
        }
        assert!(other_2.is_finished());
    });
}

#[test]
fn it_says_what_it_waits_for() {
    ends(|| {
        let mut builder = openwork::runtime::Builder::new_current_thread();
        let tape = crate::common::Tape::listen(&mut builder);
        builder.start_paused(true).build().unwrap().block_on(async {
            let mut ticks = interval(ms(300));
            ticks.tick().await;
            ticks.tick().await;
        });
        let waits = tape.take().into_iter().filter_map(|record| match record.event {
            Event::Waits(reason) => Some(reason),
            _ => None,
        });
        let expected = openwork::trace::WaitReason::Sleep { deadline: ms(300) };
        assert_eq!(waits.collect::<Vec<_>>(), [expected]);
    });
}

/// By the real clock: never early, and never off the grid.
#[test]
fn real_ticks_are_told_by_the_grid() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let mut ticks = interval(ms(2));
            let start = ticks.tick().await;
            for n in 1..10 {
                assert_eq!(ticks.tick().await - start, n * ms(2));
                assert!(start.elapsed() >= n * ms(2));
            }
        });
    });
}

#[test]
fn it_may_move_to_another_task_between_two_ticks() {
    fn is_unpin_send_sync<T: Unpin + Send + Sync>() {}
    is_unpin_send_sync::<Interval>();
    fn is_a_future_of_that_kind(_: impl Future<Output = Instant> + Unpin + Send + Sync) {}
    in_paused_time(async || is_a_future_of_that_kind(interval(ms(10)).tick()));
    in_paused_time(async || {
        let start = Instant::now();
        let mut ticks = interval(ms(10));
        ticks.tick().await;
        assert!(timeout(ms(1), ticks.tick()).await.is_err());
        let moved = openwork::spawn(async move { ticks.tick().await });
        assert_eq!(moved.await.unwrap(), start + ms(10));
    });
}
