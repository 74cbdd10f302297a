//! Programs with no descriptors left, with signals without end, and after a fork.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::net::UnixStream as StdStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::{process, thread};

use openwork::io::AsyncReadExt;
use openwork::net::UnixStream;
use openwork::signal::unix::{SignalKind, signal};

use super::program;
use crate::common::{Dir, Flavour, on_each_of, threads};
use crate::{alone, alone_under};

const FLAVOURS: [Flavour; 3] = [Flavour::CurrentThread, Flavour::Workers(1), Flavour::Workers(4)];

// ---- no descriptors left ----

#[test]
fn at_the_limit_of_descriptors_a_runtime_a_file_and_a_signal_say_so() {
    const NAME: &str = "at_the_limit_of_descriptors_a_runtime_a_file_and_a_signal_say_so";
    alone_under(NAME, "ulimit -n 64", || {
        on_each_of(&FLAVOURS, |flavour| {
            let folder = Dir::new();
            let path = folder.file("file", b"content");
            let listens = SignalKind::hangup();
            let take_all_but = |leave: usize| {
                let files = std::iter::from_fn(|| File::open("/dev/null").ok());
                let mut files: Vec<_> = files.collect();
                files.truncate(files.len() - leave);
                files
            };
            // With 0, 1 and 2 descriptors left each of the runtime's three fails in turn.
            let mut tries = (0..).map(|left| {
                let _held = take_all_but(left);
                flavour.builder().build().map_err(is_full)
            });
            let refused = tries.by_ref().take_while(Result::is_err).count();
            assert_eq!(refused, 3, "epoll, eventfd, timerfd");

            let runtime = flavour.build();
            runtime.block_on(async {
                // Its thread has started.
                assert_eq!(openwork::fs::read(&path).await.unwrap(), b"content");
                let held = take_all_but(0);
                for _ in 0..3 {
                    is_full(openwork::fs::File::open(&path).await.unwrap_err());
                    is_full(openwork::fs::read(&path).await.unwrap_err());
                    is_full(openwork::fs::read_dir(&folder.0).await.unwrap_err());
                    is_full(signal(listens).unwrap_err());
                }
                drop(held);
                assert_eq!(openwork::fs::read(&path).await.unwrap(), b"content");
                signal(listens).unwrap();
            });
        });
    });
}

#[track_caller]
fn is_full(error: io::Error) {
    assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "{error}");
}

// ---- signals without end ----

static SIGNALS: AtomicUsize = AtomicUsize::new(0);

extern "C" fn count(_: libc::c_int) {
    SIGNALS.fetch_add(1, Relaxed);
}

/// Every thread gets signals, whose handler asks for no restart: system calls that wait end with `EINTR`.
#[test]
fn a_storm_of_signals_ends_no_operation() {
    alone("a_storm_of_signals_ends_no_operation", || {
        // SAFETY: the handler adds to an atomic, which a handler may do. All other fields may be zero.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = count as *const () as usize;
            assert_eq!(libc::sigaction(libc::SIGUSR2, &action, std::ptr::null_mut()), 0);
        }
        static OVER: AtomicBool = AtomicBool::new(false);
        let storm = thread::spawn(|| {
            let process = process::id() as libc::pid_t;
            while !OVER.load(Relaxed) {
                for thread in threads() {
                    // SAFETY: a signal is sent. The thread may have exited meanwhile.
                    unsafe { libc::syscall(libc::SYS_tgkill, process, thread, libc::SIGUSR2) };
                }
            }
        });
        on_each_of(&FLAVOURS, |flavour| {
            let folder = Dir::new();
            let (before, mut runs) = (SIGNALS.load(Relaxed), 0);
            while runs < 20 || SIGNALS.load(Relaxed) - before < 1000 {
                let errors = program::run(flavour, folder.0.as_path().into(), libc::SIGUSR1);
                assert!(errors.is_empty(), "{errors:?}");
                runs += 1;
            }
        });
        OVER.store(true, Relaxed);
        storm.join().unwrap();
        println!("{} signals", SIGNALS.load(Relaxed));
    });
}

// ---- fork ----

/// Only the thread that forks lives on in the child. The runtime of the parent must not be used there.
#[test]
fn the_child_of_a_fork_may_have_a_runtime_of_its_own() {
    alone("the_child_of_a_fork_may_have_a_runtime_of_its_own", || {
        on_each_of(&FLAVOURS, |flavour| {
            let folder = Dir::new();
            let (mut far, near) = StdStream::pair().unwrap();
            let runtime = flavour.build();
            let waits = runtime.spawn(async move {
                near.set_nonblocking(true)?;
                let mut near = UnixStream::from_std(near)?;
                let mut text = String::new();
                near.read_to_string(&mut text).await?;
                io::Result::Ok(text)
            });
            runtime.block_on(openwork::task::yield_now());
            // SAFETY: the child calls what takes locks of the allocator, which `fork` of the C library allows.
            match unsafe { libc::fork() } {
                -1 => panic!("{}", io::Error::last_os_error()),
                0 => {
                    let runs = || program::run(flavour, folder.0.as_path().into(), libc::SIGUSR1);
                    let errors = std::panic::catch_unwind(runs);
                    let is_right = errors.is_ok_and(|errors| errors.is_empty());
                    // SAFETY: it ends the process, without destructors: they are the parent's.
                    unsafe { libc::_exit(if is_right { 0 } else { 1 }) }
                }
                child => {
                    let mut status = 1;
                    // SAFETY: `status` lives.
                    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
                    assert_eq!(status, 0, "how the child has ended");
                }
            }
            far.write_all(b"and the parent goes on").unwrap();
            drop(far);
            assert_eq!(runtime.block_on(waits).unwrap().unwrap(), "and the parent goes on");
        });
    });
}
