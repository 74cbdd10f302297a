//! The first pages of `sync`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use openwork::sync::{
    Barrier, CancellationToken, Mutex, Notify, OnceCell, OwnedSemaphorePermit, RwLock, Semaphore,
    broadcast, mpsc, oneshot, watch,
};
use openwork::time;

use crate::program;

async fn some_computation(input: u32) -> String {
    openwork::task::yield_now().await;
    format!("the result of computation {input}")
}

#[test]
fn results_come_by_oneshot_and_by_mpsc() {
    program(|| async {
        let (tx, rx) = oneshot::channel();
        openwork::spawn(async move {
            let res = some_computation(0).await;
            tx.send(res).unwrap();
        });
        assert_eq!(rx.await.unwrap(), "the result of computation 0");

        let (tx, mut rx) = mpsc::channel(100);
        for i in 0..10 {
            let tx = tx.clone();
            openwork::spawn(async move {
                let res = some_computation(i).await;
                tx.send(res).await.unwrap();
            });
        }
        // The `rx` half of the channel returns `None` once **all** `tx` clones drop.
        drop(tx);
        let mut count = 0;
        while let Some(_res) = rx.recv().await {
            count += 1;
        }
        assert_eq!(count, 10);
    });
}

#[test]
fn room_in_a_channel_is_reserved() {
    program(|| async {
        let (tx, mut rx) = mpsc::channel(1);
        let permit = tx.reserve().await.unwrap();
        assert!(matches!(tx.try_send(123), Err(mpsc::error::TrySendError::Full(123))));
        permit.send(456);
        assert_eq!(rx.recv().await.unwrap(), 456);
        let permit = tx.clone().reserve_owned().await.unwrap();
        let tx2 = permit.send(7);
        assert!(tx2.same_channel(&tx));
        rx.close();
        assert_eq!(rx.recv().await, Some(7));
        assert_eq!(rx.recv().await, None);
        assert!(tx.send(8).await.is_err());
        let mut all = Vec::new();
        let (tx, mut rx) = mpsc::unbounded_channel();
        tx.send(1).unwrap();
        tx.send(2).unwrap();
        assert_eq!(rx.recv_many(&mut all, 10).await, 2);
        assert_eq!(rx.try_recv(), Err(mpsc::error::TryRecvError::Empty));
    });
}

/// Resource and request: a task owns a counter, and others request numbers from it.
#[test]
fn a_resource_is_a_task_that_answers() {
    enum Command {
        Increment,
    }
    program(|| async {
        let (cmd_tx, mut cmd_rx) = mpsc::channel::<(Command, oneshot::Sender<u64>)>(100);
        openwork::spawn(async move {
            let mut counter: u64 = 0;
            while let Some((cmd, response)) = cmd_rx.recv().await {
                match cmd {
                    Command::Increment => {
                        let prev = counter;
                        counter += 1;
                        response.send(prev).unwrap();
                    }
                }
            }
        });
        let mut join_handles = vec![];
        for _ in 0..10 {
            let cmd_tx = cmd_tx.clone();
            join_handles.push(openwork::spawn(async move {
                let (resp_tx, resp_rx) = oneshot::channel();
                cmd_tx.send((Command::Increment, resp_tx)).await.ok().unwrap();
                resp_rx.await.unwrap()
            }));
        }
        let mut previous = Vec::new();
        for join_handle in join_handles.drain(..) {
            previous.push(join_handle.await.unwrap());
        }
        previous.sort();
        assert_eq!(previous, Vec::from_iter(0..10));
    });
}

#[test]
fn a_broadcast_reaches_all_and_reports_lag() {
    program(|| async {
        let (tx, mut rx1) = broadcast::channel(16);
        let mut rx2 = tx.subscribe();
        let first = openwork::spawn(async move {
            assert_eq!(rx1.recv().await.unwrap(), 10);
            assert_eq!(rx1.recv().await.unwrap(), 20);
        });
        let second = openwork::spawn(async move {
            assert_eq!(rx2.recv().await.unwrap(), 10);
            assert_eq!(rx2.recv().await.unwrap(), 20);
        });
        tx.send(10).unwrap();
        tx.send(20).unwrap();
        first.await.unwrap();
        second.await.unwrap();

        let (tx, mut rx) = broadcast::channel(2);
        tx.send(10).unwrap();
        tx.send(20).unwrap();
        tx.send(30).unwrap();
        assert_eq!(rx.recv().await, Err(broadcast::error::RecvError::Lagged(1)));
        assert_eq!(20, rx.recv().await.unwrap());
        assert_eq!(30, rx.recv().await.unwrap());
        drop(tx);
        assert_eq!(rx.recv().await, Err(broadcast::error::RecvError::Closed));
    });
}

