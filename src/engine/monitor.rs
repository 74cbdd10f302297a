//! A worker that a task blocks must not delay the timers and sockets of the others.
//!
//! The driver belongs to the worker that is parked in it. When that worker wakes up and runs a task that blocks, no
//! thread waits for timers and sockets, until another worker parks or polls the driver. In Tokio a sleep of 60 ms
//! took 521 ms beside a task that blocked for 500 ms. So each multi-thread runtime has a **monitor**, a thread in
//! the way of Go's `sysmon`. While the runtime is busy it looks every 10 ms:
//!
//! ```text
//!   the driver has ticked since the last look ─▶ nothing to do
//!   a worker is parked in the driver ──────────▶ nothing is running: the monitor parks until it is woken
//!   a worker is parked elsewhere ──────────────▶ notifies it: it finds nothing to run, and parks in the driver
//!   else ──────────────────────────────────────▶ polls the driver itself
//! ```
//!
//! An idle runtime has a worker in the driver, so its monitor is parked and uses no processor. A worker that has
//! announced that it parks in the driver, and runs again, wakes the monitor ([`Shared::wake_monitor`]); no other step
//! must, since only then can the driver be unattended.
//!
//! If a worker wants to park in the driver while the monitor polls it, that worker parks elsewhere, and the monitor's
//! next look notifies it.
//!
//! If the thread cannot be started, the runtime works without a monitor, as Tokio's does. The monitor runs no
//! hooks and is in no metrics. Next: `threads.rs`, the threads of a runtime.

use std::sync::Arc;
use std::time::Duration;

use super::driver::Ready;
use super::park::ParkedIn;
use super::prim::atomic::Ordering::{Relaxed, SeqCst};
use super::prim::atomic::fence;
use super::scheduler::Shared;

/// How often the monitor looks. It bounds how long a task that blocks its thread can hold up the timers and sockets
/// of the others: to two looks, 20 ms. That is a hundred looks a second, and only while the runtime is busy.
const LOOK_EVERY: Duration = Duration::from_millis(10);

impl Shared {
    /// A worker has left the driver: its park state says so. No waker was called yet.
    pub(crate) fn wake_monitor(&self) {
        // The race. Monitor: "a worker is in the driver" … Worker: leaves the driver, "the monitor is not parked",
        // runs a task that blocks … Monitor: parks, and no thread attends to the driver. Therefore a store, a fence
        // and a load on both sides: here the worker's park state, the fence, the monitor's state; there the
        // monitor's state, the fence, the worker's park state.
        fence(SeqCst);
        if self.is_monitor_parked.load(Relaxed) {
            self.monitor.unpark();
        }
    }

    fn is_driver_attended(&self) -> bool {
        let mut parkers = self.remotes.iter().map(|remote| &remote.parker);
        parkers.any(|parker| parker.parked_in() == Some(ParkedIn::Driver))
    }
}

/// What the monitor's thread does. It has entered the runtime, as wakers may be called here.
pub(crate) fn run(shared: &Arc<Shared>) {
    let driver = &shared.driver;
    let mut ready = Ready::default();
    let mut ticks = driver.ticks();
    while !shared.is_stopped() {
        if !shared.monitor.park_timeout(LOOK_EVERY) {
            look(shared, &mut ticks, &mut ready);
        }
    }
}

fn look(shared: &Arc<Shared>, ticks: &mut usize, ready: &mut Ready) {
    let driver = &shared.driver;
    let before = std::mem::replace(ticks, driver.ticks());
    if *ticks != before {
        return;
    }
    if shared.is_driver_attended() {
        shared.is_monitor_parked.store(true, Relaxed);
        // See `Shared::wake_monitor`.
        fence(SeqCst);
        if shared.is_driver_attended() {
            shared.monitor.park();
        }
        shared.is_monitor_parked.store(false, Relaxed);
    } else if !shared.notify_any()
        && let Some(inner) = driver.try_lock()
    {
        driver.tick(inner, None, ready, || {});
        *ticks = driver.ticks();
    }
}
