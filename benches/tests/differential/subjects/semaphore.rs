//! Futures that wait for several permits, and the list of the permits that they got.

use super::peer::sync::{self, OwnedSemaphorePermit};
use crate::side::{Operation, Subject, choose, done, pause, take_one, waits};
use crate::steps::{Random, Step};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

pub struct Semaphore {
    semaphore: Arc<sync::Semaphore>,
    permits: Rc<RefCell<Vec<OwnedSemaphorePermit>>>,
}

impl Subject for Semaphore {
    fn new(random: &mut Random) -> Self {
        let semaphore = Arc::new(sync::Semaphore::new(random.below(6)));
        Semaphore { semaphore, permits: Rc::default() }
    }

    fn operate(&mut self, step: Step) -> Operation {
        match step.operation % 3 {
            0 => self.operate_permit(Step { operation: step.operation / 3, ..step }),
            _ => self.operate_semaphore(Step { operation: step.operation / 3, ..step }),
        }
    }
}

impl Semaphore {
    fn operate_semaphore(&self, step: Step) -> Operation {
        let (semaphore, permits) = (self.semaphore.clone(), self.permits.clone());
        let count = step.amount % 5;
        let many = count as u32;
        match step.operation % 24 {
            0..7 => {
                let acquire = semaphore.acquire_many_owned(many);
                let future =
                    async move { acquire.await.map(|permit| permits.borrow_mut().push(permit)) };
                waits(format!("acquire_many_owned {count}"), future)
            }
            7 => {
                let acquire = semaphore.acquire_owned();
                let future =
                    async move { acquire.await.map(|permit| permits.borrow_mut().push(permit)) };
                waits("acquire_owned", future)
            }
            8 | 9 => {
                let future = async move {
                    let permit = semaphore.acquire_many(many).await;
                    pause().await;
                    permit.map(drop)
                };
                waits(format!("acquire_many {count}, pause and drop"), future)
            }
            10..13 => {
                let permit = semaphore.try_acquire_many_owned(many);
                let result = permit.map(|permit| permits.borrow_mut().push(permit));
                done(format!("try_acquire_many_owned {count}"), result)
            }
            13 => done("try_acquire", semaphore.try_acquire().map(drop)),
            14..17 => done(format!("add_permits {count}"), semaphore.add_permits(count)),
            17 => done(format!("forget_permits {count}"), semaphore.forget_permits(count)),
            18 if step.amount.is_multiple_of(3) => done("close", semaphore.close()),
            18 | 19 => done("is_closed", semaphore.is_closed()),
            _ => done("available_permits", semaphore.available_permits()),
        }
    }

    fn operate_permit(&self, step: Step) -> Operation {
        let mut permits = self.permits.borrow_mut();
        let count = step.amount % 4;
        match step.operation % 8 {
            0..4 => {
                let permit = take_one(&mut permits, step.which);
                done("drop a permit", permit.map(drop))
            }
            4 => {
                let permit = take_one(&mut permits, step.which);
                done("forget a permit", permit.map(OwnedSemaphorePermit::forget))
            }
            5 => {
                let index = step.which % permits.len().max(1);
                let part = permits.get_mut(index).and_then(|permit| permit.split(count));
                let is_some = part.is_some();
                permits.extend(part);
                done(format!("split {count}"), is_some)
            }
            6 => {
                let other = take_one(&mut permits, step.amount);
                let index = step.which % permits.len().max(1);
                let merged = permits.get_mut(index).zip(other);
                done("merge", merged.map(|(permit, other)| permit.merge(other)))
            }
            _ => {
                let permit = choose(&permits, step.which);
                done("num_permits", permit.map(OwnedSemaphorePermit::num_permits))
            }
        }
    }
}
