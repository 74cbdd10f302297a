//! The laws.
//!
//! First the list: a name, the functions that it needs beside `run`, and a line that says why it is a law, or how
//! it is usually broken. Then the cases in the same order, each a function of that name. A case without an
//! assertion passes if it ends: most faults of a runtime show as a case that hangs.
//!
//! The order is that in which a runtime grows: `run` alone, tasks, time, handles, sockets.

use super::contract::Part::{Join, Sleep, Socket, Spawn, Threads};
use super::contract::{Boxed, End, Part, Runtime};
use super::tools::{
    AtDrop, Busy, Flag, ON_PURPOSE, Wakes, asleep_within, exclude_this_thread, once, poll_once,
    threads, when_asleep, yield_now,
};
use std::future::{pending, poll_fn};
use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

pub struct Law {
    pub name: &'static str,
    pub needs: &'static [Part],
    pub why: &'static str,
    pub case: fn(Runtime),
}

macro_rules! table {
    ($($name:ident [$($part:ident),*] $why:literal)*) => {
        &[$(Law { name: stringify!($name), needs: &[$($part),*], why: $why, case: $name }),*]
    };
}

pub const LAWS: &[Law] = table! {
    the_root_future_gets_a_real_waker []
        "with a waker that does nothing, a root future that waits for a thread waits for ever"
    a_wake_during_the_poll_is_not_lost []
        "the wake comes before the thread parks, and must keep it from parking"
    a_wake_by_another_thread_during_the_poll_is_not_lost []
        "between the check and the park there is a gap, and some wake falls into it"
    a_poll_may_park_its_thread []
        "user code may consume the thread's park token, and a wake with it"
    a_late_wake_is_harmless []
        "a waker may outlive its future, and even its runtime"
    wakers_may_be_cloned_and_dropped_in_any_order []
        "one count too few frees a waker that is in use; one too many leaks it"
    run_may_be_called_again []
        "what the first run leaves behind affects the second"
    two_threads_may_run_at_once []
        "state that is global to the process is shared by both runs"
    a_panic_of_the_root_future_comes_out_of_run []
        "the panic must not be swallowed, and the next run must work"
    a_run_within_a_run_does_no_harm []
        "the inner run may be refused by a panic, but the outer one must work afterwards"
    an_idle_runtime_sleeps []
        "a loop that polls again and again burns a processor"

    a_spawned_task_runs_while_the_root_waits [Spawn]
        "the root future may wait for a task, so the task must be polled meanwhile"
    a_task_may_spawn_tasks [Spawn]
        "a lock is held while a task is polled, or only the root can reach the queue"
    ten_thousand_tasks_find_room [Spawn]
        "a bounded queue needs a second place for what does not fit"
    a_task_that_wakes_itself_in_its_poll_is_polled_again [Spawn]
        "a flag 'it is queued' that is cleared after the poll swallows the wake"
    a_task_that_is_woken_in_its_poll_is_polled_again [Spawn]
        "the same by another thread: the wake comes when the task has just looked in vain"
    woken_twice_a_task_is_polled_once_more [Spawn]
        "each wake queues the task again, and the queue grows"
    a_task_that_is_not_woken_is_not_polled [Spawn]
        "polling all tasks whenever one is woken is quadratic"
    a_task_is_not_polled_after_its_end [Spawn]
        "a future that is ready must not be polled again; most panic"
    a_finished_task_is_dropped_though_its_waker_lives [Spawn]
        "a waker in some list would keep alive all that the task owned"
    run_ends_with_its_own_future [Spawn]
        "otherwise one task that never ends keeps the program alive"
    what_is_left_is_dropped_when_run_ends [Spawn]
        "files, sockets and locks of the tasks must be released at a known moment"
    a_destructor_may_wake_and_spawn [Spawn]
        "a lock is held while futures are dropped"
    a_panic_stays_in_its_task [Spawn]
        "one request fails, and the server with it"
    a_task_that_never_waits_does_not_starve_others [Spawn]
        "a task that wakes itself must go behind the others, not before them"
    two_tasks_that_wake_each_other_do_not_starve_a_third [Spawn]
        "the task that was woken last runs first: fast, but it needs a bound"
    a_wake_by_another_thread_reaches_a_busy_runtime [Spawn]
        "a runtime that looks for wakes from outside only when idle never looks"
    two_tasks_are_polled_at_once [Spawn, Threads]
        "if a lock is held while a task is polled, several threads work like one"

    a_sleep_is_not_too_short [Sleep]
        "a deadline rounded down wakes before its time"
    a_sleep_of_nothing_ends [Sleep]
        "its deadline has passed before a task could wait for it"
    a_very_long_sleep_is_no_overflow [Sleep]
        "now + Duration::MAX overflows"
    the_earliest_deadline_comes_first [Sleep]
        "the sleep that was made first may have the latest deadline"
    sleeps_run_side_by_side [Spawn, Sleep]
        "a hundred sleeps must take as long as one"
    a_sooner_deadline_shortens_the_wait [Spawn, Sleep]
        "the runtime sleeps until the old deadline, and does not learn of the new one"
    a_thousand_sleeps_take_no_thousand_threads [Sleep]
        "a thread for each timer works, until there are many"
    a_runtime_that_waits_for_a_deadline_sleeps [Sleep]
        "a loop that reads the clock again and again burns a processor"
    a_ready_task_does_not_wait_for_a_deadline [Sleep]
        "the runtime sleeps until the next deadline while a task is ready"
    a_wake_ends_the_wait_for_a_deadline [Sleep]
        "a thread that sleeps until a deadline must notice a wake too"
    a_deadline_is_kept_though_a_task_never_waits [Spawn, Sleep]
        "a runtime that reads the clock only when idle never reads it"
    a_dropped_sleep_delays_nothing [Sleep]
        "a time-out of an hour, never used, keeps the program alive for an hour"
    a_dropped_sleep_drops_its_waker [Sleep]
        "each time-out that was not needed stays in memory until its deadline"
    a_dropped_sleep_wakes_no_task [Sleep]
        "the task is polled for nothing"
    a_sleep_that_moves_wakes_its_new_task [Sleep]
        "the waker of the first poll is kept, and a task that waits no more is woken"
    a_timer_wakes_outside_its_lock [Sleep]
        "a waker is user code: it may use the timers, and take the same lock"

    a_join_returns_when_its_task_ends [Join]
        "the end of the task wakes the join, and a later join finds the result"
    a_join_reports_a_panic [Join]
        "otherwise the join waits for ever"
    a_task_goes_on_when_its_handle_is_dropped [Join]
        "dropping a handle gives up the result, and is no abort"
    an_aborted_task_is_dropped_and_its_join_ends [Join]
        "what the task holds is released, and the join does not wait for ever"
    an_abort_after_the_end_changes_nothing [Join]
        "the result is there, and must not be lost"
    a_join_that_moves_wakes_its_new_task [Join]
        "the waker of the first poll is kept, and a task that waits no more is woken"

    what_is_written_is_read [Socket]
        "the data is larger than the kernel's buffers, so both sides wait many times"
    the_end_of_a_stream_is_seen_after_a_short_read [Socket]
        "after a short read the end may be there already, and no other event comes"
    a_new_socket_may_have_an_old_number [Socket]
        "a closed descriptor stays on a list, and the kernel uses its number again"
    a_hundred_sockets_take_no_hundred_threads [Socket]
        "a thread for each socket works, until there are many"
    a_socket_is_served_though_a_task_never_waits [Spawn, Socket]
        "a runtime that asks the kernel only when idle never asks"
    a_socket_that_waits_delays_no_deadline [Sleep, Socket]
        "there is one place to sleep, and it must know sockets and deadlines"
};

