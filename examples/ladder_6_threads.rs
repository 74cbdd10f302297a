//! The ladder, step 6 of 6: several threads, which steal tasks from each other.
//!
//! A task that computes delays the tasks behind it, while other processors are idle. So several
//! workers have a queue each, and a worker whose queue is empty steals. A worker that finds nothing
//! waits until it is notified: one of them in the poller, the others parked.
//!
//! New: the loop is now `work`, run by many; `push`, `notify`, `next_task`; `wakes` for `queued`.
//! Still wrong: all workers contend on the same locks, and `notify` may wake one worker too many.
//! Only idle workers steal: while all are busy, a blocked worker's tasks wait. The rest is as before.
//! In the engine: `worker.rs`, `idle.rs` and `queue.rs` in `src/engine`.
//! `cargo run --example ladder_6_threads`: one worker blocks, the others steal what it spawned.

use crossbeam_queue::SegQueue;
use futures_task::{ArcWake, waker_ref};
use polling::{Event, Events, Poller};
use slab::Slab;
use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::io::{ErrorKind, Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use std::{collections::BinaryHeap, future::poll_fn, mem, pin::Pin, thread};

struct Executor {
    poller: Poller,
    unfinished: Mutex<Slab<Option<Arc<Task>>>>, // all tasks, wherever they wait
    queues: Vec<SegQueue<Arc<Task>>>, // one a worker; the last is the injector, for other threads
    idle: Mutex<Idle>,
    timers: Mutex<Timers>,
    sockets: Mutex<Slab<Option<Waker>>>, // the waker of each
}

/// The idle workers. No worker stays parked while the poller is free.
#[derive(Default)]
struct Idle {
    driver: bool, // a worker is in the poller
    parked: Vec<thread::Thread>,
    ended: bool, // all workers have left
}

thread_local!(static CURRENT: RefCell<Option<Arc<Executor>>> = const { RefCell::new(None) });
thread_local!(static HERE: Cell<usize> = const { Cell::new(usize::MAX) }); // the worker's queue

pub fn block_on<F: Future<Output: Send> + Send + 'static>(workers: usize, future: F) -> F::Output {
    let poller = Poller::new().expect("the system has an epoll or a kqueue to spare");
    let queues = (0..=workers).map(|_| SegQueue::new()).collect();
    let (unfinished, idle, timers, sockets) = Default::default();
    let executor = &Arc::new(Executor { poller, unfinished, queues, idle, timers, sockets });
    let outer = CURRENT.replace(Some(executor.clone()));
    let main = &spawn(future);
    thread::scope(|scope| {
        for index in 0..workers {
            scope.spawn(move || work(executor, index, &main.task));
        }
    });
    executor.idle.lock().unwrap().ended = true;
    let rest = executor.unfinished.lock().unwrap().clone();
    rest.into_iter().filter_map(|(_, task)| task).for_each(Task::wake);
    while let Some(task) = executor.next_task(0, 0) {
        task.aborted.store(true, Relaxed); // even if a destructor has just spawned it
        run(executor, &task);
    }
    CURRENT.set(outer);
    main.output.lock().unwrap().take().expect("the main task panicked")
}

fn work(executor: &Arc<Executor>, index: usize, main: &Task) {
    CURRENT.set(Some(executor.clone()));
    HERE.set(index);
    let mut events = Events::new();
    for turn in 0.. {
        let task = executor.next_task(index, turn);
        task.iter().for_each(|task| run(executor, task));
        let mut idle = executor.idle.lock().unwrap();
        if main.end.lock().unwrap().0.is_some() {
            break; // under the lock: a worker that has announced is notified below, a later one sees it
        }
        let drives = !mem::replace(&mut idle.driver, true);
        if !drives && task.is_none() {
            idle.parked.push(thread::current());
        }
        drop(idle);
        let mut timeout = wake_sleepers(executor);
        // The race: this worker finds nothing; another thread pushes a task and finds no worker
        // idle; this worker parks, and the task stays there for ever. So this worker first announces,
        // above, then looks, here; the other thread first pushes, then looks, in `notify`. Both take
        // the lock of `idle` in between, and the second sees what the first did. A wake that comes
        // after this look is not lost either: `Poller::notify` and `unpark` leave a permit.
        if task.is_some() || executor.queues.iter().any(|queue| !queue.is_empty()) {
            timeout = Some(Duration::ZERO); // poll, or busy tasks would starve the sockets
        }
        events.clear();
        if drives {
            executor.poller.wait(&mut events, timeout).expect("the poller can wait");
            executor.idle.lock().unwrap().driver = false;
            executor.notify(); // or no worker might be in the poller while this one is busy
        } else if timeout != Some(Duration::ZERO) {
            thread::park();
        }
        executor.idle.lock().unwrap().parked.retain(|parked| parked.id() != thread::current().id());
        for event in events.iter() {
            let waker = executor.sockets.lock().unwrap().get_mut(event.key).and_then(Option::take);
            waker.into_iter().for_each(Waker::wake);
        }
    }
    executor.notify(); // a worker that leaves notifies the next
}

