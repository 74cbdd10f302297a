//! Channels: `mpsc` bounded and unbounded, `oneshot`, `watch`, `broadcast`.
//!
//! (Compiled for each peer: see `mod.rs`.)

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::{Course, Workloads, turns};
use super::peer;
use peer::runtime::Runtime;
use peer::sync::mpsc::{self, Receiver, Sender, UnboundedReceiver, UnboundedSender};
use peer::sync::{Notify, broadcast, oneshot, watch};

/// Tasks that send at once, and what each of them sends.
const SENDERS: usize = 5;
const MESSAGES: usize = 1_000;

/// Never full, and always full.
const ROOMY: usize = 1_000_000;
const TIGHT: usize = 100;

/// Questions that are asked, one after the other.
const QUESTIONS: usize = 1_000;

/// Values that are told to many.
const VALUES: usize = 100;

type Small = usize;
type Medium = [usize; 64];
type Large = [Medium; 64];

pub const WORKLOADS: &Workloads<Runtime> = &[
    ("mpsc_create_1", |_, _, _| create(1)),
    ("mpsc_create_100000", |_, _, _| create(100_000)),
    ("mpsc_send_small", |rt, _, _| send::<Small>(rt, 0)),
    ("mpsc_send_medium", |rt, _, _| send::<Medium>(rt, [0; 64])),
    ("mpsc_send_large", |rt, _, _| send::<Large>(rt, [[0; 64]; 64])),
    ("mpsc_contention_bounded", |rt, _, _| bounded(rt, ROOMY, Who::Others, Take::Each)),
    ("mpsc_contention_bounded_recv_many", |rt, _, _| bounded(rt, ROOMY, Who::Others, Take::Many)),
    ("mpsc_contention_bounded_full", |rt, _, _| bounded(rt, TIGHT, Who::Others, Take::Each)),
    ("mpsc_contention_bounded_full_recv_many", |rt, _, _| {
        bounded(rt, TIGHT, Who::Others, Take::Many)
    }),
    ("mpsc_contention_unbounded", |rt, _, _| unbounded(rt, Who::Others, Take::Each)),
    ("mpsc_contention_unbounded_recv_many", |rt, _, _| unbounded(rt, Who::Others, Take::Many)),
    ("mpsc_uncontended_bounded", |rt, _, _| bounded(rt, ROOMY, Who::Receiver, Take::Each)),
    ("mpsc_uncontended_bounded_recv_many", |rt, _, _| {
        bounded(rt, ROOMY, Who::Receiver, Take::Many)
    }),
    ("mpsc_uncontended_unbounded", |rt, _, _| unbounded(rt, Who::Receiver, Take::Each)),
    ("mpsc_uncontended_unbounded_recv_many", |rt, _, _| unbounded(rt, Who::Receiver, Take::Many)),
    ("mpsc_oneshot_request_reply", |rt, _, _| request_reply(rt)),
    ("watch_10", |rt, _, _| tell_by_watch(rt, 10)),
    ("watch_1000", |rt, _, _| tell_by_watch(rt, 1_000)),
    ("broadcast_stream_8", |rt, _, _| stream_by_broadcast(rt, 8)),
    ("broadcast_10", |rt, _, _| tell_by_broadcast(rt, 10)),
    ("broadcast_1000", |rt, _, _| tell_by_broadcast(rt, 1_000)),
];

fn create(room: usize) -> Course<'static> {
    turns(move || drop(black_box(mpsc::channel::<Medium>(room))))
}

/// A channel for a single message.
fn send<T: Copy + 'static>(rt: &Runtime, message: T) -> Course<'_> {
    turns(move || {
        let (sender, mut receiver) = mpsc::channel(1_000);
        assert!(rt.block_on(sender.send(message)).is_ok());
        black_box(rt.block_on(receiver.recv()));
    })
}

/// Who sends: tasks, or the one who then receives.
#[derive(Clone, Copy)]
enum Who {
    Others,
    Receiver,
}

/// One message at a time, or as many as there are.
#[derive(Clone, Copy)]
enum Take {
    Each,
    Many,
}

fn bounded(rt: &Runtime, room: usize, who: Who, take: Take) -> Course<'_> {
    async fn send(sender: Sender<usize>, number: usize) {
        for message in 0..number {
            sender.send(message).await.expect("the receiver is there");
        }
    }
    async fn receive(receiver: &mut Receiver<usize>, take: Take) {
        match take {
            Take::Each => {
                for _ in 0..SENDERS * MESSAGES {
                    receiver.recv().await.expect("the senders send");
                }
            }
            Take::Many => {
                let mut messages = Vec::with_capacity(SENDERS * MESSAGES);
                while messages.len() < SENDERS * MESSAGES {
                    receiver.recv_many(&mut messages, SENDERS * MESSAGES).await;
                }
            }
        }
    }
    turns(move || {
        rt.block_on(async {
            let (sender, mut receiver) = mpsc::channel(room);
            match who {
                Who::Others => (0..SENDERS).for_each(|_| {
                    peer::spawn(send(sender.clone(), MESSAGES));
                }),
                Who::Receiver => send(sender, SENDERS * MESSAGES).await,
            }
            receive(&mut receiver, take).await;
        })
    })
}

