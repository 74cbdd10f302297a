//! The laws of the oneshot channel.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::thread;

use crate::common::{
    Probe, Wakes, calls, is_refused_among_tasks, on_every_flavour, owns, reported,
};
use futures::executor;
use futures::task::{ArcWake, noop_waker, waker};
use openwork::sync::oneshot::error::{RecvError, TryRecvError};
use openwork::sync::oneshot::{Receiver, Sender, channel};

fn poll<T>(receiver: &mut Receiver<T>, wakes: &Wakes) -> Poll<Result<T, RecvError>> {
    wakes.poll_fn(|cx| Pin::new(receiver).poll(cx))
}

#[test]
fn a_value_wakes_the_task_that_awaits_it() {
    let (sender, receiver) = channel();
    let mut receiver = Probe::new(receiver);
    receiver.assert_pending();
    sender.send(1).unwrap();
    assert!(receiver.is_woken());
    assert_eq!(receiver.assert_ready(), Ok(1));
}

#[test]
fn a_value_that_is_there_needs_no_waiting() {
    let (sender, receiver) = channel();
    sender.send(1).unwrap();
    assert_eq!(executor::block_on(receiver), Ok(1));
}

#[test]
fn it_works_within_a_runtime_and_from_a_thread_without_one() {
    on_every_flavour(|flavour| {
        let (sender, receiver) = channel();
        let thread = thread::spawn(move || receiver.blocking_recv());
        flavour.block_on(async move {
            let (inner, answer) = channel();
            let asks = openwork::spawn(async move {
                sender.send(answer.await.unwrap() + 1).unwrap();
            });
            openwork::spawn(async move { inner.send(41).unwrap() }).await.unwrap();
            asks.await.unwrap();
        });
        assert_eq!(thread.join().unwrap(), Ok(42));
    });
}

#[test]
fn a_sender_that_is_dropped_wakes_the_receiver_with_an_error() {
    let (sender, receiver) = channel::<()>();
    let mut receiver = Probe::new(receiver);
    receiver.assert_pending();
    drop(sender);
    assert!(receiver.is_woken());
    assert!(receiver.assert_ready().is_err());
}

#[test]
fn a_receiver_that_is_dropped_wakes_the_task_that_awaits_closed() {
    let (mut sender, receiver) = channel();
    let wakes = Wakes::default();
    assert!(wakes.poll_fn(|cx| sender.poll_closed(cx)).is_pending());
    assert!(!sender.is_closed());
    drop(receiver);
    assert_eq!(wakes.take(), 1);
    assert!(sender.is_closed());
    assert!(wakes.poll_fn(|cx| sender.poll_closed(cx)).is_ready());
    executor::block_on(sender.closed());
    assert_eq!(sender.send(1), Err(1));
}

// Point 23.
#[test]
fn close_after_send_still_yields_the_value() {
    let (sender, mut receiver) = channel();
    sender.send(1).unwrap();
    receiver.close();
    assert_eq!(executor::block_on(receiver), Ok(1));

    let (sender, mut receiver) = channel();
    sender.send(1).unwrap();
    receiver.close();
    assert_eq!(receiver.try_recv(), Ok(1));
}

#[test]
fn close_before_send_refuses_the_value() {
    let (mut sender, mut receiver) = channel();
    let wakes = Wakes::default();
    assert!(wakes.poll_fn(|cx| sender.poll_closed(cx)).is_pending());
    receiver.close();
    receiver.close();
    assert_eq!(wakes.take(), 1);
    assert!(sender.is_closed());
    assert_eq!(sender.send(1), Err(1));
    assert!(executor::block_on(receiver).is_err());
}

// Point 23.
#[test]
#[should_panic(expected = "polled after its result")]
fn a_poll_after_close_and_try_recv_panics() {
    let (_sender, mut receiver) = channel::<()>();
    receiver.close();
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    let _ = poll(&mut receiver, &Wakes::default());
}

#[test]
fn try_recv_tells_not_yet_from_never() {
    let (sender, mut receiver) = channel();
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    sender.send(1).unwrap();
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    receiver.close();

    let (sender, mut receiver) = channel::<()>();
    drop(sender);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
}

