//! The laws of the channel in which each receiver receives everything.
//!
//! Numbers in comments are those of the points in the list of behaviour that is easily missed.

use std::cell::Cell;
use std::error::Error;
use std::marker::PhantomPinned;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use crate::common::Flavour::{CurrentThread, Workers};
use crate::common::{
    AtDrop, Probe, Random, Wakes, calls, ends, on_each_of, on_every_flavour, owns, panic_of,
    reported,
};
use futures::FutureExt;
use futures::executor::block_on;
use futures::future::BoxFuture;
use openwork::sync::broadcast::error::{RecvError, SendError, TryRecvError};
use openwork::sync::broadcast::{Receiver, Sender, WeakSender, channel};
use openwork::task::yield_now;
use openwork::time::timeout;

// ---- sending and receiving ----

#[test]
fn every_receiver_gets_every_value_in_order() {
    let (tx, mut first) = channel(16);
    let mut second = tx.subscribe();
    assert_eq!(tx.send(1).unwrap(), 2);
    assert_eq!(tx.send(2).unwrap(), 2);
    for rx in [&mut first, &mut second] {
        assert_eq!(rx.try_recv(), Ok(1));
        assert_eq!(block_on(rx.recv()), Ok(2));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    }
}

#[test]
fn a_value_wakes_all_waiting_tasks_and_no_other() {
    let (tx, mut rx_1) = channel(16);
    let (mut rx_2, mut rx_3) = (tx.subscribe(), tx.subscribe());
    let (mut first, mut second) = (Probe::new(rx_1.recv()), Probe::new(rx_2.recv()));
    first.assert_pending();
    second.assert_pending();
    let third = Probe::new(rx_3.recv());
    tx.send("all").unwrap();
    assert!(first.is_woken() && second.is_woken() && !third.is_woken());
    assert_eq!(first.assert_ready(), Ok("all"));
    assert_eq!(second.assert_ready(), Ok("all"));
    drop((first, second));
    // No task waits there any more.
    tx.send("again").unwrap();
    let mut first = Probe::new(rx_1.recv());
    assert_eq!(first.assert_ready(), Ok("again"));
}

#[test]
fn each_receiver_goes_at_its_own_pace() {
    let (tx, mut quick) = channel(16);
    let mut slow = tx.subscribe();
    let mut waits = Probe::new(slow.recv());
    waits.assert_pending();
    for value in 1..4 {
        tx.send(value).unwrap();
        assert_eq!(quick.try_recv(), Ok(value));
    }
    assert_eq!(waits.assert_ready(), Ok(1));
    drop(waits);
    assert_eq!((slow.try_recv(), slow.try_recv()), (Ok(2), Ok(3)));
}

#[test]
fn a_receiver_gets_what_is_sent_after_its_creation() {
    let (tx, _first) = channel(16);
    tx.send(1).unwrap();
    let mut late = tx.subscribe();
    assert!(late.is_empty());
    tx.send(2).unwrap();
    assert_eq!(late.try_recv(), Ok(2));
}

#[test]
fn without_a_receiver_the_value_comes_back() {
    let (tx, rx) = channel(16);
    drop(rx);
    assert_eq!(tx.send("nobody"), Err(SendError("nobody")));
    let mut rx = tx.subscribe();
    assert_eq!(tx.send("somebody"), Ok(1));
    assert_eq!(rx.try_recv(), Ok("somebody"));
    let tx = Sender::new(1);
    assert_eq!(tx.receiver_count(), 0);
    assert_eq!(tx.send(1), Err(SendError(1)));
}

// ---- lagging ----

