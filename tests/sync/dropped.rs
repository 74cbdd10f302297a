//! Waits that are dropped at any point lose nothing: see `common/dropped.rs`. Barriers and mixed readers and writers
//! have such a test in their own files.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::rc::Rc;
use std::sync::Arc;

use openwork::sync::mpsc::error::TryRecvError;
use openwork::sync::{
    CancellationToken, Mutex, Notify, RwLock, Semaphore, broadcast, mpsc, oneshot, watch,
};

use crate::common::dropped::{Resource, Taken, nothing_is_lost, wait};

const SCRIPTS: u64 = 1000;

/// The numbers 0, 1, 2 …, to be sent and to be received.
fn numbers() -> impl FnMut() -> usize {
    let mut next = 0..;
    move || next.next().unwrap()
}

#[test]
fn permits() {
    for size in [1, 2, 3] {
        nothing_is_lost(SCRIPTS, || {
            let semaphore = Arc::new(Semaphore::new(2));
            let ours = semaphore.clone();
            let start = move || wait(ours.clone().acquire_many_owned(size));
            let add = move || {
                semaphore.add_permits(1);
                true
            };
            let size = size as usize;
            Resource { units: 2, size, taken: Taken::Lent, ..Resource::new(start, add) }
        });
    }
}

#[test]
fn locks() {
    nothing_is_lost(SCRIPTS, || {
        let mutex = Arc::new(Mutex::new(()));
        let start = move || wait(mutex.clone().lock_owned());
        Resource { units: 1, taken: Taken::Lent, ..Resource::new(start, || false) }
    });
    nothing_is_lost(SCRIPTS, || {
        let lock = Arc::new(RwLock::new(()));
        let start = move || wait(lock.clone().write_owned());
        Resource { units: 1, taken: Taken::Lent, ..Resource::new(start, || false) }
    });
}

#[test]
fn the_capacity_of_a_channel() {
    nothing_is_lost(SCRIPTS, || {
        let (sender, mut receiver) = mpsc::channel(2);
        let start = move || {
            let sender = sender.clone();
            wait(async move { sender.send(()).await.unwrap() })
        };
        let add = move || match receiver.try_recv() {
            Ok(()) => true,
            Err(TryRecvError::Empty) => false,
            Err(TryRecvError::Disconnected) => unreachable!(),
        };
        Resource { units: 2, ..Resource::new(start, add) }
    });
    nothing_is_lost(SCRIPTS, || {
        let (sender, receiver) = mpsc::channel::<()>(2);
        let start = move || {
            let _open = &receiver;
            wait(sender.clone().reserve_owned())
        };
        // The sender that a permit owns is dropped with it, and is not the last.
        Resource { units: 2, taken: Taken::Lent, ..Resource::new(start, || false) }
    });
}

/// A receiver has one wait at a time, which borrows it. `send` sends a number; the numbers must come in their order.
#[allow(clippy::await_holding_refcell_ref, reason = "no other wait borrows it")]
fn no_message_is_lost<R: 'static, S: FnMut(usize) -> bool + 'static>(
    channel: impl Fn() -> (S, R),
    receive: impl AsyncFn(&mut R) -> usize + Copy + 'static,
) {
    nothing_is_lost(SCRIPTS, || {
        let (mut send, receiver) = channel();
        let receiver = Rc::new(RefCell::new(receiver));
        let expected = Rc::new(RefCell::new(numbers()));
        let start = move || {
            let (receiver, expected) = (receiver.clone(), expected.clone());
            wait(async move {
                let received = receive(&mut receiver.borrow_mut()).await;
                assert_eq!(received, (expected.borrow_mut())());
            })
        };
        let (mut next, mut unsent) = (numbers(), None);
        let add = move || {
            let number = unsent.take().unwrap_or_else(&mut next);
            let is_sent = send(number);
            unsent = (!is_sent).then_some(number);
            is_sent
        };
        Resource { waits: 1, ..Resource::new(start, add) }
    });
}

#[test]
fn messages() {
    no_message_is_lost(
        || {
            let (sender, receiver) = mpsc::channel(3);
            (move |number| sender.try_send(number).is_ok(), receiver)
        },
        async |receiver| receiver.recv().await.unwrap(),
    );
    no_message_is_lost(
        || {
            let (sender, receiver) = mpsc::unbounded_channel();
            (move |number| sender.send(number).is_ok(), receiver)
        },
        async |receiver| {
            let mut one = Vec::new();
            assert_eq!(receiver.recv_many(&mut one, 1).await, 1);
            one[0]
        },
    );
    no_message_is_lost(
        || {
            let (sender, receiver) = broadcast::channel(64);
            (move |number| sender.send(number).is_ok(), receiver)
        },
        async |receiver| receiver.recv().await.unwrap(),
    );
    no_message_is_lost(
        || {
            let (sender, receiver) = oneshot::channel();
            let mut sender = Some(sender);
            let send = move |number: usize| sender.take().is_some_and(|it| it.send(number).is_ok());
            (send, Some(receiver))
        },
        // It must not be polled after its result.
        async |receiver| match receiver {
            Some(waits) => {
                let number = waits.await.unwrap();
                *receiver = None;
                number
            }
            None => pending().await,
        },
    );
}

#[test]
fn changes_of_a_watched_value() {
    nothing_is_lost(SCRIPTS, || {
        let (sender, receiver) = watch::channel(0);
        let receiver = Rc::new(RefCell::new(receiver));
        let seen = Rc::new(Cell::new(0));
        let has_seen = seen.clone();
        #[allow(clippy::await_holding_refcell_ref, reason = "no other wait borrows it")]
        let start = move || {
            let (receiver, seen) = (receiver.clone(), has_seen.clone());
            wait(async move {
                let receiver = &mut *receiver.borrow_mut();
                receiver.changed().await.unwrap();
                seen.set(*receiver.borrow_and_update());
            })
        };
        // A change that was not seen yet is one with the next.
        let mut sent = 0;
        let add = move || {
            let is_new = seen.get() == sent;
            sent += 1;
            sender.send(sent).unwrap();
            is_new
        };
        Resource { waits: 1, ..Resource::new(start, add) }
    });
}

#[test]
fn notifications() {
    nothing_is_lost(SCRIPTS, || {
        let notify = Arc::new(Notify::new());
        let ours = notify.clone();
        let start = move || wait(ours.clone().notified_owned());
        let add = move || {
            notify.notify_one();
            true
        };
        Resource { coalesces: true, ..Resource::new(start, add) }
    });
}

/// What stays once it has happened reaches all waits, however many were dropped.
#[test]
fn ends() {
    nothing_is_lost(SCRIPTS, || {
        let token = CancellationToken::new();
        let child = token.child_token();
        let start = move || wait(child.clone().cancelled_owned());
        let add = move || {
            token.cancel();
            true
        };
        Resource { taken: Taken::There, ..Resource::new(start, add) }
    });
    nothing_is_lost(SCRIPTS, || {
        let (sender, receiver) = mpsc::channel::<()>(1);
        let start = move || {
            let sender = sender.clone();
            wait(async move { sender.closed().await })
        };
        let mut receiver = Some(receiver);
        let add = move || receiver.take().is_some();
        Resource { taken: Taken::There, ..Resource::new(start, add) }
    });
}
