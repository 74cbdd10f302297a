//! The instruments of the tests: a waker made by hand, a tape of events, a catcher of panics, a
//! watch-dog, and a process of one's own.
//!
//! No test here sleeps and hopes. Where two threads must meet, they say so to each other; where
//! something must *not* happen, there is a moment after which it could not happen any more.

// Each test file is a program of its own, and uses a part of this.
#![allow(dead_code)]

use std::any::Any;
use std::cell::RefCell;
use std::future::Future;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, Once};
use std::task::{Context, Poll};
use std::time::Duration;
use std::{env, fs, thread};

use futures::task::{ArcWake, waker_ref};
use openwork::runtime::{Builder, Runtime};
use openwork::task::yield_now;
use openwork::trace::{Event, Record};

/// Runs `body`, which must come to an end. Most bugs of a runtime show as a test that hangs; this
/// turns it into one that fails. The limit is for the slowest machine, and no test comes near it.
pub fn ends<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    ends_as(thread::current().name().unwrap_or("a test").to_owned(), body)
}

/// The same, on a thread of this name, with which a panic begins its message.
fn ends_as<T: Send + 'static>(name: String, body: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = mpsc::channel();
    let thread =
        thread::Builder::new().name(name.clone()).spawn(move || send.send(body())).unwrap();
    match receive.recv_timeout(Duration::from_secs(60)) {
        Ok(value) => value,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs: {name}"),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            panic::resume_unwind(thread.join().expect_err("it panicked"))
        }
    }
}

/// Runs the test called `name` in a process of its own, where it may count threads and bytes, and
/// from which nobody dies with it.
pub fn alone(name: &str, body: impl FnOnce()) {
    alone_under(name, ":", body);
}

/// The same under a limit, given as the shell's command that sets it.
pub fn alone_under(name: &str, limit: &str, body: impl FnOnce()) {
    const INNER: &str = "OPENWORK_TEST_ALONE";
    if env::var_os(INNER).is_some() {
        return body();
    }
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("{limit} && exec \"$0\" \"$@\"")])
        .arg(env::current_exe().unwrap());
    command.args([name, "--exact", "--nocapture", "--test-threads=1"]).env(INNER, "yes");
    let output = command.output().unwrap();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    print!("{stdout}");
    eprint!("{stderr}");
    assert!(output.status.success(), "{name}, in a process of its own: {}", output.status);
    assert!(stdout.contains("1 passed"), "there is no test called {name}");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

// ---- runtimes ----

/// Who runs the tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    CurrentThread,
    /// So many threads of the runtime.
    Workers(usize),
}

use Flavour::{CurrentThread, Workers};

impl Flavour {
    /// More workers than processors among them, and many more.
    pub const ALL: [Flavour; 5] = [CurrentThread, Workers(1), Workers(2), Workers(4), Workers(64)];

    pub fn builder(self) -> Builder {
        match self {
            CurrentThread => Builder::new_current_thread(),
            Workers(workers) => {
                let mut builder = Builder::new_multi_thread();
                builder.worker_threads(workers);
                builder
            }
        }
    }

    pub fn build(self) -> Runtime {
        self.builder().build().unwrap()
    }

    /// What [`openwork::block_on`] does, which knows one flavour only.
    pub fn block_on<F: Future>(self, future: F) -> F::Output {
        self.build().block_on(future)
    }

    /// A runtime that says when it has nothing left to do and all of it goes to sleep.
    pub fn sleepy(self) -> (Runtime, Receiver<()>) {
        let workers = if let Workers(workers) = self { workers } else { 1 };
        let (send, asleep) = mpsc::channel();
        let sleepers = AtomicUsize::new(0);
        let mut builder = self.builder();
        builder.on_event(move |record| match record.event {
            Event::Sleeps { .. } if sleepers.fetch_add(1, SeqCst) + 1 == workers => {
                let _ = send.send(());
            }
            Event::Wakes => _ = sleepers.fetch_sub(1, SeqCst),
            _ => {}
        });
        (builder.build().unwrap(), asleep)
    }
}

/// Checks a law on the current-thread runtime, and with 1, 2, 4 and 64 workers. It must come to an end, as
/// in [`ends`]; who breaks it says on which.
pub fn on_every_flavour(law: impl Fn(Flavour) + Clone + Send + 'static) {
    on_each_of(&Flavour::ALL, law);
}

