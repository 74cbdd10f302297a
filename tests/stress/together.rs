//! Groups of tasks that share a lock, a channel or a set. Some of the tasks drop what they wait for after a
//! moment; some are aborted by other threads, wherever they wait. What is left must add up.
//!
//! Whatever happens to its members, a group ends: the task that spawned them waits for all of them, and checks
//! what they have shared.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex as StdMutex};

use openwork::io::{AsyncReadExt, AsyncWriteExt, duplex};
use openwork::sync::broadcast::error::RecvError;
use openwork::sync::{
    Barrier, CancellationToken, Mutex, Notify, OnceCell, RwLock, Semaphore, broadcast, mpsc, watch,
};
use openwork::task::{JoinHandle, JoinSet, yield_now};
use openwork::time::{sleep, timeout};
use openwork::{join, select};

use crate::random::Random;
use crate::tasks::{Work, any as any_work, yield_often};
use crate::world::World;

/// Awaits a future that may be dropped and begun again, sometimes with a limit that is too short. The shortest
/// limit is one yield: the future is dropped with what it was given meanwhile.
macro_rules! with_limits {
    ($random:expr, $future:expr) => {
        loop {
            match $random.below(4) {
                0 => {
                    if let Ok(output) = timeout($random.micros(100), $future).await {
                        break output;
                    }
                }
                1 => select! {
                    biased;
                    () = yield_now() => {}
                    output = $future => break output,
                },
                _ => break $future.await,
            }
        }
    };
}

/// A group of any kind.
pub fn any(world: &Arc<World>, random: &mut Random, depth: usize) -> Work {
    let (world, mut random) = (world.clone(), random.fork());
    match random.below(12) {
        0 | 1 => Box::pin(set(world, random, depth)),
        2 => Box::pin(mutex(world, random)),
        3 => Box::pin(rwlock(world, random)),
        4 => Box::pin(semaphore(world, random)),
        5 => Box::pin(notify(world, random)),
        6 => Box::pin(broadcast_to_all(world, random)),
        7 => Box::pin(watch_a_value(world, random)),
        8 => Box::pin(select_from_two(world, random)),
        9 => Box::pin(cancel(world, random)),
        10 => Box::pin(meet(world, random)),
        _ => Box::pin(speak(world, random)),
    }
}

/// The members of a group, which are awaited together.
struct Members {
    world: Arc<World>,
    tasks: Vec<(u64, JoinHandle<u64>)>,
}

impl Members {
    fn of(world: &Arc<World>) -> Members {
        Members { world: world.clone(), tasks: Vec::new() }
    }

    /// Spawns a member that nothing aborts but the end of the runtime.
    fn faithful(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.push(self.world.spawn(work));
    }

    /// Spawns a member that any thread may abort.
    fn another(&mut self, random: &mut Random, work: impl Future<Output = ()> + Send + 'static) {
        let (ticket, task) = self.world.spawn(work);
        if random.one_in(3) {
            self.world.aborts.lock().unwrap().push(task.abort_handle());
        }
        self.tasks.push((ticket, task));
    }

    async fn gone(self) {
        for (ticket, task) in self.tasks {
            let id = task.id();
            self.world.check_join(ticket, id, task.await);
        }
    }
}

/// Something that happens within a wait.
async fn linger(random: &mut Random) {
    match random.below(4) {
        0 => {}
        1 => sleep(random.micros(100)).await,
        _ => yield_now().await,
    }
}

