//! The laws of the cell that is written once.
//!
//! Numbers in comments are those of the points in the list of behaviour that is easily missed.

use std::cell::Cell;
use std::future::{pending, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use crate::common::{
    AtDrop, Flavour, Probe, Tape, assert_not, crowd, ends, on_each_of, on_every_flavour, paused,
};
use openwork::runtime::Builder;
use openwork::sync::{OnceCell, Semaphore, SetError};
use openwork::task::yield_now;
use openwork::time::{sleep, timeout};
use openwork::trace::{Event, WaitReason};

// ---- set and make ----

#[test]
fn the_value_is_set_once() {
    let cell = OnceCell::new();
    assert_eq!((cell.get(), cell.initialized()), (None, false));
    assert_eq!(cell.set(5), Ok(()));
    assert_eq!((cell.get(), cell.initialized()), (Some(&5), true));
    assert_eq!(cell.set(6), Err(SetError::AlreadyInitializedError(6)));
    assert_eq!(cell.get(), Some(&5));
}

#[test]
fn the_value_is_made_once() {
    openwork::block_on(async {
        let cell = OnceCell::new();
        assert_eq!(*cell.get_or_init(async || 5).await, 5);
        assert_eq!(*cell.get_or_init(async || unreachable!()).await, 5);
        assert_eq!(cell.get_or_try_init(async || Err("no")).await, Ok(&5));
        assert_eq!(cell.set(6), Err(SetError::AlreadyInitializedError(6)));
    });
}

#[test]
fn tasks_that_need_it_meanwhile_wait_and_all_get_it() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (cell, made) = (Arc::new(OnceCell::new()), Arc::new(AtomicUsize::new(0)));
            let tasks: Vec<_> = (0..100)
                .map(|number| {
                    let (cell, made) = (cell.clone(), made.clone());
                    openwork::spawn(async move {
                        let make = async || {
                            made.fetch_add(1, SeqCst);
                            yield_now().await;
                            number
                        };
                        *cell.get_or_init(make).await
                    })
                })
                .collect();
            for task in tasks {
                assert_eq!(task.await.unwrap(), *cell.get().unwrap());
            }
            assert_eq!(made.load(SeqCst), 1);
        });
    });
}

#[test]
fn all_waiters_are_woken_when_the_value_is_there() {
    let (cell, gate) = (OnceCell::new(), Semaphore::new(0));
    let make = async || gate.acquire().await.map_or(0, |_| 7);
    let mut makes = Probe::new(cell.get_or_init(make));
    makes.assert_pending();
    let mut wait: Vec<_> =
        (0..3).map(|_| Probe::new(cell.get_or_init(async || unreachable!()))).collect();
    wait.iter_mut().for_each(Probe::assert_pending);
    assert_eq!(cell.get(), None);
    gate.add_permits(1);
    assert_eq!(*makes.assert_ready(), 7);
    assert!(wait.iter().all(Probe::is_woken));
    // Even the last waiter is ready before the first was polled.
    wait.iter_mut().rev().for_each(|waits| assert_eq!(*waits.assert_ready(), 7));
}

#[test]
fn while_it_is_made_it_cannot_be_set() {
    let cell = OnceCell::new();
    let mut makes = Probe::new(cell.get_or_init(pending::<u8>));
    makes.assert_pending();
    assert_eq!(cell.set(5), Err(SetError::InitializingError(5)));
    drop(makes);
    assert_eq!(cell.set(5), Ok(()));
}

// ---- failures ----

#[test]
fn after_an_error_the_next_waiter_tries() {
    openwork::block_on(async {
        let cell = OnceCell::new();
        assert_eq!(cell.get_or_try_init(async || Err::<u8, _>("no")).await, Err("no"));
        assert!(!cell.initialized());
        let mut fails = Probe::new(cell.get_or_try_init(async || {
            yield_now().await;
            Err("no")
        }));
        fails.assert_pending();
        let mut next = Probe::new(cell.get_or_init(async || 7));
        next.assert_pending();
        assert_eq!(fails.assert_ready(), Err("no"));
        assert!(next.is_woken());
        assert_eq!(*next.assert_ready(), 7);
    });
}