// Run.

fn the_root_future_gets_a_real_waker(rt: Runtime) {
    rt.run(async {
        let flag = Flag::new();
        when_asleep({
            let flag = flag.clone();
            move || flag.raise()
        });
        flag.wait().await;
    });
}

fn a_wake_during_the_poll_is_not_lost(rt: Runtime) {
    rt.run(async {
        for _ in 0..10 {
            yield_now().await;
        }
    });
}

fn a_wake_by_another_thread_during_the_poll_is_not_lost(rt: Runtime) {
    rt.run(async {
        for _ in 0..10 {
            once(wake_from_a_thread).await;
        }
    });
}

/// Returns after the wake.
fn wake_from_a_thread(cx: &mut Context<'_>) {
    let waker = cx.waker().clone();
    thread::spawn(|| waker.wake()).join().unwrap();
}

fn a_poll_may_park_its_thread(rt: Runtime) {
    rt.run(async {
        once(|cx| {
            cx.waker().wake_by_ref();
            thread::park_timeout(Duration::ZERO); // consumes the thread's park token, if there is one
        })
        .await;
    });
}

fn a_late_wake_is_harmless(rt: Runtime) {
    let waker = rt.run(poll_fn(|cx| Poll::Ready(cx.waker().clone())));
    thread::spawn(move || {
        let another = waker.clone();
        waker.wake_by_ref();
        another.wake();
    })
    .join()
    .unwrap();
    rt.run(yield_now());
}

