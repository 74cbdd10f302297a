//! The six steps of the ladder, as the laws see them.
//!
//! They are the programs themselves, taken in as modules; their `main` is not called. Each list of
//! broken laws says what the step's opening says under "Still wrong".

use crate::Subject;
use crate::laws::contract::{Boxed, End, Handle, Runtime, Socket};
use std::future::poll_fn;
use std::io::Result;
use std::net::TcpStream;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

#[allow(dead_code)]
#[path = "../../examples/ladder_1_block_on.rs"]
mod step_1;
#[allow(dead_code)]
#[path = "../../examples/ladder_2_run_queue.rs"]
mod step_2;
#[allow(dead_code)]
#[path = "../../examples/ladder_3_timer_heap.rs"]
mod step_3;
#[allow(dead_code)]
#[path = "../../examples/ladder_4_reactor.rs"]
mod step_4;
#[allow(dead_code)]
#[path = "../../examples/ladder_5_join_handle.rs"]
mod step_5;
#[allow(dead_code)]
#[path = "../../examples/ladder_6_threads.rs"]
mod step_6;

// Each step has types of its own, with the same names.

macro_rules! join {
    ($step:ident) => {
        |future| {
            let handle = Arc::new(Mutex::new($step::spawn(future)));
            let abort = handle.clone();
            let end = poll_fn(move |cx| Pin::new(&mut *handle.lock().unwrap()).poll(cx));
            Handle {
                end: Box::pin(async {
                    match end.await {
                        Ok(()) => End::Returned,
                        Err($step::JoinError::Cancelled) => End::Aborted,
                        Err($step::JoinError::Panicked(_)) => End::Panicked,
                    }
                }),
                abort: Box::new(move || abort.lock().unwrap().abort()),
            }
        }
    };
}

macro_rules! sockets {
    ($($step:ident)*) => {
        $(impl Socket for $step::Socket<TcpStream> {
            fn read<'a>(&'a mut self, buffer: &'a mut [u8]) -> Boxed<'a, Result<usize>> {
                Box::pin(self.read(buffer))
            }

            fn write_all<'a>(&'a mut self, bytes: &'a [u8]) -> Boxed<'a, Result<()>> {
                Box::pin(self.write_all(bytes))
            }
        })*
    };
}

pub const SUBJECTS: [Subject; 6] = [
    Subject { name: "step 1", runtime: STEP_1, breaks: &STILL_WRONG_1 },
    Subject { name: "step 2", runtime: STEP_2, breaks: &STILL_WRONG_2 },
    Subject { name: "step 3", runtime: STEP_3, breaks: &STILL_WRONG_3 },
    Subject { name: "step 4", runtime: STEP_4, breaks: &STILL_WRONG_3 },
    Subject { name: "step 5", runtime: STEP_5, breaks: &STILL_WRONG_5 },
    Subject { name: "step 6", runtime: STEP_6, breaks: &STILL_WRONG_5 },
];

const STEP_1: Runtime = Runtime {
    run: |future| step_1::block_on(future),
    spawn: None,
    sleep: None,
    join: None,
    socket: None,
    threads: 1,
};

/// "A future that parks the thread takes our permit."
const STILL_WRONG_1: [&str; 2] = ["a_poll_may_park_its_thread", "a_run_within_a_run_does_no_harm"];

const STEP_2: Runtime =
    Runtime { run: |future| step_2::block_on(future), spawn: Some(step_2::spawn), ..STEP_1 };

/// "A panic of one ends all; one that never ends keeps `block_on` from returning."
const STILL_WRONG_2: [&str; 4] = [
    "run_ends_with_its_own_future",
    "what_is_left_is_dropped_when_run_ends",
    "a_destructor_may_wake_and_spawn", // that of a task that is left
    "a_panic_stays_in_its_task",
];

const STEP_3: Runtime = Runtime {
    run: |future| step_3::block_on(future),
    spawn: Some(step_3::spawn),
    sleep: Some(|duration| Box::pin(step_3::sleep(duration))),
    ..STEP_1
};

/// "A sleep that was polled and dropped still wakes its task at the deadline. A very long one overflows.
/// The rest is as in step 2."
const STILL_WRONG_3: [&str; 7] = [
    "run_ends_with_its_own_future",
    "what_is_left_is_dropped_when_run_ends",
    "a_destructor_may_wake_and_spawn",
    "a_panic_stays_in_its_task",
    "a_very_long_sleep_is_no_overflow",
    "a_dropped_sleep_drops_its_waker",
    "a_dropped_sleep_wakes_no_task",
];

const STEP_4: Runtime = Runtime {
    run: |future| step_4::block_on(future),
    spawn: Some(step_4::spawn),
    sleep: Some(|duration| Box::pin(step_4::sleep(duration))),
    socket: Some(|stream| Box::new(step_4::Socket::new(stream).unwrap())),
    ..STEP_1
};

const STEP_5: Runtime = Runtime {
    run: |future| step_5::block_on(future),
    spawn: Some(|future| drop(step_5::spawn(future))),
    sleep: Some(|duration| Box::pin(step_5::sleep(duration))),
    join: Some(join!(step_5)),
    socket: Some(|stream| Box::new(step_5::Socket::new(stream).unwrap())),
    threads: 1,
};

/// "The rest is as in steps 3 and 4."
const STILL_WRONG_5: [&str; 3] = [
    "a_very_long_sleep_is_no_overflow",
    "a_dropped_sleep_drops_its_waker",
    "a_dropped_sleep_wakes_no_task",
];

const STEP_6: Runtime = Runtime {
    run: |future| step_6::block_on(3, future),
    spawn: Some(|future| drop(step_6::spawn(future))),
    sleep: Some(|duration| Box::pin(step_6::sleep(duration))),
    join: Some(join!(step_6)),
    socket: Some(|stream| Box::new(step_6::Socket::new(stream).unwrap())),
    threads: 3,
};

sockets!(step_4 step_5 step_6);
