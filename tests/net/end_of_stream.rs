//! The ways in which a stream ends, and the one in which the end is easily missed.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::thread;
use std::time::Duration;

use futures::FutureExt;
use openwork::io::{AsyncReadExt, AsyncWriteExt};
use openwork::trace::{Event, WaitReason};

use crate::common::sockets::Turns;
use crate::common::{Flavour, on_every_flavour};
use crate::harness::{Trace, from_std, pair, std_pair};

fn is_readable(fd: i32) -> impl Fn(&Event) -> bool {
    move |event| matches!(event, Event::Ready { fd: of, readable: true, .. } if *of == fd)
}

/// The trap: data and the end of the stream come together, as one event. A read that returns less than its buffer
/// holds says nothing of the end behind it; a reader that takes it for "drained" waits for a second event.
#[test]
fn data_and_the_end_of_the_stream_that_come_together_are_both_read() {
    on_every_flavour(|flavour| {
        let (runtime, trace) = Trace::of(flavour);
        runtime.block_on(async {
            let turns = Turns::new();
            let (near, mut far) = std_pair();
            let fd = near.as_raw_fd();
            // The schedule: both have arrived before the socket is registered.
            far.write_all(b"the last words").unwrap();
            drop(far);
            let mut near = from_std(near);

            let mut buf = [0; 64];
            assert_eq!(near.read(&mut buf).await.unwrap(), 14);
            assert_eq!(trace.count(is_readable(fd)), 1);
            // A worker may have handled the event before the first poll.
            let waits = || trace.count(|event| *event == Event::Waits(WaitReason::Readable { fd }));
            let waited = waits();
            assert!(waited == 1 || (waited == 0 && flavour != Flavour::CurrentThread));

            // No further event comes.
            turns.turn().await;
            turns.turn().await;
            assert_eq!(trace.count(is_readable(fd)), 1);

            // So the end must be found without one.
            let end = near.read(&mut buf).now_or_never().expect("it waits for a report");
            assert_eq!(end.unwrap(), 0);
            assert_eq!(waits(), waited);
        });
    });
}

#[test]
fn the_end_that_comes_with_the_data_is_found_by_readable_and_try_read_too() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (near, mut far) = std_pair();
            far.write_all(b"words").unwrap();
            drop(far);
            let near = from_std(near);
            near.readable().await.unwrap();
            let mut buf = [0; 64];
            assert_eq!(near.try_read(&mut buf).unwrap(), 5);
            near.readable().now_or_never().expect("still").unwrap();
            assert_eq!(near.try_read(&mut buf).unwrap(), 0);
        });
    });
}

#[test]
fn the_end_that_comes_while_the_data_is_read_is_not_missed() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (turns, (mut near, mut far)) = (Turns::new(), pair());
            far.write_all(b"words").unwrap();
            let mut buf = [0; 64];
            assert_eq!(near.read(&mut buf).await.unwrap(), 5);
            // Between a read and the `WouldBlock` of the next one, where the readiness may be cleared too late.
            drop(far);
            turns.turn().await;
            assert_eq!(near.read(&mut buf).await.unwrap(), 0);
        });
    });
}

#[test]
fn the_end_of_a_stream_is_read_again_and_again() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (mut near, far) = pair();
            drop(far);
            for _ in 0..3 {
                assert_eq!(near.read(&mut [0; 8]).await.unwrap(), 0);
                assert_eq!(near.peek(&mut [0; 8]).await.unwrap(), 0);
            }
        });
    });
}

#[test]
fn each_direction_ends_by_itself() {
    on_every_flavour(|flavour| {
        let (runtime, trace) = Trace::of(flavour);
        let (near, mut far) = std_pair();
        let fd = near.as_raw_fd();
        let foreign = thread::spawn(move || {
            let mut question = String::new();
            far.read_to_string(&mut question).unwrap();
            // The peer's direction has ended; ours has not.
            trace.wait_until_asleep_over(&[WaitReason::Readable { fd }]);
            far.write_all(b"an answer").unwrap();
            far.shutdown(Shutdown::Write).unwrap();
            question
        });
        runtime.block_on(async {
            let mut near = from_std(near);
            near.write_all(b"a question").await.unwrap();
            near.shutdown().await.unwrap();
            let error = near.write(b"more").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
            let mut answer = String::new();
            near.read_to_string(&mut answer).await.unwrap();
            assert_eq!(answer, "an answer");
        });
        assert_eq!(foreign.join().unwrap(), "a question");
    });
}

#[test]
fn a_stream_can_still_be_written_when_the_other_side_has_ended_its_direction() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (mut near, mut far) = pair();
            far.shutdown(Shutdown::Write).unwrap();
            assert_eq!(near.read(&mut [0; 8]).await.unwrap(), 0);
            near.write_all(b"heard").await.unwrap();
            near.shutdown().await.unwrap();
            near.shutdown().await.unwrap();
            let mut heard = String::new();
            far.read_to_string(&mut heard).unwrap();
            assert_eq!(heard, "heard");
        });
    });
}

#[test]
fn to_shut_down_what_the_other_side_has_reset_is_no_error() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (mut near, far) = pair();
            rustix::net::sockopt::set_socket_linger(&far, Some(Duration::ZERO)).unwrap();
            drop(far);
            assert_eq!(
                near.read(&mut [0; 8]).await.unwrap_err().kind(),
                ErrorKind::ConnectionReset
            );
            near.shutdown().await.unwrap();
        });
    });
}

#[test]
fn a_side_that_closes_over_unread_data_resets_the_connection() {
    on_every_flavour(|flavour| {
        let (runtime, trace) = Trace::of(flavour);
        let (near, far) = std_pair();
        let fd = near.as_raw_fd();
        let foreign = thread::spawn(move || {
            // With data unread, so that the system sends a reset and not an end.
            trace.wait_until_asleep_over(&[WaitReason::Readable { fd }]);
            drop(far);
        });
        runtime.block_on(async {
            let mut near = from_std(near);
            near.write_all(b"this is not read").await.unwrap();
            let error = near.read(&mut [0; 8]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            // It is reported once. From then on the stream is at its end, and cannot be written.
            assert_eq!(near.read(&mut [0; 8]).await.unwrap(), 0);
            assert_eq!(near.write(b"!").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        });
        foreign.join().unwrap();
    });
}

#[test]
fn a_reset_wakes_the_writer_that_has_no_room() {
    on_every_flavour(|flavour| {
        let (runtime, trace) = Trace::of(flavour);
        let (near, far) = std_pair();
        let fd = near.as_raw_fd();
        let foreign = thread::spawn(move || {
            trace.wait_until_asleep_over(&[WaitReason::Writable { fd }]);
            drop(far);
        });
        runtime.block_on(async {
            let mut near = from_std(near);
            let error = near.write_all(&vec![0; crate::harness::MORE_THAN_FITS]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        });
        foreign.join().unwrap();
    });
}
