//! The laws of the token that tells tasks to stop.

use std::collections::{BTreeMap, HashSet};
use std::future::{Future, pending, ready};
use std::hash::BuildHasher;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::Context;
use std::thread;
use std::time::Duration;

use crate::common::Flavour::{CurrentThread, Workers};
use crate::common::{
    AtDrop, Probe, Random, Wakes, calls, ends, on_each_of, on_every_flavour, owns, paused,
};
use futures::FutureExt;
use futures::executor::block_on;
use openwork::sync::{
    CancellationToken, DropGuard, DropGuardRef, WaitForCancellationFuture,
    WaitForCancellationFutureOwned,
};
use openwork::task::yield_now;
use openwork::time::{sleep, timeout};

// ---- one token ----

#[test]
#[allow(clippy::mutable_key_type, reason = "it is hashed by its place, which does not change")]
fn clones_are_equal_and_children_are_others() {
    let token = CancellationToken::new();
    assert_eq!(token, token.clone());
    assert_ne!(token, token.child_token());
    assert_ne!(token, CancellationToken::new());
    let set = HashSet::from([token.clone(), token.clone(), token.child_token()]);
    assert_eq!(set.len(), 2);
    assert!(set.contains(&token));
    let hash = |token: &CancellationToken| set.hasher().hash_one(token);
    assert_eq!(hash(&token), hash(&token.clone()));
    assert_ne!(hash(&token), hash(&token.child_token()));
}

#[test]
fn a_cancellation_wakes_all_waits_and_stays() {
    let token = CancellationToken::new();
    let clone = token.clone();
    let mut waiting: Vec<_> = (0..5).map(|_| Probe::new(token.cancelled())).collect();
    waiting.push(Probe::new(clone.cancelled()));
    let mut owned = Probe::new(token.clone().cancelled_owned());
    waiting.iter_mut().for_each(Probe::assert_pending);
    owned.assert_pending();
    let mut not_polled = Probe::new(token.cancelled());
    assert!(!token.is_cancelled() && !clone.is_cancelled());
    clone.cancel();
    assert!(waiting.iter().all(Probe::is_woken) && owned.is_woken());
    waiting.iter_mut().for_each(Probe::assert_ready);
    owned.assert_ready();
    not_polled.assert_ready();
    assert!(token.is_cancelled());
    Probe::new(token.cancelled()).assert_ready();
    // A second cancellation does nothing.
    token.cancel();
    not_polled.assert_ready();
    not_polled.assert_ready();
}

#[test]
fn dropping_a_token_cancels_nothing() {
    let token = CancellationToken::default();
    let child = token.child_token();
    let mut waiting = Probe::new(child.clone().cancelled_owned());
    waiting.assert_pending();
    drop((token, child));
    assert!(!waiting.is_woken());
    waiting.assert_pending();
}

// ---- the tree ----

#[test]
fn a_child_is_cancelled_with_its_parent_and_a_parent_not_with_its_child() {
    let parent = CancellationToken::new();
    let (first, second) = (parent.child_token(), parent.child_token());
    let (mut of_parent, mut of_first) =
        (Probe::new(parent.cancelled()), Probe::new(first.cancelled()));
    of_parent.assert_pending();
    of_first.assert_pending();
    first.cancel();
    assert!(of_first.is_woken() && !of_parent.is_woken());
    assert!(!parent.is_cancelled() && !second.is_cancelled());
    parent.cancel();
    assert!(of_parent.is_woken() && second.is_cancelled());
}

