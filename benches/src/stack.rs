//! The largest future that can be passed to a runtime without a stack overflow.
//!
//! A future is a value, and each function that passes it on may keep a copy in its frame. A caller that makes a
//! future of 500 KiB and passes it through four functions uses 2 MiB of stack, the default of a thread. So the
//! largest future that can be spawned shows how often a runtime copies it.
//!
//! A child process runs one [`Entry`] with one size, on a thread with the default stack. An overflow ends the
//! process. The code is the same for both runtimes and is compiled for each size.
//!
//! Next: `server/`.

use std::thread;

use crate::contestant::Contestant;

/// The default stack of a thread, and of a worker of either runtime.
const STACK: usize = 2 << 20;

/// A function to which a future or a closure is passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    Spawn,
    HandleSpawn,
    RuntimeSpawn,
    JoinSet,
    Timeout,
    Join,
    Select,
    BlockOn,
    RuntimeBlockOn,
    HandleBlockOn,
    SpawnBlocking,
    HandleSpawnBlocking,
    /// The task's output is large, not its future.
    Output,
}

impl Entry {
    pub const ALL: [Entry; 13] = [
        Entry::Spawn,
        Entry::HandleSpawn,
        Entry::RuntimeSpawn,
        Entry::JoinSet,
        Entry::Timeout,
        Entry::Join,
        Entry::Select,
        Entry::BlockOn,
        Entry::RuntimeBlockOn,
        Entry::HandleBlockOn,
        Entry::SpawnBlocking,
        Entry::HandleSpawnBlocking,
        Entry::Output,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Entry::Spawn => "spawn",
            Entry::HandleSpawn => "Handle::spawn",
            Entry::RuntimeSpawn => "Runtime::spawn",
            Entry::JoinSet => "JoinSet::spawn",
            Entry::Timeout => "spawn(timeout)",
            Entry::Join => "spawn(join!)",
            Entry::Select => "spawn(select!)",
            Entry::BlockOn => "block_on",
            Entry::RuntimeBlockOn => "Runtime::block_on",
            Entry::HandleBlockOn => "Handle::block_on",
            Entry::SpawnBlocking => "spawn_blocking",
            Entry::HandleSpawnBlocking => "Handle::spawn_blocking",
            Entry::Output => "output of a task",
        }
    }

    pub fn parse(name: &str) -> Option<Entry> {
        Self::ALL.into_iter().find(|entry| entry.name() == name)
    }
}

