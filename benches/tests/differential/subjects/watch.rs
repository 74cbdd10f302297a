//! Senders and receivers that come and go, on one value.

use super::peer::sync::watch::{Receiver, Ref, Sender, channel};
use crate::side::{Handle, Operation, Subject, Value, choose, done, take_one, waits};
use crate::steps::{Random, Step};
use std::rc::Rc;

pub struct Watch {
    senders: Vec<Rc<Sender<Value>>>,
    receivers: Vec<Handle<Receiver<Value>>>,
}

fn show(value: Ref<'_, Value>) -> (u32, bool) {
    (value.0, value.has_changed())
}

impl Subject for Watch {
    fn new(_: &mut Random) -> Self {
        let (sender, receiver) = channel(Value::new(1000));
        Watch { senders: vec![Rc::new(sender)], receivers: vec![Handle::new(receiver)] }
    }

    fn operate(&mut self, step: Step) -> Operation {
        match step.operation % 2 {
            0 => self.operate_sender(Step { operation: step.operation / 2, ..step }),
            _ => self.operate_receiver(Step { operation: step.operation / 2, ..step }),
        }
    }
}

impl Watch {
    fn operate_sender(&mut self, step: Step) -> Operation {
        let sender = choose(&self.senders, step.which).cloned();
        let value = Value::new(step.number);
        match step.operation % 16 {
            0..4 => done("send", sender.map(|sender| sender.send(value))),
            4 => done("send_replace", sender.map(|sender| sender.send_replace(value))),
            5 => {
                let modify = |sender: Rc<Sender<Value>>| sender.send_modify(|old| *old = value);
                done("send_modify", sender.map(modify))
            }
            6 => {
                let modify = |sender: Rc<Sender<Value>>| {
                    sender.send_if_modified(|old| {
                        *old = value;
                        step.amount.is_multiple_of(2)
                    })
                };
                done("send_if_modified", sender.map(modify))
            }
            7 => done("borrow", sender.map(|sender| show(sender.borrow()))),
            8 | 9 => {
                let receiver = sender.map(|sender| sender.subscribe());
                self.receivers.extend(receiver.map(Handle::new));
                done("subscribe", self.receivers.len())
            }
            10 => {
                self.senders.extend(sender.map(|sender| Rc::new((*sender).clone())));
                done("clone a sender", self.senders.len())
            }
            11 => {
                drop(sender);
                done("drop a sender", take_one(&mut self.senders, step.which).is_some())
            }
            12 | 13 => waits("closed", async move { Some(sender?.closed().await) }),
            _ => {
                let state = sender.map(|sender| {
                    (sender.is_closed(), sender.receiver_count(), sender.sender_count())
                });
                done("is_closed, receiver_count, sender_count", state)
            }
        }
    }

    fn operate_receiver(&mut self, step: Step) -> Operation {
        let Some(receiver) = choose(&self.receivers, step.which).cloned() else {
            return done("no receiver", ());
        };
        match step.operation % 16 {
            0..5 => {
                let future = receiver.borrowed_by(async |receiver| receiver.changed().await);
                waits("changed", future)
            }
            5 | 6 => {
                let residue = (step.amount % 3) as u32;
                let future = receiver.borrowed_by(async move |receiver| {
                    receiver.wait_for(|value| value.0 % 3 == residue).await.map(show)
                });
                waits(format!("wait_for {residue} modulo 3"), future)
            }
            7 => done("borrow", receiver.with(|receiver| show(receiver.borrow()))),
            8 => {
                let value = receiver.with(|receiver| show(receiver.borrow_and_update()));
                done("borrow_and_update", value)
            }
            9 => done("has_changed", receiver.with(|receiver| receiver.has_changed())),
            10 => done("mark_changed", receiver.with(|receiver| receiver.mark_changed())),
            11 => done("mark_unchanged", receiver.with(|receiver| receiver.mark_unchanged())),
            12 => done("is_closed", receiver.with(|receiver| receiver.is_closed())),
            13 => {
                let clone = receiver.with(|receiver| receiver.clone());
                self.receivers.extend(clone.map(Handle::new));
                done("clone a receiver", self.receivers.len())
            }
            _ => {
                take_one(&mut self.receivers, step.which);
                done("drop a receiver", receiver.take().is_some())
            }
        }
    }
}