#[test]
fn only_descendants_are_cancelled() {
    let root = CancellationToken::new();
    let (token, sibling) = (root.child_token(), root.child_token());
    let (child_1, child_2) = (token.child_token(), token.child_token());
    let grandchildren = [child_1.child_token(), child_1.child_token(), child_2.child_token()];
    let below = grandchildren[0].child_token();
    let waits: Vec<_> = grandchildren.iter().map(|token| token.clone().cancelled_owned()).collect();
    let mut waits: Vec<_> = waits.into_iter().map(Probe::new).collect();
    waits.iter_mut().for_each(Probe::assert_pending);
    token.cancel();
    assert!(waits.iter().all(Probe::is_woken));
    assert!(child_1.is_cancelled() && child_2.is_cancelled() && below.is_cancelled());
    assert!(grandchildren.iter().all(CancellationToken::is_cancelled));
    assert!(!root.is_cancelled() && !sibling.is_cancelled());
    root.cancel();
    assert!(sibling.is_cancelled());
}

#[test]
fn a_child_of_a_cancelled_token_is_cancelled() {
    let token = CancellationToken::new();
    token.cancel();
    let child = token.child_token();
    assert!(child.is_cancelled() && child.child_token().is_cancelled());
    block_on(child.cancelled());
}

#[test]
fn the_children_of_a_dropped_token_are_cancelled_with_its_parent() {
    // One grandchild, and several.
    for children in 1..4 {
        let root = CancellationToken::new();
        let between = root.child_token();
        let below: Vec<_> = (0..children).map(|_| between.child_token()).collect();
        drop(between);
        let between_again = below[0].child_token();
        let deeper = between_again.child_token();
        drop(between_again);
        let mut waiting = Probe::new(deeper.cancelled());
        waiting.assert_pending();
        root.cancel();
        assert!(waiting.is_woken() && deeper.is_cancelled());
        assert!(below.iter().all(CancellationToken::is_cancelled));
    }
}

#[test]
fn children_outlive_their_parent_and_cancel_their_children() {
    let root = CancellationToken::new();
    let (first, second) = (root.child_token(), root.child_token());
    let below = first.child_token();
    drop(root);
    first.cancel();
    assert!(below.is_cancelled() && !second.is_cancelled());
    let below = second.child_token();
    second.cancel();
    assert!(below.is_cancelled());
}

#[test]
fn a_tree_may_be_as_deep_and_as_wide_as_memory_allows() {
    // A recursion with a hundred bytes a level would overflow the stack of a test's thread, 2 MiB.
    const MANY: usize = 50_000;
    ends(|| {
        let deep = |root: &CancellationToken| {
            let mut tokens = vec![root.child_token()];
            for above in 0..MANY {
                tokens.push(tokens[above].child_token());
            }
            tokens
        };
        // Cancelled; dropped from the root on; dropped from the leaf on; all dropped but the leaf.
        let root = CancellationToken::new();
        let tokens = deep(&root);
        root.cancel();
        assert!(tokens.iter().all(CancellationToken::is_cancelled));
        drop(deep(&CancellationToken::new()));
        let mut tokens = deep(&CancellationToken::new());
        tokens.reverse();
        drop(tokens);
        let root = CancellationToken::new();
        let last = deep(&root).pop().unwrap();
        root.cancel();
        assert!(last.is_cancelled());

        let root = CancellationToken::new();
        let between = root.child_token();
        let wide: Vec<_> = (0..MANY).map(|_| between.child_token()).collect();
        drop(between);
        root.cancel();
        assert!(wide.iter().all(CancellationToken::is_cancelled));
    });
}

/// A token in the model: its parent is a number.
#[derive(Clone, Copy)]
struct Modelled {
    parent: Option<usize>,
    cancelled: bool,
}

fn cancelled_in(model: &[Modelled], mut number: usize) -> bool {
    loop {
        match model[number] {
            Modelled { cancelled: true, .. } => return true,
            Modelled { parent: Some(parent), .. } => number = parent,
            _ => return false,
        }
    }
}