fn wakers_may_be_cloned_and_dropped_in_any_order(rt: Runtime) {
    rt.run(async {
        once(|cx| {
            let wakers: Vec<Waker> = (0..4).map(|_| cx.waker().clone()).collect();
            let threads: Vec<_> = wakers.into_iter().map(clone_and_drop).collect();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            cx.waker().wake_by_ref();
        })
        .await;
        yield_now().await; // it still works
    });
}

fn clone_and_drop(waker: Waker) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut some = Vec::new();
        for turn in 0..10_000 {
            some.push(waker.clone());
            match turn % 4 {
                1 => drop(some.swap_remove(turn % some.len())),
                2 => some.swap_remove(turn % some.len()).wake(),
                _ => waker.wake_by_ref(),
            }
        }
        drop(waker); // before its clones
    })
}

fn run_may_be_called_again(rt: Runtime) {
    for turn in 0..10 {
        let output = rt.run(async move {
            yield_now().await;
            turn
        });
        assert_eq!(output, turn);
    }
}

fn two_threads_may_run_at_once(rt: Runtime) {
    let (ping, pong) = (Flag::new(), Flag::new());
    let one = thread::spawn({
        let (ping, pong) = (ping.clone(), pong.clone());
        move || {
            rt.run(async move {
                ping.raise();
                pong.wait().await;
            });
        }
    });
    rt.run(async move {
        ping.wait().await;
        pong.raise();
    });
    one.join().unwrap();
}

fn a_panic_of_the_root_future_comes_out_of_run(rt: Runtime) {
    let panics = || rt.run(async { panic!("{}", ON_PURPOSE) });
    let caught: Result<(), _> = catch_unwind(AssertUnwindSafe(panics));
    assert!(caught.is_err(), "the panic is swallowed");
    rt.run(yield_now());
}

fn a_run_within_a_run_does_no_harm(rt: Runtime) {
    rt.run(async move {
        once(move |cx| {
            cx.waker().wake_by_ref();
            let within = async {
                let flag = Flag::new();
                let raise = flag.clone();
                when_asleep(move || raise.raise());
                flag.wait().await;
            };
            let _ = catch_unwind(AssertUnwindSafe(|| rt.run(within))); // or it refuses
        })
        .await;
        if rt.has(&Spawn) {
            let flag = Flag::new();
            let raise = flag.clone();
            rt.spawn(async move { raise.raise() });
            flag.wait().await;
        }
    });
}

fn an_idle_runtime_sleeps(rt: Runtime) {
    rt.run(async {
        let flag = Flag::new();
        let asleep = see_it_sleep(flag.clone());
        flag.wait().await;
        assert!(asleep.join().unwrap(), "its threads never sleep for 100 ms without a break");
    });
}

/// Looks for a sleep of 100 ms, and raises the flag when it has seen one, or after three seconds.
fn see_it_sleep(flag: Flag) -> thread::JoinHandle<bool> {
    thread::spawn(move || {
        exclude_this_thread();
        let asleep = asleep_within(Duration::from_secs(3), Duration::from_millis(100));
        flag.raise();
        asleep
    })
}

// Tasks.

fn a_spawned_task_runs_while_the_root_waits(rt: Runtime) {
    rt.run(async move {
        let flag = Flag::after(3);
        for _ in 0..3 {
            let flag = flag.clone();
            rt.spawn(async move { flag.raise() });
        }
        flag.wait().await;
    });
}

fn a_task_may_spawn_tasks(rt: Runtime) {
    rt.run(async move {
        let flag = Flag::new();
        rt.spawn(spawn_a_chain(rt, 100, flag.clone()));
        flag.wait().await;
    });
}

