//! The laws of `select!`: which branches it polls, in which order, what happens to the futures that are not chosen,
//! and that a handler is code of the surrounding function like any other. Behaviour 31.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::future::{Future, IntoFuture, Ready, pending, poll_fn, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::common::{AtDrop, Probe, ends, is_shuffled, on_every_flavour, panic_of, paused};
use futures::executor;
use openwork::runtime::{Builder, RngSeed};
use openwork::select;
use openwork::sync::{mpsc, oneshot};
use openwork::task::yield_now;
use openwork::time::{Duration, Instant, sleep};

/// Runs a program with this crate's executor, and with another.
#[track_caller]
fn anywhere<F: Future<Output: PartialEq + std::fmt::Debug>>(program: impl Fn() -> F) -> F::Output {
    let ours = openwork::block_on(program());
    assert_eq!(executor::block_on(program()), ours);
    ours
}

/// A future that counts its polls, and is ready at the poll number `ready_at`.
fn counting(polls: &Cell<u32>, ready_at: u32) -> impl Future<Output = u32> {
    poll_fn(move |cx| {
        polls.set(polls.get() + 1);
        if polls.get() == ready_at {
            return Poll::Ready(ready_at);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

// ---- the syntax ----

#[test]
fn a_handler_may_be_any_expression_or_a_block_with_or_without_a_comma() {
    anywhere(async || {
        assert_eq!(select! { x = async { 1 } => x, }, 1);
        assert_eq!(select! { x = async { 1 } => x }, 1);
        assert_eq!(select! { x = async { 1 } => { x } }, 1);
        assert_eq!(select! { x = async { 1 } => { x }, }, 1);
        assert_eq!(select!(x = async { 1 } => x + 1), 2);
        let one = async { 1 };
        let all = select! {
            x = one => { x }
            x = pending() => { x },
            x = pending(), if true => { x }
            x = pending(), if 1 + 1 == 3 => { x },
            x = pending(), if { false } => x,
            x = pending() => match x { 0 => 5, _ => 6 },
            else => { 7 },
        };
        assert_eq!(all, 1);
        select! { _ = async {} => () };
        select! { () = async {} => {} }
        // `biased` is a name here, not the keyword; and names that a macro might bind.
        let (out, future, enabled, fits, output) = (1, 2, 3, 4, 5);
        select! { biased = async {} => {
            let () = biased;
            assert_eq!(out + future + enabled + fits + output, 15);
        } }
    });
}

#[test]
fn the_future_may_be_anything_that_is_into_future() {
    struct Late;
    impl IntoFuture for Late {
        type Output = u8;
        type IntoFuture = Ready<u8>;
        fn into_future(self) -> Ready<u8> {
            ready(3)
        }
    }
    assert_eq!(anywhere(async || select! { x = Late => x }), 3);
    async fn into_ready() -> Ready<u8> {
        ready(2)
    }
    // An expression may itself await, and leave the function.
    let early = anywhere(async || {
        let none = None::<u8>;
        Some(select! { x = ready(none?) => x })
    });
    assert_eq!(early, None);
    assert_eq!(anywhere(async || select! { x = into_ready().await => x }), 2);
}

#[test]
fn patterns_may_move_borrow_and_change() {
    anywhere(async || {
        let text = || Some(String::from("a"));
        select! { Some(mut s) = async { text() } => { s.push('b'); assert_eq!(s, "ab"); } }
        select! { Some(ref s) = async { text() } => assert_eq!(s, "a") }
        select! { Some(ref mut s) = async { text() } => { s.push('b'); assert_eq!(s, "ab"); } }
        select! { mut s = async { 1 } => { s += 1; assert_eq!(s, 2); } }
        select! { whole @ Some(_) = async { text() } => assert_eq!(whole, text()) }
        select! { (a, .., 4) = async { (1, 2, 3, 4) } => assert_eq!(a, 1) }
        select! { [first, .., last] = async { [1, 2, 3] } => assert_eq!((first, last), (1, 3)) }
        select! { 1..=3 | 7 = async { 7 } => {} }
        select! { &n = async { &5 } => assert_eq!(n, 5) }
        select! { Ok::<_, ()>(x) | Err(x) = async { Ok(()) } => x }
        struct Point {
            x: String,
            y: u8,
        }
        let point = async { Point { x: "x".into(), y: 1 } };
        select! { Point { x, y: 1 } = point => assert_eq!(x, "x"), else => unreachable!() }
        let point = Point { x: "x".into(), y: 2 };
        select! { Point { y: 3, .. } = async { point } => unreachable!(), else => {} }
        // A reference to what cannot be copied.
        let owner = text();
        select! { Some(s) = async { &owner } => assert_eq!(s, "a") }
    });
}

#[test]
fn sixty_four_branches_need_no_attribute() {
    async fn many(n: usize) -> usize {
        select! {
            x = ready(0), if n == 0 => x, x = ready(1), if n == 1 => x,
            x = ready(2), if n == 2 => x, x = ready(3), if n == 3 => x,
            x = ready(4), if n == 4 => x, x = ready(5), if n == 5 => x,
            x = ready(6), if n == 6 => x, x = ready(7), if n == 7 => x,
            x = ready(8), if n == 8 => x, x = ready(9), if n == 9 => x,
            x = ready(10), if n == 10 => x, x = ready(11), if n == 11 => x,
            x = ready(12), if n == 12 => x, x = ready(13), if n == 13 => x,
            x = ready(14), if n == 14 => x, x = ready(15), if n == 15 => x,
            x = ready(16), if n == 16 => x, x = ready(17), if n == 17 => x,
            x = ready(18), if n == 18 => x, x = ready(19), if n == 19 => x,
            x = ready(20), if n == 20 => x, x = ready(21), if n == 21 => x,
            x = ready(22), if n == 22 => x, x = ready(23), if n == 23 => x,
            x = ready(24), if n == 24 => x, x = ready(25), if n == 25 => x,
            x = ready(26), if n == 26 => x, x = ready(27), if n == 27 => x,
            x = ready(28), if n == 28 => x, x = ready(29), if n == 29 => x,
            x = ready(30), if n == 30 => x, x = ready(31), if n == 31 => x,
            x = ready(32), if n == 32 => x, x = ready(33), if n == 33 => x,
            x = ready(34), if n == 34 => x, x = ready(35), if n == 35 => x,
            x = ready(36), if n == 36 => x, x = ready(37), if n == 37 => x,
            x = ready(38), if n == 38 => x, x = ready(39), if n == 39 => x,
            x = ready(40), if n == 40 => x, x = ready(41), if n == 41 => x,
            x = ready(42), if n == 42 => x, x = ready(43), if n == 43 => x,
            x = ready(44), if n == 44 => x, x = ready(45), if n == 45 => x,
            x = ready(46), if n == 46 => x, x = ready(47), if n == 47 => x,
            x = ready(48), if n == 48 => x, x = ready(49), if n == 49 => x,
            x = ready(50), if n == 50 => x, x = ready(51), if n == 51 => x,
            x = ready(52), if n == 52 => x, x = ready(53), if n == 53 => x,
            x = ready(54), if n == 54 => x, x = ready(55), if n == 55 => x,
            x = ready(56), if n == 56 => x, x = ready(57), if n == 57 => x,
            x = ready(58), if n == 58 => x, x = ready(59), if n == 59 => x,
            x = ready(60), if n == 60 => x, x = ready(61), if n == 61 => x,
            x = ready(62), if n == 62 => x, x = ready(63), if n == 63 => x,
            else => 64,
        }
    }
    for n in 0..=64 {
        assert_eq!(anywhere(|| many(n)), n);
    }
    // The future is `Send`, which the compiler must find out for 64 branches.
    on_every_flavour(|flavour| {
        let task = async { openwork::spawn(many(63)).await.unwrap() };
        assert_eq!(flavour.block_on(task), 63);
    });
}

// ---- which branches are polled ----

#[test]
fn biased_polls_from_top_to_bottom() {
    anywhere(async || {
        for _ in 0..100 {
            let chosen = select! {
                biased;
                x = pending() => x,
                x = ready(2) => x,
                x = ready(3) => x,
            };
            assert_eq!(chosen, 2);
        }
    });
}

#[test]
fn without_bias_every_branch_is_chosen() {
    anywhere(async || {
        let mut count = [0; 4];
        for _ in 0..4000 {
            let chosen: usize = select! {
                x = ready(0) => x,
                x = ready(1) => x,
                x = ready(2) => x,
                x = ready(3) => x,
            };
            count[chosen] += 1;
        }
        // The chance that a fair draw misses this is below one in 10^60.
        assert!(count.iter().all(|count| (500..1500).contains(count)), "{count:?}");
    });
}

#[test]
fn each_poll_begins_at_random_and_polls_each_branch_once() {
    let order = RefCell::new(Vec::new());
    let note = |name| {
        let order = &order;
        poll_fn(move |_| {
            order.borrow_mut().push(name);
            Poll::<()>::Pending
        })
    };
    let mut probe = Probe::new(async {
        select! { () = note(0) => {}, () = note(1) => {}, () = note(2) => {} }
    });
    let mut begun = BTreeSet::new();
    for _ in 0..200 {
        probe.assert_pending();
        let round = order.take();
        begun.insert(round[0]);
        // The other branches follow in order.
        assert_eq!(round, [0, 1, 2].map(|step| (round[0] + step) % 3));
    }
    assert_eq!(begun, BTreeSet::from([0, 1, 2]));
}

/// Two runs with a paused clock choose alike. So do two runs with the same seed: see the next test.
#[test]
fn a_run_with_the_clock_paused_can_be_repeated() {
    async fn choices() -> Vec<u32> {
        let mut chosen = Vec::new();
        for _ in 0..200 {
            chosen.push(select! { x = ready(0) => x, x = ready(1) => x, x = ready(2) => x });
        }
        let task = openwork::spawn(async {
            select! { x = ready(10) => x, x = ready(11) => x, x = ready(12) => x }
        });
        chosen.push(task.await.unwrap());
        chosen
    }
    ends(|| {
        let run = || {
            let runtime = paused();
            (runtime.block_on(choices()), runtime.block_on(choices()))
        };
        let (first, second) = run();
        assert_eq!(run(), (first.clone(), second.clone()));
        assert_ne!(first, second, "the second call goes on, it does not repeat");
        if is_shuffled() {
            // Then every runtime has a seed from the beginning, and the rest is about runtimes without.
            return;
        }
        // A clock that is paused later makes the choices after it the same, whatever was drawn before.
        let pause_after = |draws: usize| {
            openwork::block_on(async {
                for _ in 0..draws {
                    select! { () = ready(()) => {}, () = ready(()) => {} }
                }
                openwork::time::pause();
                choices().await
            })
        };
        assert_eq!(pause_after(3), pause_after(8));
        // Without a seed the choices are random: equal once in 3^201.
        assert_ne!(openwork::block_on(choices()), openwork::block_on(choices()));
    });
}

#[test]
fn the_same_seed_makes_the_same_choices() {
    async fn choices() -> Vec<u32> {
        let mut chosen = Vec::new();
        for _ in 0..200 {
            chosen.push(select! { x = ready(0) => x, x = ready(1) => x, x = ready(2) => x });
        }
        chosen
    }
    on_every_flavour(|flavour| {
        let run = |bytes: &[u8]| {
            let runtime = flavour.builder().rng_seed(RngSeed::from_bytes(bytes)).build().unwrap();
            runtime.block_on(choices())
        };
        assert_eq!(run(b"a seed"), run(b"a seed"));
        assert_ne!(run(b"a seed"), run(b"another"));
        assert_ne!(run(b""), run(b"\0"));
    });
    // Each worker has a generator of its own, so the order in which threads start does not matter.
    ends(|| {
        let run = || {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(1).rng_seed(RngSeed::from_bytes(b"a seed"));
            let runtime = builder.build().unwrap();
            runtime.block_on(async { openwork::spawn(choices()).await.unwrap() })
        };
        assert_eq!(run(), run());
    });
}

// ---- disabled branches ----

#[test]
fn a_branch_whose_condition_is_false_is_evaluated_and_never_polled() {
    let mut evaluated = false;
    let mut probe = Probe::new(async {
        let (sender, receiver) = oneshot::channel();
        let future = |evaluated: &mut bool| {
            *evaluated = true;
            poll_fn(|_| -> Poll<()> { panic!("it was polled") })
        };
        select! {
            () = future(&mut evaluated), if false => unreachable!(),
            Ok(x) = receiver => x,
            () = async { yield_now().await; sender.send(5).unwrap(); pending().await } => 0,
        }
    });
    probe.assert_pending();
    assert!(probe.is_woken());
    let answer = (0..3).find_map(|_| match probe.poll() {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    });
    assert_eq!(answer, Some(5));
    drop(probe);
    assert!(evaluated);
}

#[test]
fn all_conditions_are_evaluated_before_any_future() {
    let log = anywhere(async || {
        let log = RefCell::new(Vec::new());
        let note = |what| {
            log.borrow_mut().push(what);
            true
        };
        let future = |what| {
            log.borrow_mut().push(what);
            ready(())
        };
        select! {
            biased;
            () = future("future a"), if note("condition a") => { note("handler a"); },
            () = future("future b"), if note("condition b") => { note("handler b"); }
            () = future("future c"), if note("condition c") => _ = note("handler c"),
        };
        log.into_inner()
    });
    let expected =
        ["condition a", "condition b", "condition c", "future a", "future b", "future c"];
    assert_eq!(log, [&expected[..], &["handler a"]].concat());
}

#[test]
fn a_refuted_pattern_disables_its_branch() {
    let polls = Cell::new(0);
    let (sender, receiver) = oneshot::channel();
    let mut probe = Probe::new(async {
        select! {
            99 = counting(&polls, 1) => unreachable!(),
            Ok(x) = receiver => x,
        }
    });
    probe.assert_pending();
    probe.assert_pending();
    sender.send(7).unwrap();
    assert!(probe.is_woken());
    assert_eq!(probe.assert_ready(), 7);
    drop(probe);
    assert_eq!(polls.get(), 1, "and it is not polled again");
}

#[test]
fn else_runs_when_all_branches_are_disabled_and_may_be_alone() {
    anywhere(async || {
        assert_eq!(select! { else => 1 }, 1);
        assert_eq!(select! { biased; else => 1, }, 1);
        let x = select! { Some(x) = ready(None) => x, Ok(x) = ready(Err(())) => x, else => 3 };
        assert_eq!(x, 3);
        let x = select! { x = pending(), if false => x, x = pending(), if false => x, else => 4 };
        assert_eq!(x, 4);
        let x = select! { Some(x) = async { yield_now().await; None::<u8> } => x, else => 5 };
        assert_eq!(x, 5);
        // `else` may await.
        assert_eq!(select! { Some(x) = ready(None) => x, else => async { 6 }.await }, 6);
    });
}

#[test]
fn all_branches_disabled_and_no_else_panics_at_the_callers_line() {
    let line = line!() + 3;
    let panicked = panic_of(|| {
        executor::block_on(async {
            select! { Some(()) = ready(None) => {}, () = pending(), if false => {} }
        })
    })
    .expect("all branches are disabled");
    let expected = "`select!`: all branches are disabled and there is no `else` branch";
    assert_eq!((&*panicked.message, panicked.line, &*panicked.file), (expected, line, file!()));
}

#[test]
fn messages_come_from_all_channels_until_all_are_closed() {
    let messages = anywhere(async || {
        let (one, mut from_one) = mpsc::channel(4);
        let (two, mut from_two) = mpsc::unbounded_channel();
        let send = async {
            for n in 0..50 {
                one.send(n).await.unwrap();
                two.send(100 + n).unwrap();
            }
            drop((one, two));
        };
        let receive = async {
            let mut messages = Vec::new();
            loop {
                select! {
                    Some(n) = from_one.recv() => messages.push(n),
                    Some(n) = from_two.recv() => messages.push(n),
                    else => break messages,
                }
            }
        };
        let ((), mut messages) = openwork::join!(send, receive);
        messages.sort();
        messages
    });
    assert_eq!(messages, (0..50).chain(100..150).collect::<Vec<_>>());
}

// ---- the futures that are not chosen ----

#[test]
fn unfinished_futures_are_dropped_before_the_handler_runs() {
    let log = anywhere(async || {
        let log = RefCell::new(Vec::new());
        let note = |what| log.borrow_mut().push(what);
        let other = {
            let guard = AtDrop(|| note("the other is dropped"));
            async move {
                let _guard = guard;
                pending::<()>().await
            }
        };
        select! { biased; () = other => {}, () = ready(()) => note("the handler runs") }
        log.into_inner()
    });
    assert_eq!(log, ["the other is dropped", "the handler runs"]);
}

#[test]
fn a_handler_may_use_what_the_futures_borrowed() {
    async fn with(value: &mut String) {
        value.push('?');
        pending().await
    }
    let value = anywhere(async || {
        let mut value = String::from("a");
        select! {
            biased;
            () = with(&mut value) => value.push('b'),
            () = async {} => value.push('c'),
            else => value.push('d'),
        }
        value
    });
    // Each future began to run, and only the handler of the one that was ready.
    assert_eq!(value, "a?c");
}

#[test]
fn temporaries_live_as_long_as_the_future_and_no_longer() {
    struct Noisy<'a>(&'a RefCell<Vec<&'static str>>, u8);
    impl Future for Noisy<'_> {
        type Output = ();
        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            self.0.borrow_mut().push("polled");
            self.1 -= 1;
            cx.waker().wake_by_ref();
            if self.1 == 0 { Poll::Ready(()) } else { Poll::Pending }
        }
    }
    impl Drop for Noisy<'_> {
        fn drop(&mut self) {
            self.0.borrow_mut().push("dropped");
        }
    }
    let log = anywhere(async || {
        select! { () = &mut ready(()) => {} }
        let log = RefCell::new(Vec::new());
        select! { () = &mut Noisy(&log, 2) => log.borrow_mut().push("handled") }
        select! { () = { &mut Noisy(&log, 1) }, if true => log.borrow_mut().push("handled") }
        log.into_inner()
    });
    assert_eq!(log, ["polled", "polled", "dropped", "handled", "polled", "dropped", "handled"]);
}

#[test]
fn a_borrowed_future_goes_on_in_the_next_turn_of_the_loop() {
    let mut turns = anywhere(async || {
        let polls = Cell::new(0);
        let slow = counting(&polls, 20);
        openwork::pin!(slow);
        let mut turns = 0;
        loop {
            select! {
                20 = &mut slow => break,
                () = yield_now() => turns += 1,
            }
        }
        // How often the other future was chosen is random; how often the slow one was polled is not.
        assert_eq!(polls.get(), 20);
        turns > 0
    });
    assert!(std::mem::take(&mut turns));
}

#[test]
fn a_receiver_is_cancel_safe_in_a_loop() {
    let (sender_1, mut receiver_1) = oneshot::channel();
    let (sender_2, mut receiver_2) = oneshot::channel();
    let mut probe = Probe::new(async {
        let (mut a, mut b) = (None, None);
        while a.is_none() || b.is_none() {
            select! {
                x = &mut receiver_1, if a.is_none() => a = Some(x.unwrap()),
                x = &mut receiver_2, if b.is_none() => b = Some(x.unwrap()),
            }
        }
        (a.unwrap(), b.unwrap())
    });
    probe.assert_pending();
    sender_2.send(2).unwrap();
    assert!(probe.is_woken());
    probe.assert_pending();
    sender_1.send(1).unwrap();
    assert!(probe.is_woken());
    assert_eq!(probe.assert_ready(), (1, 2));
}

#[test]
fn a_ready_receiver_that_is_not_chosen_keeps_its_value() {
    anywhere(async || {
        let (sender_1, mut receiver_1) = oneshot::channel();
        let (sender_2, mut receiver_2) = oneshot::channel();
        sender_1.send(1).unwrap();
        sender_2.send(2).unwrap();
        let sum = select! {
            x = &mut receiver_1 => x.unwrap() + receiver_2.await.unwrap(),
            x = &mut receiver_2 => x.unwrap() + receiver_1.await.unwrap(),
        };
        assert_eq!(sum, 3);
    });
}

// ---- handlers ----

#[test]
fn handlers_may_break_continue_and_return() {
    anywhere(async || {
        let mut count = 0;
        'outer: loop {
            loop {
                select! {
                    () = ready(()), if count < 3 => { count += 1; continue }
                    () = ready(()), if count == 3 => { count += 1; continue 'outer }
                    () = ready(()), if count == 4 => { count += 1; break }
                    else => break 'outer,
                }
            }
            count += 10;
        }
        assert_eq!(count, 15);
        async fn fails(early: bool) -> Result<u8, String> {
            let n = select! {
                text = ready("x"), if early => text.parse::<u8>().map_err(|e| e.to_string())?,
                () = ready(()), if !early => return Ok(1),
            };
            Ok(n)
        }
        assert!(fails(true).await.unwrap_err().contains("digit"));
        assert_eq!(fails(false).await, Ok(1));
        let x = select! { x = ready(1) => async { x + 1 }.await };
        assert_eq!(x, 2);
    });
}

#[test]
fn types_are_inferred_from_top_to_bottom() {
    anywhere(async || {
        let mut list = Vec::new();
        let mut last = None;
        select! {
            biased;
            n = ready(5_u64), if list.is_empty() => { list.push(n); last = Some(n) }
            // The types of both are known from the branch before, as in plain code.
            () = pending() => assert_eq!(list[0].pow(2), last.unwrap().pow(2)),
        }
        assert_eq!((list, last), (vec![5], Some(5)));
        // The type is inferred from the context.
        let x: u8 = select! { x = async { "7".parse() } => x.unwrap() };
        assert_eq!(x, 7);
        let boxed: Box<dyn Fn() -> u8> = select! { x = ready(3) => Box::new(move || x) };
        assert_eq!(boxed(), 3);
        // A branch that never returns fits any type.
        let x = select! { () = pending() => panic!(), x = ready(1) => x, else => return };
        assert_eq!(x, 1);
    });
}

#[test]
fn they_nest() {
    anywhere(async || {
        let sum = select! {
            a = ready(1) => select! {
                b = async { select! { c = ready(2) => c, else => 0 } } => {
                    select! { d = ready(a + b) => d + a }
                }
            }
        };
        assert_eq!(sum, 4);
    });
}

/// No lint fires for what the macro writes, even where a branch is never ready.
#[test]
#[deny(warnings, clippy::all)]
fn no_lint_fires_in_the_callers_name() {
    async fn never() -> Infallible {
        pending().await
    }
    async fn diverges() -> ! {
        pending().await
    }
    anywhere(async || {
        let x = select! { _ = never() => 0, x = ready(1) => x };
        assert_eq!(x, 1);
        let x = select! { _ = diverges() => 0, x = ready(1) => x };
        assert_eq!(x, 1);
        let x = select! { never = never() => match never {}, x = ready(1) => x };
        assert_eq!(x, 1);
        select! { _ = async {} => (), else => () }
        #[forbid(unsafe_code)]
        async fn safe() -> u8 {
            openwork::pin! { let one = async { 1 }; }
            let (n,) = openwork::join!(async {
                select! { n = &mut one => n }
            });
            n
        }
        assert_eq!(safe().await, 1);
    });
}

#[test]
fn futures_and_handlers_need_not_be_send() {
    anywhere(async || {
        let shared = Rc::new(Cell::new(0));
        select! { () = async { shared.set(1); yield_now().await } => shared.set(shared.get() + 1) }
        assert_eq!(shared.get(), 2);
    });
}

#[test]
fn a_handler_that_waits_holds_no_output_of_another_branch() {
    fn is_send<F: Future + Send>(future: F) -> F {
        future
    }
    let waits = is_send(async {
        select! {
            biased;
            _ = async { Rc::new(1) }, if false => 0,
            _ = async { yield_now().await; [0_u8; 1000] } => 1,
            x = async { 2 } => {
                yield_now().await;
                x
            }
        }
    });
    assert!(size_of_val(&waits) < 500);
    assert_eq!(executor::block_on(waits), 2);
}

// ---- in a runtime ----

/// As in Tokio: a branch that is always ready and uses up no budget must not starve the other tasks.
#[test]
fn it_yields_when_the_budget_is_used_up() {
    ends(|| {
        openwork::block_on(async {
            let (sender, mut receiver) = mpsc::unbounded_channel();
            for n in 0..1000 {
                sender.send(n).unwrap();
            }
            let mut in_one_poll = 0;
            let mut most = 0;
            let last = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
            let other = openwork::spawn({
                let last = last.clone();
                async move { last.store(true, std::sync::atomic::Ordering::Relaxed) }
            });
            for _ in 0..1000 {
                select! { biased; Some(_) = receiver.recv() => {}, () = ready(()) => panic!("budget") }
                in_one_poll += 1;
                if last.swap(false, std::sync::atomic::Ordering::Relaxed) {
                    most = in_one_poll;
                }
            }
            other.await.unwrap();
            assert_eq!(most, 129, "after 128 messages the other task ran");
        });
    });
}

#[test]
fn a_time_out_by_hand() {
    ends(|| {
        paused().block_on(async {
            let start = Instant::now();
            let what = select! {
                () = sleep(Duration::from_secs(3)) => "late",
                () = sleep(Duration::from_secs(2)) => "in time",
                () = sleep(Duration::from_secs(1)), if false => unreachable!(),
            };
            assert_eq!((what, start.elapsed()), ("in time", Duration::from_secs(2)));
            let metrics = openwork::runtime::Handle::current().metrics();
            assert_eq!(metrics.num_timers(), 0, "the other sleep's timer is gone");
        });
    });
}

#[test]
fn its_size_is_a_word_and_one_for_each_future() {
    let one = async {
        let a = ready(0);
        select! { _ = a => {} }
    };
    let three = async {
        let (a, b, c) = (ready(0), ready(0), ready(0));
        select! { _ = a => {}, _ = b => {}, _ = c => {} }
    };
    // Tokio pins 32 and 48 here.
    assert!(size_of_val(&one) <= 24 && size_of_val(&three) <= 56);
    assert_eq!(size_of_val(&std::hint::black_box(ready(0))), 8);
}

#[test]
fn the_output_type_need_not_be_known_if_the_pattern_ignores_it() {
    openwork::block_on(async {
        openwork::select! {
            _ = std::future::pending() => unreachable!(),
            _ = std::future::poll_fn(|_| panic!()), if false => unreachable!(),
            two = async { 2 } => assert_eq!(two, 2),
        }
    });
}
