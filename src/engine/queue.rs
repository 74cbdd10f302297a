//! The run queues: which task is polled next.
//!
//! One queue for all workers would do, but each push and pop would contend with those of all other threads; and
//! most tasks are woken by a task on the very worker that will poll them. So each worker has a local queue, and
//! one more queue, the **injector**, takes tasks from all threads.
//!
//! ```text
//!   woken by a task here ─▶ [ LIFO slot ] ── displaced ──▶ [ local queue ] ──▶ the worker
//!                                                                │ half, at most 32
//!                                                                ▼
//!   woken on another thread ─▶ [ injector ] ──▶ the worker     a thief
//! ```
//!
//! The **LIFO slot** holds the task that was woken last by a task on this worker. It runs next, while what its waker
//! has written is still in the cache, so a message and its answer take two polls in a row. Two tasks that wake each
//! other would keep the slot for ever, so it is polled at most three times in a row.
//!
//! The **local queue** is first in, first out, and other workers steal from its front. It is crossbeam's deque (an
//! array that grows; "Dynamic circular work-stealing deque", Chase and Lev, 2005): the owner's push is a store.
//! This crate relies on that implementation, and the models replace it by one with the same contract.
//!
//! The **injector** has no bound: a wake may come from a destructor, or from inside another task's poll, and must
//! neither fail nor block.
//!
//! When the worker looks at which queue is decided in `worker.rs`. Next: `timer.rs`.

use std::collections::VecDeque;
use std::sync::Arc;

pub(crate) use super::prim::SegQueue as Injector;
use super::prim::deque;
use super::random::Shuffle;
use super::task::Runnable;
use super::trace::{Event, Queue};

/// A task that is to be polled.
pub(crate) type Task = Arc<dyn Runnable>;

/// How often in a row the LIFO slot is polled. Tokio's number; it bounds how long two tasks that wake each other
/// keep the next task waiting.
const MAX_LIFO_POLLS: u8 = 3;

/// Tasks that a worker steals at once: half of the victim's queue, and no more than this, so that a third worker finds
/// some too. Its effect is small: with 256, the rows `spawn_many` of the benchmark are within their noise on two
/// processors.
const MAX_STOLEN: usize = 32;

/// A private queue with room for more tasks than this gives memory back when the worker parks. Arbitrary; 64 KiB.
const SHRINK_ABOVE: usize = 4096;

/// The stealing end of a local queue, for other workers.
pub(crate) type Stealer = deque::Stealer<Task>;

/// The tasks of one worker that are ready.
pub(crate) struct LocalQueue {
    lifo_slot: Option<Task>,
    /// How often in a row the LIFO slot was polled.
    lifo_polls: u8,
    /// Where the last task came from: for the trace. Not returned with the task: that made a yield 18 % slower.
    pub(crate) popped_from: Queue,
    fifo: Fifo,
}

enum Fifo {
    /// That of a current-thread runtime: no other thread steals, so it needs no atomics.
    Private(VecDeque<Task>, Shuffle),
    Stealable(deque::Worker<Task>),
}

impl LocalQueue {
    /// The queue of a worker thread, and its end for other workers; or the queue of a current-thread runtime, which
    /// does not use the LIFO slot and is first in, first out (unless it shuffles), and from which no other thread
    /// steals.
    pub(crate) fn new(is_stealable: bool, shuffle: Shuffle) -> (Self, Option<Stealer>) {
        let (fifo, stealer) = if is_stealable {
            let fifo = deque::Worker::new_fifo();
            let stealer = fifo.stealer();
            (Fifo::Stealable(fifo), Some(stealer))
        } else {
            (Fifo::Private(VecDeque::new(), shuffle), None)
        };
        (LocalQueue { lifo_slot: None, lifo_polls: 0, popped_from: Queue::Local, fifo }, stealer)
    }

    /// Puts a task at the back. Returns whether it is the only one, in the LIFO slot too.
    #[inline]
    pub(crate) fn push_back(&mut self, task: Task) -> bool {
        match &mut self.fifo {
            Fifo::Private(fifo, _) => {
                fifo.push_back(task);
                fifo.len() == 1
            }
            Fifo::Stealable(fifo) => {
                let is_alone = self.lifo_slot.is_none() && fifo.is_empty();
                fifo.push(task);
                is_alone
            }
        }
    }