// Point 28.
#[test]
fn a_receiver_that_lags_learns_by_how_much_and_continues_with_the_oldest() {
    let (tx, mut quick) = channel(2);
    let mut slow = tx.subscribe();
    tx.send(1).unwrap();
    tx.send(2).unwrap();
    assert_eq!(quick.try_recv(), Ok(1));
    tx.send(3).unwrap();
    assert_eq!(slow.try_recv(), Err(TryRecvError::Lagged(1)));
    assert_eq!(slow.try_recv(), Ok(2));
    assert_eq!((quick.try_recv(), quick.try_recv()), (Ok(2), Ok(3)));
    for value in 4..10 {
        tx.send(value).unwrap();
    }
    assert_eq!(block_on(slow.recv()), Err(RecvError::Lagged(5)));
    // More were overwritten before it received again.
    tx.send(10).unwrap();
    assert_eq!(block_on(slow.recv()), Err(RecvError::Lagged(1)));
    assert_eq!(block_on(slow.recv()), Ok(9));
    assert_eq!(quick.try_recv(), Err(TryRecvError::Lagged(5)));
}

// Point 28.
#[test]
fn the_capacity_is_rounded_up_to_a_power_of_two() {
    for (asked, kept) in [(1, 1), (2, 2), (3, 4), (5, 8), (16, 16), (17, 32)] {
        let (tx, mut rx) = channel(asked);
        for value in 0..=kept {
            tx.send(value).unwrap();
        }
        assert_eq!(tx.len() as u64, kept);
        assert_eq!(rx.try_recv(), Err(TryRecvError::Lagged(1)), "of {asked}");
        assert_eq!(rx.try_recv(), Ok(1));
    }
}

// Point 28.
#[test]
fn the_length_counts_what_was_missed_until_that_was_said() {
    let (tx, mut rx) = channel(3);
    for value in 1..=4 {
        tx.send(value).unwrap();
    }
    assert_eq!((rx.len(), tx.len()), (4, 4));
    assert_eq!(rx.try_recv(), Ok(1));
    tx.send(5).unwrap();
    tx.send(6).unwrap();
    assert_eq!((rx.len(), tx.len()), (5, 4));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Lagged(1)));
    assert_eq!(rx.len(), 4);
    assert!(!rx.is_empty());
}

#[test]
fn a_sender_counts_what_a_receiver_has_yet_to_receive() {
    let (tx, mut first) = channel(4);
    let mut second = tx.subscribe();
    assert!(tx.is_empty());
    tx.send(1).unwrap();
    tx.send(2).unwrap();
    first.try_recv().unwrap();
    assert_eq!(tx.len(), 2);
    second.try_recv().unwrap();
    assert_eq!(tx.len(), 1);
    drop(first);
    assert_eq!(tx.len(), 1);
    drop(second);
    assert!(tx.is_empty());
}

// ---- the end ----

// Point 28.
#[test]
fn closed_is_said_after_the_rest_was_received() {
    let (tx, mut rx) = channel(2);
    let mut lags = tx.subscribe();
    for value in 1..=3 {
        tx.send(value).unwrap();
        if value == 1 {
            assert_eq!(rx.try_recv(), Ok(1));
        }
    }
    // It takes no slot of the buffer: nothing more is overwritten.
    drop(tx);
    assert!(rx.is_closed());
    assert_eq!((rx.try_recv(), rx.try_recv()), (Ok(2), Ok(3)));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    assert_eq!(block_on(lags.recv()), Err(RecvError::Lagged(1)));
    assert_eq!((block_on(lags.recv()), block_on(lags.recv())), (Ok(2), Ok(3)));
    assert_eq!(block_on(lags.recv()), Err(RecvError::Closed));
    assert_eq!(block_on(lags.recv()), Err(RecvError::Closed));
}

#[test]
fn the_last_sender_wakes_all_waiting_tasks() {
    let (tx, mut rx_1) = channel::<()>(16);
    let (mut rx_2, tx_2) = (tx.subscribe(), tx.clone());
    let (mut first, mut second) = (Probe::new(rx_1.recv()), Probe::new(rx_2.recv()));
    first.assert_pending();
    second.assert_pending();
    drop(tx);
    assert!(!first.is_woken() && !second.is_woken());
    drop(tx_2);
    assert!(first.is_woken() && second.is_woken());
    assert_eq!(first.assert_ready(), Err(RecvError::Closed));
    assert_eq!(second.assert_ready(), Err(RecvError::Closed));
}