/// The same with workers only.
pub fn with_workers(law: impl Fn(Flavour) + Clone + Send + 'static) {
    on_each_of(&Flavour::ALL[1..], law);
}

/// The same for some.
pub fn on_each_of(flavours: &[Flavour], law: impl Fn(Flavour) + Clone + Send + 'static) {
    let test = thread::current().name().unwrap_or("a test").to_owned();
    for flavour in flavours.iter().copied() {
        let law = law.clone();
        ends_as(format!("{test}, {flavour:?}"), move || law(flavour));
    }
}

/// Gives way until something has come about by itself. What never does hangs, and is found by [`ends`].
pub async fn until(come_about: impl Fn() -> bool) {
    while !come_about() {
        yield_now().await;
    }
}

/// A runtime with the real clock.
pub fn real() -> Runtime {
    CurrentThread.build()
}

/// A runtime whose time stands still.
pub fn paused() -> Runtime {
    Builder::new_current_thread().start_paused(true).build().unwrap()
}

/// A runtime with the real clock that says when it has nothing left to do and goes to sleep.
pub fn sleepy() -> (Runtime, Receiver<()>) {
    CurrentThread.sleepy()
}

/// What a runtime reports.
#[derive(Clone, Default)]
pub struct Tape(Arc<Mutex<Vec<Record>>>);

impl Tape {
    pub fn listen(builder: &mut Builder) -> Tape {
        let tape = Tape::default();
        let ours = tape.clone();
        builder.on_event(move |record| ours.0.lock().unwrap().push(*record));
        tape
    }

    /// What was reported since the last time.
    pub fn take(&self) -> Vec<Record> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

// ---- a waker made by hand ----

/// Counts how often it is called, and knows how many hold it.
#[derive(Debug, Default)]
pub struct Wakes(AtomicUsize);

impl ArcWake for Wakes {
    fn wake_by_ref(wakes: &Arc<Self>) {
        wakes.0.fetch_add(1, SeqCst);
    }
}

impl Wakes {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    pub fn count(&self) -> usize {
        self.0.load(SeqCst)
    }

    /// How many wakers are kept somewhere.
    pub fn kept(self: &Arc<Self>) -> usize {
        Arc::strong_count(self) - 1
    }

    pub fn poll<F: Future>(self: &Arc<Self>, future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(&waker_ref(self)))
    }
}

/// Calls a closure when it is dropped.
pub struct AtDrop<F: FnMut()>(pub F);

impl<F: FnMut()> Drop for AtDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

// ---- panics ----

/// A panic that was expected.
#[derive(Debug, PartialEq, Eq)]
pub struct Panicked {
    pub message: String,
    pub file: String,
    pub line: u32,
}

thread_local! {
    static CAUGHT: RefCell<Option<Panicked>> = const { RefCell::new(None) };
    static CATCHING: RefCell<usize> = const { RefCell::new(0) };
}

/// What `body` panics with, and at which place, if it does so on this thread.
pub fn panic_of<T>(body: impl FnOnce() -> T) -> Option<Panicked> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if CATCHING.with_borrow(|depth| *depth == 0) {
                return usual(info);
            }
            let place = info.location().expect("panics have a place");
            let message = message_of(info.payload());
            let file = place.file().to_owned();
            CAUGHT.set(Some(Panicked { message, file, line: place.line() }));
        }));
    });
    CATCHING.with_borrow_mut(|depth| *depth += 1);
    let result = panic::catch_unwind(AssertUnwindSafe(|| drop(body())));
    CATCHING.with_borrow_mut(|depth| *depth -= 1);
    let caught = CAUGHT.take();
    result.err().and(caught)
}

pub fn message_of(payload: &(dyn Any + Send)) -> String {
    match payload.downcast_ref::<&str>() {
        Some(message) => (*message).to_owned(),
        None => payload.downcast_ref::<String>().cloned().unwrap_or_default(),
    }
}

// ---- this process, by what Linux tells of it ----

/// The threads of this process.
pub fn threads() -> Vec<u32> {
    let entries = fs::read_dir("/proc/self/task").expect("Linux");
    entries.map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect()
}

/// This thread's number.
pub fn thread_id() -> u32 {
    let link = fs::read_link("/proc/thread-self").expect("Linux");
    link.file_name().unwrap().to_str().unwrap().parse().unwrap()
}
