//! The ladder, step 4 of 6: sockets, that is, the same loop with another place to park.
//!
//! A parked thread does not notice a packet. But the kernel can watch thousands of sockets and end
//! one wait for any of them, for a deadline, or for a wake. So the thread now waits there. And no
//! socket blocks: a task tries, and if that would block, it stores its waker and tries later.
//!
//! New: the `Poller` in the place of `park`, and `Socket` with `accept`, `read` and `write_all`.
//! Still wrong: a system call for every poll, every wake, every wait. A socket has one waiter: no
//! task reads while another writes. `connect` blocks the thread. The rest is as in steps 2 and 3.
//! In the engine: `src/engine/reactor.rs`, and `src/engine/driver.rs` for the one place to wait.
//! `cargo run --example ladder_4_reactor`: an echo server and three clients, all on one thread.

use crossbeam_queue::SegQueue;
use futures_task::{ArcWake, waker_ref};
use polling::{Event, Events, Poller};
use slab::Slab;
use std::cmp::Reverse;
use std::io::{ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use std::{cell::RefCell, collections::BinaryHeap, future::poll_fn, pin::Pin};

struct Executor {
    poller: Poller,
    unfinished: AtomicUsize, // tasks, counted by this thread alone
    queue: SegQueue<Arc<Task>>,
    timers: Mutex<Timers>,
    sockets: Mutex<Slab<Option<Waker>>>, // the waker of each
}

thread_local!(static CURRENT: RefCell<Option<Arc<Executor>>> = const { RefCell::new(None) });

pub fn block_on(future: impl Future<Output = ()> + Send + 'static) {
    let poller = Poller::new().expect("the system has an epoll or a kqueue to spare");
    let (unfinished, queue, timers, sockets) = Default::default();
    let executor = Arc::new(Executor { poller, unfinished, queue, timers, sockets });
    let outer = CURRENT.replace(Some(executor.clone()));
    spawn(future);
    let mut events = Events::new();
    while executor.unfinished.load(Relaxed) > 0 {
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
    CURRENT.set(outer);
}

/// A future that can be queued: its `Arc` is its waker, and its entry in the queue.
struct Task {
    queued: AtomicBool, // woken twice, it is queued once
    future: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>, // none: it runs or has ended
    executor: Arc<Executor>,
}
impl ArcWake for Task {
    fn wake_by_ref(this: &Arc<Self>) {
        if !this.queued.swap(true, AcqRel) {
            this.executor.queue.push(this.clone());
            this.executor.poller.notify().expect("the poller can be notified");
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
    if future.as_mut().poll(&mut Context::from_waker(&waker_ref(task))).is_pending() {
        *task.future.lock().unwrap() = Some(future);
        return;
    }
    executor.unfinished.fetch_sub(1, Relaxed);
}

pub fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    let executor = CURRENT.with_borrow(Clone::clone).expect("called outside of `block_on`");
    executor.unfinished.fetch_add(1, Relaxed);
    let (queued, future) = (AtomicBool::new(false), Mutex::new(Some(Box::pin(future) as _)));
    Arc::new(Task { queued, future, executor }).wake();
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

async fn client(name: char, address: SocketAddr) {
    let mut stream = Socket::new(TcpStream::connect(address).unwrap()).unwrap();
    for round in 1..=3 {
        let (sent, mut received) = ([round; 10_000], [0; 10_000]);
        stream.write_all(&sent).await.unwrap();
        let mut length = 0;
        while length < sent.len() {
            length += stream.read(&mut received[length..]).await.unwrap();
        }
        assert_eq!(received, sent);
        println!("{name}: round {round}: what came back is what was sent");
        sleep(Duration::from_millis(100)).await;
    }
}

fn main() {
    block_on(async {
        let mut listener = Socket::new(TcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
        let address = listener.socket.local_addr().unwrap();
        for name in ['A', 'B', 'C'] {
            spawn(client(name, address));
            spawn(echo(listener.accept().await.unwrap()));
        }
    });
}
