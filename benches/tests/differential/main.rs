//! Does each primitive give the same answers as Tokio's, and wake the same tasks?
//!
//! A random sequence of steps is carried out on our primitive and on Tokio's, side by side. A step starts an
//! operation, polls or drops a future that is in flight, calls a function that does not wait, or clones or drops a
//! handle. After each step the two sides must agree on the answer, on the wakers that were woken, and on the values
//! and futures that were dropped.
//!
//! ```text
//!   seed ─▶ steps ─┬─▶ subjects/*.rs on openwork ─▶ record ─┐
//!                  │                                        ├─▶ equal, or a listed difference
//!                  └─▶ subjects/*.rs on tokio ────▶ record ─┘
//! ```
//!
//! Each subject is one text that is compiled twice, with `openwork` and with `tokio`. All steps run on one thread:
//! the loom models have the schedules of several threads. `tests/laws` tries whole runtimes by fixed cases; this
//! tries single primitives by random ones, and Tokio says what is right.
//!
//! `OPENWORK_SEQUENCES` sets how many sequences each test runs, `OPENWORK_SEED` the seed of the first one; each
//! sequence after it has the next seed. Without a seed each test runs the sequences from seed 0 and as many from a
//! new one.
//!
//! ```sh
//! OPENWORK_SEQUENCES=500000 cargo test --release --manifest-path benches/Cargo.toml --test differential -- --nocapture
//! ```

mod steps;
mod side;
mod differences;
mod compare;
mod on_openwork;
mod on_tokio;

/// A test for each subject, in which it may fail by itself.
macro_rules! agree {
    ($($name:ident: $subject:ident$(, one in $share:literal)?;)*) => {
        $(#[test]
        fn $name() {
            compare::agree(
                stringify!($name),
                1 $(* $share)?,
                side::begin::<on_openwork::subjects::$subject>,
                side::begin::<on_tokio::subjects::$subject>,
            );
        })*
    };
}

agree! {
    oneshot: Oneshot;
    mpsc_bounded: BoundedMpsc;
    mpsc_unbounded: UnboundedMpsc;
    broadcast: Broadcast;
    watch: Watch;
    notify: Notify;
    semaphore: Semaphore;
    mutex: Mutex;
    rwlock: RwLock;
    cancellation_token: CancellationToken;
    join_set: JoinSet, one in 5;
    time: Time, one in 5;
    length_delimited_codec: LengthDelimitedCodec;
    lines_codec: LinesCodec;
    duplex: Duplex;
}
