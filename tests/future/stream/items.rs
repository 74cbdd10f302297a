//! What becomes of each item: order, laziness, cancellation, panics, drops.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use futures::FutureExt;
use futures::executor::block_on;
use openwork::stream::{self, Stream, StreamExt};
use openwork::sync::mpsc;

use super::script::script;
use crate::common::{Probe, ends, panic_of};

fn all<S: Stream>(stream: S) -> Vec<S::Item> {
    block_on(stream.collect())
}

fn to(last: i32) -> impl Stream<Item = i32> + Unpin {
    // With a "pending" before each item.
    script((1..=last).flat_map(|n| [None, Some(n)]))
}

#[test]
fn items_keep_their_order_through_everything() {
    ends(|| {
        assert_eq!(all(to(4).map(|n| n * n)), [1, 4, 9, 16]);
        assert_eq!(all(to(6).filter(|n| n % 2 == 0)), [2, 4, 6]);
        assert_eq!(all(to(6).filter_map(|n| (n % 2 == 0).then_some(n / 2))), [1, 2, 3]);
        assert_eq!(all(to(3).then(async |n| 10 * n)), [10, 20, 30]);
        assert_eq!(all(to(3).enumerate()), [(0, 1), (1, 2), (2, 3)]);
        assert_eq!(all(to(9).take(2)), [1, 2]);
        assert_eq!(all(to(2).take(9)), [1, 2]);
        assert_eq!(all(to(9).take_while(|n| *n != 3)), [1, 2]);
        assert_eq!(all(to(9).map_while(|n| (n < 3).then_some(-n))), [-1, -2]);
        assert_eq!(all(to(5).skip(3)), [4, 5]);
        assert_eq!(all(to(2).skip(3)), [0; 0]);
        assert_eq!(all(to(5).skip_while(|n| *n != 3)), [3, 4, 5]);
        assert_eq!(all(to(2).skip_while(|_| true)), [0; 0]);
        assert_eq!(all(to(2).fuse()), [1, 2]);
        assert_eq!(all(to(2).chain(to(3))), [1, 2, 1, 2, 3]);
        assert_eq!(all(to(3).zip(to(2))), [(1, 1), (2, 2)]);
        assert_eq!(all(to(3).map(async |n| n).buffered(2)), [1, 2, 3]);
    });
}

#[test]
fn sources_give_what_they_say() {
    ends(|| {
        assert_eq!(all(stream::iter([1, 2, 3])), [1, 2, 3]);
        assert_eq!(all(stream::once("one")), ["one"]);
        assert_eq!(all(stream::empty::<u8>()), [0; 0]);
        assert_eq!(stream::pending::<u8>().next().now_or_never(), None);
        let mut left = 3;
        let countdown = stream::poll_fn(move |_| {
            left -= 1;
            std::task::Poll::Ready((left > 0).then_some(left))
        });
        assert_eq!(all(countdown), [2, 1]);
    });
}

#[test]
fn unfold_makes_an_item_of_each_state_until_there_is_none() {
    ends(|| {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let sums = stream::unfold((0, &mut receiver), async |(sum, receiver)| {
            let sum = sum + receiver.recv().await?;
            Some((sum, (sum, receiver)))
        });
        let mut sums = Box::pin(sums);
        assert_eq!(sums.next().now_or_never(), None);
        sender.send(1).unwrap();
        // The future that was begun is the one that goes on.
        assert_eq!(block_on(sums.next()), Some(1));
        sender.send(2).unwrap();
        assert_eq!(block_on(sums.next()), Some(3));
        assert_eq!(sums.size_hint(), (0, None));
        drop(sender);
        assert_eq!(block_on(sums.next()), None);
        assert_eq!(block_on(sums.next()), None);
        assert_eq!(sums.size_hint(), (0, Some(0)));
    });
}

#[test]
fn nothing_is_asked_of_a_stream_before_somebody_wants_an_item() {
    ends(|| {
        let source = script((0..10).map(Some));
        let asked = source.asked();
        let mut stream = Box::pin(
            source
                .map(|n| n + 1)
                .filter(|n| n % 2 == 0)
                .then(async |n| n)
                .skip(1)
                .take(2)
                .enumerate()
                .chain(stream::empty())
                .zip(stream::iter(0..)),
        );
        assert_eq!(asked.get(), 0);
        assert_eq!(block_on(stream.next()), Some(((0, 4), 0)));
        assert_eq!(asked.get(), 4);
        assert_eq!(block_on(stream.next()), Some(((1, 6), 1)));
        assert_eq!(asked.get(), 6);
        // `take` knows that there are no more, and asks for none.
        assert_eq!(block_on(stream.next()), None);
        assert_eq!(asked.get(), 6);
    });
}

#[test]
fn what_has_ended_by_its_own_rule_asks_no_more() {
    ends(|| {
        let source = script((0..10).map(Some));
        let asked = source.asked();
        let mut stream = source.take_while(|n| *n < 2);
        assert_eq!(block_on((&mut stream).count()), 2);
        assert_eq!(asked.get(), 3);
        assert_eq!(block_on(stream.next()), None);
        let source = script((0..10).map(Some));
        let asked_too = source.asked();
        let mut stream = source.map_while(|n| (n < 2).then_some(n));
        assert_eq!(block_on((&mut stream).count()), 2);
        assert_eq!(block_on(stream.next()), None);
        assert_eq!((asked.get(), asked_too.get()), (3, 3));
        assert_eq!(block_on(script([Some(1)]).take(0).next()), None);
    });
}

