//! The ladder, step 5 of 6: handles, which await a task, or abort it.
//!
//! A task could only print its result. Now its end and its output stay where a handle finds them,
//! and the end wakes the task that awaits the handle, like the `Answer` of step 1. A panic is an
//! end too. An abort is a wake with a flag: only the thread that polls a future may drop it.
//!
//! New: `JoinHandle`, `catch_panic`; and a list of all tasks, as `block_on` now returns when its
//! own future is ready, and drops the others.
//! Still wrong: one thread polls all tasks, so a task that computes or blocks delays the others. A
//! handle that was polled and dropped still wakes its task. The rest is as in steps 3 and 4.
//! In the engine: `task.rs` and `state.rs` in `src/engine`, and `src/runtime/join_handle.rs`.
//! `cargo run --example ladder_5_join_handle`: one task returns, one panics, with the usual report,
//! one is aborted; and an echo, which no task awaits, ends with `block_on`.

use crossbeam_queue::SegQueue;
use futures_task::{ArcWake, waker_ref};
use polling::{Event, Events, Poller};
use slab::Slab;
use std::cmp::Reverse;
use std::io::{ErrorKind, Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::*};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use std::{cell::RefCell, collections::BinaryHeap, future::poll_fn, mem, pin::Pin};

struct Executor {
    poller: Poller,
    unfinished: Mutex<Slab<Option<Arc<Task>>>>, // all tasks, wherever they wait
    queue: SegQueue<Arc<Task>>,
    timers: Mutex<Timers>,
    sockets: Mutex<Slab<Option<Waker>>>, // the waker of each
}

thread_local!(static CURRENT: RefCell<Option<Arc<Executor>>> = const { RefCell::new(None) });

pub fn block_on<F: Future<Output: Send> + Send + 'static>(future: F) -> F::Output {
    let poller = Poller::new().expect("the system has an epoll or a kqueue to spare");
    let (unfinished, queue, timers, sockets) = Default::default();
    let executor = Arc::new(Executor { poller, unfinished, queue, timers, sockets });
    let outer = CURRENT.replace(Some(executor.clone()));
    let main = spawn(future);
    let mut events = Events::new();
    while main.task.end.lock().unwrap().0.is_none() {
        let mut timeout = wake_sleepers(&executor);
        if let Some(task) = executor.queue.pop() {
            run(&executor, &task);
            timeout = Some(Duration::ZERO); // poll, or busy tasks would starve the sockets
        }
        events.clear();
        // The wake may come right here, after the last poll and before the wait. It is not lost:
        // `notify` leaves a permit, and `wait` returns at once when there is one. A bare signal
        // would find no thread waiting, and this one would then wait for ever.
        executor.poller.wait(&mut events, timeout).expect("the poller can wait");
        for event in events.iter() {
            let waker = executor.sockets.lock().unwrap().get_mut(event.key).and_then(Option::take);
            waker.into_iter().for_each(Waker::wake);
        }
    }
    let rest = executor.unfinished.lock().unwrap().clone();
    rest.into_iter().filter_map(|(_, task)| task).for_each(Task::wake);
    while let Some(task) = executor.queue.pop() {
        task.aborted.store(true, Relaxed); // even if a destructor has just spawned it
        run(&executor, &task);
    }
    CURRENT.set(outer);
    main.output.lock().unwrap().take().expect("the main task panicked")
}

/// A future that can be queued: its `Arc` is its waker, and its entry in the queue.
struct Task {
    key: usize,         // among the unfinished
    queued: AtomicBool, // woken twice, it is queued once
    aborted: AtomicBool,
    future: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>, // none: it runs or has ended
    end: Mutex<(Option<Joined<()>>, Option<Waker>)>,                 // and the waker of the joiner
    executor: Weak<Executor>,                                        // which owns the task
}
impl ArcWake for Task {
    fn wake_by_ref(this: &Arc<Self>) {
        let Some(executor) = this.executor.upgrade() else { return };
        if !this.queued.swap(true, AcqRel) {
            executor.queue.push(this.clone());
            executor.poller.notify().expect("the poller can be notified");
        }
    }
}

