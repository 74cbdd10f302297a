//! Channels: `mpsc` bounded and unbounded, `oneshot`, `watch`, `broadcast`.
//!
//! (Compiled for each peer: see `mod.rs`.)
//!
//! Next: `locks.rs`.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::{Run, Workloads, repeated};
use super::peer;
use peer::runtime::Runtime;
use peer::sync::mpsc::{self, Sender, UnboundedSender};
use peer::sync::{Notify, broadcast, oneshot, watch};
use peer::task::JoinHandle;

/// Tasks that send at the same time, and the messages of each.
const SENDERS: usize = 5;
const MESSAGES: usize = 1_000;

/// Capacities: larger than all messages, and much smaller.
const LARGE: usize = 1_000_000;
const SMALL: usize = 100;

/// Requests that are made one after the other.
const REQUESTS: usize = 1_000;

/// Values that are sent to all receivers.
const VALUES: usize = 100;

type SmallMessage = usize;
type MediumMessage = [usize; 64];
type LargeMessage = [MediumMessage; 64];

pub const WORKLOADS: &Workloads<Runtime> = &[
    ("mpsc_create_1", |_, _, _| create(1)),
    ("mpsc_create_100000", |_, _, _| create(100_000)),
    ("mpsc_send_small", |rt, _, _| send::<SmallMessage>(rt, 0)),
    ("mpsc_send_medium", |rt, _, _| send::<MediumMessage>(rt, [0; 64])),
    ("mpsc_send_large", |rt, _, _| send::<LargeMessage>(rt, [[0; 64]; 64])),
    ("mpsc_contention_bounded", |rt, _, _| bounded(rt, LARGE, From::Tasks, Recv::One)),
    ("mpsc_contention_bounded_recv_many", |rt, _, _| bounded(rt, LARGE, From::Tasks, Recv::Many)),
    ("mpsc_contention_bounded_full", |rt, _, _| bounded(rt, SMALL, From::Tasks, Recv::One)),
    ("mpsc_contention_bounded_full_recv_many", |rt, _, _| {
        bounded(rt, SMALL, From::Tasks, Recv::Many)
    }),
    ("mpsc_contention_unbounded", |rt, _, _| unbounded(rt, From::Tasks, Recv::One)),
    ("mpsc_contention_unbounded_recv_many", |rt, _, _| unbounded(rt, From::Tasks, Recv::Many)),
    ("mpsc_uncontended_bounded", |rt, _, _| bounded(rt, LARGE, From::Receiver, Recv::One)),
    ("mpsc_uncontended_bounded_recv_many", |rt, _, _| {
        bounded(rt, LARGE, From::Receiver, Recv::Many)
    }),
    ("mpsc_uncontended_unbounded", |rt, _, _| unbounded(rt, From::Receiver, Recv::One)),
    ("mpsc_uncontended_unbounded_recv_many", |rt, _, _| unbounded(rt, From::Receiver, Recv::Many)),
    ("mpsc_oneshot_request_reply", |rt, _, _| request_reply(rt)),
    ("watch_10", |rt, _, _| send_by_watch(rt, 10)),
    ("watch_1000", |rt, _, _| send_by_watch(rt, 1_000)),
    ("broadcast_stream_8", |rt, _, _| stream_by_broadcast(rt, 8)),
    ("broadcast_10", |rt, _, _| send_by_broadcast(rt, 10)),
    ("broadcast_1000", |rt, _, _| send_by_broadcast(rt, 1_000)),
];

pub async fn join_all<T>(tasks: Vec<JoinHandle<T>>) {
    for task in tasks {
        task.await.expect("the task does not panic");
    }
}

fn create(capacity: usize) -> Run<'static> {
    repeated(move || drop(black_box(mpsc::channel::<MediumMessage>(capacity))))
}

/// A channel for a single message.
fn send<T: Copy + 'static>(rt: &Runtime, message: T) -> Run<'_> {
    repeated(move || {
        let (sender, mut receiver) = mpsc::channel(1_000);
        assert!(rt.block_on(sender.send(message)).is_ok());
        black_box(rt.block_on(receiver.recv()));
    })
}

/// The senders: tasks of their own, or the receiving task, which sends all messages first.
#[derive(Clone, Copy)]
enum From {
    Tasks,
    Receiver,
}

/// Whether one call receives one message or as many as there are.
#[derive(Clone, Copy)]
enum Recv {
    One,
    Many,
}

/// Receives all messages. A macro, because the two types of receivers have no common trait.
macro_rules! receive_all {
    ($receiver:ident, $recv:ident) => {
        match $recv {
            Recv::One => {
                for _ in 0..SENDERS * MESSAGES {
                    $receiver.recv().await.expect("the senders send");
                }
            }
            Recv::Many => {
                let mut messages = Vec::with_capacity(SENDERS * MESSAGES);
                while messages.len() < SENDERS * MESSAGES {
                    $receiver.recv_many(&mut messages, SENDERS * MESSAGES).await;
                }
            }
        }
    };
}

