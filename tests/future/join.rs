//! The laws of `join!` and `try_join!`: what they poll, in which order, what they return and when.
//! Behaviour 32.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::{Future, IntoFuture, Ready, pending, poll_fn, ready};
use std::sync::Arc;
use std::task::Poll;

use crate::common::{AtDrop, Probe, ends, on_every_flavour, paused};
use futures::executor;
use openwork::sync::{mpsc, oneshot};
use openwork::task::yield_now;
use openwork::time::{Duration, Instant, sleep};
use openwork::{join, try_join};

/// Runs a program with this crate's executor, and with another.
fn anywhere<F: Future<Output: PartialEq + std::fmt::Debug>>(program: impl Fn() -> F) -> F::Output {
    let ours = openwork::block_on(program());
    assert_eq!(executor::block_on(program()), ours);
    ours
}

fn ok<T>(value: T) -> Result<T, String> {
    Ok(value)
}

struct Late(u8);

impl IntoFuture for Late {
    type Output = Result<u8, String>;
    type IntoFuture = Ready<Self::Output>;
    fn into_future(self) -> Self::IntoFuture {
        ready(Ok(self.0))
    }
}

// ---- the syntax ----

#[test]
fn any_number_of_futures_with_or_without_a_last_comma() {
    anywhere(async || {
        assert_eq!(join!(async { 1 }), (1,));
        assert_eq!(join!(async { 1 },), (1,));
        assert_eq!(join!(async { 1 }, async { "2" }), (1, "2"));
        assert_eq!(join!(biased; async { 1 }, async { "2" }, ready('3'),), (1, "2", '3'));
        assert_eq!(try_join!(async { ok(1) }), Ok((1,)));
        assert_eq!(try_join!(async { ok(1) },), Ok((1,)));
        assert_eq!(try_join!(async { ok(1) }, async { Ok("2") }), Ok((1, "2")));
        let three = try_join!(biased; async { ok(1) }, async { Ok("2") }, ready(Ok('3')),);
        assert_eq!(three, Ok((1, "2", '3')));
    });
}

#[test]
#[allow(clippy::unit_cmp)]
fn a_join_of_nothing_is_ready_at_once() {
    anywhere(async || {
        assert_eq!(join!(), ());
        assert_eq!(join!(biased;), ());
        assert_eq!(try_join!() as Result<_, ()>, Ok(()));
        assert_eq!(try_join!(biased;) as Result<_, u8>, Ok(()));
    });
}

#[test]
fn what_is_into_future_may_be_joined() {
    anywhere(async || {
        assert_eq!(join!(Late(1), Late(2)), (Ok(1), Ok(2)));
        assert_eq!(try_join!(Late(1), async { Ok(2) }, Late(3)), Ok((1, 2, 3)));
    });
}

/// The futures see the caller's names, not the macro's.
#[test]
fn no_name_of_the_macro_is_seen() {
    const COUNT: u32 = 2;
    anywhere(async || {
        let (future, output, result) = (10, 20, 30);
        assert_eq!(join!(async { COUNT }, async { future + output + result }), (2, 60));
        assert_eq!(try_join!(async { ok(COUNT) }, async { Ok(future + output) }), Ok((2, 30)));
        // The caller may use the names of the library's items.
        #[allow(non_snake_case, unused_variables)]
        let (poll_each, keep, MaybeDone) = ((), (), ());
        assert_eq!(join!(ready(1), ready(2)), (1, 2));
    });
}

#[test]
fn they_borrow_local_variables_and_need_no_send() {
    anywhere(async || {
        let mut text = String::from("a");
        let number = std::rc::Rc::new(Cell::new(0));
        let (len, ()) = join!(
            async {
                text.push('b');
                yield_now().await;
                text.len()
            },
            async { number.set(1) },
        );
        assert_eq!((len, &*text, number.get()), (2, "ab", 1));
        // Tokio's does not keep temporaries.
        assert_eq!(join!(&mut ready(1), &mut Box::pin(async { 2 })), (1, 2));
        assert_eq!(try_join!(&mut ready(ok(1))), Ok((1,)));
    });
}