fn spawn_a_chain(rt: Runtime, length: usize, end: Flag) -> Boxed<'static> {
    Box::pin(async move {
        match length {
            0 => end.raise(),
            _ => rt.spawn(spawn_a_chain(rt, length - 1, end)),
        }
    })
}

fn ten_thousand_tasks_find_room(rt: Runtime) {
    rt.run(async move {
        let flag = Flag::after(10_000);
        for _ in 0..10_000 {
            let flag = flag.clone();
            rt.spawn(async move { flag.raise() });
        }
        flag.wait().await;
    });
}

fn a_task_that_wakes_itself_in_its_poll_is_polled_again(rt: Runtime) {
    rt.run(async move {
        let flag = Flag::new();
        let raise = flag.clone();
        rt.spawn(async move {
            for _ in 0..10 {
                yield_now().await;
            }
            raise.raise();
        });
        flag.wait().await;
    });
}

fn a_task_that_is_woken_in_its_poll_is_polled_again(rt: Runtime) {
    rt.run(async move {
        let flag = Flag::new();
        let raise = flag.clone();
        rt.spawn(async move {
            for _ in 0..10 {
                once(wake_from_a_thread).await;
            }
            raise.raise();
        });
        flag.wait().await;
    });
}

fn woken_twice_a_task_is_polled_once_more(rt: Runtime) {
    let polls = polls_of(rt, |polls, cx| {
        if polls == 1 {
            cx.waker().wake_by_ref();
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    });
    assert!(polls <= 2, "it was polled {polls} times, and not 2");
}

fn a_task_that_is_not_woken_is_not_polled(rt: Runtime) {
    let polls = polls_of(rt, |_, _| Poll::Pending);
    assert!(polls == 1, "it was polled {polls} times, and not once");
}

fn a_task_is_not_polled_after_its_end(rt: Runtime) {
    let polls = polls_of(rt, |_, cx| {
        cx.waker().wake_by_ref();
        Poll::Ready(())
    });
    assert!(polls == 1, "it was polled {polls} times, and not once");
}

/// Spawns a task that does this at each poll, and returns how often it was polled until all other threads slept three
/// times. Other tasks wake and are woken meanwhile.
fn polls_of(
    rt: Runtime,
    mut poll: impl FnMut(usize, &mut Context<'_>) -> Poll<()> + Send + 'static,
) -> usize {
    let (polls, task) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(None)));
    let (count, own) = (polls.clone(), task.clone());
    rt.run(async move {
        let (over, ended) = (Flag::new(), Flag::new());
        let (is_over, end) = (over.clone(), ended.clone());
        rt.spawn(poll_fn(move |cx| {
            if is_over.is_up() {
                end.raise();
                return Poll::Ready(());
            }
            own.lock().unwrap().get_or_insert_with(|| cx.waker().clone());
            let poll = poll(count.fetch_add(1, SeqCst) + 1, cx);
            if poll.is_ready() {
                end.raise();
            }
            poll
        }));
        for _ in 0..3 {
            let (one, two) = (Flag::new(), Flag::new());
            let (raise_one, raise_two, wait_one) = (one.clone(), two.clone(), one.wait());
            rt.spawn(async move {
                wait_one.await;
                raise_two.raise();
            });
            when_asleep(move || raise_one.raise());
            two.wait().await;
        }
        over.raise();
        let waker = task.lock().unwrap().take();
        waker.into_iter().for_each(Waker::wake);
        ended.wait().await;
    });
    polls.load(SeqCst)
}

fn a_finished_task_is_dropped_though_its_waker_lives(rt: Runtime) {
    let (dropped, waker) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(None)));
    let (count, keep) = (dropped.clone(), waker.clone());
    let dropped = rt.run(async move {
        let flag = Flag::new();
        let raise = flag.clone();
        let owned = AtDrop(move || _ = count.fetch_add(1, SeqCst));
        rt.spawn(poll_fn(move |cx| {
            let _owned = &owned; // by the future itself, not by a block that has ended
            *keep.lock().unwrap() = Some(cx.waker().clone());
            let raise = raise.clone();
            when_asleep(move || raise.raise());
            Poll::Ready(())
        }));
        flag.wait().await;
        dropped.load(SeqCst)
    });
    assert!(dropped == 1, "its future was not dropped");
    drop(waker);
}

