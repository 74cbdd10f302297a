//! Waits for ticks and for tasks that are dropped at any point lose none: see `common/dropped.rs`.

use std::cell::RefCell;
use std::rc::Rc;

use futures::channel::oneshot;
use openwork::task::{JoinSet, yield_now};
use openwork::time::{Duration, Instant, advance, interval};

use crate::common::dropped::{Resource, nothing_is_lost, wait};
use crate::common::paused;

const SECOND: Duration = Duration::from_secs(1);

#[test]
#[allow(clippy::await_holding_refcell_ref, reason = "no other wait borrows it")]
fn ticks_of_an_interval() {
    let runtime = paused();
    let _entered = runtime.enter();
    nothing_is_lost(200, || {
        let ticks = Rc::new(RefCell::new(interval(SECOND)));
        let expected = Rc::new(RefCell::new(Instant::now()));
        let start = move || {
            let (ticks, expected) = (ticks.clone(), expected.clone());
            wait(async move {
                let tick = ticks.borrow_mut().tick().await;
                assert_eq!(tick, expected.replace(tick + SECOND));
            })
        };
        let add = || {
            runtime.block_on(async { advance(SECOND).await });
            true
        };
        // The first tick is at once.
        Resource { units: 1, waits: 1, ..Resource::new(start, add) }
    });
    assert_eq!(runtime.metrics().num_timers(), 0);
}

#[test]
#[allow(clippy::await_holding_refcell_ref, reason = "no other wait borrows it")]
fn outputs_of_a_join_set() {
    let runtime = &paused();
    nothing_is_lost(200, || {
        let mut set = JoinSet::new();
        let mut senders = Vec::new();
        for _ in 0..64 {
            let (send, receive) = oneshot::channel();
            set.spawn_on(async { receive.await.unwrap() }, runtime.handle());
            senders.push(send);
        }
        let set = Rc::new(RefCell::new(set));
        let start = move || {
            let set = set.clone();
            wait(async move { set.borrow_mut().join_next().await.unwrap().unwrap() })
        };
        let add = move || {
            senders.pop().unwrap().send(()).unwrap();
            // The task ends.
            runtime.block_on(yield_now());
            true
        };
        Resource { waits: 1, ..Resource::new(start, add) }
    });
}
