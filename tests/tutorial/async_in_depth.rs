//! Async in depth.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use futures::task::{self, ArcWake};
use openwork::sync::Notify;

use crate::common::ends;
use crate::program;

struct Delay {
    when: Instant,
    waker: Option<Arc<Mutex<Waker>>>,
}

impl Delay {
    fn new(length: Duration) -> Delay {
        Delay { when: Instant::now() + length, waker: None }
    }
}

impl Future for Delay {
    type Output = &'static str;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<&'static str> {
        if Instant::now() >= self.when {
            return Poll::Ready("done");
        }
        if let Some(waker) = &self.waker {
            let mut waker = waker.lock().unwrap();
            if !waker.will_wake(cx.waker()) {
                *waker = cx.waker().clone();
            }
        } else {
            let when = self.when;
            let waker = Arc::new(Mutex::new(cx.waker().clone()));
            self.waker = Some(waker.clone());
            thread::spawn(move || {
                let now = Instant::now();
                if now < when {
                    thread::sleep(when - now);
                }
                waker.lock().unwrap().wake_by_ref();
            });
        }
        Poll::Pending
    }
}

#[test]
fn a_hand_written_future_is_awaited() {
    program(|| async {
        let out = Delay::new(Duration::from_millis(10)).await;
        assert_eq!(out, "done");
    });
}

enum MainFuture {
    State0,
    State1(Delay),
    Terminated,
}

impl Future for MainFuture {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        use MainFuture::*;

        loop {
            match *self {
                State0 => *self = State1(Delay::new(Duration::from_millis(10))),
                State1(ref mut my_future) => match Pin::new(my_future).poll(cx) {
                    Poll::Ready(out) => {
                        assert_eq!(out, "done");
                        *self = Terminated;
                        return Poll::Ready(());
                    }
                    Poll::Pending => return Poll::Pending,
                },
                Terminated => panic!("future polled after completion"),
            }
        }
    }
}

#[test]
fn an_async_block_written_out_as_a_state_machine() {
    program(|| MainFuture::State0);
}

#[test]
fn a_future_moves_to_another_task_in_the_middle() {
    program(|| async {
        let mut delay = Some(Delay::new(Duration::from_millis(10)));
        openwork::future::poll_fn(move |cx| {
            let mut delay = delay.take().unwrap();
            let res = Pin::new(&mut delay).poll(cx);
            assert!(res.is_pending());
            openwork::spawn(async move {
                delay.await;
            });
            Poll::Ready(())
        })
        .await;
    });
}

/// A minimal runtime, which runs futures of this crate without its runtime.
struct MiniTokio {
    scheduled: mpsc::Receiver<Arc<Task>>,
    sender: mpsc::Sender<Arc<Task>>,
}

struct TaskFuture {
    future: Pin<Box<dyn Future<Output = ()> + Send>>,
    poll: Poll<()>,
}

struct Task {
    task_future: Mutex<TaskFuture>,
    executor: mpsc::Sender<Arc<Task>>,
}

impl ArcWake for Task {
    fn wake_by_ref(arc_self: &Arc<Self>) {
        let _ = arc_self.executor.send(arc_self.clone());
    }
}

impl Task {
    fn poll(self: Arc<Self>) {
        let waker = task::waker(self.clone());
        let mut cx = Context::from_waker(&waker);
        let mut task_future = self.task_future.try_lock().unwrap();
        if task_future.poll.is_pending() {
            task_future.poll = task_future.future.as_mut().poll(&mut cx);
        }
    }
}

impl MiniTokio {
    fn new() -> MiniTokio {
        let (sender, scheduled) = mpsc::channel();
        MiniTokio { scheduled, sender }
    }

    fn spawn<F: Future<Output = ()> + Send + 'static>(&self, future: F) {
        let task_future = TaskFuture { future: Box::pin(future), poll: Poll::Pending };
        let task = Task { task_future: Mutex::new(task_future), executor: self.sender.clone() };
        let _ = self.sender.send(Arc::new(task));
    }

    fn run(self) {
        drop(self.sender);
        while let Ok(task) = self.scheduled.recv() {
            task.poll();
        }
    }
}

#[test]
fn channels_and_locks_work_under_another_runtime() {
    ends(|| {
        let mini_tokio = MiniTokio::new();
        let done = Arc::new(Mutex::new(VecDeque::new()));
        let (tx, mut rx) = openwork::sync::mpsc::channel(1);
        let (once, told) = openwork::sync::oneshot::channel();
        for n in 0..3 {
            let tx = tx.clone();
            mini_tokio.spawn(async move {
                Delay::new(Duration::from_millis(10)).await;
                tx.send(n).await.unwrap();
            });
        }
        drop(tx);
        let list = done.clone();
        mini_tokio.spawn(async move {
            while let Some(n) = rx.recv().await {
                list.lock().unwrap().push_back(n);
            }
            once.send("all").unwrap();
        });
        mini_tokio.spawn(async move { assert_eq!(told.await.unwrap(), "all") });
        mini_tokio.run();
        assert_eq!(done.lock().unwrap().len(), 3);
    });
}

async fn delay(dur: Duration) {
    let when = Instant::now() + dur;
    let notify = Arc::new(Notify::new());
    let notify_clone = notify.clone();
    thread::spawn(move || {
        let now = Instant::now();
        if now < when {
            thread::sleep(when - now);
        }
        notify_clone.notify_one();
    });
    notify.notified().await;
}

#[test]
fn a_delay_is_made_of_a_notify() {
    program(|| delay(Duration::from_millis(10)));
}
