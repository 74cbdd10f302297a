//! Runs the steps of a subject that needs a runtime.

use super::peer::runtime::Runtime;
use super::peer::task::yield_now;

/// Calls the function in the context of a runtime, and then lets the tasks and timers run that it has woken.
pub fn within<R>(runtime: &Runtime, function: impl FnOnce() -> R) -> R {
    let entered = runtime.enter();
    let result = function();
    drop(entered);
    runtime.block_on(async {
        // The first lets the tasks run that are woken, and the driver; the second those that they have woken.
        yield_now().await;
        yield_now().await;
    });
    result
}