fn run_ends_with_its_own_future(rt: Runtime) {
    rt.run(async move {
        rt.spawn(pending());
    });
}

fn what_is_left_is_dropped_when_run_ends(rt: Runtime) {
    let owned = Arc::new(());
    let given = owned.clone();
    rt.run(async move {
        let flag = Flag::after(3);
        for _ in 0..3 {
            let (given, flag) = (given.clone(), flag.clone());
            rt.spawn(async move {
                flag.raise();
                pending::<()>().await;
                drop(given);
            });
        }
        flag.wait().await;
        rt.spawn(async move { drop(given) }); // it may never be polled
    });
    let left = Arc::strong_count(&owned) - 1;
    assert!(left == 0, "{left} of 4 tasks were not dropped");
}

fn a_destructor_may_wake_and_spawn(rt: Runtime) {
    rt.run(async move {
        let (flag, polled) = (Flag::new(), Flag::new());
        let (wait, raise) = (flag.wait(), polled.clone());
        rt.spawn(async move {
            let _destructor = AtDrop(move || {
                flag.raise();
                // At the end of `run` the new task may be dropped, or refused by a panic.
                let _ = catch_unwind(AssertUnwindSafe(|| rt.spawn(pending())));
            });
            raise.raise();
            pending::<()>().await;
        });
        rt.spawn(wait);
        polled.wait().await;
    });
}

fn a_panic_stays_in_its_task(rt: Runtime) {
    rt.run(async move {
        let flag = Flag::new();
        let raise = flag.clone();
        rt.spawn(async { panic!("{}", ON_PURPOSE) });
        rt.spawn(async move { raise.raise() });
        flag.wait().await;
    });
}

fn a_task_that_never_waits_does_not_starve_others(rt: Runtime) {
    rt.run(async move {
        let busy = Busy::new();
        let flag = Flag::after(2 * rt.threads);
        for _ in 0..2 * rt.threads {
            rt.spawn(busy.task()); // more of them than threads
        }
        for _ in 0..2 * rt.threads {
            let flag = flag.clone();
            rt.spawn(async move { flag.raise() });
        }
        flag.wait().await;
        busy.stop();
    });
}

fn two_tasks_that_wake_each_other_do_not_starve_a_third(rt: Runtime) {
    rt.run(async move {
        let polled = Flag::after(rt.threads);
        let wakers: Arc<[Mutex<Option<Waker>>]> =
            (0..2 * rt.threads).map(|_| None.into()).collect();
        for pair in 0..rt.threads {
            // The third is woken in their hundredth turn, just before the other of the two is.
            let (third, done) = (Flag::new(), polled.clone());
            let (raise, wait) = (third.clone(), third.wait());
            rt.spawn(async move {
                wait.await;
                done.raise();
            });
            for which in 0..2 {
                let (wakers, raise, mut turn) = (wakers.clone(), raise.clone(), 0);
                let (own, other) = (2 * pair + which, 2 * pair + 1 - which);
                let all = polled.clone();
                rt.spawn(poll_fn(move |cx| {
                    turn += 1;
                    if (turn, which) == (100, 0) {
                        raise.raise();
                    }
                    *wakers[own].lock().unwrap() = Some(cx.waker().clone());
                    let other = wakers[other].lock().unwrap().take();
                    other.into_iter().for_each(Waker::wake);
                    if all.is_up() { Poll::Ready(()) } else { Poll::Pending }
                }));
            }
        }
        polled.wait().await;
    });
}

fn a_wake_by_another_thread_reaches_a_busy_runtime(rt: Runtime) {
    rt.run(async move {
        let (busy, flag) = (Busy::new(), Flag::new());
        for _ in 0..2 * rt.threads {
            rt.spawn(busy.task());
        }
        let (raise, task) = (flag.clone(), Flag::new());
        let (raise_task, wait_task) = (task.clone(), task.wait());
        rt.spawn(async move {
            wait_task.await;
            raise.raise();
        });
        let polls = busy.clone();
        thread::spawn(move || {
            polls.wait_for_polls();
            raise_task.raise();
        });
        flag.wait().await;
        busy.stop();
    });
}

