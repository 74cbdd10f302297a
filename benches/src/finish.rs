//! How a workload waits until its tasks are done: with the same code for every runtime.
//!
//! Tokio's multi-thread benchmarks block the thread of `block_on` on a channel of the standard library until
//! the last task has sent a message. On a current-thread runtime this would deadlock, because the blocked thread
//! is the one that runs the tasks; there the root future awaits a counter.
//!
//! The channel is not one of the runtime under test, so that it does not count in the measurement.
//!
//! Next: `workloads.rs`.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use futures::task::AtomicWaker;

use crate::rt::Flavour;

/// Counts the tasks that are done. One waiter waits for a number of them.
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

    /// Counts one task as done.
    pub fn signal(&self) {
        match self {
            Finish::Thread { sender, .. } => sender.send(()).expect("`self` holds the receiver"),
            Finish::Future { done, awaited, waiter } => {
                // AcqRel and Acquire: match those in `wait`. One thread runs all of it, so there is no race.
                let done = 1 + done.fetch_add(1, Ordering::AcqRel);
                if done == awaited.load(Ordering::Acquire) {
                    waiter.wake();
                }
            }
        }
    }

    /// Waits for `number` signals and resets the counter.
    pub async fn wait(&self, number: usize) {
        match self {
            Finish::Thread { receiver, .. } => {
                let receiver = receiver.lock().expect("no holder of the lock panics");
                (0..number).for_each(|_| receiver.recv().expect("`self` holds the sender"));
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