#[test]
fn a_fused_stream_goes_on_having_ended_and_has_dropped_what_it_was() {
    ends(|| {
        let witness = Rc::new(());
        let held = witness.clone();
        // A script that is asked after its end panics.
        let mut stream = script([Some(1)]).map(move |n| (n, Rc::strong_count(&held))).fuse();
        assert_eq!(block_on(stream.next()), Some((1, 2)));
        assert_eq!(block_on(stream.next()), None);
        assert_eq!(Rc::strong_count(&witness), 1);
        assert_eq!(block_on(stream.next()), None);
        assert_eq!(stream.size_hint(), (0, Some(0)));
    });
}

#[test]
fn a_next_that_is_dropped_has_lost_nothing() {
    ends(|| {
        let (sender, receiver) = mpsc::unbounded_channel();
        let receiver = stream::wrappers::UnboundedReceiverStream::new(receiver);
        let mut stream = Box::pin(
            receiver
                .zip(script([None, Some('a'), None, Some('b')]))
                .then(async |pair| {
                    openwork::task::yield_now().await;
                    pair
                })
                .chain(stream::empty()),
        );
        sender.send(1).unwrap();
        sender.send(2).unwrap();
        drop(sender);
        let mut seen = Vec::new();
        // Each poll is a new `next`, dropped after it.
        for _ in 0..20 {
            match stream.next().now_or_never() {
                Some(Some(pair)) => seen.push(pair),
                Some(None) => break,
                None => {}
            }
        }
        assert_eq!(seen, [(1, 'a'), (2, 'b')]);
    });
}

#[test]
fn try_next_turns_the_item_inside_out() {
    ends(|| {
        let mut stream = stream::iter([Ok(1), Err("no"), Ok(2)]);
        assert_eq!(block_on(stream.try_next()), Ok(Some(1)));
        assert_eq!(block_on(stream.try_next()), Err("no"));
        assert_eq!(block_on(stream.try_next()), Ok(Some(2)));
        assert_eq!(block_on(stream.try_next()), Ok(None));
    });
}

#[test]
fn then_awaits_one_future_at_a_time() {
    ends(|| {
        let begun = RefCell::new(Vec::new());
        let (sender, receiver) = openwork::sync::oneshot::channel();
        let mut first = Some(receiver);
        let stream = stream::iter(1..=2).then(|n| {
            begun.borrow_mut().push(n);
            let receiver = first.take();
            async move {
                if let Some(receiver) = receiver {
                    receiver.await.unwrap();
                }
                n
            }
        });
        let mut collect = Probe::new(stream.collect::<Vec<_>>());
        collect.assert_pending();
        assert_eq!(*begun.borrow(), [1]);
        sender.send(()).unwrap();
        assert!(collect.is_woken());
        assert_eq!(collect.assert_ready(), [1, 2]);
    });
}

#[test]
fn a_closure_that_panics_loses_its_item_and_no_other() {
    ends(|| {
        fn survivors<S: Stream<Item = i32> + Unpin>(mut stream: S) -> Vec<i32> {
            let mut seen = Vec::new();
            loop {
                match catch_unwind(AssertUnwindSafe(|| block_on(stream.next()))) {
                    Ok(Some(item)) => seen.push(item),
                    Ok(None) => return seen,
                    Err(_) => {}
                }
            }
        }
        fn but_two(n: i32) -> i32 {
            assert_ne!(n, 2, "not two");
            n
        }
        let mut results = Vec::new();
        // Only to keep the panics quiet.
        panic_of(|| {
            results = vec![
                survivors(stream::iter(1..4).map(but_two)),
                survivors(stream::iter(1..4).filter(|n| but_two(*n) > 0)),
                survivors(stream::iter(1..4).filter_map(|n| Some(but_two(n)))),
                survivors(stream::iter(1..4).take_while(|n| but_two(*n) > 0)),
                survivors(stream::iter(1..4).map_while(|n| Some(but_two(n)))),
                survivors(stream::iter(1..5).skip_while(|n| but_two(*n) == 1)),
                survivors(Box::pin(stream::iter(1..4).then(|n| std::future::ready(but_two(n))))),
            ];
        });
        assert_eq!(results.remove(5), [3, 4]);
        assert_eq!(results, vec![[1, 3]; 6]);
    });
}

#[test]
fn what_is_not_wanted_is_dropped_at_once() {
    ends(|| {
        let all = Rc::new(());
        let items = |count| {
            let all = all.clone();
            script((0..count).map(move |n| Some((n, all.clone()))))
        };
        let alive = || Rc::strong_count(&all) - 1;

        let mut stream = items(4).filter(|(n, _)| *n == 2);
        let before = alive();
        let kept = block_on(stream.next());
        assert_eq!(alive(), before - 2);
        drop((kept, stream));

        let mut stream = items(4).skip(2);
        let before = alive();
        let kept = block_on(stream.next());
        assert_eq!(alive(), before - 2);
        drop((kept, stream));

        let mut stream = items(4).take_while(|(n, _)| *n > 0);
        let before = alive();
        assert!(block_on(stream.next()).is_none());
        assert_eq!(alive(), before - 1);
        drop(stream);

        let mut stream = Box::pin(items(4).then(async |(n, _item)| n));
        let before = alive();
        // The future goes with its item when it is ready, not when the next begins.
        assert_eq!(block_on(stream.next()), Some(0));
        assert_eq!(alive(), before - 1);
        drop(stream);
        assert_eq!(alive(), 0);
    });
}