// Point 23.
#[test]
fn it_is_terminated_only_after_the_result_was_taken() {
    let wakes = Wakes::default();

    let (sender, mut receiver) = channel();
    assert!(!receiver.is_terminated());
    sender.send(1).unwrap();
    assert!(!receiver.is_terminated());
    assert_eq!(poll(&mut receiver, &wakes), Poll::Ready(Ok(1)));
    assert!(receiver.is_terminated());
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));

    let (sender, mut receiver) = channel();
    sender.send(1).unwrap();
    assert_eq!(receiver.try_recv(), Ok(1));
    assert!(receiver.is_terminated());

    let (sender, mut receiver) = channel::<()>();
    drop(sender);
    assert!(!receiver.is_terminated());
    assert!(poll(&mut receiver, &wakes).is_ready());
    assert!(receiver.is_terminated());

    let (_sender, mut receiver) = channel::<()>();
    receiver.close();
    assert!(!receiver.is_terminated());
    assert!(poll(&mut receiver, &wakes).is_ready());
    assert!(receiver.is_terminated());
}

#[test]
fn it_is_empty_unless_a_value_is_there() {
    let (sender, mut receiver) = channel();
    assert!(receiver.is_empty());
    sender.send(1).unwrap();
    assert!(!receiver.is_empty());
    receiver.close();
    assert!(!receiver.is_empty());
    receiver.try_recv().unwrap();
    assert!(receiver.is_empty());

    let (sender, mut receiver) = channel::<()>();
    drop(sender);
    assert!(receiver.is_empty());
    receiver.close();
    assert!(receiver.is_empty());
}

// Point 23.
#[test]
fn a_poll_from_another_task_drops_the_old_waker() {
    let (sender, mut receiver) = channel();
    let (first, second) = (Wakes::default(), Wakes::default());
    assert!(poll(&mut receiver, &first).is_pending());
    assert!(poll(&mut receiver, &first).is_pending());
    assert_eq!((first.kept(), second.kept()), (1, 0));
    assert!(poll(&mut receiver, &second).is_pending());
    assert_eq!((first.kept(), second.kept()), (0, 1));
    sender.send(1).unwrap();
    assert_eq!((first.take(), second.take()), (0, 1));
    assert_eq!(poll(&mut receiver, &second), Poll::Ready(Ok(1)));

    let (mut sender, receiver) = channel::<()>();
    assert!(first.poll_fn(|cx| sender.poll_closed(cx)).is_pending());
    assert_eq!((first.kept(), second.kept()), (1, 0));
    assert!(second.poll_fn(|cx| sender.poll_closed(cx)).is_pending());
    assert_eq!((first.kept(), second.kept()), (0, 1));
    drop(receiver);
    assert_eq!((first.take(), second.take()), (0, 1));
}

// Point 23.
#[test]
fn wakers_are_dropped_when_no_task_waits_any_more() {
    let (mut sender, mut receiver) = channel::<()>();
    let (tx, rx) = (Wakes::default(), Wakes::default());
    assert!(tx.poll_fn(|cx| sender.poll_closed(cx)).is_pending());
    assert!(poll(&mut receiver, &rx).is_pending());
    receiver.close();
    assert_eq!((tx.kept(), rx.kept()), (0, 0));
    assert_eq!((tx.take(), rx.take()), (1, 0));

    let (mut sender, mut receiver) = channel::<()>();
    assert!(tx.poll_fn(|cx| sender.poll_closed(cx)).is_pending());
    assert!(poll(&mut receiver, &rx).is_pending());
    drop(sender);
    assert_eq!((tx.kept(), rx.kept()), (0, 0));
    assert_eq!((tx.take(), rx.take()), (0, 1));
}

#[test]
fn a_value_that_is_not_received_is_dropped_with_the_receiver() {
    let value = Arc::new(());
    let (sender, receiver) = channel();
    sender.send(value.clone()).unwrap();
    drop(receiver);
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn what_is_sent_need_not_be_anything() {
    struct Plain;
    let (sender, receiver) = channel::<Plain>();
    assert_eq!(format!("{sender:?}"), "Sender { is_closed: false, .. }");
    assert_eq!(format!("{receiver:?}"), "Receiver { is_terminated: false, is_empty: true, .. }");
}

#[test]
fn the_errors_say_what_tokios_say() {
    let (sender, receiver) = channel::<()>();
    drop(sender);
    let error = executor::block_on(receiver).unwrap_err();
    assert_eq!((format!("{error}"), format!("{error:?}")), both("channel closed", "RecvError(())"));
    assert_eq!(TryRecvError::Empty.to_string(), "channel empty");
    assert_eq!(TryRecvError::Closed.to_string(), "channel closed");
}

fn both(display: &str, debug: &str) -> (String, String) {
    (display.to_owned(), debug.to_owned())
}

/// A waker that calls a closure of the test.
struct Calls<F: Fn() + Send + Sync>(F);

impl<F: Fn() + Send + Sync + 'static> ArcWake for Calls<F> {
    fn wake_by_ref(waker: &Arc<Self>) {
        (waker.0)();
    }
}

