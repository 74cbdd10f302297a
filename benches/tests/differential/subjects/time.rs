//! An interval, and a sleep that is reset, on the paused clock. A step moves the clock.

use super::peer::runtime::Runtime;
use super::peer::time::{
    self, Duration, Instant, Interval, MissedTickBehavior, Sleep, interval, interval_at,
};
use super::within::within;
use super::{peer, runtime};
use crate::side::{Handle, Operation, Subject, done, pause, waits};
use crate::steps::{Random, Step};
use std::pin::Pin;
use std::rc::Rc;

/// An interval and a sleep. All times are whole milliseconds: Tokio's timers know no others.
pub struct Time {
    interval: Handle<Interval>,
    sleep: Handle<Pin<Box<Sleep>>>,
    start: Instant,
    runtime: Rc<Runtime>,
}

fn ms(count: usize) -> Duration {
    Duration::from_millis(count as u64)
}

impl Subject for Time {
    fn new(random: &mut Random) -> Self {
        let runtime = Rc::new(runtime());
        let period = ms(1 + random.below(12));
        let (start, interval, sleep) = within(&runtime, || {
            (Instant::now(), interval(period), Box::pin(time::sleep(ms(random.below(12)))))
        });
        Time { interval: Handle::new(interval), sleep: Handle::new(sleep), start, runtime }
    }

    fn enter<R>(&mut self, function: impl FnOnce(&mut Self) -> R) -> R {
        let runtime = self.runtime.clone();
        within(&runtime, || function(self))
    }

    fn operate(&mut self, step: Step) -> Operation {
        match step.operation % 4 {
            0 => {
                let by = step.amount % 20;
                self.runtime.block_on(peer::time::advance(ms(by)));
                done(format!("advance {by}"), self.since_start(Instant::now()))
            }
            1 => self.operate_sleep(Step { operation: step.operation / 4, ..step }),
            _ => self.operate_interval(Step { operation: step.operation / 4, ..step }),
        }
    }
}

impl Time {
    fn since_start(&self, instant: Instant) -> u128 {
        instant.duration_since(self.start).as_millis()
    }

    /// A moment up to 8 ms ago, or up to 16 ms ahead, but not before the start.
    fn moment(&self, amount: usize) -> Instant {
        let moment = Instant::now() + ms(amount % 25);
        moment.checked_sub(ms(8)).map_or(self.start, |moment| moment.max(self.start))
    }

    fn operate_interval(&mut self, step: Step) -> Operation {
        let (interval, start) = (self.interval.clone(), self.start);
        let period = ms(1 + step.amount % 12);
        match step.operation % 16 {
            0..4 => {
                let future = interval.borrowed_by(async move |interval| {
                    interval.tick().await.duration_since(start).as_millis()
                });
                waits("tick", future)
            }
            4..6 => {
                let future = interval.polled_by(move |interval, cx| {
                    interval.poll_tick(cx).map(|tick| tick.duration_since(start).as_millis())
                });
                waits("poll_tick", future)
            }
            6 => done("reset", interval.with(|interval| interval.reset())),
            7 => {
                let reset = interval.with(|interval| interval.reset_immediately());
                done("reset_immediately", reset)
            }
            8 => {
                let reset = interval.with(|interval| interval.reset_after(period));
                done(format!("reset_after {period:?}"), reset)
            }
            9 => {
                let at = self.moment(step.amount);
                let reset = interval.with(|interval| interval.reset_at(at));
                done(format!("reset_at {}", self.since_start(at)), reset)
            }
            10..13 => {
                let behaviour = match step.amount % 3 {
                    0 => MissedTickBehavior::Burst,
                    1 => MissedTickBehavior::Delay,
                    _ => MissedTickBehavior::Skip,
                };
                let set = interval.with(|interval| {
                    let old = interval.missed_tick_behavior();
                    interval.set_missed_tick_behavior(behaviour);
                    old
                });
                done(format!("set_missed_tick_behavior {behaviour:?}"), set)
            }
            13 => done("period", interval.with(|interval| interval.period())),
            14 => {
                let at = self.moment(step.amount);
                let replaced = interval.replace(interval_at(at, period));
                done(format!("interval_at {}, {period:?}", self.since_start(at)), replaced)
            }
            _ => {
                let replaced = interval.replace(time::interval(period));
                done(format!("a new interval, {period:?}"), replaced)
            }
        }
    }

    fn operate_sleep(&mut self, step: Step) -> Operation {
        let sleep = self.sleep.clone();
        let long = ms(step.amount % 16);
        match step.operation % 12 {
            0..3 => waits("the sleep", sleep.borrowed_by(async |sleep| sleep.as_mut().await)),
            3 => {
                use std::future::Future;
                waits("poll the sleep", sleep.polled_by(|sleep, cx| sleep.as_mut().poll(cx)))
            }
            4 | 5 => {
                let at = self.moment(step.amount);
                let reset = sleep.with(|sleep| sleep.as_mut().reset(at));
                done(format!("reset the sleep to {}", self.since_start(at)), reset)
            }
            6 => {
                let state = sleep.with(|sleep| (sleep.is_elapsed(), sleep.deadline()));
                let state = state.map(|(elapsed, at)| (elapsed, self.since_start(at)));
                done("is_elapsed, deadline", state)
            }
            7 => done("a new sleep", sleep.replace(Box::pin(time::sleep(long)))),
            8 | 9 => waits(format!("sleep {long:?}"), time::sleep(long)),
            10 => {
                let at = self.moment(step.amount);
                let future = time::timeout_at(at, pause());
                let text = format!("timeout_at {} of a pause", self.since_start(at));
                waits(text, async { future.await.map_err(|error| error.to_string()) })
            }
            _ => {
                let future = time::timeout(long, pause());
                let text = format!("timeout {long:?} of a pause");
                waits(text, async { future.await.map_err(|error| error.to_string()) })
            }
        }
    }
}
