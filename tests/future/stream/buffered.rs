//! Several futures at work at once, but never too many.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;

use futures::executor::block_on;
use futures::stream::LocalBoxStream;
use openwork::stream::{self, StreamExt};
use openwork::sync::oneshot;
use openwork::task::yield_now;

use super::script::script;
use crate::common::{Probe, Random, Wakes, ends, on_every_flavour, panic_of};

/// Senders, and futures that wait for them and count their polls.
#[derive(Default, Clone)]
struct Work {
    senders: Rc<RefCell<Vec<Option<oneshot::Sender<()>>>>>,
    polls: Rc<RefCell<Vec<usize>>>,
}

impl Work {
    fn begin(&self, number: usize) -> impl Future<Output = usize> + use<> {
        let (sender, mut receiver) = oneshot::channel();
        assert_eq!(self.polls.borrow().len(), number, "they begin in order");
        self.senders.borrow_mut().push(Some(sender));
        self.polls.borrow_mut().push(0);
        let polls = self.polls.clone();
        poll_fn(move |cx| {
            polls.borrow_mut()[number] += 1;
            std::pin::Pin::new(&mut receiver).poll(cx).map(|_| number)
        })
    }

    fn finish(&self, number: usize) {
        drop(self.senders.borrow_mut()[number].take().expect("it was begun"));
    }

    fn begun(&self) -> usize {
        self.polls.borrow().len()
    }

    fn polls(&self) -> Vec<usize> {
        self.polls.borrow().clone()
    }
}

#[test]
fn as_many_are_at_work_as_the_limit_says() {
    ends(|| {
        for limit in 1..6 {
            let work = Work::default();
            let begin = work.clone();
            let mut all = stream::iter(0..8).map(move |n| begin.begin(n)).buffer_unordered(limit);
            for done in 0..8 {
                let mut next = Probe::new(all.next());
                next.assert_pending();
                assert_eq!(work.begun(), (done + limit).min(8), "{done} are done");
                work.finish(done);
                assert!(next.is_woken());
                assert_eq!(next.assert_ready(), Some(done));
            }
            assert_eq!(block_on(all.next()), None);
            assert_eq!(block_on(all.next()), None);
        }
    });
}

#[test]
fn a_result_that_waits_for_one_before_it_keeps_its_place() {
    ends(|| {
        let work = Work::default();
        let begin = work.clone();
        let mut all = stream::iter(0..5).map(move |n| begin.begin(n)).buffered(3);
        let mut next = Probe::new(all.next());
        next.assert_pending();
        work.finish(2);
        next.assert_pending();
        work.finish(1);
        next.assert_pending();
        assert_eq!(work.begun(), 3);
        work.finish(0);
        assert!(next.is_woken());
        assert_eq!(next.assert_ready(), Some(0));
        drop(next);
        assert_eq!(work.begun(), 3);
        // Who takes a result makes room for one.
        assert_eq!(block_on(all.next()), Some(1));
        assert_eq!(work.begun(), 4);
        assert_eq!(block_on(all.next()), Some(2));
        work.finish(3);
        assert_eq!(block_on(all.next()), Some(3));
        work.finish(4);
        assert_eq!(block_on(all.next()), Some(4));
        assert_eq!(block_on(all.next()), None);
    });
}

#[test]
fn only_those_who_were_woken_are_polled() {
    ends(|| {
        let work = Work::default();
        let begin = work.clone();
        let all = stream::iter(0..100).map(move |n| begin.begin(n)).buffer_unordered(100);
        let mut all = Probe::new(all.collect::<Vec<_>>());
        all.assert_pending();
        assert_eq!(work.polls(), [1; 100]);
        work.finish(70);
        work.finish(30);
        assert!(all.is_woken());
        all.assert_pending();
        // As they were woken, one poll each; and none for those who were not.
        let mut expected = vec![1; 100];
        expected[70] = 2;
        expected[30] = 2;
        assert_eq!(work.polls(), expected);
        // A poll that nobody asked for polls no child.
        all.assert_pending();
        assert_eq!(work.polls(), expected);
        (0..100).rev().filter(|n| *n != 70 && *n != 30).for_each(|n| work.finish(n));
        let mut order = vec![70, 30];
        order.extend((0..100).rev().filter(|n| *n != 70 && *n != 30));
        assert_eq!(all.assert_ready(), order);
        assert_eq!(work.polls(), [2; 100]);
    });
}