/// Tasks of a set: each is joined once, with its own answer; and when the set goes, all go.
async fn set(world: Arc<World>, mut random: Random, depth: usize) {
    let (mut set, mut tickets) = (JoinSet::new(), HashMap::new());
    let spawn_one = |set: &mut JoinSet<u64>, tickets: &mut HashMap<_, _>, random: &mut Random| {
        let work = any_work(&world, random, depth.saturating_sub(1));
        let (ticket, task) = world.supervised(work);
        let task = set.spawn_on(task, &world.handle);
        tickets.insert(task.id(), ticket);
        match random.below(6) {
            0 => world.abort(&task),
            1 => world.aborts.lock().unwrap().push(task),
            _ => {}
        }
    };
    for _ in 0..=random.below(5) {
        spawn_one(&mut set, &mut tickets, &mut random);
    }
    let mut more = random.below(3);
    while let Some(next) = with_limits!(random, set.join_next_with_id()) {
        let (id, outcome) = match next {
            Ok((id, answer)) => (id, Ok(answer)),
            Err(error) => (error.id(), Err(error)),
        };
        let ticket = tickets.remove(&id).expect("each is joined once");
        world.check_join(ticket, id, outcome);
        if more > 0 {
            more -= 1;
            spawn_one(&mut set, &mut tickets, &mut random);
        }
        match random.below(12) {
            0 => return,
            1 => {
                set.shutdown().await;
                assert!(set.is_empty());
                return;
            }
            2 => {
                set.detach_all();
                tickets.clear();
            }
            _ => {}
        }
    }
    assert!(tickets.is_empty(), "the set is empty, and some were not joined");
}

/// One task at a time has the lock, and each has changed the value.
async fn mutex(world: Arc<World>, mut random: Random) {
    struct Inside<'a>(&'a AtomicBool);
    impl Drop for Inside<'_> {
        fn drop(&mut self) {
            assert!(self.0.swap(false, SeqCst));
        }
    }
    let shared = Arc::new((Mutex::new(0), AtomicBool::new(false), AtomicU64::new(0)));
    let mut members = Members::of(&world);
    for _ in 0..2 + random.below(3) {
        let (shared, mut own, rounds) = (shared.clone(), random.fork(), random.below(8));
        members.another(&mut random, async move {
            let (mutex, inside, marks) = &*shared;
            for _ in 0..rounds {
                let mut guard = with_limits!(own, mutex.lock());
                assert!(!inside.swap(true, SeqCst), "two within a mutex");
                let _inside = Inside(inside);
                *guard += 1;
                marks.fetch_add(1, SeqCst);
                linger(&mut own).await;
            }
        });
    }
    members.gone().await;
    assert_eq!(*shared.0.lock().await, shared.2.load(SeqCst));
}

/// Many readers, or one writer.
async fn rwlock(world: Arc<World>, mut random: Random) {
    let shared = Arc::new((RwLock::new((0, 0)), AtomicU64::new(0)));
    let mut members = Members::of(&world);
    for _ in 0..2 + random.below(3) {
        let (shared, mut own, rounds) = (shared.clone(), random.fork(), random.below(8));
        members.another(&mut random, async move {
            let (lock, changes) = &*shared;
            for _ in 0..rounds {
                if own.one_in(2) {
                    let guard = with_limits!(own, lock.read());
                    let before = *guard;
                    linger(&mut own).await;
                    assert_eq!((before.0, *guard), (before.1, before), "changed under a reader");
                } else {
                    let mut guard = with_limits!(own, lock.write());
                    assert_eq!(guard.0, guard.1);
                    let change = guard.0 + 1;
                    *guard = (change, change);
                    changes.fetch_add(1, SeqCst);
                    let guard = guard.downgrade();
                    linger(&mut own).await;
                    assert_eq!(*guard, (change, change), "changed under a reader");
                }
            }
        });
    }
    members.gone().await;
    let changes = shared.1.load(SeqCst);
    assert_eq!(*shared.0.write().await, (changes, changes));
}

