//! Descriptors that were made elsewhere: when they are ready, what clears that, and when they are deregistered.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream as StdStream;
use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::thread;

use futures::channel::oneshot;
use futures::executor::block_on;
use openwork::io::unix::{AsyncFd, TryIoError};
use openwork::io::{Interest, Ready};
use openwork::runtime::Handle;

use crate::common::sockets::Turns;
use crate::common::{Probe, Wakes, alone, ends, on_every_flavour, panic_of, real, until};

/// A stream that a runtime watches, and its other side, which blocks.
fn pair() -> (AsyncFd<StdStream>, StdStream) {
    let (near, far) = StdStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    (AsyncFd::new(near).unwrap(), far)
}

/// Reads everything, until the readiness is cleared.
fn drain(fd: &AsyncFd<StdStream>) {
    let read = |mut stream: &StdStream| stream.read(&mut [0; 1 << 16]);
    while fd.try_io(Interest::READABLE, read).is_ok() {}
}

#[test]
fn it_is_ready_for_what_the_system_says_and_nothing_is_assumed() {
    ends(|| {
        real().block_on(async {
            let (turns, (near, mut far)) = (Turns::new(), pair());
            let mut readable = Probe::new(near.readable());
            let mut writable = Probe::new(near.writable());
            readable.assert_pending();
            writable.assert_pending();
            turns.until(|| writable.is_woken()).await;
            assert_eq!(writable.assert_ready().unwrap().ready(), Ready::WRITABLE);
            readable.assert_pending();
            far.write_all(b"!").unwrap();
            turns.until(|| readable.is_woken()).await;
            assert_eq!(readable.assert_ready().unwrap().ready(), Ready::READABLE);
        });
    });
}

/// Behaviour 33.
#[test]
fn it_stays_ready_until_an_attempt_would_block() {
    ends(|| {
        real().block_on(async {
            let (turns, (near, mut far)) = (Turns::new(), pair());
            far.write_all(b"abc").unwrap();
            let mut buf = [0; 1];
            for expected in b"abc" {
                // A guard that is dropped clears nothing.
                drop(near.readable().await.unwrap());
                let mut guard = near.readable().await.unwrap();
                let read = guard.try_io(|near| near.get_ref().read(&mut buf));
                assert_eq!(read.unwrap().unwrap(), 1);
                assert_eq!(buf[0], *expected);
            }
            let mut guard = near.readable().await.unwrap();
            let Err(error) = guard.try_io(|near| near.get_ref().read(&mut buf)) else {
                panic!("nothing is left")
            };
            let _: &TryIoError = &error;
            let mut readable = Probe::new(near.readable());
            readable.assert_pending();
            far.write_all(b"d").unwrap();
            turns.until(|| readable.is_woken()).await;
        });
    });
}

#[test]
fn an_error_of_the_attempt_is_no_reason_to_wait() {
    ends(|| {
        real().block_on(async {
            let (near, mut far) = pair();
            far.write_all(b"!").unwrap();
            let mut guard = near.readable().await.unwrap();
            let fails = |_: &AsyncFd<_>| Err::<(), _>(io::Error::from(ErrorKind::InvalidData));
            let error = guard.try_io(fails).unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidData);
            assert!(Probe::new(near.readable()).poll().is_ready());
        });
    });
}

#[test]
fn what_is_reported_after_the_guard_was_made_is_not_cleared_by_it() {
    ends(|| {
        real().block_on(async {
            let (turns, (near, mut far)) = (Turns::new(), pair());
            far.write_all(b"1").unwrap();
            let mut guard = near.readable().await.unwrap();
            assert_eq!(guard.get_inner().read(&mut [0; 8]).unwrap(), 1);
            // The test drains it, then more comes and is reported; then the guard clears what it saw.
            far.write_all(b"2").unwrap();
            turns.turn().await;
            guard.clear_ready();
            assert!(Probe::new(near.readable()).poll().is_ready());
            near.readable().await.unwrap().clear_ready();
            assert!(Probe::new(near.readable()).poll().is_pending());
        });
    });
}