// Point 28.
#[test]
fn the_values_are_dropped_with_the_last_receiver() {
    let (tx, first) = channel(16);
    let (mut second, value) = (tx.subscribe(), Arc::new(()));
    tx.send(value.clone()).unwrap();
    tx.send(value.clone()).unwrap();
    drop(first);
    assert_eq!(Arc::strong_count(&value), 3);
    drop(second.try_recv());
    assert_eq!(Arc::strong_count(&value), 2);
    drop(second);
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn a_value_is_dropped_when_all_have_received_it_or_it_is_overwritten() {
    let (tx, mut rx) = channel(1);
    let (first, second) = (Arc::new(()), Arc::new(()));
    tx.send(first.clone()).unwrap();
    tx.send(second.clone()).unwrap();
    assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (1, 2));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Lagged(1)));
    drop(rx.try_recv());
    assert_eq!(Arc::strong_count(&second), 1);
}

// Point 28.
#[test]
fn resubscribe_begins_with_what_is_sent_next() {
    let (tx, mut rx) = channel(2);
    tx.send(1).unwrap();
    let mut again = rx.resubscribe();
    assert_eq!(tx.receiver_count(), 2);
    assert!(again.same_channel(&rx));
    tx.send(2).unwrap();
    assert_eq!((rx.try_recv(), rx.try_recv()), (Ok(1), Ok(2)));
    assert_eq!(again.try_recv(), Ok(2));
    // Of one that has lagged.
    for value in 3..9 {
        tx.send(value).unwrap();
    }
    let mut again = rx.resubscribe();
    assert_eq!(again.try_recv(), Err(TryRecvError::Empty));
    // Of one that is closed.
    drop(tx);
    assert_eq!(rx.resubscribe().try_recv(), Err(TryRecvError::Closed));
    assert_eq!(block_on(again.recv()), Err(RecvError::Closed));
}

// Point 28.
#[test]
fn closed_waits_until_there_is_no_receiver() {
    let (tx, rx) = channel::<()>(4);
    let rx_2 = tx.subscribe();
    let mut closed = Probe::new(tx.closed());
    closed.assert_pending();
    drop(rx);
    assert!(!closed.is_woken());
    drop(rx_2);
    assert!(closed.is_woken());
    // Before it looks again, there is another receiver.
    let rx = tx.subscribe();
    closed.assert_pending();
    drop(rx);
    assert!(closed.is_woken());
    closed.assert_ready();
    Probe::new(Sender::<()>::new(1).closed()).assert_ready();
}

#[test]
fn all_tasks_that_wait_for_the_end_are_woken() {
    let (tx, rx) = channel::<()>(4);
    let mut waiting: Vec<_> = (0..10).map(|_| Probe::new(tx.closed())).collect();
    waiting.iter_mut().for_each(Probe::assert_pending);
    waiting.swap_remove(3);
    drop(rx);
    assert!(waiting.iter().all(Probe::is_woken));
    waiting.iter_mut().for_each(Probe::assert_ready);
}

// ---- handles ----

#[test]
fn a_weak_sender_keeps_nothing_open() {
    let (tx, mut rx) = channel(2);
    let weak = tx.downgrade();
    let (tx_2, weak_2) = (weak.upgrade().unwrap(), weak.clone());
    assert_eq!((tx.strong_count(), tx.weak_count()), (2, 2));
    assert_eq!((weak.strong_count(), weak.weak_count()), (2, 2));
    assert_eq!((rx.sender_strong_count(), rx.sender_weak_count()), (2, 2));
    assert!(tx.same_channel(&tx_2) && !tx.same_channel(&Sender::new(1)));
    drop((tx, weak_2));
    assert_eq!((rx.sender_strong_count(), rx.sender_weak_count()), (1, 1));
    tx_2.send(1).unwrap();
    drop(tx_2);
    assert!(weak.upgrade().is_none());
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
}

// ---- user code ----

#[derive(Debug, PartialEq)]
struct PanicsAtZero(usize);

