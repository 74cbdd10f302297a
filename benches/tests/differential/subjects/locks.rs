//! Futures that wait for a lock, and the lists of the guards that they got.

use super::peer::sync::{self, OwnedMutexGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard};
use crate::side::{Operation, Subject, choose, done, pause, take_one, waits};
use crate::steps::{Random, Step};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// The guards that the futures leave behind.
type Guards<T> = Rc<RefCell<Vec<T>>>;

async fn keep<T>(lock: impl Future<Output = T>, guards: Guards<T>) {
    let guard = lock.await;
    guards.borrow_mut().push(guard);
}

pub struct Mutex {
    mutex: Arc<sync::Mutex<u32>>,
    guards: Guards<OwnedMutexGuard<u32>>,
}

pub struct RwLock {
    lock: Arc<sync::RwLock<u32>>,
    readers: Guards<OwnedRwLockReadGuard<u32>>,
    writers: Guards<OwnedRwLockWriteGuard<u32>>,
}

impl Subject for Mutex {
    fn new(_: &mut Random) -> Self {
        Mutex { mutex: Arc::new(sync::Mutex::new(0)), guards: Rc::default() }
    }

    fn operate(&mut self, step: Step) -> Operation {
        let (mutex, guards) = (self.mutex.clone(), self.guards.clone());
        match step.operation % 16 {
            0..5 => {
                let lock = mutex.lock_owned();
                waits("lock_owned", keep(lock, guards))
            }
            5 | 6 => {
                let future = async move {
                    let mut guard = mutex.lock().await;
                    *guard += 1;
                    pause().await;
                    *guard
                };
                waits("lock, pause and unlock", future)
            }
            7 | 8 => {
                let guard = mutex.try_lock_owned();
                done("try_lock_owned", guard.map(|guard| guards.borrow_mut().push(guard)))
            }
            9 => done("try_lock", mutex.try_lock().map(|guard| *guard)),
            10 => done("format it", mutex),
            11 => {
                let guard = guards.borrow_mut().pop();
                let value = guard.map(|mut guard| {
                    *guard += 10;
                    *guard
                });
                done("add and unlock", value)
            }
            _ => done("unlock", take_one(&mut guards.borrow_mut(), step.which).is_some()),
        }
    }
}

impl Subject for RwLock {
    fn new(random: &mut Random) -> Self {
        let lock = match random.below(4) {
            0 => sync::RwLock::with_max_readers(0, 1 + random.below(3) as u32),
            _ => sync::RwLock::new(0),
        };
        RwLock { lock: Arc::new(lock), readers: Rc::default(), writers: Rc::default() }
    }

    fn operate(&mut self, step: Step) -> Operation {
        let lock = self.lock.clone();
        let (readers, writers) = (self.readers.clone(), self.writers.clone());
        match step.operation % 24 {
            0..5 => {
                let read = lock.read_owned();
                waits("read_owned", keep(read, readers))
            }
            5 => {
                let future = async move {
                    let guard = lock.read().await;
                    pause().await;
                    *guard
                };
                waits("read, pause and unlock", future)
            }
            6..9 => {
                let write = lock.write_owned();
                waits("write_owned", keep(write, writers))
            }
            9 => {
                let future = async move {
                    let mut guard = lock.write().await;
                    *guard += 1;
                    pause().await;
                    *guard
                };
                waits("write, pause and unlock", future)
            }
            10 | 11 => {
                let guard = lock.try_read_owned();
                done("try_read_owned", guard.map(|guard| readers.borrow_mut().push(guard)))
            }
            12 => {
                let guard = lock.try_write_owned();
                done("try_write_owned", guard.map(|guard| writers.borrow_mut().push(guard)))
            }
            13 => done("try_read", lock.try_read().map(|guard| *guard)),
            14 => done("try_write", lock.try_write().map(|guard| *guard)),
            15 => done("format it", lock),
            16 | 17 => {
                let guard = writers.borrow_mut().pop();
                let is_some = guard.is_some();
                readers.borrow_mut().extend(guard.map(OwnedRwLockWriteGuard::downgrade));
                done("downgrade", is_some)
            }
            18 => done("value read", choose(&readers.borrow(), step.which).map(|guard| **guard)),
            19..22 => done("unlock", take_one(&mut readers.borrow_mut(), step.which).is_some()),
            _ => done("unlock for writing", writers.borrow_mut().pop().is_some()),
        }
    }
}