#[test]
fn many_wakes_are_one_poll() {
    ends(|| {
        let (polls, waker) = (Cell::new(0), RefCell::new(None::<Waker>));
        let child = || {
            poll_fn(|cx| {
                polls.set(polls.get() + 1);
                *waker.borrow_mut() = Some(cx.waker().clone());
                Poll::<()>::Pending
            })
        };
        let mut all = Probe::new(stream::once(child()).buffered(1).count());
        all.assert_pending();
        for turn in 2..5 {
            for _ in 0..3 {
                waker.borrow().as_ref().unwrap().wake_by_ref();
            }
            assert_eq!(all.wakes.take(), 1);
            all.assert_pending();
            assert_eq!(polls.get(), turn);
        }
    });
}

#[test]
fn a_child_that_gives_way_gives_way_to_the_other_tasks() {
    ends(|| {
        let polls = Cell::new(0);
        let children = stream::iter(0..2).map(|_| async {
            for _ in 0..10 {
                polls.set(polls.get() + 1);
                yield_now().await;
            }
        });
        let mut all = Probe::new(children.buffer_unordered(2).count());
        for turn in 1..=10 {
            all.assert_pending();
            assert!(all.is_woken());
            assert_eq!(polls.get(), 2 * turn);
        }
        assert_eq!(all.assert_ready(), 2);
    });
}

#[test]
fn a_waker_that_outlives_its_child_polls_nobody_and_that_outlives_all_wakes_nobody() {
    ends(|| {
        let (polls, old) = (Cell::new(0), RefCell::new(None::<Waker>));
        let children = stream::iter(0..2).map(|n| {
            let (polls, old) = (&polls, &old);
            poll_fn(move |cx| {
                polls.set(polls.get() + 1);
                if n == 0 {
                    *old.borrow_mut() = Some(cx.waker().clone());
                    return Poll::Ready(());
                }
                Poll::Pending
            })
        });
        let mut all = Probe::new(children.buffer_unordered(1).count());
        all.assert_pending();
        assert_eq!(polls.get(), 2);
        old.borrow().as_ref().unwrap().wake_by_ref();
        assert!(!all.is_woken());
        all.assert_pending();
        assert_eq!(polls.get(), 2);

        let wakes = Wakes::default();
        let kept = RefCell::new(None::<Waker>);
        let mut forever = stream::once(poll_fn(|cx| {
            *kept.borrow_mut() = Some(cx.waker().clone());
            Poll::<()>::Pending
        }))
        .buffered(1);
        assert!(
            wakes
                .poll_fn(|cx| stream::Stream::poll_next(std::pin::Pin::new(&mut forever), cx))
                .is_pending()
        );
        assert_eq!(wakes.kept(), 1);
        drop(forever);
        // The task's own waker went with the stream.
        assert_eq!(wakes.kept(), 0);
        kept.take().unwrap().wake();
        assert_eq!(wakes.take(), 0);
    });
}

#[test]
fn the_task_that_polled_last_is_woken() {
    ends(|| {
        let work = Work::default();
        let begin = work.clone();
        let mut all = stream::iter(0..1).map(move |n| begin.begin(n)).buffered(1);
        let mut poll = |wakes: &Wakes| {
            wakes
                .poll_fn(|cx| stream::Stream::poll_next(std::pin::Pin::new(&mut all), cx))
                .is_pending()
        };
        let (first, second) = (Wakes::default(), Wakes::default());
        assert!(poll(&first));
        assert!(poll(&second));
        assert_eq!((first.kept(), second.kept()), (0, 1));
        work.finish(0);
        assert_eq!((first.take(), second.take()), (0, 1));
    });
}

#[test]
fn a_child_goes_as_soon_as_it_is_ready_and_all_go_with_the_stream() {
    ends(|| {
        let witness = Rc::new(());
        let held = witness.clone();
        let mut all = stream::iter(0..4)
            .map(move |n| {
                let held = held.clone();
                async move {
                    let _held = held;
                    if n > 0 {
                        std::future::pending::<()>().await;
                    }
                }
            })
            .buffer_unordered(3);
        let mut next = Probe::new(all.next());
        next.assert_ready();
        drop(next);
        // The closure's, ours, and those of 1 and 2.
        assert_eq!(Rc::strong_count(&witness), 4);
        drop(all);
        assert_eq!(Rc::strong_count(&witness), 1);
    });
}