#[test]
fn types_are_inferred_from_one_future_to_the_other() {
    anywhere(async || {
        // The error's type is known from the second, the value's from the use.
        let both = try_join!(async { Ok("7".parse().unwrap()) }, async { ok(1_u8) });
        let (a, b): (u64, u8) = both.unwrap();
        assert_eq!((a, b), (7, 1));
        assert_eq!(try_join!(async { ok(1) }).unwrap().0.to_string(), "1");
        async fn fails() -> Result<(), String> {
            let (_, _) = try_join!(async { ok(1) }, async { Err::<u8, _>(String::from("x")) })?;
            Ok(())
        }
        assert_eq!(fails().await.unwrap_err(), "x");
    });
}

#[test]
fn sixty_four_futures_need_no_attribute() {
    async fn one() -> u32 {
        yield_now().await;
        1
    }
    async fn many() -> u32 {
        let all = join!(
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
        );
        all.0 + all.63
    }
    assert_eq!(anywhere(many), 2);
    on_every_flavour(|flavour| {
        let task = async { openwork::spawn(many()).await.unwrap() };
        assert_eq!(flavour.block_on(task), 2);
    });
}

/// A future that is never ready causes no warning in the caller's code.
#[test]
#[deny(warnings, clippy::all)]
fn no_lint_fires_in_the_callers_name() {
    let mut never = Probe::new(async { join!(pending::<Infallible>(), async { 1 }) });
    never.assert_pending();
    let mut never = Probe::new(async { join!(biased; async { 1 }, pending::<Infallible>()) });
    never.assert_pending();
    let mut never = Probe::new(async { join!(pending::<Infallible>()) });
    never.assert_pending();
    anywhere(async || {
        let r = try_join!(async { Err::<Infallible, _>(1) }, async { Ok(2) });
        assert_eq!(r, Err(1));
        let r = try_join!(biased; async { Ok::<_, i32>(1) }, async { Err::<Infallible, _>(2) });
        assert_eq!(r, Err(2));
        assert_eq!(try_join!(async { Err::<Infallible, i32>(1) }), Err(1));
        assert_eq!(try_join!(async { Ok::<_, Infallible>(1) }, async { Ok(2) }), Ok((1, 2)));
        join!(async {}, async {});
    });
}

// ---- what they poll ----

#[test]
fn outputs_come_in_the_order_of_the_futures_whichever_is_ready_first() {
    let (sender_1, receiver_1) = oneshot::channel();
    let (sender_2, receiver_2) = oneshot::channel();
    let mut probe = Probe::new(async {
        join!(async { receiver_1.await.unwrap() }, async { receiver_2.await.unwrap() })
    });
    probe.assert_pending();
    sender_2.send(123).unwrap();
    assert!(probe.is_woken());
    probe.assert_pending();
    sender_1.send("hello").unwrap();
    assert!(probe.is_woken());
    assert_eq!(probe.assert_ready(), ("hello", 123));
}

/// Polls three futures four times. Each poll of a future logs its name and wakes the task.
fn polls_of<F: Future>(join: impl FnOnce([Logging; 3]) -> F) -> Vec<u32> {
    let log = Arc::new(std::sync::Mutex::new(Vec::new()));
    let futures = [1, 2, 3].map(|name| Logging { name, left: 4, log: log.clone() });
    executor::block_on(join(futures));
    let log = log.lock().unwrap();
    log.clone()
}

struct Logging {
    name: u32,
    left: u32,
    log: Arc<std::sync::Mutex<Vec<u32>>>,
}

impl Future for Logging {
    type Output = Result<(), Infallible>;

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> Poll<Self::Output> {
        self.log.lock().unwrap().push(self.name);
        self.left -= 1;
        cx.waker().wake_by_ref();
        if self.left == 0 { Poll::Ready(Ok(())) } else { Poll::Pending }
    }
}

#[test]
fn each_poll_begins_one_further() {
    let turns = [1, 2, 3, 2, 3, 1, 3, 1, 2, 1, 2, 3];
    assert_eq!(polls_of(async |[a, b, c]| _ = join!(a, b, c)), turns);
    assert_eq!(polls_of(async |[a, b, c]| try_join!(a, b, c).unwrap()), turns);
}

#[test]
fn biased_begins_always_with_the_first() {
    let turns = [1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3];
    assert_eq!(polls_of(async |[a, b, c]| _ = join!(biased; a, b, c)), turns);
    assert_eq!(polls_of(async |[a, b, c]| try_join!(biased; a, b, c).unwrap()), turns);
}

