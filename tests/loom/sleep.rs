//! Whoever sleeps is woken.
//!
//! In all of these models a sleeper that nobody wakes is a deadlock, and loom reports it. What a wake is
//! *for* is a [`Letter`]: a flag that is written and read without any ordering of its own, so that it
//! arrives only if the wake carries it.

use std::future::poll_fn;
use std::mem;
use std::sync::Arc;
use std::task::{Poll, Waker};

use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicBool;
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use loom::thread;

use crate::engine::block_on::block_on;
use crate::engine::park::{Announce, Notify, Parker, Permit};
use crate::engine::prim::{Condvar, Mutex};
use crate::{every_schedule, schedules_interrupted};

/// Something that is to be seen by the one who was woken.
#[derive(Default)]
struct Letter(AtomicBool);

impl Letter {
    fn send(&self) {
        self.0.store(true, Relaxed);
    }

    fn is_here(&self) -> bool {
        self.0.load(Relaxed)
    }
}

// ---- the parker ----

/// Guards the empty lock in `Parker::unpark`: without it the signal falls between the owner's look at
/// the permit and its `wait`, and the owner sleeps for ever.
#[test]
fn park_is_woken() {
    every_schedule(|| {
        let parker = Arc::new(Parker::new());
        let waker = thread::spawn({
            let parker = parker.clone();
            move || parker.unpark()
        });
        parker.park();
        waker.join().unwrap();
    });
}

/// Guards `Announce::StayUp`: a token that was there before the sleep is worth as much as one that
/// comes during it. And there is at most one: a second sleep is a sleep.
#[test]
fn a_wake_before_the_sleep_is_kept() {
    every_schedule(|| {
        let parker = Arc::new(Parker::new());
        parker.unpark();
        parker.unpark();
        parker.park();
        let waker = thread::spawn({
            let parker = parker.clone();
            move || parker.unpark()
        });
        parker.park();
        waker.join().unwrap();
    });
}

/// Guards the loop around `Condvar::wait`: the first waker's signal may come late, when its token was
/// taken long ago, and disturb the next sleep.
#[test]
fn park_returns_for_a_token_only() {
    every_schedule(|| {
        let shared = Arc::new((Parker::new(), Letter::default()));
        let early = thread::spawn({
            let shared = shared.clone();
            move || shared.0.unpark()
        });
        shared.0.park();
        let late = thread::spawn({
            let shared = shared.clone();
            move || {
                shared.1.send();
                shared.0.unpark();
            }
        });
        shared.0.park();
        assert!(shared.1.is_here(), "woken by nobody");
        early.join().unwrap();
        late.join().unwrap();
    });
}

/// Guards the orderings of `notify` (Release), and of `take` and `take_if_notified` (Acquire).
/// The message is no atomic, so that loom reports a read that is not ordered after the write.
#[test]
fn park_sees_what_was_written_before_unpark() {
    every_schedule(|| {
        let shared = loom::sync::Arc::new((Parker::new(), UnsafeCell::new(0)));
        let waker = thread::spawn({
            let shared = shared.clone();
            move || {
                // SAFETY: the owner reads it only after it was woken.
                shared.1.with_mut(|message| unsafe { *message = 1 });
                shared.0.unpark();
            }
        });
        shared.0.park();
        // SAFETY: we were woken, and it is written once.
        assert_eq!(shared.1.with(|message| unsafe { *message }), 1);
        waker.join().unwrap();
    });
}

/// Guards the swap in `notify`. If it looked first, and left a token alone that already lies there, the
/// owner would take the first waker's token, and with it not see the second waker's letter.
#[test]
fn two_unparks_and_a_park() {
    schedules_interrupted(3, || {
        let shared = Arc::new((Parker::new(), [Letter::default(), Letter::default()]));
        let wakers = [0, 1].map(|who| {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.1[who].send();
                shared.0.unpark();
            })
        });
        while !shared.1.iter().all(Letter::is_here) {
            shared.0.park();
        }
        for waker in wakers {
            waker.join().unwrap();
        }
    });
}

/// The smallest executor, with a future that keeps its waker as a future has to: it looks *after* it has
/// left the waker where the other side finds it.
#[test]
fn block_on_is_woken() {
    schedules_interrupted(3, || {
        let shared = Arc::new((Letter::default(), Mutex::new(None::<Waker>)));
        let other = thread::spawn({
            let shared = shared.clone();
            move || {
                shared.0.send();
                let waker = shared.1.lock().take();
                waker.into_iter().for_each(Waker::wake);
            }
        });
        block_on(poll_fn(|cx| {
            *shared.1.lock() = Some(cx.waker().clone());
            if shared.0.is_here() { Poll::Ready(()) } else { Poll::Pending }
        }));
        other.join().unwrap();
    });
}

// ---- the driver ----

/// The driver's way to sleep: the permit, around a sleep in the kernel.
struct Driver {
    permit: Permit,
    /// The poller's bell, which goes on ringing until somebody hears it.
    rung: Mutex<bool>,
    ringing: Condvar,
    letters: [Letter; 2],
}