#[test]
fn a_future_that_panics_is_gone_and_the_others_go_on() {
    ends(|| {
        for ordered in [true, false] {
            let futures = || {
                stream::iter(0..4).map(async |n| {
                    yield_now().await;
                    assert_ne!(n, 1, "not one");
                    n
                })
            };
            let mut all: LocalBoxStream<'_, _> = match ordered {
                true => Box::pin(futures().buffered(3)),
                false => Box::pin(futures().buffer_unordered(3)),
            };
            let mut seen = Vec::new();
            // Only to keep the panics quiet.
            panic_of(|| {
                for _ in 0..6 {
                    if let Ok(Some(n)) = catch_unwind(AssertUnwindSafe(|| block_on(all.next()))) {
                        seen.push(n);
                    }
                }
            });
            seen.sort();
            assert_eq!(seen, [0, 2, 3], "ordered: {ordered}");
        }
    });
}

#[test]
fn a_stream_that_waits_is_not_the_end() {
    ends(|| {
        let (sender, receiver) = openwork::sync::mpsc::channel(1);
        let receiver = stream::wrappers::ReceiverStream::new(receiver);
        let mut all = Probe::new(receiver.map(async |n: u8| n).buffered(2).collect::<Vec<_>>());
        all.assert_pending();
        sender.try_send(1).unwrap();
        assert!(all.is_woken());
        all.assert_pending();
        sender.try_send(2).unwrap();
        drop(sender);
        assert!(all.is_woken());
        assert_eq!(all.assert_ready(), [1, 2]);
        // A source that has ended is asked no more: a script would panic.
        let all = script([Some(1), None, Some(2)]).map(async |n| {
            yield_now().await;
            n
        });
        assert_eq!(block_on(all.buffered(5).collect::<Vec<_>>()), [1, 2]);
    });
}

#[test]
fn a_limit_of_none_panics_at_the_callers_line() {
    ends(|| {
        let panicked =
            panic_of(|| stream::empty::<futures::future::Ready<()>>().buffered(0)).unwrap();
        assert_eq!((panicked.file.as_str(), panicked.line), (file!(), line!() - 1));
        assert!(panicked.message.contains("`StreamExt::buffered`"), "{}", panicked.message);
        let panicked =
            panic_of(|| stream::empty::<futures::future::Ready<()>>().buffer_unordered(0)).unwrap();
        assert_eq!((panicked.file.as_str(), panicked.line), (file!(), line!() - 1));
        assert!(panicked.message.contains("`StreamExt::buffer_unordered`"), "{}", panicked.message);
    });
}

#[test]
fn wakes_from_another_thread_are_not_lost() {
    ends(|| {
        let (send, receive) = mpsc::channel::<(u64, oneshot::Sender<u64>)>();
        let helper = thread::spawn(move || {
            let mut random = Random(0x2545_f491_4f6c_dd1d);
            let mut held = Vec::new();
            while let Ok(job) = receive.recv() {
                held.push(job);
                held.extend(receive.try_iter());
                // Some come at once and some with the next: never all of them are kept back.
                while !held.is_empty() && (held.len() > 5 || random.below(3) > 0) {
                    let (n, sender) = held.swap_remove(random.below(held.len()));
                    sender.send(n).unwrap();
                }
                held.drain(..).for_each(|(n, sender)| sender.send(n).unwrap());
            }
        });
        let jobs = stream::iter(0..20_000).map(move |n| {
            let (sender, receiver) = oneshot::channel();
            send.send((n, sender)).unwrap();
            async move { receiver.await.unwrap() }
        });
        assert!(block_on(jobs.buffered(16).collect::<Vec<_>>()).into_iter().eq(0..20_000));
        helper.join().unwrap();
    });
}

#[test]
fn tasks_can_be_the_children() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let tasks = stream::iter(0..1000).map(|n| openwork::spawn(async move { n }));
            let mut all = tasks.buffer_unordered(32).collect::<Result<Vec<_>, _>>().await.unwrap();
            all.sort();
            assert!(all.into_iter().eq(0..1000));
        });
    });
}
