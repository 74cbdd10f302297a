//! Pauses, resumes and moves the clock of a runtime, for tests.
//!
//! This is the last file of `time`. Next: `sync`.

use std::future::{Future, poll_fn};
use std::task::Poll;
use std::time::Duration;

use crate::engine::context;
use crate::engine::prim::wake_self;
use crate::engine::trace::{Event, emit};
use crate::runtime::{Handle, RuntimeFlavor};

/// Pauses the clock of this runtime. From now on [`advance`] moves it; and whenever no task can run and no
/// blocking closure is running, the clock jumps to the next deadline.
///
/// ```
/// use openwork::time::{self, Duration, Instant};
///
/// # openwork::block_on(async {
/// time::pause();
/// let start = Instant::now();
/// time::sleep(Duration::from_secs(3600)).await;
/// assert_eq!(start.elapsed(), Duration::from_secs(3600));
/// # });
/// ```
///
/// # Panics
///
/// Outside of a runtime, in a multi-thread one, and if the clock is paused already.
#[track_caller]
pub fn pause() {
    let handle = Handle::current_for("time::pause");
    assert!(
        handle.runtime_flavor() == RuntimeFlavor::CurrentThread,
        "`time::pause` needs a current-thread runtime: with several threads it is not known when no \
         task can run"
    );
    let shared = &handle.inner.shared;
    assert!(shared.driver.clock.pause(), "`time::pause`: time is already paused");
    // From now on each run makes the same random choices. A thread that has only entered the runtime keeps the
    // random numbers of the runtime that it works for.
    if let Some(rng) = shared.rng_seeds.pause()
        && shared.is_current_worker()
    {
        context::replace_rng(Some(rng));
    }
}

/// Resumes the paused clock, from the time that it shows.
///
/// # Panics
///
/// Outside of a runtime, and if the clock is not paused.
#[track_caller]
pub fn resume() {
    let handle = Handle::current_for("time::resume");
    assert!(handle.inner.shared.driver.resume_clock(), "`time::resume`: time is not paused");
}

/// Moves the paused clock by exactly `duration`, at the first poll. The timers that are due then fire, and their
/// tasks run before the returned future is ready.
///
/// # Panics
///
/// Outside of a runtime, and if the clock is not paused.
#[track_caller]
pub fn advance(duration: Duration) -> impl Future<Output = ()> + Unpin {
    let handle = Handle::current_for("time::advance");
    let paused = handle.inner.shared.driver.clock.is_paused();
    assert!(paused, "`time::advance`: time is not paused; call `time::pause()` first");
    let mut duration = Some(duration);
    poll_fn(move |cx| {
        let Some(duration) = duration.take() else { return Poll::Ready(()) };
        let driver = &handle.inner.shared.driver;
        assert!(driver.clock.advance(duration), "`time::advance`: time was resumed meanwhile");
        emit!(driver.tracer, Event::ClockJumped { by: duration });
        driver.fire_timers(&mut Vec::new());
        // The tasks that were woken run first: this one goes to the back of the queue.
        wake_self(cx);
        Poll::Pending
    })
}