    /// Puts a task into the LIFO slot, so that it runs next; a task that it displaces goes to the back. Returns false
    /// if one was displaced: another worker could run that. A private queue has no LIFO slot: the task goes to its
    /// back.
    #[inline]
    pub(crate) fn push_lifo(&mut self, task: Task) -> bool {
        if let Fifo::Private(..) = self.fifo {
            return self.push_back(task);
        }
        match self.lifo_slot.replace(task) {
            Some(displaced) => self.push_back(displaced),
            None => true,
        }
    }

    /// Where a task goes by [`push_lifo`](LocalQueue::push_lifo).
    pub(crate) fn lifo(&self) -> Queue {
        match self.fifo {
            Fifo::Private(..) => Queue::Local,
            Fifo::Stealable(_) => Queue::LifoSlot,
        }
    }

    /// The next task: that in the LIFO slot, unless it was polled too often in a row.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Task> {
        self.popped_from = Queue::LifoSlot;
        if self.lifo_polls < MAX_LIFO_POLLS
            && let Some(task) = self.lifo_slot.take()
        {
            self.lifo_polls += 1;
            return Some(task);
        }
        self.lifo_polls = 0;
        let next = match &mut self.fifo {
            Fifo::Private(fifo, None) => fifo.pop_front(),
            Fifo::Private(fifo, Some(rng)) => {
                fifo.swap_remove_front(rng.below(fifo.len() as u32) as usize)
            }
            Fifo::Stealable(fifo) => fifo.pop(),
        };
        if next.is_some() {
            self.popped_from = Queue::Local;
            return next;
        }
        let last = self.lifo_slot.take();
        if last.is_none() {
            // Where the worker looks next.
            self.popped_from = Queue::Injector;
        }
        last
    }

    /// The event that the worker has taken this task out of a queue.
    pub(crate) fn taken(&self, task: &Task) -> Event {
        Event::Taken { task: task.header().id, queue: self.popped_from }
    }

    pub(crate) fn len(&self) -> usize {
        let fifo = match &self.fifo {
            Fifo::Private(fifo, _) => fifo.len(),
            Fifo::Stealable(fifo) => fifo.len(),
        };
        usize::from(self.lifo_slot.is_some()) + fifo
    }

    /// Gives memory back after a burst; crossbeam's deque does so by itself.
    pub(crate) fn shrink(&mut self) {
        if let Fifo::Private(fifo, _) = &mut self.fifo
            && fifo.capacity() > SHRINK_ABOVE
        {
            fifo.shrink_to(SHRINK_ABOVE);
        }
    }

    /// Takes half of the victim's tasks, at most 32, into this queue, which is empty. Returns how many, or `None` if
    /// there are none.
    pub(crate) fn steal_from(&self, victim: &Stealer) -> Option<u32> {
        let Fifo::Stealable(fifo) = &self.fifo else { return None };
        // This look takes a tenth of the instructions of a steal that finds nothing.
        if victim.is_empty() {
            return None;
        }
        while victim.steal_batch_with_limit(fifo, MAX_STOLEN).is_retry() {}
        Some(fifo.len() as u32).filter(|stolen| *stolen > 0)
    }

    /// The id of the task at the front of a queue that has one, for the trace. Crossbeam's queue cannot be looked
    /// at: each task goes from its front to its back once.
    pub(crate) fn front_id(&self) -> u64 {
        let Fifo::Stealable(fifo) = &self.fifo else { return 0 };
        let mut ids = (0..fifo.len()).map_while(|_| fifo.pop()).map(|task| {
            let id = task.header().id;
            fifo.push(task);
            id
        });
        let first = ids.next();
        ids.for_each(drop);
        first.unwrap_or(0)
    }

    /// Whether this queue chooses the next task at random.
    pub(crate) fn is_shuffled(&self) -> bool {
        matches!(self.fifo, Fifo::Private(_, Some(_)))
    }
}
