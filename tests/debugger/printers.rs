//! The engine's own types in words, while one steps through it.

use crate::gdb::{Build, build, has_gdb, run};

#[test]
fn the_types_of_the_engine_are_printed_in_words() {
    if !has_gdb() {
        return;
    }
    let commands = [
        "tbreak openwork::engine::driver::Driver::poll_timer",
        "run",
        "print *waker",
        "break openwork::engine::driver::Driver::park",
        "continue  ",
        "print *parker",
        "print self.timers",
        "tbreak openwork::engine::worker::poll_task",
        "continue",
        "print task",
        "info args",
        "tbreak openwork::engine::task::wake_task",
        "continue ",
        "print *header",
        "print header.state",
    ];
    let session = run(&build("debug_me", Build::Debug), &[], &commands);
    assert!(session.of("print *waker").contains("= wakes task 1"), "{session}");
    assert!(session.of("print *parker").contains("= parked in the driver"), "{session}");
    let timers = "= unlocked, 1 timers, 0 stale entries in the heap of 1";
    assert!(session.of("print self.timers").contains(timers), "{session}");
    assert!(session.of("print task").contains("= task 1"), "{session}");
    assert!(session.of("info args").contains("task = task 1"), "{session}");
    let header = session.of("print *header");
    assert!(
        header.contains("scheduled, polled 1 times, spawned at examples/debug_me.rs:"),
        "{session}"
    );
    assert!(session.of("print header.state").contains("scheduled; join handle"), "{session}");
}
