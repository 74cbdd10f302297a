//! The commands of our pages that nothing else tries.
//!
//! Each is here as the page has it, in one line, with what it must print, or with the reason why it is
//! not run. A command that is on no page must go from here.

/// What becomes of a command.
pub enum Rule {
    /// It is run; it ends well, and prints these, in this order.
    Prints(&'static [&'static str]),
    /// It is not run, because …
    Not(&'static str),
}

use Rule::{Not, Prints};

pub const LIST: &[(&str, Rule)] = &[
    (
        "gdb -ex 'break openwork::engine::worker::poll_task' \
         -ex 'break openwork::engine::driver::Driver::park' \
         -ex run target/debug/examples/sleep",
        Prints(&[
            "Breakpoint 1 at",
            "Breakpoint 2 at",
            "Breakpoint 1, openwork::engine::worker::poll_task",
        ]),
    ),
    (
        "strace -f -e trace=epoll_ctl target/debug/examples/tour",
        Prints(&["EPOLL_CTL_ADD", "EPOLL_CTL_DEL", "that was all"]),
    ),
    (
        "gdb -q -iex 'add-auto-load-safe-path target' target/debug/examples/debug_me",
        Not("tests/debugger/tour.rs types the tour into it"),
    ),
    (
        "gdb -iex 'add-auto-load-safe-path target' target/debug/examples/sleep",
        Not("one types into it"),
    ),
    (
        "gdb -batch -iex 'add-auto-load-safe-path target' -p PID -ex 'async locks' -ex 'async tasks' \
         -ex 'async bt all -l'",
        Not("the number is that of your program; tests/debugger/hang.rs attaches to one"),
    ),
    (
        "gdb -p PID -batch -ex 'generate-core-file hung.core'",
        Not("the number is that of your program; tests/debugger/hang.rs writes such a file"),
    ),
    (
        "gdb -iex 'add-auto-load-safe-path target' target/debug/examples/hang hung.core",
        Not("one types into it; tests/debugger/hang.rs asks such a file"),
    ),
    ("gdb … PROGRAM CORE", Not("it stands for the command above it")),
    ("rust-gdb target/debug/examples/sleep", Not("one types into it")),
    ("taskset -c 0 cargo run --example steal", Prints(&["the parent is done"])),
    (
        "strace -f -c -e trace=recvfrom,sendto,epoll_pwait target/debug/examples/tcp_echo",
        Prints(&["recvfrom"]),
    ),
    ("valgrind --tool=callgrind", Not("it goes before another command")),
    (
        "OPENWORK_DUMP=1 cargo run --example hang -- deadlock",
        Not("it hangs: tests/trace/hang.rs runs it"),
    ),
    (
        "OPENWORK_LINT=1 cargo run --example hang -- lost-waker",
        Not("it hangs: tests/trace/hang.rs runs it"),
    ),
    ("OPENWORK_TRACE=target/tour.html cargo run --example tour", Prints(&["that was all"])),
    (
        "OPENWORK_SHUFFLE=780 cargo run --example race",
        Not("it fails on purpose; tests/book/examples.rs has the seed"),
    ),
    (
        "OPENWORK_SOAK_SECONDS=600 cargo test --release --test process soak -- --nocapture",
        Not("it takes twenty minutes; .ci/long runs it, and the gate its short form"),
    ),
    (
        "OPENWORK_WAVES=100 OPENWORK_WAVE_TASKS=1000000 cargo test --release --test process waves \
         -- --nocapture",
        Not("it takes minutes; .ci/long runs it, and the gate its short form"),
    ),
    (
        "OPENWORK_CURVES_MOST=1000000 cargo test --release --test process curves -- --nocapture",
        Not("it takes minutes; .ci/long runs it, and the gate its short form"),
    ),
    ("cargo expand", Not("the page says that it is not needed")),
    ("NOTES=fix cargo test --test book notes", Not("it rewrites the pages")),
    (
        "cargo run --manifest-path benches/Cargo.toml -- stack",
        Not(
            "it builds the benchmarks a second time; `large_futures` in tests/engine has the sizes",
        ),
    ),
    (
        "cargo test --manifest-path benches/Cargo.toml --test differential mutex",
        Not(
            "the gate runs all of these tests, with `cargo test --manifest-path benches/Cargo.toml`",
        ),
    ),
    (
        "cargo run --release --manifest-path benches/Cargo.toml -- all",
        Not("it takes half an hour; the gate runs the same with `smoke`"),
    ),
];