fn two_tasks_are_polled_at_once(rt: Runtime) {
    rt.run(async move {
        let (met, flag) = (Arc::new(AtomicUsize::new(0)), Flag::after(2));
        for _ in 0..2 {
            let (met, flag) = (met.clone(), flag.clone());
            rt.spawn(async move {
                met.fetch_add(1, SeqCst);
                while met.load(SeqCst) < 2 {
                    thread::yield_now(); // within the poll
                }
                flag.raise();
            });
        }
        flag.wait().await;
    });
}

// Time.

fn a_sleep_is_not_too_short(rt: Runtime) {
    rt.run(async move {
        for micros in (0..5000).step_by(333) {
            let (duration, start) = (Duration::from_micros(micros), Instant::now());
            rt.sleep_for(duration).await;
            let slept = start.elapsed();
            assert!(slept >= duration, "it slept {slept:?}, and not {duration:?}");
        }
    });
}

fn a_sleep_of_nothing_ends(rt: Runtime) {
    rt.run(async move {
        for _ in 0..10 {
            rt.sleep(0).await;
        }
    });
}

fn a_very_long_sleep_is_no_overflow(rt: Runtime) {
    rt.run(async move {
        let mut sleep = rt.sleep_for(Duration::MAX);
        assert!(!poll_once(&mut sleep, Waker::noop()), "for ever is over already");
        rt.sleep(5).await;
        assert!(!poll_once(&mut sleep, Waker::noop()), "for ever is over already");
    });
}

/// A sleep of an hour that was polled once, with a waker that does nothing.
fn sleep_an_hour(rt: Runtime) -> Boxed<'static> {
    let mut hour = rt.sleep(3_600_000);
    assert!(!poll_once(&mut hour, Waker::noop()), "an hour is over already");
    hour
}

fn the_earliest_deadline_comes_first(rt: Runtime) {
    rt.run(async move {
        let _hour = sleep_an_hour(rt);
        let later = rt.sleep(40);
        let _another_hour = sleep_an_hour(rt);
        rt.sleep(20).await;
        later.await;
    });
}

fn sleeps_run_side_by_side(rt: Runtime) {
    let start = Instant::now();
    rt.run(async move {
        let flag = Flag::after(100);
        for _ in 0..100 {
            let flag = flag.clone();
            rt.spawn(async move {
                rt.sleep(100).await;
                flag.raise();
            });
        }
        flag.wait().await;
    });
    let took = start.elapsed();
    assert!(took < Duration::from_secs(5), "a hundred sleeps of 100 ms took {took:?}");
}

fn a_sooner_deadline_shortens_the_wait(rt: Runtime) {
    rt.run(async move {
        let _hour = sleep_an_hour(rt);
        let (flag, start) = (Flag::new(), Flag::new());
        let (raise, wait) = (flag.clone(), start.wait());
        rt.spawn(async move {
            wait.await;
            rt.sleep(10).await;
            raise.raise();
        });
        when_asleep(move || start.raise());
        flag.wait().await;
    });
}

fn a_thousand_sleeps_take_no_thousand_threads(rt: Runtime) {
    rt.run(async move {
        let before = threads();
        let _sleeps: Vec<_> = (0..1000).map(|_| sleep_an_hour(rt)).collect();
        rt.sleep(10).await;
        let more = threads().saturating_sub(before);
        assert!(more < 100, "they have taken {more} threads");
    });
}

fn a_runtime_that_waits_for_a_deadline_sleeps(rt: Runtime) {
    rt.run(async move {
        let (_hour, flag) = (sleep_an_hour(rt), Flag::new());
        let asleep = see_it_sleep(flag.clone());
        flag.wait().await;
        assert!(asleep.join().unwrap(), "its threads never sleep for 100 ms without a break");
    });
}

fn a_ready_task_does_not_wait_for_a_deadline(rt: Runtime) {
    rt.run(async move {
        let _hour = sleep_an_hour(rt);
        for _ in 0..1000 {
            yield_now().await;
        }
    });
}

fn a_wake_ends_the_wait_for_a_deadline(rt: Runtime) {
    rt.run(async move {
        let (_hour, flag) = (sleep_an_hour(rt), Flag::new());
        let raise = flag.clone();
        when_asleep(move || raise.raise());
        flag.wait().await;
    });
}