/// No more of them than there are permits; and in the end all permits are there.
async fn semaphore(world: Arc<World>, mut random: Random) {
    struct Inside<'a>(&'a AtomicUsize, usize);
    impl Drop for Inside<'_> {
        fn drop(&mut self) {
            self.0.fetch_sub(self.1, SeqCst);
        }
    }
    let all = 1 + random.below(4);
    let shared = Arc::new((Semaphore::new(all), AtomicUsize::new(0)));
    let mut members = Members::of(&world);
    for _ in 0..2 + random.below(3) {
        let (shared, mut own, rounds) = (shared.clone(), random.fork(), random.below(8));
        members.another(&mut random, async move {
            let (semaphore, inside) = &*shared;
            for _ in 0..rounds {
                let wants = 1 + own.below(all);
                let permits = with_limits!(own, semaphore.acquire_many(wants as u32)).unwrap();
                let _permits = permits;
                let before = inside.fetch_add(wants, SeqCst);
                let _inside = Inside(inside, wants);
                assert!(before + wants <= all, "more than there are permits");
                linger(&mut own).await;
            }
        });
    }
    if random.one_in(2) {
        // In between all the others, and not only after them.
        drop(shared.0.acquire_many(all as u32).await.unwrap());
    }
    members.gone().await;
    assert_eq!(shared.0.available_permits(), all);
}

/// A queue with notifications: a task that takes from it waits for ever if a notification is lost.
async fn notify(world: Arc<World>, mut random: Random) {
    #[derive(Default)]
    struct Shared {
        queue: StdMutex<VecDeque<u64>>,
        brought: AtomicU64,
        taken: AtomicU64,
        over: AtomicBool,
        something: Notify,
        progress: Notify,
    }
    impl Shared {
        async fn take_all(&self, own: &mut Random, has_limits: bool) {
            loop {
                // Made before the look, so that it is reached by `notify_waiters` from here on.
                let notified = self.something.notified();
                while self.queue.lock().unwrap().pop_front().is_some() {
                    self.taken.fetch_add(1, SeqCst);
                    self.progress.notify_waiters();
                }
                if self.over.load(SeqCst) {
                    return;
                }
                let is_told = if has_limits && own.one_in(2) {
                    timeout(own.micros(100), notified).await.is_ok()
                } else if has_limits {
                    select! {
                        biased;
                        () = yield_now() => false,
                        () = notified => true,
                    }
                } else {
                    notified.await;
                    true
                };
                // For good, perhaps with what the wait was given at the last moment.
                if !is_told && own.one_in(4) {
                    return;
                }
            }
        }
    }
    /// Even if the group's first task is aborted.
    struct Over(Arc<Shared>);
    impl Drop for Over {
        fn drop(&mut self) {
            self.0.over.store(true, SeqCst);
            self.0.something.notify_waiters();
        }
    }
    let shared = Arc::new(Shared::default());
    let over = Over(shared.clone());
    let (mut bring, mut take) = (Members::of(&world), Members::of(&world));
    for taker in 0..1 + random.below(3) {
        let (shared, mut own) = (shared.clone(), random.fork());
        let (is_faithful, has_limits) = (taker == 0, taker != 0 && random.one_in(2));
        let work = async move { shared.take_all(&mut own, has_limits).await };
        if is_faithful { take.faithful(work) } else { take.another(&mut random, work) }
    }
    for _ in 0..1 + random.below(2) {
        let (shared, mut own, rounds) = (shared.clone(), random.fork(), random.below(8) as u64);
        bring.another(&mut random, async move {
            for number in 0..rounds {
                shared.queue.lock().unwrap().push_back(number);
                shared.brought.fetch_add(1, SeqCst);
                match own.one_in(2) {
                    true => shared.something.notify_one(),
                    false => shared.something.notify_last(),
                }
                linger(&mut own).await;
            }
        });
    }
    bring.gone().await;
    loop {
        let progress = shared.progress.notified();
        if shared.taken.load(SeqCst) == shared.brought.load(SeqCst) {
            break;
        }
        progress.await;
    }
    drop(over);
    take.gone().await;
}