fn unbounded(rt: &Runtime, who: Who, take: Take) -> Course<'_> {
    fn send(sender: &UnboundedSender<usize>, number: usize) {
        for message in 0..number {
            sender.send(message).expect("the receiver is there");
        }
    }
    async fn receive(receiver: &mut UnboundedReceiver<usize>, take: Take) {
        match take {
            Take::Each => {
                for _ in 0..SENDERS * MESSAGES {
                    receiver.recv().await.expect("the senders send");
                }
            }
            Take::Many => {
                let mut messages = Vec::with_capacity(SENDERS * MESSAGES);
                while messages.len() < SENDERS * MESSAGES {
                    receiver.recv_many(&mut messages, SENDERS * MESSAGES).await;
                }
            }
        }
    }
    turns(move || {
        rt.block_on(async {
            let (sender, mut receiver) = mpsc::unbounded_channel();
            match who {
                Who::Others => (0..SENDERS).for_each(|_| {
                    let sender = sender.clone();
                    peer::spawn(async move { send(&sender, MESSAGES) });
                }),
                Who::Receiver => send(&sender, SENDERS * MESSAGES),
            }
            receive(&mut receiver, take).await;
        })
    })
}

/// Each question brings the channel for its answer along.
fn request_reply(rt: &Runtime) -> Course<'_> {
    let (ask, mut asked) = mpsc::channel::<oneshot::Sender<()>>(10);
    rt.spawn(async move {
        while let Some(answer) = asked.recv().await {
            answer.send(()).expect("the one who asks waits");
        }
    });
    turns(move || {
        rt.block_on(async {
            for _ in 0..QUESTIONS {
                let (answer, answered) = oneshot::channel();
                ask.send(answer).await.expect("the other task goes on");
                answered.await.expect("it answers");
            }
        })
    })
}

/// Counts those who have heard.
#[derive(Default)]
struct Heard {
    missing: AtomicUsize,
    all: Notify,
}

impl Heard {
    fn expect(&self, listeners: usize) {
        // Relaxed: the channel carries it to the listeners.
        assert_eq!(self.missing.fetch_add(listeners, Ordering::Relaxed), 0);
    }

    fn one(&self) {
        // Release: matches the Acquire in `wait`.
        if self.missing.fetch_sub(1, Ordering::Release) == 1 {
            self.all.notify_one();
        }
    }

    async fn wait(&self) {
        // Acquire: matches the Release in `one`.
        while self.missing.load(Ordering::Acquire) > 0 {
            self.all.notified().await;
        }
    }
}

/// A value for everybody, and the next one once all have seen it.
fn tell_by_watch(rt: &Runtime, listeners: usize) -> Course<'_> {
    let sender = watch::Sender::new(0);
    let heard = Arc::new(Heard::default());
    for _ in 0..listeners {
        let (mut receiver, heard) = (sender.subscribe(), heard.clone());
        rt.spawn(async move {
            while receiver.changed().await.is_ok() {
                black_box(*receiver.borrow());
                heard.one();
            }
        });
    }
    let sender = Arc::new(sender);
    turns(move || {
        let (sender, heard) = (sender.clone(), heard.clone());
        let telling = async move {
            for value in 0..VALUES {
                heard.expect(listeners);
                sender.send(value).expect("there are listeners");
                heard.wait().await;
            }
        };
        rt.block_on(async { peer::spawn(telling).await.expect("it does not panic") });
    })
}

/// The same, where nobody misses a value.
fn tell_by_broadcast(rt: &Runtime, listeners: usize) -> Course<'_> {
    let (sender, _) = broadcast::channel(1_000);
    let heard = Arc::new(Heard::default());
    for _ in 0..listeners {
        let (mut receiver, heard) = (sender.subscribe(), heard.clone());
        rt.spawn(async move {
            while let Ok(value) = receiver.recv().await {
                black_box(value);
                heard.one();
            }
        });
    }
    turns(move || {
        rt.block_on(async {
            for value in 0..VALUES {
                heard.expect(listeners);
                sender.send(value).expect("there are listeners");
                heard.wait().await;
            }
        })
    })
}

/// Many values without a pause, and then a wait until all receivers have all of them.
fn stream_by_broadcast(rt: &Runtime, receivers: usize) -> Course<'_> {
    turns(move || {
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
            for task in tasks {
                task.await.expect("it does not panic");
            }
        })
    })
}
