//! One sender and one receiver. Now and then a new channel replaces them, since each is used once.

use super::peer::sync::oneshot::{Receiver, Sender, channel};
use crate::side::{Handle, Operation, Subject, Value, done, waits};
use crate::steps::{Random, Step};

pub struct Oneshot {
    sender: Handle<Sender<Value>>,
    receiver: Handle<Receiver<Value>>,
}

impl Subject for Oneshot {
    fn new(_: &mut Random) -> Self {
        let (sender, receiver) = channel();
        Oneshot { sender: Handle::new(sender), receiver: Handle::new(receiver) }
    }

    fn operate(&mut self, step: Step) -> Operation {
        let (sender, receiver) = (self.sender.clone(), self.receiver.clone());
        match step.operation % 15 {
            0 | 1 => {
                *self = Self::new(&mut Random(0));
                done("a new channel", ())
            }
            2 => done("send", sender.take().map(|sender| sender.send(Value::new(step.number)))),
            3 => done("drop the sender", sender.take().is_some()),
            4 => waits("closed", sender.borrowed_by(async |sender| sender.closed().await)),
            5 => waits("poll_closed", sender.polled_by(Sender::poll_closed)),
            6 => done("is_closed", sender.with(|sender| sender.is_closed())),
            7 | 8 => waits("recv", receiver.borrowed_by(async |receiver| receiver.await)),
            9 => {
                let future = async move { Some(receiver.take()?.await) };
                waits("recv, by value", future)
            }
            10 => done("try_recv", receiver.with(|receiver| receiver.try_recv())),
            11 => done("close", receiver.with(|receiver| receiver.close())),
            12 => done("is_empty", receiver.with(|receiver| receiver.is_empty())),
            13 => done("is_terminated", receiver.with(|receiver| receiver.is_terminated())),
            _ => done("drop the receiver", receiver.take().is_some()),
        }
    }
}
