//! Whoever sleeps is woken.
//!
//! In all of these models a sleeper that nobody wakes is a deadlock, and loom reports it. What a wake is
//! *for* is a [`Letter`]: a flag that is written and read without any ordering of its own, so that it
//! arrives only if the wake carries it.

use std::future::poll_fn;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Poll, Waker};

use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicBool;
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use loom::thread;

use crate::engine::block_on::block_on;
use crate::engine::park::Parker;
use crate::engine::prim::Mutex;
use crate::runtime::{Driver, Goal, Shared, Worker};
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

/// Guards the driver's own permit. Who is called may have announced its sleep to the others, and not yet
/// be in the poller; then the call finds nobody asleep there, and must be kept.
#[test]
fn a_call_reaches_the_driver_before_its_sleep_and_in_it() {
    schedules_interrupted(3, || {
        let shared = Arc::new((Driver::new(), [Letter::default(), Letter::default()]));
        let callers = [0, 1].map(|who| {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.1[who].send();
                shared.0.call();
            })
        });
        let (driver, letters) = &*shared;
        let mut seat = driver.try_seat().expect("nobody else drives");
        while !letters.iter().all(Letter::is_here) {
            driver.sleep(&mut seat);
        }
        for caller in callers {
            caller.join().unwrap();
        }
    });
}

/// Guards that the driver announces its sleep first and looks for the deadline second. The other way round
/// it sleeps for ever, or until a deadline that is too late: who has set the earlier one found nobody
/// asleep. And `tell_deadline`, which is the same from the other side.
#[test]
fn a_deadline_is_slept_until_or_told() {
    every_schedule(|| {
        let driver = Arc::new(Driver::new());
        let other = thread::spawn({
            let driver = driver.clone();
            move || driver.set_timer(7)
        });
        let mut seat = driver.try_seat().expect("nobody else drives");
        let fired = loop {
            driver.sleep(&mut seat);
            if let Some(task) = driver.turn(&mut seat) {
                break task;
            }
        };
        assert_eq!(fired, 7);
        other.join().unwrap();
    });
}

// ---- the root ----

/// `root::Root` and its future.
struct Root {
    woken: AtomicBool,
    parker: Parker,
    shared: Arc<Shared>,
    /// Its future is ready when this is here.
    letter: Letter,
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
    fn wake(&self, is_own_worker: bool) {
        self.woken.swap(true, AcqRel);
        self.parker.unpark();
        if !is_own_worker {
            self.shared.call(0);
        }
    }

    /// Another thread sends the letter.
    fn write(&self) {
        self.letter.send();
        self.wake(false);
    }

    fn work(&self) {
        Worker::start(&self.shared, 0).work(&mut UntilReady(self));
    }
}

/// `root::UntilReady`.
struct UntilReady<'a>(&'a Root);

impl Goal for UntilReady<'_> {
    fn is_called(&self) -> bool {
        self.0.woken.load(Acquire)
    }

    fn is_reached(&mut self) -> bool {
        self.0.woken.swap(false, AcqRel) && self.0.letter.is_here()
    }
}

/// `root::Post`.
struct Post(Mutex<State>);

struct State {
    vacant: bool,
    candidates: Vec<Arc<Root>>,
}

impl Post {
    fn block_on(&self, root: &Arc<Root>) {
        let mut candidate = Candidate { post: self, root, has_post: false };
        loop {
            if candidate.apply() {
                root.work();
                break;
            }
            if UntilReady(root).is_reached() {
                break;
            }
            root.parker.park();
        }
    }
}

/// `root::Candidate`.
struct Candidate<'a> {
    post: &'a Post,
    root: &'a Arc<Root>,
    has_post: bool,
}

impl Candidate<'_> {
    fn apply(&mut self) -> bool {
        let mut state = self.post.0.lock();
        self.has_post = mem::take(&mut state.vacant);
        if !self.has_post && !state.candidates.iter().any(|root| Arc::ptr_eq(root, self.root)) {
            state.candidates.push(self.root.clone());
        }
        self.has_post
    }
}

impl Drop for Candidate<'_> {
    fn drop(&mut self) {
        let mut state = self.post.0.lock();
        state.candidates.retain(|root| !Arc::ptr_eq(root, self.root));
        if !self.has_post {
            return;
        }
        state.vacant = true;
        let candidates = state.candidates.clone();
        drop(state);
        for root in candidates {
            root.parker.unpark();
        }
    }
}