impl Clone for PanicsAtZero {
    fn clone(&self) -> Self {
        assert_ne!(self.0, 0);
        PanicsAtZero(self.0)
    }
}

// Point 28.
#[test]
fn a_clone_may_panic() {
    let (tx, mut first) = channel(16);
    let mut second = tx.subscribe();
    tx.send(PanicsAtZero(0)).unwrap();
    tx.send(PanicsAtZero(1)).unwrap();
    for rx in [&mut first, &mut second] {
        assert!(catch_unwind(AssertUnwindSafe(|| rx.try_recv())).is_err());
        assert_eq!(rx.try_recv(), Ok(PanicsAtZero(1)));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    }
    assert!(tx.is_empty());
}

#[test]
fn a_clone_that_receives_its_own_value_panics_and_leaves_it_to_the_others() {
    /// Receives itself through another receiver when it is cloned. It is not `Sync`.
    struct Nested(Cell<Option<Receiver<Nested>>>);
    impl Clone for Nested {
        fn clone(&self) -> Self {
            if let Some(mut next) = self.0.take() {
                let panicked = panic_of(|| next.try_recv().is_ok()).unwrap();
                assert!(panicked.message.contains("received or overwrote that very value"));
                self.0.set(Some(next));
            }
            Nested(Cell::new(None))
        }
    }
    ends(|| {
        let (tx, mut rx) = channel(1);
        let (next, mut last) = (tx.subscribe(), tx.subscribe());
        assert!(tx.send(Nested(Cell::new(Some(next)))).is_ok());
        assert!(rx.try_recv().is_ok());
        assert!(thread::spawn(move || last.try_recv().is_ok()).join().unwrap());
        // The receiver within the value has not received it.
        assert_eq!((tx.len(), tx.receiver_count()), (1, 2));
        drop(tx.send(Nested(Cell::new(None))));
        assert_eq!(tx.receiver_count(), 1);
    });
}

#[test]
fn one_thread_at_a_time_clones_a_value() {
    /// It is not `Sync`, and would count wrongly.
    struct Counts(Cell<usize>);
    impl Clone for Counts {
        fn clone(&self) -> Self {
            let before = self.0.get();
            thread::yield_now();
            self.0.set(before + 1);
            Counts(self.0.clone())
        }
    }
    ends(|| {
        for _ in 0..200 {
            let (tx, mut rx) = channel(1);
            let others: Vec<_> = (0..3).map(|_| tx.subscribe()).collect();
            assert!(tx.send(Counts(Cell::new(0))).is_ok());
            thread::scope(|scope| {
                for mut rx in others {
                    scope.spawn(move || assert!(rx.try_recv().is_ok()));
                }
            });
            assert_eq!(rx.try_recv().unwrap_or_else(|_| panic!()).0.get(), 4);
        }
    });
}

#[test]
fn a_value_whose_destructor_panics_does_not_lose_the_clone() {
    struct Original(bool);
    impl Clone for Original {
        fn clone(&self) -> Self {
            Original(false)
        }
    }
    impl Drop for Original {
        fn drop(&mut self) {
            assert!(!self.0, "a value's panic");
        }
    }
    let (tx, mut rx) = channel(1);
    assert!(tx.send(Original(true)).is_ok());
    let (received, messages) = reported(|| rx.try_recv());
    assert_eq!((received.is_ok(), messages), (true, vec!["a value's panic".to_owned()]));
    assert!(tx.is_empty());
    // Overwritten by the next one, which is sent.
    assert!(tx.send(Original(true)).is_ok());
    let panicked = panic_of(|| tx.send(Original(false)).is_ok()).unwrap();
    assert_eq!((panicked.message.as_str(), tx.len()), ("a value's panic", 1));
    assert_eq!(rx.try_recv().err(), Some(TryRecvError::Lagged(1)));
    assert!(rx.try_recv().is_ok());
    // Dropped with the last receiver.
    assert!(tx.send(Original(true)).is_ok());
    assert!(panic_of(|| drop(rx)).is_some());
    assert_eq!((tx.receiver_count(), tx.len()), (0, 0));
}