fn a_deadline_is_kept_though_a_task_never_waits(rt: Runtime) {
    rt.run(async move {
        let busy = Busy::new();
        for _ in 0..2 * rt.threads {
            rt.spawn(busy.task());
        }
        rt.sleep(10).await;
        busy.stop();
    });
}

fn a_dropped_sleep_delays_nothing(rt: Runtime) {
    rt.run(async move {
        drop(sleep_an_hour(rt));
        drop(rt.sleep(3_600_000)); // never polled
        rt.sleep(5).await;
    });
}

fn a_dropped_sleep_drops_its_waker(rt: Runtime) {
    rt.run(async move {
        let wakes = Arc::new(Wakes::default());
        let mut hour = rt.sleep(3_600_000);
        assert!(!poll_once(&mut hour, &wakes.clone().into()), "an hour is over already");
        drop(hour);
        rt.sleep(10).await; // so the runtime has had its turn
        assert!(Arc::strong_count(&wakes) == 1, "a waker is left");
    });
}

fn a_dropped_sleep_wakes_no_task(rt: Runtime) {
    rt.run(async move {
        let wakes = Arc::new(Wakes::default());
        let mut sleep = rt.sleep(20);
        let ready = poll_once(&mut sleep, &wakes.clone().into());
        drop(sleep);
        rt.sleep(40).await;
        assert!(ready || wakes.count() == 0, "it wakes the task that polled it");
    });
}

fn a_sleep_that_moves_wakes_its_new_task(rt: Runtime) {
    rt.run(async move {
        let mut sleep = rt.sleep(100);
        poll_once(&mut sleep, Waker::noop()); // another task, which then passes it on
        sleep.await;
    });
}