impl Driver {
    fn new() -> Arc<Self> {
        Arc::new(Driver {
            permit: Permit::new(),
            rung: Mutex::new(false),
            ringing: Condvar::new(),
            letters: Default::default(),
        })
    }

    /// `Driver::call`.
    fn call(&self) {
        if self.permit.notify() == Notify::WakeOwner {
            *self.rung.lock() = true;
            self.ringing.notify_one();
        }
    }

    /// `Driver::sleep`, with no deadline.
    fn sleep(&self) {
        let mut rung = self.rung.lock();
        while !*rung {
            rung = self.ringing.wait(rung);
        }
        *rung = false;
        drop(rung);
        self.permit.take();
    }

    /// `Worker::sleep`: lies down unless there is something to do.
    fn sleep_unless(&self, has_work: impl Fn() -> bool) {
        if self.permit.announce() == Announce::StayUp {
            return;
        }
        if has_work() {
            self.permit.take();
            return;
        }
        self.sleep();
    }
}

/// Guards the token that a call leaves with a driver that is up. The classic loss is: the worker looks, and
/// there is nothing to do; somebody pushes a task, calls, and finds nobody asleep; the worker sleeps. Here
/// the announcement finds the token of that call. So nothing is lost whether or not the worker looks again
/// after it has announced.
#[test]
fn who_announces_is_called_whether_it_looks_again_or_not() {
    for looks_again in [true, false] {
        schedules_interrupted(3, move || {
            let driver = Driver::new();
            let callers = [0, 1].map(|who| {
                let driver = driver.clone();
                thread::spawn(move || {
                    driver.letters[who].send();
                    driver.call();
                })
            });
            let all_here = || driver.letters.iter().all(Letter::is_here);
            while !all_here() {
                driver.sleep_unless(|| looks_again && all_here());
            }
            for caller in callers {
                caller.join().unwrap();
            }
        });
    }
}

/// Guards the call when a deadline is set that is earlier than all others: the driver has looked at them
/// for the last time, and sleeps too long.
#[test]
fn a_deadline_is_slept_until_or_called_for() {
    every_schedule(|| {
        let shared = Arc::new((Driver::new(), Mutex::new(None)));
        let other = thread::spawn({
            let shared = shared.clone();
            move || {
                *shared.1.lock() = Some(7);
                shared.0.call();
            }
        });
        let (driver, next_deadline) = &*shared;
        let mut slept_until = None;
        while slept_until.is_none() {
            if driver.permit.announce() == Announce::Sleep {
                slept_until = *next_deadline.lock();
                // With a deadline the kernel returns by itself.
                if slept_until.is_none() {
                    driver.sleep();
                }
            }
        }
        other.join().unwrap();
    });
}

/// Guards the call between the two steps of `Schedule::schedule` (push, look whether the runtime is
/// closed) and of `Shared::shut_down` (close, drain): both swap one word, so the second one sees what the
/// first has done. Without it each may miss the other, and the queue keeps a task that keeps the queue.
#[test]
fn nothing_stays_in_the_queue_of_a_closed_runtime() {
    every_schedule(|| {
        struct Shared {
            driver: Arc<Driver>,
            closed: Letter,
            /// Stands for the injector. It orders nothing, which is less than a real one does.
            queued: AtomicBool,
        }
        impl Shared {
            fn drain(&self) {
                if self.queued.load(Relaxed) {
                    self.queued.store(false, Relaxed);
                }
            }
        }
        let shared = Arc::new(Shared {
            driver: Driver::new(),
            closed: Letter::default(),
            queued: AtomicBool::new(false),
        });
        let waker = thread::spawn({
            let shared = shared.clone();
            move || {
                shared.queued.store(true, Relaxed);
                shared.driver.call();
                if shared.closed.is_here() {
                    shared.drain();
                }
            }
        });
        shared.closed.send();
        shared.driver.call();
        shared.drain();
        waker.join().unwrap();
        assert!(!shared.queued.load(Relaxed), "the task is still in the queue");
    });
}

// ---- the root ----

/// `worker::Root` and its thread, line by line.
struct Root {
    woken: AtomicBool,
    parker: Parker,
    shared: Arc<Shared>,
    /// Its future is ready when this is here.
    letter: Letter,
}

/// What the threads in `block_on` share.
struct Shared {
    driver: Arc<Driver>,
    seats: Mutex<Seats>,
    /// A task stands in the injector: it sends the last root its letter, and wakes it.
    injected: Letter,
}

#[derive(Default)]
struct Seats {
    taken: bool,
    line: Vec<Arc<Root>>,
    /// The root that the task knows.
    last: Option<Arc<Root>>,
}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Shared {
            driver: Driver::new(),
            seats: Mutex::default(),
            injected: Letter::default(),
        })
    }
}

impl Root {
    fn new(shared: &Arc<Shared>) -> Arc<Self> {
        Arc::new(Root {
            woken: AtomicBool::new(true),
            parker: Parker::new(),
            shared: shared.clone(),
            letter: Letter::default(),
        })
    }