/// The operation finds nothing; before its error is handled, data comes and is reported.
#[test]
fn what_is_reported_during_an_attempt_is_not_cleared_by_it() {
    /// Tries to read from a descriptor that counts as readable.
    type Try = fn(&AsyncFd<StdStream>, &mut dyn FnMut(&StdStream) -> io::Result<usize>);
    const TRIES: [Try; 3] = [
        |near, attempt| {
            let mut guard = block_on(near.readable()).unwrap();
            assert!(guard.try_io(|near| attempt(near.get_ref())).is_err());
        },
        |near, attempt| {
            let error = near.try_io(Interest::READABLE, attempt).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
        },
        // It is ready again at once, and the second try finds the data.
        |near, attempt| {
            assert_eq!(block_on(near.async_io(Interest::READABLE, attempt)).unwrap(), 1);
        },
    ];
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            for tries in TRIES {
                let (turns, (near, mut far)) = (Turns::new(), pair());
                far.write_all(b"1").unwrap();
                let guard = near.readable().await.unwrap();
                assert_eq!(guard.get_inner().read(&mut [0; 8]).unwrap(), 1);
                let near = Arc::new(near);
                let (attempt, is_attempted) = oneshot::channel();
                let (report, is_reported) = mpsc::channel();
                let other = thread::spawn({
                    let (near, mut attempt) = (near.clone(), Some(attempt));
                    move || {
                        tries(&near, &mut |mut stream| {
                            let found = stream.read(&mut [0; 8]);
                            if let Some(attempt) = attempt.take() {
                                attempt.send(()).unwrap();
                                is_reported.recv().unwrap();
                            }
                            found
                        });
                    }
                });
                is_attempted.await.unwrap();
                far.write_all(b"2").unwrap();
                turns.turn().await;
                report.send(()).unwrap();
                until(|| other.is_finished()).await;
                other.join().unwrap();
                assert!(Probe::new(near.readable()).poll().is_ready());
            }
        });
    });
}

#[test]
fn a_guard_for_both_directions_clears_both() {
    ends(|| {
        real().block_on(async {
            let (turns, (near, mut far)) = (Turns::new(), pair());
            far.write_all(b"!").unwrap();
            turns.turn().await;
            let both = Interest::READABLE | Interest::WRITABLE;
            let mut guard = near.ready(both).await.unwrap();
            assert_eq!(guard.ready(), Ready::READABLE | Ready::WRITABLE);
            guard.clear_ready();
            assert!(Probe::new(near.ready(both)).poll().is_pending());
        });
    });
}

#[test]
fn to_wait_for_either_is_to_be_woken_by_either() {
    ends(|| {
        real().block_on(async {
            let (turns, (near, mut far)) = (Turns::new(), pair());
            let both = Interest::READABLE | Interest::WRITABLE;
            near.writable().await.unwrap().clear_ready();
            let mut first = Probe::new(near.ready(both));
            first.assert_pending();
            far.write_all(b"!").unwrap();
            turns.until(|| first.is_woken()).await;
            assert!(first.assert_ready().unwrap().ready().is_readable());
            drain(&near);
            // Full, and not ready any more.
            let fill = |mut stream: &StdStream| stream.write(&[0; 1 << 16]);
            while near.try_io(Interest::WRITABLE, fill).is_ok() {}
            let mut second = Probe::new(near.ready(both));
            second.assert_pending();
            far.set_nonblocking(true).unwrap();
            while far.read(&mut [0; 1 << 16]).is_ok() {}
            turns.until(|| second.is_woken()).await;
            assert_eq!(second.assert_ready().unwrap().ready(), Ready::WRITABLE);
            // Dropped, it leaves no waker in either direction.
            near.writable().await.unwrap().clear_ready();
            let wakes = Wakes::new();
            assert!(wakes.poll(pin!(near.ready(both))).is_pending());
            assert_eq!(wakes.kept(), 0);
        });
    });
}

