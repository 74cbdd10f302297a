//! One stream from two.

use futures::FutureExt;
use futures::executor::block_on;
use openwork::stream::wrappers::UnboundedReceiverStream;
use openwork::stream::{self, StreamExt};
use openwork::sync::mpsc::unbounded_channel;

use super::script::script;
use crate::common::{Probe, ends};

#[test]
fn merged_streams_that_both_have_items_take_turns() {
    ends(|| {
        let merged = stream::iter(['a'; 5]).merge(stream::iter(['b'; 3]));
        assert_eq!(block_on(merged.collect::<Vec<_>>()), "abababaa".chars().collect::<Vec<_>>());
    });
}

#[test]
fn whoever_of_the_merged_gave_last_is_asked_last() {
    ends(|| {
        // The first of two items that are there at once is always from the one that did not give before; how
        // often somebody asked for nothing meanwhile does not matter.
        for idle_polls in 0..3 {
            let (a, from_a) = unbounded_channel();
            let (b, from_b) = unbounded_channel();
            let from_a = UnboundedReceiverStream::new(from_a);
            let mut merged = from_a.merge(UnboundedReceiverStream::new(from_b));
            let mut seen = String::new();
            for _ in 0..3 {
                a.send('a').unwrap();
                b.send('b').unwrap();
                seen.push(block_on(merged.next()).unwrap());
                seen.push(block_on(merged.next()).unwrap());
                for _ in 0..idle_polls {
                    assert_eq!(merged.next().now_or_never(), None);
                }
                // Now only one of them has one: it is the other's turn next.
                a.send('a').unwrap();
                seen.push(block_on(merged.next()).unwrap());
                a.send('a').unwrap();
                b.send('b').unwrap();
                seen.push(block_on(merged.next()).unwrap());
                seen.push(block_on(merged.next()).unwrap());
                seen.push(' ');
            }
            assert_eq!(seen, "ababa baaba baaba ", "{idle_polls}");
        }
    });
}

#[test]
fn merged_streams_end_when_both_have_ended() {
    ends(|| {
        let (a, from_a) = unbounded_channel();
        let (b, from_b) = unbounded_channel();
        let merged =
            UnboundedReceiverStream::new(from_a).merge(UnboundedReceiverStream::new(from_b));
        let mut all = Probe::new(merged.collect::<Vec<_>>());
        all.assert_pending();
        a.send(1).unwrap();
        assert!(all.is_woken());
        all.assert_pending();
        drop(a);
        all.assert_pending();
        b.send(2).unwrap();
        assert!(all.is_woken());
        all.assert_pending();
        drop(b);
        assert!(all.is_woken());
        assert_eq!(all.assert_ready(), [1, 2]);
    });
}

#[test]
fn the_second_of_a_chain_is_asked_after_the_end_of_the_first() {
    ends(|| {
        let second = script([None, Some(3)]);
        let asked = second.asked();
        let mut chain = script([Some(1), None, Some(2)]).chain(second);
        assert_eq!(block_on(chain.next()), Some(1));
        assert_eq!(block_on(chain.next()), Some(2));
        assert_eq!(asked.get(), 0);
        assert_eq!(block_on(chain.next()), Some(3));
        assert_eq!(block_on(chain.next()), None);
    });
}

#[test]
fn zip_asks_both_at_once_and_keeps_what_came() {
    ends(|| {
        let (a, b) = (script([None, None, Some(1)]), script([Some('x'), None, Some('y')]));
        let (of_a, of_b) = (a.asked(), b.asked());
        let mut zip = a.zip(b);
        assert_eq!(zip.next().now_or_never(), None);
        assert_eq!((of_a.get(), of_b.get()), (1, 1));
        // The second has given, and is asked no more until the first has too.
        assert_eq!(zip.next().now_or_never(), None);
        assert_eq!((of_a.get(), of_b.get()), (2, 1));
        assert_eq!(block_on(zip.next()), Some((1, 'x')));
        // The first has ended: nothing is taken from the second.
        assert_eq!(block_on(zip.next()), None);
        assert_eq!((of_a.get(), of_b.get()), (4, 1));
        assert_eq!(block_on(zip.next()), None);
    });
}
