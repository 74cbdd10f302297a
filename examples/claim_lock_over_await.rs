//! The claim: do not hold a lock over an `.await`.
//!
//! While a task waits, the lock that it holds is held. With std's lock, a task that wants it meanwhile
//! blocks its whole thread, and if that is the thread on which the holder should go on, both wait for
//! ever. So the compiler refuses to spawn such a task: std's guard is not `Send`, and a future that
//! keeps one is not either.
//!
//! ```text
//! error: future cannot be sent between threads safely
//!    |     let _guard = lock.lock().unwrap();
//!    |         ------ has type `std::sync::MutexGuard<'_, ()>` which is not `Send`
//!    |     sleep(WORK).await;
//!    |                 ^^^^^ await occurs here, with `_guard` maybe used later
//! ```
//!
//! What you will see: which futures may be spawned, as they are `Send`; how long two take that share a
//! lock on one thread, and how long twenty tasks that do. Expect a deadlock with std's lock, and none
//! with the runtime's, for which a task waits without its thread. Yet with that one too the tasks go
//! one after the other, as long as it is held over the `.await`. The clock is paused, so the times are
//! exact.
//!
//!     cargo run --release --example claim_lock_over_await

use std::marker::PhantomData;
use std::sync::{Arc, mpsc};
use std::{io, thread};

use openwork::runtime::{Builder, Runtime};
use openwork::sync::Mutex;
use openwork::time::{Duration, Instant, sleep};

const WORK: Duration = Duration::from_millis(20);
const TASKS: u32 = 20;
/// How long we wait for what will not come.
const PATIENCE: Duration = Duration::from_secs(1);

type StdMutex = std::sync::Mutex<()>;

/// Std's guard lives until the end of the function, over the `.await`.
#[allow(clippy::await_holding_lock)]
async fn std_held(lock: Arc<StdMutex>) {
    let _guard = lock.lock().expect("no thread panics while it holds the lock");
    sleep(WORK).await;
}

/// Std's guard is gone when the `.await` comes.
async fn std_let_go(lock: Arc<StdMutex>) {
    drop(lock.lock().expect("no thread panics while it holds the lock"));
    sleep(WORK).await;
}

/// The runtime's guard, over the `.await`.
async fn ours_held(lock: Arc<Mutex<()>>) {
    let _guard = lock.lock().await;
    sleep(WORK).await;
}

fn main() -> io::Result<()> {
    println!("{:42} {:>8} {:>18} {:>14}", "", "spawned?", "two on a thread", "20 tasks");
    let std_lock = || Arc::<StdMutex>::default();
    let our_lock = || Arc::new(Mutex::new(()));

    let send = future_of(std_held).is_send();
    let pair = two_on_a_thread(std_lock, std_held);
    row("std's guard, held over the `.await`", send, pair, None);
    assert!(!send && pair.is_none(), "refused for spawning, and a deadlock otherwise");

    let send = future_of(std_let_go).is_send();
    let pair = two_on_a_thread(std_lock, std_let_go);
    let many_let_go = many(std_let_go, std_lock())?;
    row("std's guard, dropped before the `.await`", send, pair, Some(many_let_go));
    assert!(send && pair.is_some());

    let send = future_of(ours_held).is_send();
    let pair = two_on_a_thread(our_lock, ours_held);
    let many_held = many(ours_held, our_lock())?;
    row("the runtime's, held over the `.await`", send, pair, Some(many_held));
    assert!(send && pair.is_some());

    println!(
        "\nSo the runtime's lock avoids the deadlock, but held over the `.await` it makes \
         {TASKS} tasks take {:.0} times as long as a lock let go before.",
        many_held.as_secs_f64() / many_let_go.as_secs_f64()
    );
    assert_eq!((many_held, many_let_go), (WORK * TASKS, WORK), "one by one, and all at once");
    Ok(())
}

fn row(what: &str, send: bool, pair: Option<Duration>, many: Option<Duration>) {
    let ms = |took: Duration| format!("{:.0} ms", took.as_secs_f64() * 1e3);
    let send = if send { "yes" } else { "no" };
    let pair = pair.map_or(format!("not in {PATIENCE:?}"), ms);
    let many = many.map_or("cannot be".to_owned(), ms);
    println!("{what:42} {send:>8} {pair:>18} {many:>14}");
}

/// A runtime on whose clock waiting takes no time.
fn paused() -> io::Result<Runtime> {
    Builder::new_current_thread().start_paused(true).build()
}

/// How long two such futures take on one thread, side by side, if they come to an end.
fn two_on_a_thread<L, F>(lock: fn() -> Arc<L>, work: fn(Arc<L>) -> F) -> Option<Duration>
where
    L: 'static,
    F: Future<Output = ()> + 'static,
{
    let (done, ends) = mpsc::channel();
    // A thread that we leave behind if it does not end; it goes with the process.
    thread::spawn(move || {
        let took = paused().expect("there is a runtime already").block_on(async {
            let (lock, start) = (lock(), Instant::now());
            openwork::join!(work(lock.clone()), work(lock));
            start.elapsed()
        });
        // An error means that the measurement was given up.
        let _ = done.send(took);
    });
    ends.recv_timeout(PATIENCE).ok()
}

/// How long many tasks take that share a lock.
fn many<L, F>(work: fn(Arc<L>) -> F, lock: Arc<L>) -> io::Result<Duration>
where
    L: Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    paused()?.block_on(async {
        let start = Instant::now();
        let tasks: Vec<_> = (0..TASKS).map(|_| openwork::spawn(work(lock.clone()))).collect();
        for task in tasks {
            task.await.expect("no task panics");
        }
        Ok(start.elapsed())
    })
}

/// Stands for the future that a function returns.
struct FutureOf<F>(PhantomData<F>);

fn future_of<L, F>(_: fn(Arc<L>) -> F) -> FutureOf<F> {
    FutureOf(PhantomData)
}

/// The compiler takes this method if the future is `Send` …
impl<F: Send> FutureOf<F> {
    fn is_send(&self) -> bool {
        true
    }
}

/// … and that of the trait if it is not.
trait IsNotSend {
    fn is_send(&self) -> bool {
        false
    }
}

impl<F> IsNotSend for FutureOf<F> {}