fn run(executor: &Executor, task: &Arc<Task>) {
    // The flag is cleared before the poll. A message may come during the poll, when the task has
    // just looked for one in vain: the waker finds the flag cleared, and queues the task again.
    // If the flag were still set, the waker would do nothing, and the message would be lost.
    task.queued.swap(false, AcqRel); // as in `wake_by_ref`: the second sees what the first did
    // The lock is for the compiler: no other thread takes the future. User code runs without it.
    let Some(mut future) = task.future.lock().unwrap().take() else { return }; // it has ended
    let poll = || future.as_mut().poll(&mut Context::from_waker(&waker_ref(task)));
    let poll =
        if task.aborted.load(Relaxed) { Err(JoinError::Cancelled) } else { catch_panic(poll) };
    if let Ok(Poll::Pending) = poll {
        *task.future.lock().unwrap() = Some(future);
        return;
    }
    let end = catch_panic(|| drop(future)).and(poll.map(drop)); // a destructor may panic too
    executor.unfinished.lock().unwrap().remove(task.key);
    let (_, joiner) = mem::replace(&mut *task.end.lock().unwrap(), (Some(end), None));
    joiner.into_iter().for_each(Waker::wake); // the lock is free again
}

pub fn spawn<F: Future<Output: Send> + Send + 'static>(future: F) -> JoinHandle<F::Output> {
    let executor = CURRENT.with_borrow(Clone::clone).expect("called outside of `block_on`");
    let output = Arc::new(Mutex::new(None));
    let slot = output.clone();
    let future = async move { *slot.lock().unwrap() = Some(future.await) }; // awaits, then locks
    let (queued, future) = (AtomicBool::new(false), Mutex::new(Some(Box::pin(future) as _)));
    let (aborted, end, owner) = (false.into(), Mutex::default(), Arc::downgrade(&executor));
    let key = executor.unfinished.lock().unwrap().insert(None);
    let task = Arc::new(Task { key, queued, aborted, future, end, executor: owner });
    executor.unfinished.lock().unwrap()[key] = Some(task.clone());
    task.clone().wake();
    JoinHandle { task, output }
}

/// Calls user code. Its panic becomes the end of one task, and goes no further.
fn catch_panic<R>(code: impl FnOnce() -> R) -> Joined<R> {
    catch_unwind(AssertUnwindSafe(code)).map_err(|panic| {
        let message = panic.downcast_ref::<&str>().map(ToString::to_string);
        JoinError::Panicked(message.or_else(|| panic.downcast_ref().cloned()).unwrap_or_default())
    })
}

#[derive(Clone, Debug, PartialEq)]
pub enum JoinError {
    Cancelled,
    Panicked(String),
}
pub type Joined<T> = std::result::Result<T, JoinError>;

/// Awaits the end of a task. Dropping the handle detaches the task, which goes on.
pub struct JoinHandle<T> {
    task: Arc<Task>,
    output: Arc<Mutex<Option<T>>>, // there before the end is
}
impl<T> JoinHandle<T> {
    /// The executor drops the future, and not the caller, which may be inside the task's own poll.
    pub fn abort(&self) {
        self.task.aborted.store(true, Relaxed); // `wake_by_ref` publishes it
        self.task.clone().wake();
    }
}
impl<T> Future for JoinHandle<T> {
    type Output = Joined<T>;
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Joined<T>> {
        let mut waker = Some(cx.waker().clone());
        let (end, joiner) = &mut *self.task.end.lock().unwrap(); // one lock for look and waker
        mem::swap(joiner, &mut waker); // the old one is dropped last, after the lock
        let Some(end) = end.clone() else { return Poll::Pending };
        Poll::Ready(end.map(|()| self.output.lock().unwrap().take().expect("it is given once")))
    }
}

/// Deadlines, the earliest on top, each with the key of its waker. The wakers are apart, since a
/// sleep that is polled by another task changes its waker, and a heap cannot be searched.
#[derive(Default)]
struct Timers {
    heap: BinaryHeap<Reverse<(Instant, usize)>>,
    wakers: Slab<Option<Waker>>,
}

/// Wakes the sleeps that are due, and returns the time until the next deadline.
fn wake_sleepers(executor: &Executor) -> Option<Duration> {
    let now = Instant::now();
    loop {
        let mut timers = executor.timers.lock().unwrap();
        let &Reverse((deadline, key)) = timers.heap.peek()?;
        if deadline > now {
            return Some(deadline - now);
        }
        timers.heap.pop();
        let waker = timers.wakers.remove(key); // only now may another sleep have this key
        drop(timers); // a waker is user code: never wake one, or drop one, under a lock
        waker.into_iter().for_each(Waker::wake);
    }
}