/// The functions of a runtime that take a future or a closure, by the names that Openwork and Tokio share.
/// The last argument builds a runtime and runs a future on it, with `openwork::block_on` or as `#[tokio::main]`
/// does. Each entry is a function of its own, so that its frame contains one large value.
macro_rules! entries {
    ($module:ident: $runtime:ident, $builder:expr, [$($block_on:tt)+]) => {
        mod $module {
            use std::hint::black_box;
            use std::time::Duration;

            use $runtime::runtime::{Builder, Handle, Runtime};
            use $runtime::task::{JoinSet, spawn, spawn_blocking, yield_now};
            use $runtime::time::timeout;

            use super::Entry;

            pub fn run<const BYTES: usize>(entry: Entry) {
                let sum = match entry {
                    Entry::Spawn => by_spawn::<BYTES>(),
                    Entry::HandleSpawn => by_handle_spawn::<BYTES>(),
                    Entry::RuntimeSpawn => by_runtime_spawn::<BYTES>(),
                    Entry::JoinSet => by_join_set::<BYTES>(),
                    Entry::Timeout => by_timeout::<BYTES>(),
                    Entry::Join => by_join::<BYTES>(),
                    Entry::Select => by_select::<BYTES>(),
                    Entry::BlockOn => by_block_on::<BYTES>(),
                    Entry::RuntimeBlockOn => by_runtime_block_on::<BYTES>(),
                    Entry::HandleBlockOn => by_handle_block_on::<BYTES>(),
                    Entry::SpawnBlocking => by_spawn_blocking::<BYTES>(),
                    Entry::HandleSpawnBlocking => by_handle_spawn_blocking::<BYTES>(),
                    Entry::Output => by_output::<BYTES>(),
                };
                assert_eq!(sum, 1);
            }

            fn runtime() -> Runtime {
                $builder.build().expect("the system gives a poller")
            }

            /// A future of `BYTES` bytes.
            async fn large<const BYTES: usize>() -> u8 {
                let bytes = [1; BYTES];
                yield_now().await;
                black_box(&bytes)[BYTES / 2]
            }

            async fn small() {
                yield_now().await;
            }

            /// A closure of `BYTES` bytes.
            fn closure<const BYTES: usize>() -> impl FnOnce() -> u8 + Send + 'static {
                let bytes = [1; BYTES];
                move || black_box(&bytes)[BYTES / 2]
            }

            async fn returns_large<const BYTES: usize>() -> [u8; BYTES] {
                yield_now().await;
                [1; BYTES]
            }

            #[inline(never)]
            fn by_spawn<const BYTES: usize>() -> u8 {
                runtime().block_on(async { spawn(large::<BYTES>()).await.unwrap() })
            }

            #[inline(never)]
            fn by_handle_spawn<const BYTES: usize>() -> u8 {
                runtime()
                    .block_on(async { Handle::current().spawn(large::<BYTES>()).await.unwrap() })
            }

            #[inline(never)]
            fn by_runtime_spawn<const BYTES: usize>() -> u8 {
                let runtime = runtime();
                let task = runtime.spawn(large::<BYTES>());
                runtime.block_on(async { task.await.unwrap() })
            }

            #[inline(never)]
            fn by_join_set<const BYTES: usize>() -> u8 {
                runtime().block_on(async {
                    let mut set = JoinSet::new();
                    set.spawn(large::<BYTES>());
                    set.join_next().await.unwrap().unwrap()
                })
            }

            #[inline(never)]
            fn by_timeout<const BYTES: usize>() -> u8 {
                runtime().block_on(async {
                    spawn(timeout(Duration::MAX, large::<BYTES>())).await.unwrap().unwrap()
                })
            }

            #[inline(never)]
            fn by_join<const BYTES: usize>() -> u8 {
                runtime().block_on(async {
                    spawn(async { $runtime::join!(large::<BYTES>(), small()).0 }).await.unwrap()
                })
            }

            #[inline(never)]
            fn by_select<const BYTES: usize>() -> u8 {
                runtime().block_on(async {
                    let waits = async {
                        $runtime::select! {
                            byte = large::<BYTES>() => byte,
                            () = std::future::pending() => 0,
                        }
                    };
                    spawn(waits).await.unwrap()
                })
            }

            #[inline(never)]
            fn by_block_on<const BYTES: usize>() -> u8 {
                $($block_on)+(large::<BYTES>())
            }

            #[inline(never)]
            fn by_runtime_block_on<const BYTES: usize>() -> u8 {
                runtime().block_on(large::<BYTES>())
            }

            #[inline(never)]
            fn by_handle_block_on<const BYTES: usize>() -> u8 {
                runtime().handle().block_on(large::<BYTES>())
            }

            #[inline(never)]
            fn by_spawn_blocking<const BYTES: usize>() -> u8 {
                runtime().block_on(async { spawn_blocking(closure::<BYTES>()).await.unwrap() })
            }

            #[inline(never)]
            fn by_handle_spawn_blocking<const BYTES: usize>() -> u8 {
                runtime().block_on(async {
                    Handle::current().spawn_blocking(closure::<BYTES>()).await.unwrap()
                })
            }

            #[inline(never)]
            fn by_output<const BYTES: usize>() -> u8 {
                runtime()
                    .block_on(async { spawn(returns_large::<BYTES>()).await.unwrap()[BYTES / 2] })
            }
        }
    };
}

entries!(on_openwork: openwork, Builder::new_current_thread(), [openwork::block_on]);
entries!(on_tokio: tokio, Builder::new_current_thread().enable_time(), [runtime().block_on]);

/// The sizes in KiB, and a compiled function for each.
macro_rules! sizes {
    ($($kib:literal)*) => {
        pub const SIZES: &[usize] = &[$($kib),*];

        fn run_here(contestant: Contestant, entry: Entry, kib: usize) {
            match (contestant, kib) {
                $(
                    (Contestant::Openwork, $kib) => on_openwork::run::<{ $kib << 10 }>(entry),
                    (Contestant::Tokio, $kib) => on_tokio::run::<{ $kib << 10 }>(entry),
                )*
                _ => panic!("{}, {kib} KiB: not compiled", contestant.name()),
            }
        }
    };
}

sizes!(
    50 100 150 200 250 300 350 400 450 500 550 600 650 700 750 800 850 900 950 1000
    1100 1200 1300 1400 1500 1600 1700 1800 1900 2000
);

/// Runs an entry with a future of this size, on a thread with the default stack.
pub fn run(contestant: Contestant, entry: Entry, kib: usize) {
    let thread = thread::Builder::new().stack_size(STACK);
    let thread =
        thread.spawn(move || run_here(contestant, entry, kib)).expect("the system gives a thread");
    thread.join().expect("the future completed");
}