/// As many roots, each on a thread of its own, what happens to them meanwhile, and what the last one does
/// when it is ready. There is one task, which stands in no queue yet: it writes to the last root.
fn in_block_on<const N: usize>(
    meanwhile: impl Fn(&Shared, &[Arc<Root>; N]),
    and_then: fn(&[Arc<Root>; N]),
) {
    let last = Arc::new(std::sync::Mutex::new(None::<Arc<Root>>));
    let shared = Shared::new(0, 1, {
        let last = last.clone();
        move |_, _| {
            let last = last.lock().unwrap().take().expect("the task runs once");
            last.letter.send();
            last.wake(true);
        }
    });
    let roots = [(); N].map(|()| Root::new(&shared));
    *last.lock().unwrap() = roots.last().cloned();
    let post = Arc::new(Post(Mutex::new(State { vacant: true, candidates: Vec::new() })));
    let threads = roots.clone().map(|root| {
        let (post, roots) = (post.clone(), roots.clone());
        thread::spawn(move || {
            post.block_on(&root);
            if Arc::ptr_eq(&root, &roots[N - 1]) {
                and_then(&roots);
            }
        })
    });
    meanwhile(&shared, &roots);
    for thread in threads {
        thread.join().unwrap();
    }
    shared.check_at_rest();
    *last.lock().unwrap() = None;
}

/// Guards the swaps of `woken`: the future is polled after the last wake, and sees what was written before
/// it, also when it was woken already. And the two fences between which the worker announces its sleep and
/// looks whether it was woken, and the waker wakes and looks whether it sleeps.
#[test]
fn the_root_is_polled_after_the_last_wake() {
    schedules_interrupted(3, || {
        let shared = Shared::new(0, 0, |_, _| {});
        let root = Root::new(&shared);
        let wakers = [true, false].map(|writes| {
            let root = root.clone();
            thread::spawn(move || {
                if writes {
                    root.letter.send();
                }
                root.wake(false);
            })
        });
        root.work();
        for waker in wakers {
            waker.join().unwrap();
        }
        shared.check_at_rest();
    });
}

/// Guards the two calls of `Driver::collect` by a worker that was woken after it had announced its sleep. It has
/// not slept, and yet the driver is polled between two polls of the root: a program that calls `block_on` again
/// and again, each time for a root that is soon woken by another thread, has nothing else that polls it.
#[test]
fn a_root_that_is_woken_before_its_worker_sleeps_has_polled_the_driver() {
    struct Polls<'a>(&'a Root, bool);

    impl Goal for Polls<'_> {
        fn is_called(&self) -> bool {
            UntilReady(self.0).is_called()
        }

        fn is_reached(&mut self) -> bool {
            if !self.0.woken.swap(false, AcqRel) {
                return false;
            }
            assert!(!self.1 || self.0.shared.driver.waits.load(SeqCst) > 0);
            self.1 = true;
            self.0.letter.is_here()
        }
    }

    every_schedule(|| {
        let shared = Shared::new(0, 0, |_, _| {});
        let root = Root::new(&shared);
        let wakes = thread::spawn({
            let root = root.clone();
            move || root.write()
        });
        Worker::start(&shared, 0).work(&mut Polls(&root, false));
        wakes.join().unwrap();
        shared.check_at_rest();
    });
}

/// Guards both halves of a root's wake, `unpark` and `call`: its thread may stand in line or work, and
/// the waker does not know which. The other thread does not leave before it is told to, and is no help.
#[test]
fn a_root_is_woken_where_it_sleeps() {
    schedules_interrupted(2, || {
        in_block_on(|_, [_, second]| second.write(), |[first, _]| first.write());
    });
}

/// Guards the `unpark` in `Candidate::drop`: who leaves the post tells those in line. Else a thread sleeps
/// beside the vacant post, and nobody runs the task that it waits for.
#[test]
fn a_post_that_becomes_vacant_is_taken() {
    schedules_interrupted(2, || {
        let meanwhile = |shared: &Shared, [first, _]: &[Arc<Root>; 2]| {
            first.write();
            shared.schedule(0);
        };
        in_block_on(meanwhile, |_| {});
    });
}

/// Guards that all in line are told, and not just the first: that one may be about to leave.
#[test]
fn everybody_in_line_hears_of_a_vacant_post() {
    schedules_interrupted(2, || {
        let meanwhile = |shared: &Shared, [first, second, _]: &[Arc<Root>; 3]| {
            first.write();
            second.write();
            shared.schedule(0);
        };
        in_block_on(meanwhile, |_| {});
    });
}