#[test]
fn a_waker_that_panics_does_not_take_the_value_with_it() {
    let (sender, mut receiver) = channel();
    let panics = waker(Arc::new(Calls(|| panic!("a waker's panic"))));
    assert!(Pin::new(&mut receiver).poll(&mut Context::from_waker(&panics)).is_pending());
    assert_eq!(sender.send(7), Ok(()));
    assert_eq!(receiver.try_recv(), Ok(7));
}

/// Holds a half of the channel, and drops it with the waker.
struct Holds<T>(std::sync::Mutex<T>);

impl<T: Send + 'static> ArcWake for Holds<T> {
    fn wake_by_ref(_: &Arc<Self>) {}
}

#[test]
fn a_waker_may_own_the_other_half() {
    let (sender, mut receiver) = channel::<()>();
    let owns = waker(Arc::new(Holds(std::sync::Mutex::new(sender))));
    assert!(Pin::new(&mut receiver).poll(&mut Context::from_waker(&owns)).is_pending());
    drop(owns);
    // This poll drops the sender as it replaces the waker, and so is woken.
    let wakes = Wakes::new();
    assert!(poll(&mut receiver, &wakes).is_pending());
    assert_eq!(wakes.count(), 1);
    assert!(matches!(poll(&mut receiver, &wakes), Poll::Ready(Err(_))));
}

#[test]
fn a_waker_may_drop_the_receiver_it_woke() {
    let (sender, receiver) = channel();
    let slot = Arc::new(std::sync::Mutex::new(Some(receiver)));
    let seen = Arc::new(AtomicUsize::new(0));
    let drops = {
        let (slot, seen) = (slot.clone(), seen.clone());
        waker(Arc::new(Calls(move || {
            seen.fetch_add(1, Ordering::SeqCst);
            drop(slot.lock().unwrap().take());
        })))
    };
    let poll = |receiver: &mut Receiver<_>| {
        Pin::new(receiver).poll(&mut Context::from_waker(&drops)).is_pending()
    };
    assert!(poll(slot.lock().unwrap().as_mut().unwrap()));
    let value = Arc::new(());
    sender.send(value.clone()).unwrap();
    assert_eq!(seen.load(Ordering::SeqCst), 1);
    assert_eq!(Arc::strong_count(&value), 1);
}

// Point 12.
#[test]
fn a_poll_may_receive_only_so_many() {
    async fn receives() {
        let mut receivers: Vec<_> = (0..200)
            .map(|number| {
                let (sender, receiver) = channel();
                sender.send(number).unwrap();
                receiver
            })
            .collect();
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let ready = receivers.iter_mut().filter_map(|r| match Pin::new(r).poll(&mut cx) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        });
        assert_eq!(ready.count(), 128);
    }
    on_every_flavour(|flavour| {
        flavour.block_on(receives());
        flavour.block_on(async { openwork::spawn(receives()).await.unwrap() });
    });
}

#[test]
fn outside_of_a_runtime_nothing_is_limited() {
    let mut cx = Context::from_waker(std::task::Waker::noop());
    for number in 0..1000 {
        let (sender, mut receiver) = channel();
        sender.send(number).unwrap();
        assert_eq!(Pin::new(&mut receiver).poll(&mut cx), Poll::Ready(Ok(number)));
    }
}

#[test]
fn blocking_is_refused_on_a_thread_that_runs_tasks() {
    is_refused_among_tasks("`oneshot::Receiver::blocking_recv`", || {
        let (_sender, receiver) = channel::<()>();
        let _ = receiver.blocking_recv();
    });
}

// Point 41.
#[test]
fn the_halves_go_wherever_the_value_goes() {
    fn send_sync_unpin<T: Send + Sync + Unpin>() {}
    fn unpin<T: Unpin>() {}
    fn error<T: std::error::Error + Send + Sync>() {}
    send_sync_unpin::<Sender<std::cell::Cell<u8>>>();
    send_sync_unpin::<Receiver<std::cell::Cell<u8>>>();
    fn future<F: Send + Sync + Unpin>(_: F) {}
    future(channel::<std::cell::Cell<u8>>().0.closed());
    unpin::<Sender<std::marker::PhantomPinned>>();
    unpin::<Receiver<std::marker::PhantomPinned>>();
    error::<RecvError>();
    error::<TryRecvError>();
}