    /// `Root::wake_by_ref`.
    fn wake(&self, by_foreign_thread: bool) {
        self.woken.swap(true, AcqRel);
        self.parker.unpark();
        if by_foreign_thread {
            self.shared.driver.call();
        }
    }

    /// A foreign thread sends the letter.
    fn write(&self) {
        self.letter.send();
        self.wake(true);
    }

    fn is_woken(&self) -> bool {
        self.woken.load(Acquire)
    }

    fn take_woken(&self) -> bool {
        self.woken.swap(false, AcqRel)
    }

    /// `Worker::work`.
    fn work(&self) {
        let Shared { driver, seats, injected } = &*self.shared;
        let mut has_run = false;
        loop {
            if self.take_woken() && self.letter.is_here() {
                return;
            }
            // A round.
            if injected.is_here() && !has_run {
                has_run = true;
                if let Some(last) = seats.lock().last.take() {
                    last.letter.send();
                    last.wake(false);
                }
            }
            if !self.is_woken() {
                driver.sleep_unless(|| self.is_woken() || (injected.is_here() && !has_run));
            }
        }
    }

    /// `InLine::take_seat`.
    fn take_seat(self: &Arc<Self>) -> bool {
        let mut seats = self.shared.seats.lock();
        let was_taken = mem::replace(&mut seats.taken, true);
        if was_taken && !seats.line.iter().any(|root| Arc::ptr_eq(root, self)) {
            seats.line.push(self.clone());
        }
        !was_taken
    }

    /// `InLine::drop`.
    fn leave(self: &Arc<Self>, has_seat: bool) {
        let mut seats = self.shared.seats.lock();
        seats.line.retain(|root| !Arc::ptr_eq(root, self));
        seats.taken &= !has_seat;
        let next = if seats.taken { None } else { seats.line.first().cloned() };
        drop(seats);
        if let Some(next) = next {
            next.parker.unpark();
        }
    }

    /// `Shared::block_on`.
    fn block_on(self: &Arc<Self>) {
        let has_seat = loop {
            if self.take_seat() {
                self.work();
                break true;
            }
            if self.take_woken() && self.letter.is_here() {
                break false;
            }
            self.parker.park();
        };
        self.leave(has_seat);
    }
}

/// As many roots, each on a thread of its own, what happens to them meanwhile, and what the last one does
/// when it is ready.
fn in_block_on<const N: usize>(
    meanwhile: impl Fn(&Shared, &[Arc<Root>; N]),
    and_then: fn(&[Arc<Root>; N]),
) {
    let shared = Shared::new();
    let roots = [(); N].map(|()| Root::new(&shared));
    shared.seats.lock().last = roots.last().cloned();
    let threads = roots.clone().map(|root| {
        let roots = roots.clone();
        thread::spawn(move || {
            root.block_on();
            if Arc::ptr_eq(&root, &roots[N - 1]) {
                and_then(&roots);
            }
        })
    });
    meanwhile(&shared, &roots);
    for thread in threads {
        thread.join().unwrap();
    }
}

/// Guards the swaps of `woken`: the future is polled after the last wake, and sees what was written before
/// it, also when it was woken already.
#[test]
fn the_root_is_polled_after_the_last_wake() {
    schedules_interrupted(3, || {
        let root = Root::new(&Shared::new());
        let wakers = [true, false].map(|writes| {
            let root = root.clone();
            thread::spawn(move || {
                if writes {
                    root.letter.send();
                }
                root.wake(true);
            })
        });
        root.work();
        for waker in wakers {
            waker.join().unwrap();
        }
    });
}

/// Guards both halves of a root's wake, `unpark` and `call`: its thread may sleep in line or drive, and
/// the waker does not know which. The other thread does not leave before it is told to, and is no help.
#[test]
fn a_root_is_woken_where_it_sleeps() {
    schedules_interrupted(2, || {
        in_block_on(|_, [_, second]| second.write(), |[first, _]| first.write());
    });
}

/// Guards the `unpark` in `InLine::drop`: who leaves the seat tells the first in line. Else that thread
/// sleeps beside the free seat, and nobody runs the task that it waits for.
#[test]
fn a_seat_that_becomes_free_is_taken() {
    schedules_interrupted(2, || {
        let meanwhile = |shared: &Shared, [first, _]: &[Arc<Root>; 2]| {
            first.write();
            shared.injected.send();
            shared.driver.call();
        };
        in_block_on(meanwhile, |_| {});
    });
}

/// Guards that who goes *without* the seat tells the first in line as well: the one who left the seat may
/// have told us, while we were about to go.
#[test]
fn the_call_to_the_seat_is_passed_on() {
    schedules_interrupted(2, || {
        let meanwhile = |shared: &Shared, [first, second, _]: &[Arc<Root>; 3]| {
            first.write();
            second.write();
            shared.injected.send();
            shared.driver.call();
        };
        in_block_on(meanwhile, |_| {});
    });
}