/// Touches the timers at the moment in which a timer wakes it.
struct Meddler(Mutex<Option<Boxed<'static>>>, Flag);

impl Wake for Meddler {
    fn wake(self: Arc<Self>) {
        let sleep = self.0.lock().unwrap().take();
        if let Some(mut sleep) = sleep {
            poll_once(&mut sleep, Waker::noop());
        } // and dropped
        self.1.raise();
    }
}

fn a_timer_wakes_outside_its_lock(rt: Runtime) {
    rt.run(async move {
        let (flag, mut sleep) = (Flag::new(), rt.sleep(50));
        let meddler = Meddler(Mutex::new(Some(sleep_an_hour(rt))), flag.clone());
        if !poll_once(&mut sleep, &Arc::new(meddler).into()) {
            flag.wait().await;
        }
    });
}

// Handles.

fn a_join_returns_when_its_task_ends(rt: Runtime) {
    rt.run(async move {
        let (flag, ended) = (Flag::new(), Flag::new());
        let (wait, raise) = (flag.wait(), ended.clone());
        let waits = rt.join(wait);
        let ends = rt.join(async move { raise.raise() });
        ended.wait().await;
        when_asleep(move || flag.raise());
        assert_end(waits.end.await, End::Returned);
        assert_end(ends.end.await, End::Returned); // it has been for long
    });
}

fn assert_end(end: End, expected: End) {
    assert!(end == expected, "the join returns {end:?}, and not {expected:?}");
}

fn a_join_reports_a_panic(rt: Runtime) {
    rt.run(async move {
        let panics = rt.join(async { panic!("{}", ON_PURPOSE) });
        assert_end(panics.end.await, End::Panicked);
    });
}

fn a_task_goes_on_when_its_handle_is_dropped(rt: Runtime) {
    rt.run(async move {
        let (start, flag) = (Flag::new(), Flag::new());
        let (wait, raise) = (start.wait(), flag.clone());
        drop(rt.join(async move {
            wait.await;
            raise.raise();
        }));
        when_asleep(move || start.raise());
        flag.wait().await;
    });
}

fn an_aborted_task_is_dropped_and_its_join_ends(rt: Runtime) {
    rt.run(async move {
        let (owned, polled) = (Arc::new(()), Flag::new());
        let (given, raise) = (owned.clone(), polled.clone());
        let handle = rt.join(async move {
            raise.raise();
            pending::<()>().await;
            drop(given);
        });
        polled.wait().await;
        when_asleep(handle.abort);
        assert_end(handle.end.await, End::Aborted);
        assert!(Arc::strong_count(&owned) == 1, "its future lives");
    });
}

fn an_abort_after_the_end_changes_nothing(rt: Runtime) {
    rt.run(async move {
        let (flag, handle) = (Flag::new(), rt.join(async {}));
        let (raise, abort) = (flag.clone(), handle.abort);
        when_asleep(move || {
            abort();
            raise.raise();
        });
        flag.wait().await;
        assert_end(handle.end.await, End::Returned);
    });
}

fn a_join_that_moves_wakes_its_new_task(rt: Runtime) {
    rt.run(async move {
        let flag = Flag::new();
        let mut end = rt.join(flag.wait()).end;
        poll_once(&mut end, Waker::noop()); // another task, which then passes it on
        when_asleep(move || flag.raise());
        end.await;
    });
}

// Sockets.

fn what_is_written_is_read(rt: Runtime) {
    const LENGTH: usize = 8 << 20;
    rt.run(async move {
        let (mut socket, mut peer) = rt.connect();
        let echo = thread::spawn(move || {
            let mut all = vec![0; LENGTH];
            peer.read_exact(&mut all).unwrap(); // first all of it, so that the writer has to wait
            peer.write_all(&all).unwrap();
        });
        let sent: Vec<u8> = (0..LENGTH).map(|at| (at / 1000) as u8).collect();
        socket.write_all(&sent).await.unwrap();
        let (mut received, mut length) = (vec![0; LENGTH], 0);
        while length < LENGTH {
            length += socket.read(&mut received[length..]).await.unwrap();
        }
        assert!(received == sent, "what is read is not what was written");
        echo.join().unwrap();
    });
}

fn the_end_of_a_stream_is_seen_after_a_short_read(rt: Runtime) {
    rt.run(async move {
        let (mut socket, mut peer) = rt.connect();
        peer.write_all(b"abc").unwrap();
        drop(peer); // both have come before the first read
        let (mut buffer, mut read) = ([0; 64], 0);
        loop {
            let length = socket.read(&mut buffer).await.unwrap();
            read += length;
            if length == 0 {
                break;
            }
        }
        assert_eq!(read, 3, "so many bytes were read");
    });
}

fn a_new_socket_may_have_an_old_number(rt: Runtime) {
    rt.run(async move {
        for _ in 0..10 {
            let (mut socket, mut peer) = rt.connect();
            let mut buffer = [0; 8];
            assert!(!poll_once(&mut socket.read(&mut buffer), Waker::noop()), "nothing was sent");
            drop(socket); // a task waited for it
            peer.write_all(b"into the void").unwrap();
            drop(peer);
            let (mut socket, mut peer) = rt.connect();
            when_asleep(move || peer.write_all(b"x").unwrap());
            assert_eq!(socket.read(&mut buffer).await.unwrap(), 1, "so many bytes were read");
        }
    });
}

fn a_hundred_sockets_take_no_hundred_threads(rt: Runtime) {
    rt.run(async move {
        let before = threads();
        let mut pairs: Vec<_> = (0..100).map(|_| rt.connect()).collect();
        for (socket, _) in &mut pairs {
            assert!(!poll_once(&mut socket.read(&mut [0]), Waker::noop()), "nothing was sent");
        }
        let more = threads().saturating_sub(before);
        assert!(more < 50, "they have taken {more} threads");
    });
}

fn a_socket_is_served_though_a_task_never_waits(rt: Runtime) {
    rt.run(async move {
        let busy = Busy::new();
        for _ in 0..2 * rt.threads {
            rt.spawn(busy.task());
        }
        let (mut socket, mut peer) = rt.connect();
        let polls = busy.clone();
        thread::spawn(move || {
            polls.wait_for_polls();
            peer.write_all(b"x").unwrap();
            let _ = peer.read(&mut [0]); // so it stays open
        });
        socket.read(&mut [0]).await.unwrap();
        busy.stop();
    });
}

fn a_socket_that_waits_delays_no_deadline(rt: Runtime) {
    rt.run(async move {
        let (mut socket, mut peer) = rt.connect();
        let mut buffer = [0];
        assert!(!poll_once(&mut socket.read(&mut buffer), Waker::noop()), "nothing was sent");
        rt.sleep(20).await;
        when_asleep(move || peer.write_all(b"x").unwrap());
        socket.read(&mut buffer).await.unwrap();
    });
}