/// Sends once more on its channel when it is cloned, and when it is dropped.
struct Sends(Option<Sender<Sends>>, Arc<AtomicUsize>);

impl Clone for Sends {
    fn clone(&self) -> Self {
        self.send_another();
        Sends(None, self.1.clone())
    }
}

impl Drop for Sends {
    fn drop(&mut self) {
        self.send_another();
    }
}

impl Sends {
    fn send_another(&self) {
        if let Some(tx) = &self.0 {
            self.1.fetch_add(1, SeqCst);
            assert!(tx.len() <= 1 && tx.receiver_count() < 2);
            let _ = tx.send(Sends(None, self.1.clone()));
        }
    }
}

#[test]
fn a_value_may_send_on_its_channel_when_it_is_cloned_and_when_it_is_dropped() {
    ends(|| {
        let sent = Arc::new(AtomicUsize::new(0));
        let (tx, mut rx) = channel(1);
        let sends = || Sends(Some(tx.clone()), sent.clone());
        // Cloned, and dropped by the last to receive it.
        assert!(tx.send(sends()).is_ok());
        assert!(rx.try_recv().is_ok());
        assert_eq!(sent.load(SeqCst), 2);
        // Overwritten by the next.
        assert!(tx.send(sends()).is_ok());
        assert!(tx.send(Sends(None, sent.clone())).is_ok());
        assert_eq!(sent.load(SeqCst), 3);
        // Dropped with the last receiver.
        assert!(tx.send(sends()).is_ok());
        drop(rx);
        assert_eq!(sent.load(SeqCst), 4);
    });
}

#[test]
fn while_one_thread_clones_the_others_continue() {
    /// Cloning reports that it has begun, and waits until it may continue.
    struct Slow(Arc<Mutex<()>>, std::sync::mpsc::Sender<()>);
    impl Clone for Slow {
        fn clone(&self) -> Self {
            self.1.send(()).unwrap();
            drop(self.0.lock().unwrap());
            Slow(self.0.clone(), self.1.clone())
        }
    }
    ends(|| {
        let (begun, begins) = std::sync::mpsc::channel();
        let gate = Arc::new(Mutex::new(()));
        let (tx, mut rx) = channel(1);
        tx.send(Slow(gate.clone(), begun.clone())).ok().unwrap();
        let closed = gate.lock().unwrap();
        let thread = thread::spawn(move || rx.try_recv().is_ok());
        begins.recv().unwrap();
        // The same slot is used again and again.
        for _ in 0..3 {
            tx.send(Slow(gate.clone(), begun.clone())).ok().unwrap();
        }
        assert_eq!((tx.len(), tx.receiver_count()), (1, 1));
        drop(tx.subscribe());
        drop(closed);
        assert!(thread.join().unwrap());
    });
}

/// A future that owns its receiver, and has been polled once.
fn start_recv(
    rx: &mut Receiver<i32>,
    waker: &std::task::Waker,
) -> BoxFuture<'static, Result<i32, RecvError>> {
    let mut rx = rx.resubscribe();
    let mut recv = async move { rx.recv().await }.boxed();
    assert!(recv.as_mut().poll(&mut Context::from_waker(waker)).is_pending());
    recv
}

// Point 28.
#[test]
fn a_waker_may_send_when_it_is_woken_and_when_it_is_dropped() {
    ends(|| {
        let (tx, mut rx) = channel(16);
        let sends = |value| {
            let tx = tx.clone();
            move || _ = tx.send(value)
        };
        let woken = start_recv(&mut rx, &calls(sends(2)));
        tx.send(1).unwrap();
        drop(woken);
        let dropped = start_recv(&mut rx, &owns(AtDrop(sends(4))));
        tx.send(3).unwrap();
        drop(dropped);
        // Replaced by the waker of a later poll, and dropped with the future.
        let mut replaced = start_recv(&mut rx, &owns(AtDrop(sends(5))));
        assert!((&mut replaced).now_or_never().is_none(), "it had looked before");
        assert_eq!(replaced.now_or_never(), Some(Ok(5)));
        let left = start_recv(&mut rx, &owns(AtDrop(sends(6))));
        drop(left);
        let received: Vec<_> = std::iter::from_fn(|| rx.try_recv().ok()).collect();
        assert_eq!(received, [1, 2, 3, 4, 5, 6]);
    });
}