fn bounded(rt: &Runtime, capacity: usize, from: From, recv: Recv) -> Run<'_> {
    async fn send(sender: Sender<usize>, number: usize) {
        for message in 0..number {
            sender.send(message).await.expect("the receiver is there");
        }
    }
    repeated(move || {
        rt.block_on(async {
            let (sender, mut receiver) = mpsc::channel(capacity);
            match from {
                From::Tasks => (0..SENDERS).for_each(|_| {
                    peer::spawn(send(sender.clone(), MESSAGES));
                }),
                From::Receiver => send(sender, SENDERS * MESSAGES).await,
            }
            receive_all!(receiver, recv);
        })
    })
}

fn unbounded(rt: &Runtime, from: From, recv: Recv) -> Run<'_> {
    fn send(sender: &UnboundedSender<usize>, number: usize) {
        for message in 0..number {
            sender.send(message).expect("the receiver is there");
        }
    }
    repeated(move || {
        rt.block_on(async {
            let (sender, mut receiver) = mpsc::unbounded_channel();
            match from {
                From::Tasks => (0..SENDERS).for_each(|_| {
                    let sender = sender.clone();
                    peer::spawn(async move { send(&sender, MESSAGES) });
                }),
                From::Receiver => send(&sender, SENDERS * MESSAGES),
            }
            receive_all!(receiver, recv);
        })
    })
}

/// Each request contains the oneshot channel for its reply.
fn request_reply(rt: &Runtime) -> Run<'_> {
    let (requests, mut received) = mpsc::channel::<oneshot::Sender<()>>(10);
    rt.spawn(async move {
        while let Some(reply) = received.recv().await {
            reply.send(()).expect("the requester waits");
        }
    });
    repeated(move || {
        rt.block_on(async {
            for _ in 0..REQUESTS {
                let (reply, replied) = oneshot::channel();
                requests.send(reply).await.expect("the other task receives");
                replied.await.expect("the other task replies");
            }
        })
    })
}

/// Counts the receivers that have not received the current value.
#[derive(Default)]
struct Countdown {
    missing: AtomicUsize,
    zero: Notify,
}

impl Countdown {
    fn start(&self, receivers: usize) {
        // Relaxed: the channel orders this before the receivers' decrements.
        assert_eq!(self.missing.fetch_add(receivers, Ordering::Relaxed), 0);
    }

    fn decrement(&self) {
        // Release: matches the Acquire in `wait`.
        if self.missing.fetch_sub(1, Ordering::Release) == 1 {
            self.zero.notify_one();
        }
    }

    async fn wait(&self) {
        // Acquire: matches the Release in `decrement`.
        while self.missing.load(Ordering::Acquire) > 0 {
            self.zero.notified().await;
        }
    }
}

/// Sends a value to all receivers, and the next value when all have received it.
fn send_by_watch(rt: &Runtime, receivers: usize) -> Run<'_> {
    let sender = watch::Sender::new(0);
    let countdown = Arc::new(Countdown::default());
    for _ in 0..receivers {
        let (mut receiver, countdown) = (sender.subscribe(), countdown.clone());
        rt.spawn(async move {
            while receiver.changed().await.is_ok() {
                black_box(*receiver.borrow());
                countdown.decrement();
            }
        });
    }
    let sender = Arc::new(sender);
    repeated(move || {
        let (sender, countdown) = (sender.clone(), countdown.clone());
        let sending = async move {
            for value in 0..VALUES {
                countdown.start(receivers);
                sender.send(value).expect("there are receivers");
                countdown.wait().await;
            }
        };
        rt.block_on(async { peer::spawn(sending).await.expect("the task does not panic") });
    })
}

/// The same with a channel in which no value is overwritten.
fn send_by_broadcast(rt: &Runtime, receivers: usize) -> Run<'_> {
    let (sender, _) = broadcast::channel(1_000);
    let countdown = Arc::new(Countdown::default());
    for _ in 0..receivers {
        let (mut receiver, countdown) = (sender.subscribe(), countdown.clone());
        rt.spawn(async move {
            while let Ok(value) = receiver.recv().await {
                black_box(value);
                countdown.decrement();
            }
        });
    }
    repeated(move || {
        rt.block_on(async {
            for value in 0..VALUES {
                countdown.start(receivers);
                sender.send(value).expect("there are receivers");
                countdown.wait().await;
            }
        })
    })
}

/// Sends many values without a pause, and waits until all receivers have received all of them.
fn stream_by_broadcast(rt: &Runtime, receivers: usize) -> Run<'_> {
    repeated(move || {
        rt.block_on(async {
            let (sender, _) = broadcast::channel(MESSAGES);
            let receive = |_| {
                let mut receiver = sender.subscribe();
                peer::spawn(async move {
                    while let Ok(value) = receiver.recv().await {
                        black_box(value);
                    }
                })
            };
            let tasks: Vec<_> = (0..receivers).map(receive).collect();
            for value in 0..MESSAGES {
                sender.send(value).expect("there are receivers");
            }
            drop(sender);
            join_all(tasks).await;
        })
    })
}