impl Executor {
    fn push(&self, task: Arc<Task>) {
        self.queues[HERE.get().min(self.queues.len() - 1)].push(task); // or the injector
        self.notify();
    }

    /// Wakes a parked worker; if there is none, the worker in the poller.
    fn notify(&self) {
        let idle = &mut *self.idle.lock().unwrap();
        if let Some(thread) = idle.parked.pop() {
            thread.unpark();
        } else if idle.driver {
            self.poller.notify().expect("the poller can be notified");
        }
    }

    /// From the worker's own queue, or the injector; if both are empty, stolen from another worker.
    fn next_task(&self, index: usize, turn: usize) -> Option<Arc<Task>> {
        let (own, injector) = (&self.queues[index], self.queues.last()?);
        let first = [own, injector][turn % 2]; // alternate, or a full queue would starve the injector
        [first, own].into_iter().chain(self.queues.iter().rev()).find_map(SegQueue::pop)
    }
}

/// A future that can be queued: its `Arc` is its waker, and its entry in the queue.
struct Task {
    key: usize,         // among the unfinished
    wakes: AtomicUsize, // 0: it waits; else it is queued once, or runs, or has ended
    aborted: AtomicBool,
    future: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>, // none: it runs or has ended
    end: Mutex<(Option<Joined<()>>, Option<Waker>)>,                 // and the waker of the joiner
    executor: Weak<Executor>,                                        // which owns the task
}
impl ArcWake for Task {
    fn wake_by_ref(this: &Arc<Self>) {
        let Some(executor) = this.executor.upgrade() else { return };
        if this.wakes.fetch_add(1, AcqRel) == 0 {
            executor.push(this.clone());
        }
    }
}

fn run(executor: &Executor, task: &Arc<Task>) {
    // The count is reset after the poll. A message may come during the poll, when the task has just
    // looked for one in vain: the waker finds the count above 0 and only adds to it. If it were 0,
    // another worker would take the task at once, find the future gone, and lose the message.
    let wakes = task.wakes.load(Acquire); // with `fetch_add`: the second sees what the first did
    // The lock is for the compiler: no other thread takes the future. User code runs without it.
    let Some(mut future) = task.future.lock().unwrap().take() else { return }; // it has ended
    let poll = || future.as_mut().poll(&mut Context::from_waker(&waker_ref(task)));
    let poll =
        if task.aborted.load(Relaxed) { Err(JoinError::Cancelled) } else { catch_panic(poll) };
    if let Ok(Poll::Pending) = poll {
        *task.future.lock().unwrap() = Some(future);
        if task.wakes.fetch_sub(wakes, AcqRel) != wakes {
            executor.push(task.clone()); // it was woken meanwhile
        }
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
    let (wakes, future) = (AtomicUsize::new(0), Mutex::new(Some(Box::pin(future) as _)));
    let (aborted, end, owner) = (false.into(), Mutex::default(), Arc::downgrade(&executor));
    let key = executor.unfinished.lock().unwrap().insert(None);
    let task = Arc::new(Task { key, wakes, aborted, future, end, executor: owner });
    executor.unfinished.lock().unwrap()[key] = Some(task.clone());
    task.clone().wake();
    let handle = JoinHandle { task, output };
    if executor.idle.lock().unwrap().ended {
        handle.abort();
        run(&executor, &handle.task); // too late: no worker would
    }
    handle
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
    executor.poller.notify().expect("the poller can be notified"); // or it may sleep too long
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
    block_on(3, async {
        let compute = |n: u64| (0..n * 20_000_000).map(std::hint::black_box).sum::<u64>();
        for n in 1..=4 {
            spawn(async move { println!("worker {} has computed {}", HERE.get(), compute(n)) });
        }
        thread::sleep(Duration::from_millis(300)); // not `sleep`: it blocks the worker
        println!("worker {} has blocked", HERE.get());
        let executor = CURRENT.with_borrow(Clone::clone);
        thread::spawn(|| {
            CURRENT.set(executor); // now this thread may spawn, too
            spawn(async { println!("worker {} has a task from outside", HERE.get()) });
        });
        let mut listener = Socket::new(TcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
        let address = listener.socket.local_addr().unwrap();
        let mut stream = Socket::new(TcpStream::connect(address).unwrap()).unwrap();
        spawn(echo(listener.accept().await.unwrap())); // its handle is dropped, but it goes on
        stream.write_all(b"hello").await.unwrap();
        println!("one echoes: {} bytes", stream.read(&mut [0; 5]).await.unwrap());
        sleep(Duration::from_millis(100)).await;
        println!("worker {} has slept", HERE.get());
    }); // this ends the echo, which waits for more
}
