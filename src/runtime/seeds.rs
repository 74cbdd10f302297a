//! Runs a test under many schedules, and repeats the one that fails.
//!
//! The order in which tasks run is not specified, but on one thread it is nearly always the same: a test may run the same
//! schedule a thousand times, and never the one that fails. With a seed the runtime chooses a random order
//! ([`Builder::shuffle`]), and with the same seed it chooses that order again.
//!
//! This is the last file of `runtime`. Next: `time`.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::builder::{Builder, shuffle_from_env};

/// Runs `test` once for each seed, each time on a new current-thread runtime with a paused clock, which
/// [shuffles](Builder::shuffle) by the seed. If `test` panics, `with_seeds` prints the seed on standard error and passes
/// the panic on.
///
/// To repeat a failure, set `OPENWORK_SHUFFLE` to its seed: then only that seed runs. The seed determines the choices of
/// the runtime. What sockets, files and other threads do may still differ between two runs.
///
/// If a bug may leave all tasks waiting, put a [`timeout`](crate::time::timeout) around them. The paused clock jumps to
/// its deadline when no task can run.
///
/// ```
/// use openwork::{runtime::with_seeds, sync::mpsc};
///
/// with_seeds(0..100, async |_seed| {
///     let (send, mut receive) = mpsc::channel(2);
///     let (first, second) = (send.clone(), send);
///     openwork::spawn(async move { first.send(1).await });
///     openwork::spawn(async move { second.send(2).await });
///     // They arrive in either order.
///     assert_eq!(receive.recv().await.unwrap() + receive.recv().await.unwrap(), 3);
/// });
/// ```
///
/// # Panics
///
/// If `test` panics, if this thread already runs a runtime, and if the system refuses a poller.
#[track_caller]
pub fn with_seeds(seeds: impl IntoIterator<Item = u64>, mut test: impl AsyncFnMut(u64)) {
    let mut run = |seed| {
        let end = catch_unwind(AssertUnwindSafe(|| {
            let runtime = Builder::new_current_thread().start_paused(true).shuffle(seed).build();
            runtime.expect("the system gives a poller").block_on(test(seed));
        }));
        if let Err(panic) = end {
            eprintln!("seed {seed} fails; to repeat it, set OPENWORK_SHUFFLE={seed}");
            resume_unwind(panic);
        }
    };
    match shuffle_from_env() {
        Some(seed) => run(seed),
        None => seeds.into_iter().for_each(run),
    }
}