/// Each receiver receives every value, or learns how many it has missed.
async fn broadcast_to_all(world: Arc<World>, mut random: Random) {
    let (sender, receiver) = broadcast::channel(1 + random.below(4));
    let sent = Arc::new(AtomicU64::new(0));
    let mut members = Members::of(&world);
    for _ in 0..1 + random.below(3) {
        let (mut receiver, sent) = (sender.subscribe(), sent.clone());
        let mut own = random.fork();
        members.another(&mut random, async move {
            let mut expected = 0;
            loop {
                match with_limits!(own, receiver.recv()) {
                    Ok((number, _object)) => {
                        assert_eq!(number, expected, "out of order");
                        expected += 1;
                    }
                    Err(RecvError::Lagged(missed)) => expected += missed,
                    Err(RecvError::Closed) => break,
                }
                if own.one_in(30) {
                    return;
                }
            }
            assert_eq!(expected, sent.load(SeqCst), "closed before the end");
        });
    }
    drop(receiver);
    let (mut own, objects, end) = (random.fork(), world.objects.clone(), random.below(20) as u64);
    members.another(&mut random, async move {
        for number in 0..end {
            // No await between what was sent and what is counted.
            if sender.send((number, objects.another())).is_err() {
                return sender.closed().await;
            }
            sent.store(number + 1, SeqCst);
            linger(&mut own).await;
        }
    });
    members.gone().await;
}

/// A value that only grows: no receiver sees it shrink, and all see the last.
async fn watch_a_value(world: Arc<World>, mut random: Random) {
    let (sender, receiver) = watch::channel(0);
    let mut members = Members::of(&world);
    for _ in 0..1 + random.below(3) {
        let (mut receiver, mut own) = (receiver.clone(), random.fork());
        members.another(&mut random, async move {
            let mut seen = 0;
            loop {
                if own.one_in(3) {
                    let next = seen + own.below(3) as u64;
                    let found = with_limits!(own, receiver.wait_for(|value| *value >= next));
                    let Ok(value) = found.map(|value| *value) else { break };
                    assert!(value >= next);
                    seen = value;
                } else {
                    if with_limits!(own, receiver.changed()).is_err() {
                        break;
                    }
                    let value = *receiver.borrow_and_update();
                    assert!(value > seen, "changed, and the same");
                    seen = value;
                }
            }
            assert!(*receiver.borrow() >= seen && receiver.is_closed());
        });
    }
    for _ in 0..1 + random.below(2) {
        let (sender, mut own, rounds) = (sender.clone(), random.fork(), random.below(8));
        members.another(&mut random, async move {
            for _ in 0..rounds {
                sender.send_modify(|value| *value += 1);
                linger(&mut own).await;
            }
        });
    }
    drop(receiver);
    if random.one_in(2) {
        let _ = timeout(random.micros(100), sender.closed()).await;
    }
    drop(sender);
    members.gone().await;
}

/// What comes through two channels, while something else happens all the time.
async fn select_from_two(world: Arc<World>, mut random: Random) {
    let (many, mut queue) = mpsc::channel(1 + random.below(2));
    let (more, mut heap) = mpsc::unbounded_channel();
    let sent = Arc::new(AtomicU64::new(0));
    let mut members = Members::of(&world);
    for side in [false, true] {
        let (many, more, sent, mut own) = (many.clone(), more.clone(), sent.clone(), random.fork());
        let (objects, end) = (world.objects.clone(), random.below(8));
        members.another(&mut random, async move {
            for _ in 0..end {
                // No await between what the channel took and what is counted.
                if side {
                    let Ok(permit) = many.reserve().await else { return };
                    permit.send(objects.another());
                } else if more.send(objects.another()).is_err() {
                    return;
                }
                sent.fetch_add(1, SeqCst);
                linger(&mut own).await;
            }
        });
    }
    drop((many, more));
    let mut received = 0;
    loop {
        let limit = random.micros(100);
        select! {
            Some(_object) = queue.recv() => received += 1,
            Some(_object) = heap.recv(), if random.below(8) != 0 || queue.is_closed() => received += 1,
            () = sleep(limit), if random.one_in(2) => {}
            () = yield_often(random.fork()), if !queue.is_closed() || !heap.is_closed() => {}
            else => if queue.is_closed() && heap.is_closed() { break },
        }
    }
    members.gone().await;
    // What came last, after the look at "closed".
    while queue.try_recv().is_ok() || heap.try_recv().is_ok() {
        received += 1;
    }
    assert_eq!(received, sent.load(SeqCst));
}