#[test]
fn any_number_may_wait_and_all_are_woken() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (near, mut far) = pair();
            let near = Arc::new(near);
            let tasks = [(); 8].map(|()| {
                let near = near.clone();
                openwork::spawn(async move { drop(near.readable().await.unwrap()) })
            });
            far.write_all(b"!").unwrap();
            for task in tasks {
                task.await.unwrap();
            }
        });
    });
}

#[test]
fn the_poll_forms_wake_the_last_that_asked() {
    ends(|| {
        real().block_on(async {
            let (turns, (near, mut far)) = (Turns::new(), pair());
            let (first, last) = (Wakes::new(), Wakes::new());
            turns.turn().await;
            assert!(first.poll_fn(|cx| near.poll_read_ready(cx).is_pending()));
            assert!(last.poll_fn(|cx| near.poll_read_ready(cx).is_pending()));
            assert!(last.poll_fn(|cx| near.poll_write_ready(cx).is_ready()));
            far.write_all(b"!").unwrap();
            turns.until(|| last.count() > 0).await;
            assert_eq!((first.take(), last.take()), (0, 1));
            assert!(last.poll_fn(|cx| near.poll_read_ready(cx).is_ready()));
        });
    });
}

#[test]
fn an_operation_is_tried_until_it_does_not_block_and_again_after_a_signal() {
    ends(|| {
        real().block_on(async {
            let (turns, (near, mut far)) = (Turns::new(), pair());
            let (mut tries, mut buf) = (0, [0; 8]);
            let mut read = Probe::new(near.async_io(Interest::READABLE, |mut stream| {
                tries += 1;
                match tries {
                    1 => Err(ErrorKind::Interrupted.into()),
                    2 => Err(ErrorKind::WouldBlock.into()),
                    _ => stream.read(&mut buf),
                }
            }));
            read.assert_pending();
            far.write_all(b"one").unwrap();
            turns.until(|| read.is_woken()).await;
            read.assert_pending();
            far.write_all(b" two").unwrap();
            turns.until(|| read.is_woken()).await;
            assert_eq!(read.assert_ready().unwrap(), 7);
            drop(read);
            assert_eq!(tries, 3);
            // `try_io` returns the interruption to its caller.
            let interrupted = |_: &_| Err::<(), _>(ErrorKind::Interrupted.into());
            let error = near.try_io(Interest::READABLE, interrupted).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Interrupted);
        });
    });
}

#[test]
fn what_is_not_ready_is_not_tried() {
    ends(|| {
        real().block_on(async {
            let (near, _far) = pair();
            let never = |_: &_| -> io::Result<()> { panic!("it is not ready") };
            let error = near.try_io(Interest::READABLE, never).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
        });
    });
}

#[test]
fn what_cannot_be_watched_is_an_error_of_its_kind() {
    ends(|| {
        real().block_on(async {
            let file = File::open(std::env::current_exe().unwrap()).unwrap();
            assert_eq!(AsyncFd::new(file).unwrap_err().kind(), ErrorKind::PermissionDenied);
            let (near, _far) = StdStream::pair().unwrap();
            let near = Arc::new(OwnedFd::from(near));
            let once = AsyncFd::new(near.clone()).unwrap();
            assert_eq!(AsyncFd::new(near.clone()).unwrap_err().kind(), ErrorKind::AlreadyExists);
            drop(once);
            AsyncFd::new(near).unwrap();
            assert_eq!(Handle::current().metrics().io_driver_fd_registered_count(), 0);
        });
        let (near, _far) = StdStream::pair().unwrap();
        let panicked = panic_of(|| AsyncFd::new(near)).expect("there is no runtime here");
        assert!(panicked.message.contains("AsyncFd::new"), "{}", panicked.message);
        assert_eq!(panicked.file, file!());
    });
}