#[test]
fn many_pairs_of_threads_always_meet() {
    for round in 0..2000_u32 {
        let (mut sender, mut receiver) = channel();
        let thread = thread::spawn(move || match round % 4 {
            0 => drop(sender),
            1 => drop(sender.send(round)),
            2 => executor::block_on(sender.closed()),
            _ => drop(sender.is_closed() || sender.send(round).is_ok()),
        });
        if round % 4 == 2 || round % 16 == 3 {
            let waker = noop_waker();
            let _ = Pin::new(&mut receiver).poll(&mut Context::from_waker(&waker));
            drop(receiver);
        } else {
            let expected = if round % 4 == 0 { None } else { Some(round) };
            assert_eq!(executor::block_on(receiver).ok(), expected);
        }
        thread.join().unwrap();
    }
}

#[test]
fn many_pairs_of_tasks_always_meet() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let pairs: Vec<_> = (0..1000_u32)
                .map(|round| {
                    let (mut sender, receiver) = channel();
                    let sends = openwork::spawn(async move {
                        match round % 4 {
                            0 => drop(sender),
                            1 => drop(sender.send(round)),
                            2 => sender.closed().await,
                            _ => drop(sender.is_closed() || sender.send(round).is_ok()),
                        }
                    });
                    let receives = openwork::spawn(async move {
                        if round % 4 == 2 || round % 16 == 3 {
                            openwork::task::yield_now().await;
                            drop(receiver);
                        } else {
                            let expected = if round % 4 == 0 { None } else { Some(round) };
                            assert_eq!(receiver.await.ok(), expected);
                        }
                    });
                    [sends, receives]
                })
                .collect();
            for task in pairs.into_iter().flatten() {
                task.await.unwrap();
            }
        });
    });
}

#[test]
fn a_value_goes_with_its_receiver_and_not_with_its_sender() {
    // Woken by the value, the task drops the receiver while the sender is still within `send`.
    let (value, seen) = (Arc::new(()), Arc::new(AtomicUsize::new(0)));
    let (sender, mut receiver) = channel::<Arc<()>>();
    let held = Arc::new(std::sync::Mutex::new(None::<Receiver<Arc<()>>>));
    let waker = {
        let (held, value, seen) = (held.clone(), value.clone(), seen.clone());
        calls(move || {
            drop(held.lock().unwrap().take());
            seen.store(Arc::strong_count(&value), Ordering::SeqCst);
        })
    };
    assert!(Pin::new(&mut receiver).poll(&mut Context::from_waker(&waker)).is_pending());
    *held.lock().unwrap() = Some(receiver);
    assert!(sender.send(value.clone()).is_ok());
    // This one, and the waker's.
    assert_eq!(seen.load(Ordering::SeqCst), 2);
}

#[test]
fn a_waker_that_panics_as_it_is_dropped_keeps_the_other_from_nothing() {
    struct PanicsAtDrop;
    impl Drop for PanicsAtDrop {
        fn drop(&mut self) {
            panic!("at drop");
        }
    }
    let (mut sender, receiver) = channel::<u8>();
    let (ours, theirs) = (owns(PanicsAtDrop), Wakes::new());
    assert!(sender.poll_closed(&mut Context::from_waker(&ours)).is_pending());
    drop(ours);
    let mut receiver = pin!(receiver);
    assert!(theirs.poll(receiver.as_mut()).is_pending());
    assert_eq!(reported(|| sender.send(1)), (Ok(()), vec!["at drop".to_owned()]));
    assert_eq!(theirs.count(), 1);
    assert_eq!(theirs.poll(receiver), Poll::Ready(Ok(1)));

    let (mut sender, receiver) = channel::<u8>();
    let (ours, theirs) = (owns(PanicsAtDrop), Wakes::new());
    let mut receiver = Box::pin(receiver);
    assert!(receiver.as_mut().poll(&mut Context::from_waker(&ours)).is_pending());
    drop(ours);
    assert!(theirs.poll_fn(|cx| sender.poll_closed(cx)).is_pending());
    assert_eq!(reported(|| receiver.close()), ((), vec!["at drop".to_owned()]));
    assert_eq!(theirs.count(), 1);
}