/// All tasks stop when the token is cancelled, and none before.
async fn cancel(world: Arc<World>, mut random: Random) {
    let root = CancellationToken::new();
    // Even if the group's first task is aborted.
    let _guard = root.clone().drop_guard();
    let (mut tokens, mut members) = (vec![root.clone()], Members::of(&world));
    for _ in 0..2 + random.below(4) {
        let token = tokens[random.below(tokens.len())].child_token();
        tokens.push(token.clone());
        let (mut own, root) = (random.fork(), root.clone());
        members.another(&mut random, async move {
            match own.below(3) {
                0 => with_limits!(own, token.cancelled()),
                1 => {
                    while token.run_until_cancelled(linger(&mut own)).await.is_some() {
                        yield_now().await;
                    }
                }
                _ => {
                    let below = token.child_token();
                    drop(token);
                    below.cancelled_owned().await;
                }
            }
            assert!(root.is_cancelled());
        });
    }
    drop(tokens);
    linger(&mut random).await;
    root.cancel();
    members.gone().await;
}

/// A barrier for the members, and a value that the first of them makes.
async fn meet(world: Arc<World>, mut random: Random) {
    let party = 1 + random.below(3);
    let shared = Arc::new((Barrier::new(party), OnceCell::new(), AtomicUsize::new(0)));
    let mut members = Members::of(&world);
    for member in 0..party {
        let (shared, mut own) = (shared.clone(), random.fork());
        members.faithful(async move {
            let (barrier, cell, leaders) = &*shared;
            for round in 1..4 {
                let mut maker = own.fork();
                let value = with_limits!(
                    own,
                    cell.get_or_init(async || {
                        linger(&mut maker).await;
                        member
                    })
                );
                assert!(*value < party && cell.get() == Some(value));
                // Without a limit: a member that was released and then dropped its wait would arrive twice.
                if barrier.wait().await.is_leader() {
                    leaders.fetch_add(1, SeqCst);
                }
                let now = leaders.load(SeqCst);
                assert!(round - 1 <= now && now <= round, "{now} leaders in round {round}");
            }
        });
    }
    members.gone().await;
    if !world.ending.load(SeqCst) {
        assert_eq!(shared.2.load(SeqCst), 3);
    }
}

/// Bytes through a pipe that is too small, both ways: each comes once, in order.
async fn speak(world: Arc<World>, mut random: Random) {
    let (one, other) = duplex(1 + random.below(20));
    let mut members = Members::of(&world);
    for stream in [one, other] {
        let (mut read, mut write) = openwork::io::split(stream);
        let (mut own, mut other, end) = (random.fork(), random.fork(), random.below(200) as u8);
        let speak = async move {
            for byte in 0..end {
                // An error: the other one was aborted.
                if write.write_all(&[byte]).await.is_err() {
                    return;
                }
                if own.one_in(20) {
                    linger(&mut own).await;
                }
            }
            write.shutdown().await.unwrap();
        };
        let listen = async move {
            let (mut expected, mut buf) = (0, [0; 16]);
            loop {
                let length = 1 + other.below(16);
                let count = with_limits!(other, read.read(&mut buf[..length])).unwrap();
                if count == 0 {
                    return;
                }
                for byte in &buf[..count] {
                    assert_eq!(*byte, expected, "lost, doubled or out of order");
                    expected += 1;
                }
            }
        };
        members.another(&mut random, async move { _ = join!(speak, listen) });
    }
    members.gone().await;
}
