//! Signals. Each test has a process of its own, since a signal is for a whole process.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind};
use std::os::unix::process::ExitStatusExt;
use std::process::{self, Command, Stdio};
use std::{env, pin::pin};

use crate::common::{Flavour, Probe, Wakes, again, alone, ends, on_every_flavour, panic_of};
use openwork::runtime::Builder;
use openwork::signal::ctrl_c;
use openwork::signal::unix::{SignalKind, signal};

const SIGINT: i32 = 2;

/// Sends a signal to this process, and returns when that is done.
fn send(name: &str) {
    let pid = process::id().to_string();
    assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("Linux").count()
}

#[test]
fn all_tasks_that_wait_for_ctrl_c_are_woken() {
    alone("all_tasks_that_wait_for_ctrl_c_are_woken", || {
        on_every_flavour(|flavour| {
            flavour.block_on(async {
                for _ in 0..3 {
                    let mut waiting: Vec<_> = (0..50).map(|_| Box::pin(ctrl_c())).collect();
                    for ctrl_c in &mut waiting {
                        assert!(futures::poll!(ctrl_c).is_pending());
                    }
                    send("INT");
                    let tasks: Vec<_> = waiting.into_iter().map(openwork::spawn).collect();
                    for task in tasks {
                        task.await.unwrap().unwrap();
                    }
                }
            });
        });
    });
}

#[test]
fn each_listener_receives_each_signal_though_another_has_drained_the_pipe() {
    let name = "each_listener_receives_each_signal_though_another_has_drained_the_pipe";
    alone(name, || {
        on_every_flavour(|flavour| {
            flavour.block_on(async {
                let listen = || signal(SignalKind::user_defined1()).unwrap();
                let (mut first, mut second) = (listen(), listen());
                for _ in 0..100 {
                    send("USR1");
                    let other = openwork::spawn(async move {
                        first.recv().await.unwrap();
                        first
                    });
                    second.recv().await.unwrap();
                    first = other.await.unwrap();
                }
                assert!(futures::poll!(pin!(first.recv())).is_pending());
                assert!(futures::poll!(pin!(second.recv())).is_pending());
            });
        });
    });
}

#[test]
fn signals_that_come_between_two_waits_count_as_one() {
    alone("signals_that_come_between_two_waits_count_as_one", || {
        openwork::block_on(async {
            let mut listener = signal(SignalKind::user_defined1()).unwrap();
            for _ in 0..3 {
                send("USR1");
            }
            listener.recv().await.unwrap();
            assert!(futures::poll!(pin!(listener.recv())).is_pending());
            // Of another kind.
            let _other = signal(SignalKind::user_defined2()).unwrap();
            send("USR2");
            assert!(futures::poll!(pin!(listener.recv())).is_pending());
            send("USR1");
            listener.recv().await.unwrap();
        });
    });
}

#[test]
fn a_thousand_signals_between_two_waits_count_as_one() {
    alone("a_thousand_signals_between_two_waits_count_as_one", || {
        on_every_flavour(|flavour| {
            flavour.block_on(async {
                let mut stream = signal(SignalKind::user_defined1()).unwrap();
                for _ in 0..1000 {
                    signal_hook::low_level::raise(SignalKind::user_defined1().as_raw_value())
                        .unwrap();
                }
                assert_eq!(stream.recv().await, Some(()));
                assert!(futures::poll!(pin!(stream.recv())).is_pending());
            });
        });
    });
}

#[test]
fn several_runtimes_receive_one_signal() {
    alone("several_runtimes_receive_one_signal", || {
        ends(|| {
            let runtimes: Vec<_> =
                [Flavour::CurrentThread, Flavour::Workers(2), Flavour::Workers(4)]
                    .map(Flavour::build)
                    .into();
            let listeners: Vec<_> = runtimes
                .iter()
                .map(|runtime| {
                    let _inside = runtime.enter();
                    signal(SignalKind::terminate()).unwrap()
                })
                .collect();
            send("TERM");
            for (runtime, mut listener) in runtimes.iter().zip(listeners) {
                assert_eq!(runtime.block_on(listener.recv()), Some(()));
            }
        });
    });
}

/// A wait that is dropped leaves no waker behind, and the last listener closes the pipe.
#[test]
fn a_dropped_wait_leaves_no_waker_and_the_last_listener_closes_the_pipe() {
    alone("a_dropped_wait_leaves_no_waker_and_the_last_listener_closes_the_pipe", || {
        let runtime = Builder::new_current_thread().build().unwrap();
        let _inside = runtime.enter();
        let before = descriptors();
        let mut first = signal(SignalKind::hangup()).unwrap();
        let one = descriptors();
        let mut second = signal(SignalKind::hangup()).unwrap();
        assert_eq!(descriptors(), one, "one pipe for all");
        let wakes = Wakes::new();
        let mut recv = Box::pin(first.recv());
        assert!(wakes.poll(recv.as_mut()).is_pending());
        assert_eq!(wakes.kept(), 1);
        drop(recv);
        assert_eq!(wakes.kept(), 0);
        Probe::new(second.recv()).assert_pending();
        drop((first, second));
        assert_eq!(descriptors(), before);
        // A new listener makes a new pipe.
        let mut third = signal(SignalKind::hangup()).unwrap();
        send("HUP");
        assert_eq!(runtime.block_on(third.recv()), Some(()));
    });
}

#[test]
fn a_wait_ends_with_none_when_the_runtime_shuts_down() {
    alone("a_wait_ends_with_none_when_the_runtime_shuts_down", || {
        let runtime = Builder::new_current_thread().build().unwrap();
        let mut listener = {
            let _inside = runtime.enter();
            signal(SignalKind::user_defined1()).unwrap()
        };
        let mut probe = Probe::new(listener.recv());
        probe.assert_pending();
        drop(runtime);
        assert!(probe.is_woken());
        assert_eq!(probe.assert_ready(), None);
    });
}

#[test]
fn what_cannot_be_listened_to_is_refused() {
    openwork::block_on(async {
        // KILL, STOP, SEGV, and no signals at all.
        for number in [9, 19, 11, 0, -1] {
            let error = signal(SignalKind::from_raw(number)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{number}");
        }
        assert!(signal(SignalKind::from_raw(1000)).is_err());
    });
    let panicked = panic_of(|| signal(SignalKind::hangup())).unwrap();
    assert!(panicked.message.contains("`signal::unix::signal`"), "{}", panicked.message);
    assert_eq!((panicked.file.as_str(), panicked.line), (file!(), line!() - 2));
}

/// The first wait sets the handler, which stays.
#[test]
fn ctrl_c_ends_the_process_until_a_task_has_waited_for_it() {
    const INNER: &str = "OPENWORK_TEST_SIGNAL";
    let name = "ctrl_c_ends_the_process_until_a_task_has_waited_for_it";
    if let Ok(waits) = env::var(INNER) {
        let runtime = Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut unpolled = pin!(ctrl_c());
            if waits == "yes" {
                assert!(futures::poll!(&mut unpolled).is_pending());
            }
            println!("\nready");
        });
        // No task waits any more. This ends with its input, which the parent process holds.
        let _ = std::io::stdin().lines().count();
        return;
    }
    for waits in ["no", "yes"] {
        let mut child = again(name)
            .env(INNER, waits)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap() == "ready"));
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        if waits == "yes" {
            drop(child.stdin.take());
            assert!(child.wait().unwrap().success());
        } else {
            assert_eq!(child.wait().unwrap().signal(), Some(SIGINT));
        }
    }
}