#[test]
fn a_future_that_is_done_is_dropped_at_once_and_not_polled_again() {
    let dropped = Cell::new(false);
    let done = {
        let guard = AtDrop(|| dropped.set(true));
        let mut polled = false;
        poll_fn(move |_| {
            let _guard = &guard;
            assert!(!std::mem::replace(&mut polled, true), "polled after it was ready");
            Poll::Ready(1)
        })
    };
    let (sender, receiver) = oneshot::channel();
    let mut probe = Probe::new(async { join!(done, receiver) });
    probe.assert_pending();
    assert!(dropped.get());
    probe.assert_pending();
    probe.assert_pending();
    sender.send(2).unwrap();
    assert_eq!(probe.assert_ready(), (1, Ok(2)));
}

/// The first future uses up the whole budget of each poll; the other is polled all the same.
#[test]
fn no_future_starves_beside_one_that_uses_up_the_budget() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (sender, mut receiver) = mpsc::unbounded_channel();
            let (sender_2, mut receiver_2) = mpsc::unbounded_channel();
            for n in 0..5 * 128 {
                sender.send(n).unwrap();
                sender_2.send(n).unwrap();
            }
            let greedy = Cell::new(0);
            let (_, seen) = join!(
                async {
                    for _ in 0..5 * 128 {
                        receiver.recv().await.unwrap();
                        greedy.set(greedy.get() + 1);
                    }
                },
                async {
                    receiver_2.recv().await.unwrap();
                    greedy.get()
                }
            );
            assert_eq!(seen, 128, "in the second poll it came first");
        });
    });
}

#[test]
fn they_wait_side_by_side() {
    ends(|| {
        paused().block_on(async {
            let start = Instant::now();
            join!(sleep(Duration::from_secs(2)), sleep(Duration::from_secs(3)));
            assert_eq!(start.elapsed(), Duration::from_secs(3));
        });
    });
}

// ---- errors ----

#[test]
fn the_first_error_ends_it_and_the_rest_is_dropped_unpolled() {
    let log = anywhere(async || {
        let log = RefCell::new(Vec::new());
        let note = |what| log.borrow_mut().push(what);
        let guard = AtDrop(|| note("the third is dropped"));
        let third = poll_fn(move |_| -> Poll<Result<u8, &str>> {
            let _guard = &guard;
            panic!("the third is polled")
        });
        let result = try_join!(
            biased;
            poll_fn(|_| { note("the first is polled"); Poll::Pending::<Result<u8, &str>> }),
            async { note("the second fails"); Err::<u8, _>("broken") },
            third,
        );
        assert_eq!(result, Err("broken"));
        note("over");
        log.into_inner()
    });
    let expected = ["the first is polled", "the second fails", "the third is dropped", "over"];
    assert_eq!(log, expected);
}

#[test]
fn an_error_does_not_wait_for_the_others() {
    let (sender_1, receiver_1) = oneshot::channel::<u8>();
    let (sender_2, receiver_2) = oneshot::channel::<u8>();
    let (_sender_3, receiver_3) = oneshot::channel::<u8>();
    let mut probe = Probe::new(async { try_join!(receiver_1, receiver_2, receiver_3) });
    probe.assert_pending();
    sender_2.send(1).unwrap();
    assert!(probe.is_woken());
    probe.assert_pending();
    drop(sender_1);
    assert!(probe.is_woken());
    assert!(probe.assert_ready().is_err());
}

#[test]
fn an_error_in_join_is_an_output_like_any_other() {
    let (a, b) = anywhere(async || join!(async { Err::<u8, _>("broken") }, async { ok(1) }));
    assert_eq!((a, b), (Err("broken"), Ok(1)));
}

#[test]
fn their_size_is_a_few_words_beside_their_futures() {
    let two = async {
        let (a, b) = (ready(0), ready(0));
        join!(a, b)
    };
    let tries = async {
        let (a, b) = (ready(ok(0)), ready(ok(0)));
        try_join!(a, b)
    };
    // Tokio pins 48 for the first. A word of each future is the pointer to where it is pinned.
    assert!(size_of_val(&two) <= 56);
    assert!(size_of_val(&tries) <= 2 * size_of_val(&ready(ok(0))) + 32);
}