#[test]
fn whatever_happens_it_does_what_the_model_does() {
    for seed in 1..=200 {
        let mut random = Random(seed * 7919);
        let mut model = Vec::new();
        let mut held: BTreeMap<usize, CancellationToken> = BTreeMap::new();
        let mut waits = Vec::new();
        for _ in 0..300 {
            let some = held.keys().nth(random.below(held.len().max(1))).copied();
            match (random.below(14), some) {
                (0, _) | (_, None) => {
                    held.insert(model.len(), CancellationToken::new());
                    model.push(Modelled { parent: None, cancelled: false });
                }
                (1..7, Some(parent)) => {
                    held.insert(model.len(), held[&parent].child_token());
                    // A child of a cancelled token is cancelled even if the parent is dropped.
                    let cancelled = cancelled_in(&model, parent);
                    model.push(Modelled { parent: Some(parent), cancelled });
                }
                (7..11, Some(number)) => drop(held.remove(&number)),
                (11, Some(number)) => {
                    held[&number].cancel();
                    model[number].cancelled = true;
                }
                (_, Some(number)) => {
                    let mut wait = Probe::new(held[&number].clone().cancelled_owned());
                    if wait.poll().is_pending() && random.below(2) == 0 {
                        waits.push((number, wait));
                    }
                }
            }
            for (number, token) in &held {
                assert_eq!(token.is_cancelled(), cancelled_in(&model, *number));
            }
            waits.retain(|(number, wait)| {
                assert_eq!(wait.is_woken(), cancelled_in(&model, *number));
                !cancelled_in(&model, *number)
            });
        }
    }
}

// ---- run_until_cancelled ----

#[test]
fn a_future_runs_to_its_end_or_until_it_is_cancelled() {
    let token = CancellationToken::new();
    assert_eq!(block_on(token.run_until_cancelled(ready(1))), Some(1));
    assert_eq!(block_on(token.clone().run_until_cancelled_owned(ready(1))), Some(1));
    let dropped = AtomicUsize::new(0);
    let guard = AtDrop(|| _ = dropped.fetch_add(1, SeqCst));
    let mut runs = Probe::new(token.run_until_cancelled(async move {
        let _guard = guard;
        pending::<()>().await;
    }));
    let mut owned = Probe::new(token.clone().run_until_cancelled_owned(pending::<()>()));
    runs.assert_pending();
    owned.assert_pending();
    token.cancel();
    assert!(runs.is_woken() && owned.is_woken());
    assert_eq!((runs.assert_ready(), owned.assert_ready()), (None, None));
    drop(runs);
    assert_eq!(dropped.load(SeqCst), 1);
}

#[test]
fn a_future_that_is_ready_counts_before_the_cancellation() {
    let token = CancellationToken::new();
    let (sender, receiver) = openwork::sync::oneshot::channel();
    let mut runs = Probe::new(token.run_until_cancelled(receiver));
    runs.assert_pending();
    sender.send(1).unwrap();
    token.cancel();
    assert_eq!(runs.assert_ready(), Some(Ok(1)));
    // If the token was cancelled before, the future is not polled.
    let never = async { unreachable!("it is not polled") };
    assert_eq!(block_on(token.run_until_cancelled(never)), None::<()>);
    assert_eq!(block_on(token.clone().run_until_cancelled_owned(ready(1))), None);
}

#[test]
fn a_future_that_uses_the_whole_budget_is_cancelled() {
    ends(|| {
        openwork::block_on(async {
            let (tx, mut rx) = openwork::sync::mpsc::unbounded_channel();
            let token = CancellationToken::new();
            let canceller = token.clone();
            openwork::spawn(async move { canceller.cancel() });
            let busy = async {
                loop {
                    tx.send(()).unwrap();
                    rx.recv().await.unwrap();
                }
            };
            assert_eq!(token.run_until_cancelled(busy).await, None::<()>);
        });
    });
}

// ---- guards ----

#[test]
fn a_guard_cancels_when_it_is_dropped_unless_it_was_disarmed() {
    let token = CancellationToken::new();
    assert!(!token.clone().drop_guard().disarm().is_cancelled());
    assert!(!token.drop_guard_ref().disarm().is_cancelled());
    let child = token.child_token();
    drop(child.drop_guard_ref());
    assert!(child.is_cancelled() && !token.is_cancelled());
    let unwinding = catch_unwind(AssertUnwindSafe(|| {
        let _guard = token.clone().drop_guard();
        std::panic::resume_unwind(Box::new(()));
    }));
    assert!(unwinding.is_err() && token.is_cancelled());
}

