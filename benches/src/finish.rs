//! How a workload learns that its tasks are done, in the same way under every runtime.
//!
//! Tokio's multi-thread benchmarks block the thread of `block_on` on a channel of the standard library
//! until the last task has sent something. On a current-thread runtime that would wait for ever, as that
//! thread is the one that runs the tasks; there the root future awaits a counter instead.
//!
//! This is deliberately no channel of the runtime under test: it is the starter's flag, not the race.
//!
//! Next: `workloads.rs`.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use futures::task::AtomicWaker;

use crate::rt::Flavour;

/// Counts tasks that are done, for one who waits for a number of them.
pub enum Finish {
    /// The waiter blocks its thread.
    Thread { sender: SyncSender<()>, receiver: Mutex<Receiver<()>> },
    /// The waiter is a future.
    Future { done: AtomicUsize, awaited: AtomicUsize, waiter: AtomicWaker },
}

impl Finish {
    /// For at most `most` signals at a time, so that no task ever blocks in [`signal`](Finish::signal).
    pub fn new(flavour: Flavour, most: usize) -> Arc<Finish> {
        Arc::new(match flavour {
            Flavour::MultiThread => {
                let (sender, receiver) = sync_channel(most);
                Finish::Thread { sender, receiver: Mutex::new(receiver) }
            }
            Flavour::CurrentThread => Finish::Future {
                done: AtomicUsize::new(0),
                awaited: AtomicUsize::new(usize::MAX),
                waiter: AtomicWaker::new(),
            },
        })
    }

    /// Says that a task is done.
    pub fn signal(&self) {
        match self {
            Finish::Thread { sender, .. } => {
                sender.send(()).expect("the receiver stands beside it")
            }
            Finish::Future { done, awaited, waiter } => {
                // One thread does all of this; the orderings are for the waker's sake alone.
                let done = 1 + done.fetch_add(1, Ordering::AcqRel);
                if done == awaited.load(Ordering::Acquire) {
                    waiter.wake();
                }
            }
        }
    }

    /// Waits for `number` signals, and begins anew.
    pub async fn wait(&self, number: usize) {
        match self {
            Finish::Thread { receiver, .. } => {
                let receiver = receiver.lock().expect("nobody panics with it");
                (0..number).for_each(|_| receiver.recv().expect("the sender stands beside it"));
            }
            Finish::Future { done, awaited, waiter } => {
                awaited.store(number, Ordering::Release);
                poll_fn(|context| {
                    waiter.register(context.waker());
                    match done.load(Ordering::Acquire) == number {
                        true => Poll::Ready(()),
                        false => Poll::Pending,
                    }
                })
                .await;
                done.store(0, Ordering::Release);
            }
        }
    }
}
