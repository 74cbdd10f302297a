//! Senders, weak senders and receivers that come and go, on a channel for few values.

use super::peer::sync::broadcast::{Receiver, Sender, WeakSender, channel};
use crate::side::{Handle, Operation, Subject, Value, choose, done, take_one, waits};
use crate::steps::{Random, Step};
use std::rc::Rc;

pub struct Broadcast {
    senders: Vec<Rc<Sender<Value>>>,
    weak: Vec<WeakSender<Value>>,
    receivers: Vec<Handle<Receiver<Value>>>,
}

impl Subject for Broadcast {
    fn new(random: &mut Random) -> Self {
        let (sender, receiver) = channel(1 + random.below(5));
        Broadcast {
            senders: vec![Rc::new(sender)],
            weak: Vec::new(),
            receivers: vec![Handle::new(receiver)],
        }
    }

    fn operate(&mut self, step: Step) -> Operation {
        match step.operation % 2 {
            0 => self.operate_sender(Step { operation: step.operation / 2, ..step }),
            _ => self.operate_receiver(Step { operation: step.operation / 2, ..step }),
        }
    }
}

impl Broadcast {
    fn operate_sender(&mut self, step: Step) -> Operation {
        let sender = choose(&self.senders, step.which).cloned();
        match step.operation % 16 {
            0..6 => done("send", sender.map(|sender| sender.send(Value::new(step.number)))),
            6 | 7 => {
                let receiver = sender.map(|sender| sender.subscribe());
                self.receivers.extend(receiver.map(Handle::new));
                done("subscribe", self.receivers.len())
            }
            8 => {
                self.senders.extend(sender.map(|sender| Rc::new((*sender).clone())));
                done("clone a sender", self.senders.len())
            }
            9 => {
                drop(sender);
                done("drop a sender", take_one(&mut self.senders, step.which).is_some())
            }
            10 => {
                self.weak.extend(sender.map(|sender| sender.downgrade()));
                done("downgrade", self.weak.len())
            }
            11 => {
                let sender = choose(&self.weak, step.which).and_then(WeakSender::upgrade);
                let is_some = sender.is_some();
                self.senders.extend(sender.map(Rc::new));
                done("upgrade", is_some)
            }
            12 => {
                let weak = take_one(&mut self.weak, step.which);
                let counts = weak.map(|weak| (weak.strong_count(), weak.weak_count()));
                done("count and drop a weak sender", counts)
            }
            13 => waits("closed", async move { Some(sender?.closed().await) }),
            _ => {
                let state = sender.map(|sender| {
                    let counts = (sender.strong_count(), sender.weak_count());
                    (sender.len(), sender.is_empty(), sender.receiver_count(), counts)
                });
                done("len, is_empty, receiver_count, counts of a sender", state)
            }
        }
    }

    fn operate_receiver(&mut self, step: Step) -> Operation {
        let Some(receiver) = choose(&self.receivers, step.which).cloned() else {
            return done("no receiver", ());
        };
        match step.operation % 12 {
            0..5 => waits("recv", receiver.borrowed_by(async |receiver| receiver.recv().await)),
            5 | 6 => done("try_recv", receiver.with(|receiver| receiver.try_recv())),
            7 | 8 => {
                let state = receiver.with(|receiver| {
                    let counts = (receiver.sender_strong_count(), receiver.sender_weak_count());
                    (receiver.len(), receiver.is_empty(), receiver.is_closed(), counts)
                });
                done("len, is_empty, is_closed, counts of a receiver", state)
            }
            9 => {
                let other = receiver.with(|receiver| receiver.resubscribe());
                self.receivers.extend(other.map(Handle::new));
                done("resubscribe", self.receivers.len())
            }
            _ => {
                take_one(&mut self.receivers, step.which);
                done("drop a receiver", receiver.take().is_some())
            }
        }
    }
}
