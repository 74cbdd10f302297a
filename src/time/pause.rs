//! The clock in the hands of a test.
//!
//! This is the last file of `time`. Next: `sync`.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::engine::context;
use crate::engine::prim::wake_self;
use crate::runtime::{Handle, RuntimeFlavor};

/// Stops the clock of this runtime. From now on it moves only by [`advance`], and by itself to the next
/// deadline whenever the runtime has nothing else to do and no blocking closure is at work.
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
        "`time::pause` needs a current-thread runtime: with several threads nobody can say when \
         nothing else is left to do"
    );
    let shared = &handle.inner.shared;
    assert!(shared.driver.clock.pause(), "`time::pause`: time is already paused");
    // From now on each run makes the same random choices. On a thread that only entered the runtime the
    // stream is that of the runtime which it works for.
    if let Some(rng) = shared.rng_seeds.pause()
        && shared.is_current_worker()
    {
        context::replace_rng(Some(rng));
    }
}

/// Lets the clock go on, from where it stands.
///
/// # Panics
///
/// Outside of a runtime, and if the clock is not paused.
#[track_caller]
pub fn resume() {
    let handle = Handle::current_for("time::resume");
    assert!(handle.inner.shared.driver.resume_clock(), "`time::resume`: time is not paused");
}

/// Moves the paused clock, by exactly `duration`. What is due then fires, and its tasks run before this
/// is ready.
///
/// # Panics
///
/// Outside of a runtime, and if the clock is not paused.
#[track_caller]
pub fn advance(duration: Duration) -> Advance {
    let handle = Handle::current_for("time::advance");
    let paused = handle.inner.shared.driver.clock.is_paused();
    assert!(paused, "`time::advance`: time is not paused; call `time::pause()` first");
    Advance { handle, by: Some(duration) }
}

/// Moves the clock. From [`advance`].
#[derive(Debug)]
#[must_use = "the clock moves when this is awaited"]
pub struct Advance {
    handle: Handle,
    /// None: the clock was moved.
    by: Option<Duration>,
}

impl Future for Advance {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(by) = self.by.take() else { return Poll::Ready(()) };
        let driver = &self.handle.inner.shared.driver;
        assert!(driver.clock.advance(by), "`time::advance`: time was resumed meanwhile");
        driver.fire_timers(&mut Vec::new());
        // The tasks that were woken run first: this one goes to the back of the queue.
        wake_self(cx);
        Poll::Pending
    }
}