#[test]
fn after_a_panic_the_next_waiter_tries() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let cell = Arc::new(OnceCell::new());
            let ours = cell.clone();
            let panics = openwork::spawn(async move {
                ours.get_or_init(async || std::panic::resume_unwind(Box::new("a panic"))).await;
            });
            assert!(panics.await.unwrap_err().is_panic());
            assert_eq!(*cell.get_or_init(async || 7).await, 7);
        });
    });
}

#[test]
fn after_a_drop_the_next_waiter_tries() {
    let cell = OnceCell::new();
    let mut makes = Probe::new(cell.get_or_init(pending::<u8>));
    let mut goes = Probe::new(cell.get_or_init(pending::<u8>));
    let mut next = Probe::new(cell.get_or_init(|| ready(7)));
    makes.assert_pending();
    goes.assert_pending();
    next.assert_pending();
    drop(makes);
    assert!(goes.is_woken() && !next.is_woken());
    drop(goes);
    assert!(next.is_woken());
    assert_eq!(*next.assert_ready(), 7);
}

#[test]
fn after_a_time_out_the_next_waiter_tries() {
    paused().block_on(async {
        let cell = OnceCell::new();
        let slow = cell.get_or_init(async || {
            sleep(Duration::from_secs(10)).await;
            1
        });
        assert!(timeout(Duration::from_secs(1), slow).await.is_err());
        assert_eq!(*cell.get_or_init(async || 2).await, 2);
    });
}

// Point 12.
#[test]
fn one_poll_acquires_128_times_and_then_yields() {
    openwork::block_on(async {
        let cells: Vec<_> = (0..128).map(|_| OnceCell::new()).collect();
        for cell in &cells {
            Probe::new(cell.get_or_init(|| ready(1))).assert_ready();
        }
        let cell = OnceCell::new();
        let mut one_more = Probe::new(cell.get_or_init(|| ready(1)));
        one_more.assert_pending();
        assert!(one_more.is_woken());
        yield_now().await;
        one_more.assert_ready();
    });
}

// ---- take ----

#[test]
fn the_value_is_dropped_once() {
    let drops = Rc::new(Cell::new(0));
    let value = || {
        let drops = drops.clone();
        AtDrop(move || drops.set(drops.get() + 1))
    };
    let cell = OnceCell::new();
    assert!(cell.set(value()).is_ok());
    drop(cell);
    assert_eq!(drops.get(), 1);
    drop(OnceCell::from(value()));
    drop(OnceCell::new_with(Some(value())));
    assert_eq!(drops.get(), 3);
    let cell = OnceCell::from(value());
    assert!(cell.set(value()).is_err());
    assert_eq!(drops.get(), 4);
    let value = cell.into_inner();
    assert_eq!(drops.get(), 4);
    drop(value);
    assert_eq!(drops.get(), 5);
}

#[test]
fn a_cell_can_be_set_again_after_take() {
    let mut cell = OnceCell::from(1);
    *cell.get_mut().unwrap() += 1;
    assert_eq!(cell.set(9), Err(SetError::AlreadyInitializedError(9)));
    assert_eq!(cell.take(), Some(2));
    assert_eq!((cell.take(), cell.get_mut()), (None, None));
    assert_eq!(cell.set(3), Ok(()));
    assert_eq!(cell.into_inner(), Some(3));
    assert_eq!(OnceCell::<u8>::new_with(None).into_inner(), None);
    assert_eq!(OnceCell::<u8>::default().into_inner(), None);
}

#[test]
fn cells_are_compared_and_cloned_by_value() {
    let (empty, full) = (OnceCell::new(), OnceCell::from("text".to_owned()));
    assert_eq!(full.clone(), full);
    assert_eq!(empty.clone(), empty);
    assert_ne!(empty, full);
    assert!(full.clone().set(String::new()).is_err());
}

// ---- what is printed and traced ----