// ---- user wakers ----

#[test]
fn a_poll_from_another_task_drops_the_old_waker() {
    let token = CancellationToken::new();
    let (first, second) = (Wakes::new(), Wakes::new());
    let mut cancelled = Box::pin(token.cancelled());
    assert!(first.poll(cancelled.as_mut()).is_pending());
    assert!(second.poll(cancelled.as_mut()).is_pending());
    assert_eq!((first.kept(), second.kept()), (0, 1));
    token.cancel();
    assert_eq!((first.count(), second.count(), second.kept()), (0, 1, 0));
    let token = CancellationToken::new();
    let mut cancelled = Box::pin(token.cancelled());
    let mut runs = Box::pin(token.run_until_cancelled(pending::<()>()));
    assert!(second.poll(cancelled.as_mut()).is_pending());
    assert!(second.poll(runs.as_mut()).is_pending());
    drop((cancelled, runs));
    assert_eq!(second.kept(), 0);
}

#[test]
fn a_waker_may_use_the_tree_when_it_is_woken_and_when_it_is_dropped() {
    ends(|| {
        let root = CancellationToken::new();
        let uses = |root: &CancellationToken| {
            let root = root.clone();
            move || {
                drop(root.child_token().child_token());
                root.cancel();
            }
        };
        let child = root.child_token();
        let poll = |future: &mut WaitForCancellationFuture<'_>, waker: &std::task::Waker| {
            std::pin::Pin::new(future).poll(&mut Context::from_waker(waker)).is_ready()
        };
        let (mut woken, mut dropped) = (child.cancelled(), child.cancelled());
        assert!(!poll(&mut woken, &calls(uses(&root))));
        assert!(!poll(&mut dropped, &owns(AtDrop(uses(&root)))));
        // The last handle of a token is dropped with a waker that waits for its parent.
        let mut keeps = root.cancelled();
        assert!(!poll(&mut keeps, &owns(root.child_token())));
        child.cancel();
        assert!(root.is_cancelled());

        let token = CancellationToken::new();
        let mut left = token.cancelled();
        assert!(!poll(&mut left, &owns(AtDrop(uses(&token)))));
        drop(left);
        assert!(token.is_cancelled());
    });
}

#[test]
fn a_waker_that_panics_does_not_keep_others_from_being_called() {
    let root = CancellationToken::new();
    let (first, second) = (root.child_token(), root.child_token());
    let (mut before, mut after) = (Probe::new(root.cancelled()), Probe::new(second.cancelled()));
    before.assert_pending();
    let mut between = Box::pin(first.cancelled());
    let panics = calls(|| panic!("a panic of user code"));
    assert!(between.as_mut().poll(&mut Context::from_waker(&panics)).is_pending());
    after.assert_pending();
    root.cancel();
    assert!(before.is_woken() && after.is_woken() && first.is_cancelled());
}

// ---- types ----

#[test]
fn auto_traits_are_those_of_tokio() {
    fn check<T: Send + Sync>() {}
    fn check_value<T: Send + Sync>(_: &T) {}
    fn whole<T: UnwindSafe + RefUnwindSafe + Unpin>() {}
    check::<CancellationToken>();
    check::<WaitForCancellationFuture<'static>>();
    check::<WaitForCancellationFutureOwned>();
    check::<DropGuard>();
    check::<DropGuardRef<'static>>();
    whole::<CancellationToken>();
    let token = CancellationToken::new();
    assert_eq!(format!("{token:?}"), "CancellationToken { is_cancelled: false }");
    assert!(format!("{:?}", token.drop_guard_ref()).starts_with("CancelOnDrop"));
    check_value(&token.run_until_cancelled(ready(1)));
    check_value(&token.run_until_cancelled_owned(ready(1)));
}

