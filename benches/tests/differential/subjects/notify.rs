//! Waits that are created, enabled, polled and dropped in any order, and notified from either end.

use super::peer::sync;
use crate::side::{Operation, Subject, done, waits};
use crate::steps::{Random, Step};
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;

type Notified = RefCell<Pin<Box<sync::futures::OwnedNotified>>>;

pub struct Notify {
    notify: Arc<sync::Notify>,
    /// The waits, as far as they are in flight.
    waits: Vec<Weak<Notified>>,
}

impl Subject for Notify {
    fn new(_: &mut Random) -> Self {
        Notify { notify: Arc::new(sync::Notify::new()), waits: Vec::new() }
    }

    fn operate(&mut self, step: Step) -> Operation {
        let notify = self.notify.clone();
        match step.operation % 16 {
            0..7 => {
                // Created now: the epoch counts from here, even if the first poll comes later.
                let wait = Rc::new(RefCell::new(Box::pin(notify.notified_owned())));
                self.waits.push(Rc::downgrade(&wait));
                waits("notified", poll_fn(move |cx| wait.borrow_mut().as_mut().poll(cx)))
            }
            7 | 8 => waits("notified, created by its poll", async move {
                notify.notified().await;
            }),
            9 => {
                self.waits.retain(|wait| wait.strong_count() > 0);
                let index = step.which % self.waits.len().max(1);
                let wait = self.waits.get(index).and_then(Weak::upgrade);
                let enabled = wait.map(|wait| wait.borrow_mut().as_mut().enable());
                done(format!("enable wait {index}"), enabled)
            }
            10..13 => done("notify_one", notify.notify_one()),
            13 => done("notify_last", notify.notify_last()),
            _ => done("notify_waiters", notify.notify_waiters()),
        }
    }
}