#[test]
fn one_waker_that_panics_keeps_no_other_from_being_woken() {
    let (tx, mut rx) = channel(16);
    let (mut rx_1, mut rx_2) = (tx.subscribe(), tx.subscribe());
    let (mut before, mut after) = (Probe::new(rx_1.recv()), Probe::new(rx_2.recv()));
    before.assert_pending();
    let between = start_recv(&mut rx, &calls(|| panic!("a waker's panic")));
    after.assert_pending();
    assert_eq!(tx.send(7), Ok(4));
    assert!(before.is_woken() && after.is_woken());
    assert_eq!(between.now_or_never(), Some(Ok(7)));
    assert_eq!(rx.try_recv(), Ok(7));
}

#[test]
fn a_poll_from_another_task_drops_the_old_waker() {
    let (tx, mut rx) = channel(1);
    let (first, second) = (Wakes::new(), Wakes::new());
    let mut recv = Box::pin(rx.recv());
    assert!(first.poll(recv.as_mut()).is_pending());
    assert!(second.poll(recv.as_mut()).is_pending());
    assert_eq!((first.kept(), second.kept()), (0, 1));
    tx.send(1).unwrap();
    assert_eq!((first.count(), second.count()), (0, 1));
    assert_eq!(second.kept(), 0);
    assert_eq!(second.poll(recv.as_mut()), Poll::Ready(Ok(1)));
    assert!(second.poll(recv.as_mut()).is_pending());
    drop(recv);
    assert_eq!(second.kept(), 0);
    // A wait that is leaked leaves its waker to the receiver.
    let mut leaked = ManuallyDrop::new(rx.recv());
    assert!(second.poll(Pin::new(&mut *leaked)).is_pending());
    assert_eq!(second.kept(), 1);
    drop(rx);
    assert_eq!(second.kept(), 0);
}

// ---- bad input ----

// Points 28 and 40.
#[test]
fn a_capacity_of_nothing_or_too_much_panics_at_the_callers_line() {
    let at = |wrong: fn(), line: u32, message: &str| {
        let panicked = panic_of(wrong).unwrap();
        assert_eq!((panicked.message.as_str(), panicked.line), (message, line));
        assert_eq!(panicked.file, file!());
    };
    let none = "broadcast channel capacity cannot be zero";
    let too_much = "broadcast channel capacity exceeded `usize::MAX / 2`";
    at(|| _ = channel::<()>(0), line!(), none);
    at(|| _ = Sender::<()>::new(0), line!(), none);
    at(|| _ = channel::<()>(usize::MAX / 2 + 1), line!(), too_much);
    at(|| _ = Sender::<()>::new(usize::MAX), line!(), too_much);
    let (tx, mut rx) = channel(100_000);
    tx.send(1).unwrap();
    assert_eq!(rx.try_recv(), Ok(1));
}

#[test]
fn blocking_is_refused_on_a_thread_that_runs_tasks() {
    let (tx, mut rx) = channel(1);
    let line = line!() + 1;
    let blocks = || openwork::block_on(async { rx.blocking_recv() });
    let panicked = panic_of(blocks).unwrap();
    assert!(panicked.message.contains("`broadcast::Receiver::blocking_recv`"));
    assert_eq!(panicked.line, line);
    let thread = thread::spawn(move || (rx.blocking_recv(), rx.blocking_recv()));
    tx.send(1).unwrap();
    drop(tx);
    assert_eq!(thread.join().unwrap(), (Ok(1), Err(RecvError::Closed)));
}

// ---- types ----

