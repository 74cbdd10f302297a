//! A stream becomes a value.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::ops::ControlFlow;

use futures::executor::block_on;
use openwork::stream::{self, FromStream, StreamExt};
use openwork::sync::{mpsc, oneshot};

use super::script::script;
use crate::common::{Probe, ends, panic_of};

#[test]
fn fold_goes_from_the_first_to_the_last() {
    ends(|| {
        let text =
            script([Some(1), None, Some(2)]).fold(String::new(), |text, n| format!("{text}{n}"));
        assert_eq!(block_on(text), "12");
        assert_eq!(block_on(stream::empty::<u8>().fold(7, |_, _| 8)), 7);
        assert_eq!(block_on(script([Some(1), None, Some(2)]).count()), 2);
    });
}

#[test]
fn all_and_any_stop_where_they_know() {
    ends(|| {
        let mut stream = stream::iter(1..10);
        assert!(!block_on(stream.all(|n| n < 3)));
        assert_eq!(block_on(stream.next()), Some(4));
        assert!(block_on(stream.any(|n| n == 6)));
        assert_eq!(block_on(stream.next()), Some(7));
        assert!(block_on(stream.all(|n| n > 0)));
        assert!(block_on(stream.all(|_| false)));
        assert!(!block_on(stream.any(|_| true)));
    });
}

#[test]
fn for_each_awaits_its_closure_for_one_item_at_a_time() {
    ends(|| {
        let mut sum = 0;
        // The closure changes what it has borrowed.
        block_on(stream::iter(1..=4).for_each(async |n| {
            openwork::task::yield_now().await;
            sum += n;
        }));
        assert_eq!(sum, 10);
        let mut begun = 0;
        let (sender, receiver) = oneshot::channel::<()>();
        let mut first = Some(receiver);
        let mut work = Probe::new(stream::iter(0..2).for_each(async |_| {
            begun += 1;
            if let Some(receiver) = first.take() {
                let _ = receiver.await;
            }
        }));
        work.assert_pending();
        drop(sender);
        assert!(work.is_woken());
        work.assert_ready();
        drop(work);
        assert_eq!(begun, 2);
    });
}

#[test]
fn for_each_can_be_spawned_when_what_it_holds_can() {
    ends(|| {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        openwork::block_on(async {
            let work = stream::iter(0..3).for_each(async move |n| {
                openwork::task::yield_now().await;
                sender.send(n).unwrap();
            });
            openwork::spawn(work).await.unwrap();
            // A closure of the other kind, which returns a future that borrows nothing.
            openwork::spawn(stream::iter(0..3).for_each(|_| async {})).await.unwrap();
        });
        assert_eq!((receiver.blocking_recv(), receiver.len()), (Some(0), 2));
    });
}

#[test]
fn std_s_collections_can_be_collected() {
    ends(|| {
        let items = || script([Some(2), None, Some(1), Some(2)]);
        assert_eq!(block_on(items().collect::<Vec<_>>()), [2, 1, 2]);
        assert_eq!(*block_on(items().collect::<Box<[_]>>()), [2, 1, 2]);
        assert_eq!(block_on(items().collect::<VecDeque<_>>()), [2, 1, 2]);
        assert_eq!(block_on(items().collect::<LinkedList<_>>()), LinkedList::from([2, 1, 2]));
        assert_eq!(block_on(items().collect::<BinaryHeap<_>>()).into_sorted_vec(), [1, 2, 2]);
        assert_eq!(block_on(items().collect::<BTreeSet<_>>()), BTreeSet::from([1, 2]));
        assert_eq!(block_on(items().collect::<HashSet<_>>()), HashSet::from([1, 2]));
        let pairs = || items().map(|n| (n, -n));
        assert_eq!(block_on(pairs().collect::<BTreeMap<_, _>>()), [(1, -1), (2, -2)].into());
        assert_eq!(block_on(pairs().collect::<HashMap<_, _>>()), [(1, -1), (2, -2)].into());
        assert_eq!(block_on(stream::iter(["a", "b"]).collect::<String>()), "ab");
        assert_eq!(block_on(stream::iter(["a".to_owned()]).collect::<String>()), "a");
        let mut units = vec![(), ()].into_iter();
        block_on(stream::iter(&mut units).collect::<()>());
        assert_eq!(units.next(), None);
    });
}

#[test]
fn a_collected_result_stops_at_the_first_error() {
    ends(|| {
        let good = stream::iter([Ok::<_, String>("a"), Ok("b")]);
        assert_eq!(block_on(good.collect::<Result<String, _>>()), Ok("ab".to_owned()));
        let bad = script([Some(Ok(1)), None, Some(Err("no")), Some(Ok(2)), Some(Err("never"))]);
        let asked = bad.asked();
        assert_eq!(block_on(bad.collect::<Result<Vec<_>, _>>()), Err("no"));
        assert_eq!(asked.get(), 3);
        assert_eq!(
            block_on(stream::empty::<Result<u8, ()>>().collect::<Result<Vec<_>, ()>>()),
            Ok(vec![])
        );
        let some = stream::iter([Some(1), Some(2)]);
        assert_eq!(block_on(some.collect::<Option<Vec<_>>>()), Some(vec![1, 2]));
        let none = script([Some(Some(1)), Some(None), Some(Some(2))]);
        let asked = none.asked();
        assert_eq!(block_on(none.collect::<Option<Vec<_>>>()), None);
        assert_eq!(asked.get(), 2);
        // One in the other.
        let nested = stream::iter([Ok(Some(1)), Ok(None), Err(0)]);
        assert_eq!(block_on(nested.collect::<Result<Option<Vec<_>>, i32>>()), Ok(None));
    });
}

#[test]
fn what_a_stream_claims_of_its_length_reserves_nothing() {
    ends(|| {
        // Std's `collect` of such an iterator panics with "capacity overflow".
        let endless = stream::iter(std::iter::repeat(1));
        assert_eq!(stream::Stream::size_hint(&endless), (usize::MAX, None));
        drop(endless.collect::<Vec<_>>());
    });
}

#[test]
fn a_users_own_collection_can_be_collected() {
    ends(|| {
        #[derive(Debug, PartialEq)]
        struct FirstTwo(Vec<u8>);
        impl FromStream<u8> for FirstTwo {
            type Gathered = Vec<u8>;

            fn add(gathered: &mut Vec<u8>, item: u8) -> ControlFlow<()> {
                gathered.push(item);
                if gathered.len() < 2 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            }

            fn finish(gathered: Vec<u8>) -> FirstTwo {
                FirstTwo(gathered)
            }
        }
        assert_eq!(block_on(stream::iter(5..).collect::<FirstTwo>()), FirstTwo(vec![5, 6]));
    });
}

#[test]
fn to_poll_after_the_end_panics_with_the_name_of_the_call() {
    ends(|| {
        let mut fold = Box::pin(stream::iter(0..3).fold(0, |sum, n| sum + n));
        assert_eq!(block_on(fold.as_mut()), 3);
        let message = panic_of(|| block_on(fold.as_mut())).unwrap().message;
        assert!(message.contains("`fold` was polled after it was ready"), "{message}");
        let mut collect = Box::pin(stream::iter(0..3).collect::<Vec<_>>());
        block_on(collect.as_mut());
        let message = panic_of(|| block_on(collect.as_mut())).unwrap().message;
        assert!(message.contains("`collect` was polled after it was ready"), "{message}");
    });
}