#[derive(Debug, Clone, Eq, PartialEq, Default)]
struct Config {
    timeout: Duration,
}

#[test]
fn a_watch_carries_the_newest_configuration() {
    program(|| async {
        let (tx, mut rx) = watch::channel(Config::default());
        let worker = openwork::spawn(async move {
            let mut conf = rx.borrow_and_update().clone();
            let mut changes = 0;
            let op_start = time::Instant::now();
            let sleep = time::sleep_until(op_start + Duration::from_secs(9999));
            openwork::pin!(sleep);
            loop {
                openwork::select! {
                    _ = &mut sleep => unreachable!(),
                    changed = rx.changed() => {
                        if changed.is_err() {
                            break;
                        }
                        conf = rx.borrow_and_update().clone();
                        sleep.as_mut().reset(op_start + conf.timeout);
                        changes += 1;
                    }
                }
            }
            (conf, changes)
        });
        for secs in 1..=3 {
            let new_config = Config { timeout: Duration::from_secs(9999 * secs) };
            tx.send(new_config).unwrap();
            openwork::task::yield_now().await;
        }
        drop(tx);
        let (conf, changes) = worker.await.unwrap();
        assert_eq!(conf.timeout.as_secs(), 3 * 9999);
        // It may have started after the last value was sent.
        assert!(changes <= 3);

        let (tx, mut rx) = watch::channel("hello");
        let printing = openwork::spawn(async move {
            let mut last = String::new();
            // A loop over borrows, as on the module's first page.
            loop {
                let said = format!("{}! ", *rx.borrow_and_update());
                last = last.max(said);
                if rx.changed().await.is_err() {
                    break last;
                }
            }
        });
        tx.send("world").ok();
        drop(tx);
        assert_eq!(printing.await.unwrap(), "world! ");
    });
}

#[test]
fn wait_for_waits_until_a_watch_value_fits() {
    program(|| async {
        let (state_sender, mut state) = watch::channel(0);
        let waiting = openwork::spawn(async move { *state.wait_for(|n| *n >= 5).await.unwrap() });
        for n in 1..=5 {
            state_sender.send_modify(|state| *state = n);
            openwork::task::yield_now().await;
        }
        assert_eq!(waiting.await.unwrap(), 5);
        assert!(!state_sender.send_if_modified(|_| false));
        assert_eq!(state_sender.send_replace(1), 5);
    });
}