// ---- runtimes ----

#[test]
fn one_poll_finds_128_tokens_cancelled_and_then_yields() {
    openwork::block_on(async {
        let token = CancellationToken::new();
        token.cancel();
        let ready = (0..200).filter(|_| token.cancelled().now_or_never().is_some());
        assert_eq!(ready.count(), 128);
    });
}

#[test]
fn a_task_is_stopped_during_a_sleep() {
    paused().block_on(async {
        let token = CancellationToken::new();
        let guard = token.clone().drop_guard();
        let task = openwork::spawn(
            token.run_until_cancelled_owned(async { sleep(Duration::from_secs(3600)).await }),
        );
        sleep(Duration::from_secs(1)).await;
        drop(guard);
        assert_eq!(task.await.unwrap(), None);
    });
}

#[test]
fn it_works_without_a_runtime() {
    for _ in 0..500 {
        let root = CancellationToken::new();
        let child = root.child_token();
        let thread = thread::spawn(move || block_on(child.cancelled()));
        root.cancel();
        thread.join().unwrap();
    }
}

#[test]
fn a_whole_tree_of_tasks_stops() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let root = CancellationToken::new();
            let stopped = Arc::new(AtomicUsize::new(0));
            let tasks: Vec<_> = (0..20)
                .map(|_| {
                    let (token, stopped) = (root.child_token(), stopped.clone());
                    openwork::spawn(async move {
                        let below = token.child_token();
                        let count = stopped.clone();
                        let task = openwork::spawn(async move {
                            below.cancelled().await;
                            count.fetch_add(1, SeqCst);
                        });
                        token.cancelled().await;
                        stopped.fetch_add(1, SeqCst);
                        task.await.unwrap();
                    })
                })
                .collect();
            yield_now().await;
            root.cancel();
            for task in tasks {
                task.await.unwrap();
            }
            assert_eq!(stopped.load(SeqCst), 40);
        });
    });
}

#[test]
fn tasks_that_time_out_and_are_aborted_do_not_delay_a_cancellation() {
    on_each_of(&[CurrentThread, Workers(4)], |flavour| {
        flavour.block_on(async {
            let mut random = Random(4711);
            for _ in 0..30 {
                let root = CancellationToken::new();
                let mut tasks = Vec::new();
                for number in 0..100 {
                    let token = root.child_token();
                    let (parent, mut random) = (root.clone(), Random(number * 7919 + 1));
                    let task = openwork::spawn(async move {
                        loop {
                            let below = token.child_token();
                            let limit = Duration::from_micros(random.below(30) as u64);
                            if random.below(8) == 0 {
                                below.cancel();
                                drop(parent.child_token());
                            }
                            let waits = token.run_until_cancelled(below.cancelled());
                            if let Ok(None) = timeout(limit, waits).await {
                                return;
                            }
                            if token.is_cancelled() {
                                return;
                            }
                        }
                    });
                    tasks.push(task);
                }
                for task in &tasks {
                    if random.below(3) == 0 {
                        task.abort();
                    }
                    if random.below(10) == 0 {
                        yield_now().await;
                    }
                }
                root.cancel();
                for task in tasks {
                    // Aborted or not: no task is stuck.
                    drop(task.await);
                }
            }
        });
    });
}

#[test]
fn children_that_are_made_and_dropped_while_the_root_is_cancelled_are_cancelled() {
    ends(|| {
        for _ in 0..300 {
            let root = CancellationToken::new();
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    let root = root.clone();
                    thread::spawn(move || {
                        let mut token = root.child_token();
                        let mut made = 0;
                        while !root.is_cancelled() && made < 1000 {
                            token = token.child_token();
                            made += 1;
                        }
                        block_on(token.cancelled());
                    })
                })
                .collect();
            root.cancel();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        }
    });
}