#[test]
fn when_it_is_dropped_so_is_what_is_inside() {
    ends(|| {
        real().block_on(async {
            let (near, mut far) = pair();
            drop(near);
            assert_eq!(far.read(&mut [0; 1]).unwrap(), 0, "closed");
            let (near, mut far) = pair();
            let mut near = near.into_inner();
            assert_eq!(Handle::current().metrics().io_driver_fd_registered_count(), 0);
            near.write_all(b"open").unwrap();
            assert_eq!(far.read(&mut [0; 8]).unwrap(), 4);
        });
    });
}

/// The descriptor is closed, but a duplicate is still open, so the system would continue to report it if it were not
/// deregistered; and its number belongs to another descriptor now.
#[test]
fn a_descriptor_whose_duplicate_lives_on_is_not_reported_any_more() {
    // In a process of its own: another test might take the number.
    alone("a_descriptor_whose_duplicate_lives_on_is_not_reported_any_more", || {
        real().block_on(async {
            let turns = Turns::new();
            let (near, mut far) = pair();
            let duplicate = near.get_ref().try_clone().unwrap();
            let number = near.as_raw_fd();
            drop(near);
            // The next descriptor that is opened gets the number, or one soon after.
            let mut kept = Vec::new();
            let (next, mut next_far) = loop {
                let (near, far) = StdStream::pair().unwrap();
                match number {
                    number if number == near.as_raw_fd() => break (near, far),
                    number if number == far.as_raw_fd() => break (far, near),
                    _ => kept.push((near, far)),
                }
                assert!(kept.len() < 100, "the number does not come back");
            };
            next.set_nonblocking(true).unwrap();
            let next = AsyncFd::new(next).unwrap();
            let mut readable = Probe::new(next.readable());
            readable.assert_pending();
            far.write_all(b"for the duplicate").unwrap();
            turns.turn().await;
            assert!(!readable.is_woken());
            next_far.write_all(b"for the next").unwrap();
            turns.until(|| readable.is_woken()).await;
            drop(duplicate);
        });
    });
}

#[test]
fn at_the_end_of_the_runtime_every_wait_is_woken_and_all_operations_fail() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let (near, _far) = runtime.block_on(async { pair() });
        let wakes = Wakes::new();
        let both = Interest::READABLE | Interest::WRITABLE;
        let mut readable = pin!(near.readable());
        assert!(wakes.poll(readable.as_mut()).is_pending());
        let polled = Wakes::new();
        assert!(polled.poll_fn(|cx| near.poll_read_ready(cx).is_pending()));
        drop(runtime);
        assert_eq!((wakes.count(), wakes.kept()), (1, 0));
        assert_eq!((polled.take(), polled.kept()), (1, 0));
        assert!(matches!(wakes.poll(readable), Poll::Ready(Err(_))));
        assert!(matches!(wakes.poll(pin!(near.ready(both))), Poll::Ready(Err(_))));
        let error = near.try_io(both, |_| Ok(())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Other);
    });
}

#[test]
fn interests_and_readiness_are_sets() {
    let (read, write) = (Interest::READABLE, Interest::WRITABLE);
    let mut both = read;
    both |= write;
    assert_eq!(read | write, both);
    assert!(both.is_readable() && both.is_writable() && !read.is_writable());
    assert_eq!(format!("{both:?}, {read:?}"), "READABLE | WRITABLE, READABLE");

    assert_eq!(Ready::READABLE | Ready::WRITABLE, Ready::ALL);
    assert!(Ready::EMPTY.is_empty() && !Ready::READABLE.is_empty());
    assert_eq!(format!("{:?}", Ready::EMPTY), "EMPTY");
    assert_eq!(format!("{:?}", Ready::ALL), "READABLE | WRITABLE");
}