#[test]
fn a_mutex_is_held_across_an_await() {
    program(|| async {
        let count = Arc::new(Mutex::new(0));
        let mut tasks = Vec::new();
        for _ in 0..5 {
            let my_count = Arc::clone(&count);
            tasks.push(openwork::spawn(async move {
                for _ in 0..10 {
                    let mut lock = my_count.lock().await;
                    let before = *lock;
                    openwork::task::yield_now().await;
                    *lock = before + 1;
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*count.lock().await, 50);
        let guard = count.clone().lock_owned().await;
        assert!(count.try_lock().is_err());
        drop(guard);
    });
}

#[test]
fn a_rwlock_has_many_readers_or_one_writer() {
    program(|| async {
        let lock = RwLock::new(5);
        {
            let r1 = lock.read().await;
            let r2 = lock.read().await;
            assert_eq!((*r1, *r2), (5, 5));
        }
        {
            let mut w = lock.write().await;
            *w += 1;
            assert_eq!(*w, 6);
            let r = w.downgrade();
            assert_eq!(*r, 6);
        }
        let map = Arc::new(RwLock::new(HashMap::new()));
        map.write().await.insert("key", 1);
        let reading = map.clone().read_owned().await;
        assert!(map.try_write().is_err());
        assert_eq!(reading.get("key"), Some(&1));
    });
}

#[test]
fn a_semaphore_limits_how_many_run_at_once() {
    static PERMITS: Semaphore = Semaphore::const_new(3);
    program(|| async {
        let semaphore = Arc::new(Semaphore::new(3));
        let mut join_handles = Vec::new();
        for _ in 0..5 {
            let permit: OwnedSemaphorePermit = semaphore.clone().acquire_owned().await.unwrap();
            join_handles.push(openwork::spawn(async move {
                openwork::task::yield_now().await;
                drop(permit);
            }));
        }
        for handle in join_handles {
            handle.await.unwrap();
        }
        let permit = PERMITS.acquire_many(2).await.unwrap();
        assert_eq!(PERMITS.available_permits(), 1);
        assert!(PERMITS.try_acquire_many(2).is_err());
        drop(permit);
        assert_eq!(semaphore.available_permits(), 3);

        // A bucket of tokens: refilled from a task, emptied by `forget`.
        let bucket = Arc::new(Semaphore::new(0));
        let filling = openwork::spawn({
            let bucket = bucket.clone();
            async move {
                let mut interval = time::interval(Duration::from_millis(1));
                loop {
                    interval.tick().await;
                    if bucket.available_permits() < 2 {
                        bucket.add_permits(1);
                    }
                }
            }
        });
        for _ in 0..4 {
            let permit = bucket.acquire().await.unwrap();
            permit.forget();
        }
        filling.abort();
        bucket.close();
        assert!(bucket.acquire().await.is_err());
    });
}

struct Channel<T> {
    values: std::sync::Mutex<std::collections::VecDeque<T>>,
    notify: Notify,
}

impl<T> Channel<T> {
    fn send(&self, value: T) {
        self.values.lock().unwrap().push_back(value);
        self.notify.notify_one();
    }

    async fn recv(&self) -> T {
        loop {
            if let Some(value) = self.values.lock().unwrap().pop_front() {
                return value;
            }
            self.notify.notified().await;
        }
    }

    /// The form for several receivers.
    async fn recv_of_many(&self) -> T {
        let future = self.notify.notified();
        openwork::pin!(future);
        loop {
            future.as_mut().enable();
            if let Some(value) = self.values.lock().unwrap().pop_front() {
                return value;
            }
            future.as_mut().await;
            future.set(self.notify.notified());
        }
    }
}

#[test]
fn a_channel_is_made_of_a_notify() {
    program(|| async {
        let channel = Arc::new(Channel { values: Default::default(), notify: Notify::new() });
        let receiving = openwork::spawn({
            let channel = channel.clone();
            async move { channel.recv().await }
        });
        channel.send(1);
        assert_eq!(receiving.await.unwrap(), 1);
        let receiving: Vec<_> = (0..4)
            .map(|_| {
                let channel = channel.clone();
                openwork::spawn(async move { channel.recv_of_many().await })
            })
            .collect();
        for n in 0..4 {
            channel.send(n);
        }
        let mut got = Vec::new();
        for task in receiving {
            got.push(task.await.unwrap());
        }
        got.sort();
        assert_eq!(got, [0, 1, 2, 3]);

        let notify = Arc::new(Notify::new());
        let notified1 = notify.notified();
        let notified2 = notify.notified();
        notify.notify_waiters();
        notified1.await;
        notified2.await;
    });
}

#[test]
fn tasks_meet_at_a_barrier_and_one_leads() {
    program(|| async {
        let mut handles = Vec::with_capacity(10);
        let barrier = Arc::new(Barrier::new(10));
        for _ in 0..10 {
            let c = barrier.clone();
            handles.push(openwork::spawn(async move { c.wait().await }));
        }
        let mut num_leaders = 0;
        for handle in handles {
            let wait_result = handle.await.unwrap();
            if wait_result.is_leader() {
                num_leaders += 1;
            }
        }
        assert_eq!(num_leaders, 1);
    });
}

#[test]
fn tokens_are_a_tree() {
    program(|| async {
        let token = CancellationToken::new();
        let child_token = token.child_token();
        let grandchild = child_token.child_token();
        let sibling = token.child_token();
        child_token.cancel();
        grandchild.cancelled().await;
        assert!(!sibling.is_cancelled() && !token.is_cancelled());
        let waiting = openwork::spawn(sibling.clone().cancelled_owned());
        {
            let _guard = token.clone().drop_guard();
        }
        waiting.await.unwrap();
        assert!(token.child_token().is_cancelled());
        assert_eq!(token.run_until_cancelled(std::future::pending::<()>()).await, None);
    });
}

#[test]
fn a_value_is_initialised_once() {
    static ONCE: OnceCell<u32> = OnceCell::const_new();
    async fn some_number() -> u32 {
        1 + 1
    }
    program(|| async {
        let result = ONCE.get_or_init(some_number).await;
        assert_eq!(*result, 2);
        assert_eq!(ONCE.get_or_try_init(|| async { Err::<u32, ()>(()) }).await, Ok(&2));
    });
}

#[test]
fn a_oneshot_receiver_is_polled_in_a_select_loop_until_it_is_ready() {
    program(|| async {
        let (send, mut recv) = oneshot::channel();
        let mut interval = time::interval(Duration::from_millis(1));
        openwork::spawn(async move {
            time::sleep(Duration::from_millis(3)).await;
            send.send("shut down").unwrap();
        });
        let msg = loop {
            openwork::select! {
                _ = interval.tick() => {}
                msg = &mut recv => break msg.unwrap(),
            }
        };
        assert_eq!(msg, "shut down");
        let (send, recv) = oneshot::channel::<()>();
        drop(send);
        match recv.await {
            Ok(_) => panic!("This doesn't happen"),
            Err(err) => assert_eq!(err.to_string(), "channel closed"),
        }
    });
}