#[test]
fn the_texts_are_those_of_tokio() {
    let cell = OnceCell::new();
    assert_eq!(format!("{cell:?}"), "OnceCell { value: None }");
    cell.set(5).unwrap();
    assert_eq!(format!("{cell:?}"), "OnceCell { value: Some(5) }");
    let (set, making) = (SetError::AlreadyInitializedError(1), SetError::InitializingError(1));
    assert_eq!(format!("{set} / {set:?}"), "AlreadyInitializedError / AlreadyInitializedError(1)");
    assert_eq!(format!("{making} / {making:?}"), "InitializingError / InitializingError(1)");
    assert_eq!((set.is_already_init_err(), set.is_initializing_err()), (true, false));
    assert_eq!((making.is_already_init_err(), making.is_initializing_err()), (false, true));
    let _: &dyn std::error::Error = &set;
}

#[test]
fn a_waiting_task_traces_the_task_that_makes_the_value() {
    let mut builder = Builder::new_current_thread();
    let tape = Tape::listen(&mut builder);
    builder.build().unwrap().block_on(async {
        let cell = Arc::new(OnceCell::new());
        let ours = cell.clone();
        let makes = openwork::spawn(async move { *ours.get_or_init(pending::<u8>).await });
        let id = makes.id().to_string().parse().unwrap();
        yield_now().await;
        tape.take();
        Probe::new(cell.get_or_init(pending)).assert_pending();
        let waiting = WaitReason::Lock { what: "a once cell", lock: 0, holder: Some(id) };
        assert_eq!(tape.take()[0].event, Event::Waits(waiting));
    });
}

// ---- types (41) ----

static IN_A_STATIC: OnceCell<u32> = OnceCell::const_new();

#[test]
fn it_can_be_a_static() {
    openwork::block_on(async {
        assert_eq!(*IN_A_STATIC.get_or_init(async || 7).await, 7);
    });
    assert_eq!(IN_A_STATIC.get(), Some(&7));
}

#[test]
fn auto_traits_are_those_of_tokio() {
    type Moves = Cell<u8>;
    type Made<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
    fn all<T: Send + Sync + Unpin>() {}
    fn send<T: Send>(_: &T) {}
    fn sync<T: Sync>(_: &T) {}
    all::<OnceCell<u8>>();
    assert_not!(OnceCell<Moves>: Sync);
    assert_not!(OnceCell<Rc<u8>>: Send);
    fn moves<T: Send>() {}
    moves::<OnceCell<Moves>>();
    let cell = OnceCell::<u8>::new();
    send(&cell.get_or_init(|| -> Made<'_, u8> { Box::pin(ready(1)) }));
    send(&cell.get_or_try_init(|| ready(Ok::<_, ()>(1))));
    sync(&cell.get_or_init(|| ready(1)));
    sync(&cell.get_or_try_init(|| ready(Ok::<_, ()>(1))));
}

// ---- other executors, and random tests ----

#[test]
fn it_works_under_any_executor() {
    ends(|| {
        let (cell, made) = (OnceCell::new(), AtomicUsize::new(0));
        thread::scope(|scope| {
            for number in 0..8 {
                let (cell, made) = (&cell, &made);
                scope.spawn(move || {
                    futures::executor::block_on(cell.get_or_init(async || {
                        made.fetch_add(1, SeqCst);
                        number
                    }));
                });
            }
        });
        assert_eq!(made.load(SeqCst), 1);
    });
}

#[test]
fn tasks_that_give_up_at_random_make_it_once() {
    on_each_of(&[Flavour::CurrentThread, Flavour::Workers(4)], |flavour| {
        let (cell, making) = (Arc::new(OnceCell::new()), Arc::new(AtomicUsize::new(0)));
        let (tries, ours) = (Arc::new(AtomicUsize::new(0)), cell.clone());
        let tried = tries.clone();
        flavour.block_on(crowd(move |mut random| {
            let (cell, making, tries) = (ours.clone(), making.clone(), tries.clone());
            async move {
                let make = async || {
                    assert_eq!(making.fetch_add(1, SeqCst), 0, "two make it");
                    let _out = AtDrop(|| _ = making.fetch_sub(1, SeqCst));
                    let number = tries.fetch_add(1, SeqCst);
                    yield_now().await;
                    // The first attempts fail.
                    if number < 1000 && random.below(1000) > 0 { Err(()) } else { Ok(number) }
                };
                if let Ok(made) = cell.get_or_try_init(make).await {
                    assert_eq!(Some(made), cell.get());
                }
            }
        }));
        assert!(cell.initialized(), "after {} tries", tried.load(SeqCst));
    });
}
