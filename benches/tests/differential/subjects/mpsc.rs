//! Senders, weak senders and permits that come and go, and one receiver. What bounded and unbounded channels have in
//! common is written once, in `common!`.

use super::peer::sync::mpsc::{
    OwnedPermit, Receiver, Sender, UnboundedReceiver, UnboundedSender, WeakSender,
    WeakUnboundedSender, channel, unbounded_channel,
};
use crate::side::{Handle, Operation, Subject, Value, choose, done, pause, take_one, waits};
use crate::steps::{Random, Step};
use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;

pub struct BoundedMpsc {
    senders: Vec<Rc<Sender<Value>>>,
    weak: Vec<WeakSender<Value>>,
    permits: Rc<RefCell<Vec<OwnedPermit<Value>>>>,
    receiver: Handle<Receiver<Value>>,
}

pub struct UnboundedMpsc {
    senders: Vec<Rc<UnboundedSender<Value>>>,
    weak: Vec<WeakUnboundedSender<Value>>,
    receiver: Handle<UnboundedReceiver<Value>>,
}

/// The operations of a receiver, and of what the senders of both kinds have in common.
macro_rules! common {
    ($subject:ident, $step:ident) => {{
        let (number, which, amount) = ($step.number, $step.which, $step.amount);
        let receiver = $subject.receiver.clone();
        match $step.operation % 21 {
            0..4 => waits("recv", receiver.borrowed_by(async |receiver| receiver.recv().await)),
            4 => {
                let future = receiver
                    .borrowed_by(async |receiver| poll_fn(|cx| receiver.poll_recv(cx)).await);
                waits("poll_recv", future)
            }
            5 => {
                let limit = amount % 4;
                let future = receiver.borrowed_by(async move |receiver| {
                    let mut buffer = Vec::new();
                    (receiver.recv_many(&mut buffer, limit).await, buffer)
                });
                waits(format!("recv_many {limit}"), future)
            }
            6 | 7 => done("try_recv", receiver.with(|receiver| receiver.try_recv())),
            8 if amount.is_multiple_of(3) => {
                done("close", receiver.with(|receiver| receiver.close()))
            }
            8 => done("number of the step", number),
            9 if amount.is_multiple_of(4) => done("drop the receiver", receiver.take().is_some()),
            9 | 10 => {
                let state = receiver.with(|receiver| {
                    let counts = (receiver.sender_strong_count(), receiver.sender_weak_count());
                    (receiver.is_closed(), receiver.is_empty(), receiver.len(), counts)
                });
                done("is_closed, is_empty, len, counts of the receiver", state)
            }
            11 | 12 => {
                let clone = choose(&$subject.senders, which).map(|sender| (**sender).clone());
                $subject.senders.extend(clone.map(Rc::new));
                done("clone a sender", $subject.senders.len())
            }
            13 | 14 => {
                let sender = take_one(&mut $subject.senders, which);
                done("drop a sender", sender.is_some())
            }
            15 => {
                let weak = choose(&$subject.senders, which).map(|sender| sender.downgrade());
                $subject.weak.extend(weak);
                done("downgrade", $subject.weak.len())
            }
            16 => {
                let sender = choose(&$subject.weak, which).and_then(|weak| weak.upgrade());
                let is_some = sender.is_some();
                $subject.senders.extend(sender.map(Rc::new));
                done("upgrade", is_some)
            }
            17 => done("drop a weak sender", take_one(&mut $subject.weak, which).is_some()),
            18 => {
                let state = choose(&$subject.senders, which)
                    .map(|sender| (sender.is_closed(), sender.strong_count(), sender.weak_count()));
                done("is_closed, counts of a sender", state)
            }
            19 => {
                let weak = choose(&$subject.weak, which);
                let counts = weak.map(|weak| (weak.strong_count(), weak.weak_count()));
                done("counts of a weak sender", counts)
            }
            _ => {
                let sender = choose(&$subject.senders, which).cloned();
                waits("closed", async move { Some(sender?.closed().await) })
            }
        }
    }};
}

impl Subject for BoundedMpsc {
    fn new(random: &mut Random) -> Self {
        let (sender, receiver) = channel(1 + random.below(4));
        BoundedMpsc {
            senders: vec![Rc::new(sender)],
            weak: Vec::new(),
            permits: Rc::default(),
            receiver: Handle::new(receiver),
        }
    }

    fn operate(&mut self, step: Step) -> Operation {
        if step.operation.is_multiple_of(2) {
            let step = Step { operation: step.operation / 2, ..step };
            return common!(self, step);
        }
        let value = Value::new(step.number);
        let sender = choose(&self.senders, step.which).cloned();
        let permits = self.permits.clone();
        match step.operation / 2 % 16 {
            0..5 => waits("send", async move { Some(sender?.send(value).await) }),
            5 | 6 => done("try_send", sender.map(|sender| sender.try_send(value))),
            7 => {
                let future = async move {
                    let sender = sender?;
                    let permit = sender.reserve().await;
                    pause().await;
                    Some(permit.map(|permit| permit.send(value)))
                };
                waits("reserve, pause and send", future)
            }
            8 => {
                let sender = sender.map(|sender| (*sender).clone());
                let future = async move {
                    let permit = sender?.reserve_owned().await;
                    Some(permit.map(|permit| permits.borrow_mut().push(permit)))
                };
                waits("reserve_owned", future)
            }
            9 => {
                let reserved = sender.map(|sender| (*sender).clone().try_reserve_owned());
                let reserved = reserved.map(|result| {
                    let result = result.map(|permit| permits.borrow_mut().push(permit));
                    result.map_err(|error| error.to_string())
                });
                done("try_reserve_owned", reserved)
            }
            10 => done("try_reserve", sender.map(|sender| sender.try_reserve().map(|_| ()))),
            11 => {
                let permit = take_one(&mut permits.borrow_mut(), step.which);
                let send = |permit: OwnedPermit<_>| drop(permit.send(value));
                done("send with a permit", permit.map(send))
            }
            12 => {
                let permit = take_one(&mut permits.borrow_mut(), step.which);
                done("release a permit", permit.map(|permit| drop(permit.release())))
            }
            13 => {
                let permit = take_one(&mut permits.borrow_mut(), step.which);
                done("drop a permit", permit.map(drop))
            }
            _ => {
                let of_sender = sender.map(|sender| (sender.capacity(), sender.max_capacity()));
                let of_receiver =
                    self.receiver.with(|receiver| (receiver.capacity(), receiver.max_capacity()));
                done("capacity, max_capacity", (of_sender, of_receiver))
            }
        }
    }
}

impl Subject for UnboundedMpsc {
    fn new(_: &mut Random) -> Self {
        let (sender, receiver) = unbounded_channel();
        UnboundedMpsc {
            senders: vec![Rc::new(sender)],
            weak: Vec::new(),
            receiver: Handle::new(receiver),
        }
    }

    fn operate(&mut self, step: Step) -> Operation {
        if !step.operation.is_multiple_of(3) {
            let step = Step { operation: step.operation / 3, ..step };
            return common!(self, step);
        }
        // Now and then more values than Tokio's blocks of 32 hold.
        let count = if step.amount.is_multiple_of(64) { 40 } else { 1 };
        let sender = choose(&self.senders, step.which);
        let send = |sender: &Rc<UnboundedSender<Value>>| sender.send(Value::new(step.number));
        let results = (0..count).map(|_| sender.map(send));
        done("send", results.collect::<Vec<_>>())
    }
}