// Point 41.
#[test]
fn the_types_are_what_tokios_are() {
    type Moves = Cell<u8>;
    fn check<T: Send + Sync + Unpin>() {}
    fn whole<T: UnwindSafe + RefUnwindSafe>() {}
    fn unpin<T: Unpin>() {}
    check::<Sender<Moves>>();
    check::<WeakSender<Moves>>();
    check::<Receiver<Moves>>();
    unpin::<Sender<PhantomPinned>>();
    unpin::<Receiver<PhantomPinned>>();
    whole::<Sender<Moves>>();
    whole::<WeakSender<Moves>>();
    whole::<Receiver<Moves>>();
    fn check_future<F: Send + Sync + Unpin>(_: F) {}
    let (tx, mut rx) = channel::<Moves>(1);
    check_future(rx.recv());
    check_future(tx.closed());
}

#[test]
fn nothing_is_asked_of_a_value_that_is_only_sent() {
    struct Plain(#[expect(dead_code, reason = "it makes the type neither Send nor Sync")] Rc<()>);
    let tx = Sender::<Plain>::new(2);
    let rx = tx.subscribe();
    assert!(tx.clone().send(Plain(Rc::new(()))).is_ok());
    let texts = (format!("{tx:?}"), format!("{:?}", tx.downgrade()), format!("{rx:?}"));
    assert!(texts.0.starts_with("Sender") && texts.1.starts_with("WeakSender"));
    assert!(texts.2.starts_with("Receiver"));
}

#[test]
fn the_errors_say_what_tokios_say() {
    fn texts(error: &dyn Error) -> String {
        format!("{error} / {error:?}")
    }
    assert_eq!(texts(&SendError(1)), "channel closed / SendError(1)");
    assert_eq!(texts(&RecvError::Closed), "channel closed / Closed");
    assert_eq!(texts(&RecvError::Lagged(3)), "channel lagged by 3 / Lagged(3)");
    assert_eq!(texts(&TryRecvError::Empty), "channel empty / Empty");
    assert_eq!(texts(&TryRecvError::Closed), "channel closed / Closed");
    assert_eq!(texts(&TryRecvError::Lagged(3)), "channel lagged by 3 / Lagged(3)");
}

// ---- under executors ----

// Point 12.
#[test]
fn a_poll_may_receive_only_so_many() {
    openwork::block_on(async {
        let (tx, mut rx) = channel(1024);
        (0..200).for_each(|value| _ = tx.send(value).unwrap());
        let mut received = 0;
        while rx.recv().now_or_never().is_some() {
            received += 1;
        }
        assert_eq!(received, 128);
        drop(rx);
        yield_now().await;
        let mut closed = 0;
        while tx.closed().now_or_never().is_some() {
            closed += 1;
        }
        assert_eq!(closed, 128);
    });
}

#[test]
fn tasks_on_every_flavour_receive_everything() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (tx, _) = channel(1024);
            let receivers: Vec<_> = (0..10)
                .map(|_| {
                    let mut rx = tx.subscribe();
                    openwork::spawn(async move {
                        let mut sum = 0;
                        while let Ok(value) = rx.recv().await {
                            sum += value;
                        }
                        sum
                    })
                })
                .collect();
            for value in 0..1000 {
                tx.send(value).unwrap();
                if value % 100 == 0 {
                    yield_now().await;
                }
            }
            drop(tx);
            for receiver in receivers {
                assert_eq!(receiver.await.unwrap(), 499_500);
            }
        });
    });
}

#[test]
fn it_works_without_a_runtime() {
    let (tx, mut rx) = channel(8);
    let (answer, mut answers) = channel(8);
    let thread = thread::spawn(move || {
        while let Ok(value) = block_on(rx.recv()) {
            answer.send(value + 1).unwrap();
        }
        drop(rx);
        block_on(answer.closed());
    });
    for value in 0..1000 {
        tx.send(value).unwrap();
        assert_eq!(block_on(answers.recv()), Ok(value + 1));
    }
    drop((tx, answers));
    thread.join().unwrap();
}

// ---- cancelled at random ----

/// A receiver as the model sees it: all it may ever receive, and how far it is.
struct Modelled {
    rx: Receiver<u64>,
    cursor: u64,
}