pub fn sleep(duration: Duration) -> impl Future<Output = ()> {
    let executor = CURRENT.with_borrow(Clone::clone).expect("called outside of `block_on`");
    let deadline = Instant::now() + duration;
    let mut timers = executor.timers.lock().unwrap();
    let key = timers.wakers.insert(None);
    timers.heap.push(Reverse((deadline, key)));
    drop(timers);
    poll_fn(move |cx| {
        // First the lock, then the clock. In the other order: this thread finds it too early; then
        // `wake_sleepers` on another thread pops the entry and finds no waker; then the waker comes,
        // after its only wake, under a key that another sleep may have by now.
        let mut timers = executor.timers.lock().unwrap();
        if Instant::now() >= deadline {
            return Poll::Ready(());
        }
        let _old = timers.wakers[key].replace(cx.waker().clone());
        drop(timers);
        Poll::Pending
    })
}

/// A socket that never blocks, and its key among the executor's.
pub struct Socket<S: AsFd> {
    socket: S,
    key: usize,
    executor: Arc<Executor>,
}

impl<S: AsFd> Socket<S> {
    pub fn new(socket: S) -> Result<Self> {
        let executor = CURRENT.with_borrow(Clone::clone).expect("called outside of `block_on`");
        rustix::io::ioctl_fionbio(&socket, true)?; // from now on it returns `WouldBlock`
        let key = executor.sockets.lock().unwrap().insert(None);
        let this = Socket { socket, key, executor };
        // SAFETY: `drop` takes the descriptor out of the poller before `this.socket` closes it.
        unsafe { this.executor.poller.add(this.socket.as_fd().as_raw_fd(), Event::none(key))? };
        Ok(this)
    }

    /// Tries; while that would block, waits until the socket is ready and tries again.
    async fn retry<R>(&mut self, on: Event, mut op: impl FnMut(&S) -> Result<R>) -> Result<R> {
        poll_fn(|cx| match op(&self.socket) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                // The packet may come right here, after the try. It is not lost: `modify` asks for
                // one event as soon as the socket *is* ready, not when it becomes so. And the waker
                // is stored before that, or the event might find none.
                let waker = cx.waker().clone();
                let _old = self.executor.sockets.lock().unwrap()[self.key].replace(waker);
                self.executor.poller.modify(&self.socket, on)?;
                Poll::Pending
            }
            result => Poll::Ready(result),
        })
        .await
    }
}

impl<S: AsFd> Drop for Socket<S> {
    fn drop(&mut self) {
        let _ = self.executor.poller.delete(&self.socket); // before another socket can get its number
        let _waker = self.executor.sockets.lock().unwrap().remove(self.key);
    }
}

impl Socket<TcpListener> {
    pub async fn accept(&mut self) -> Result<Socket<TcpStream>> {
        Socket::new(self.retry(Event::readable(self.key), TcpListener::accept).await?.0)
    }
}

impl Socket<TcpStream> {
    pub async fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.retry(Event::readable(self.key), |mut stream| stream.read(buffer)).await
    }

    pub async fn write_all(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let write = |mut stream: &TcpStream| stream.write(bytes);
            bytes = &bytes[self.retry(Event::writable(self.key), write).await?..];
        }
        Ok(())
    }
}

/// Sends back what it receives, until the end of the stream.
async fn echo(mut stream: Socket<TcpStream>) {
    let mut buffer = [0; 4096];
    while let length @ 1.. = stream.read(&mut buffer).await.unwrap() {
        stream.write_all(&buffer[..length]).await.unwrap();
    }
}

fn main() {
    block_on(async {
        let sleeper = spawn(sleep(Duration::from_secs(3600)));
        println!("one returns: {:?}", spawn(async { 6 * 7 }).await);
        println!("one panics: {:?}", spawn(async { panic!("I give up") }).await);
        sleeper.abort();
        println!("one is aborted: {:?}", sleeper.await);
        let mut listener = Socket::new(TcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
        let address = listener.socket.local_addr().unwrap();
        let mut stream = Socket::new(TcpStream::connect(address).unwrap()).unwrap();
        spawn(echo(listener.accept().await.unwrap())); // its handle is dropped, but it goes on
        stream.write_all(b"hello").await.unwrap();
        println!("one echoes: {} bytes", stream.read(&mut [0; 5]).await.unwrap());
    }); // this ends the echo, which waits for more
}