impl Modelled {
    /// What `try_recv` must return after `sent` values. They are numbered from 0, and the channel keeps `kept` of them.
    fn expected(&mut self, sent: u64, kept: u64) -> Result<u64, TryRecvError> {
        let oldest = sent.saturating_sub(kept);
        if self.cursor < oldest {
            let missed = oldest - self.cursor;
            self.cursor = oldest;
            return Err(TryRecvError::Lagged(missed));
        }
        if self.cursor == sent {
            return Err(TryRecvError::Empty);
        }
        self.cursor += 1;
        Ok(self.cursor - 1)
    }
}

#[test]
fn whatever_happens_it_does_what_the_model_does() {
    for seed in 1..=200 {
        let mut random = Random(seed * 7919);
        let kept = 1 << random.below(5);
        let tx = Sender::new(kept as usize);
        let (mut sent, mut receivers) = (0, Vec::<Modelled>::new());
        for _ in 0..300 {
            let some = random.below(receivers.len().max(1));
            match random.below(10) {
                0 => receivers.push(Modelled { rx: tx.subscribe(), cursor: sent }),
                1 if !receivers.is_empty() => drop(receivers.swap_remove(some)),
                2..5 => {
                    let result = tx.send(sent);
                    assert_eq!(result.ok(), Some(receivers.len()).filter(|count| *count > 0));
                    sent += u64::from(!receivers.is_empty());
                }
                5..7 if !receivers.is_empty() => {
                    // One that is polled, and dropped while it waits.
                    let receiver = &mut receivers[some];
                    let polled = receiver.rx.recv().now_or_never();
                    let expected = match receiver.expected(sent, kept) {
                        Ok(value) => Some(Ok(value)),
                        Err(TryRecvError::Lagged(missed)) => Some(Err(RecvError::Lagged(missed))),
                        Err(_) => None,
                    };
                    assert_eq!(polled, expected);
                }
                _ if !receivers.is_empty() => {
                    let receiver = &mut receivers[some];
                    assert_eq!(receiver.rx.try_recv(), receiver.expected(sent, kept));
                }
                _ => {}
            }
            let slowest = receivers.iter().map(|receiver| sent - receiver.cursor).max();
            assert_eq!(tx.len() as u64, slowest.unwrap_or(0).min(kept));
            for receiver in &receivers {
                assert_eq!(receiver.rx.len() as u64, sent - receiver.cursor);
            }
        }
    }
}

#[test]
fn among_tasks_that_time_out_and_are_aborted_each_receiver_receives_everything() {
    const VALUES: u64 = 3000;
    on_each_of(&[CurrentThread, Workers(4)], |flavour| {
        flavour.block_on(async {
            let (tx, _) = channel(4096);
            let receivers: Vec<_> = (1..=20)
                .map(|seed| {
                    let (mut rx, mut random) = (tx.subscribe(), Random(seed * 7919));
                    openwork::spawn(async move {
                        let mut next = 0;
                        loop {
                            // Cancelled and begun again, many times.
                            let limit = Duration::from_micros(random.below(30) as u64);
                            match timeout(limit, rx.recv()).await {
                                Ok(Ok(value)) if value == next => next += 1,
                                Ok(Err(RecvError::Closed)) => return next,
                                Ok(other) => panic!("{other:?} in the place of {next}"),
                                Err(_) => {}
                            }
                        }
                    })
                })
                .collect();
            let mut random = Random(4711);
            for value in 0..VALUES {
                let mut rx = tx.subscribe();
                let goes = openwork::spawn(async move { while rx.recv().await.is_ok() {} });
                if random.below(3) == 0 {
                    yield_now().await;
                }
                tx.send(value).unwrap();
                if random.below(3) == 0 {
                    yield_now().await;
                }
                goes.abort();
            }
            drop(tx.clone());
            let weak = tx.downgrade();
            drop(tx);
            for receiver in receivers {
                assert_eq!(receiver.await.unwrap(), VALUES);
            }
            assert!(weak.upgrade().is_none());
        });
    });
}
