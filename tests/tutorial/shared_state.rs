//! Shared state.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;

use crate::program;

type ShardedDb = Arc<Vec<Mutex<HashMap<String, Bytes>>>>;

fn new_sharded_db(num_shards: usize) -> ShardedDb {
    let mut db = Vec::with_capacity(num_shards);
    for _ in 0..num_shards {
        db.push(Mutex::new(HashMap::new()));
    }
    Arc::new(db)
}

fn shard<'a>(db: &'a ShardedDb, key: &str) -> MutexGuard<'a, HashMap<String, Bytes>> {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    db[hasher.finish() as usize % db.len()].lock().unwrap()
}

#[test]
fn a_sharded_map_is_shared_by_tasks() {
    program(|| async {
        let db = new_sharded_db(4);
        let tasks: Vec<_> = (0..100)
            .map(|n: u32| {
                let db = db.clone();
                openwork::spawn(async move {
                    let key = n.to_string();
                    shard(&db, &key).insert(key.clone(), Bytes::from(key.clone()));
                    openwork::task::yield_now().await;
                    assert_eq!(shard(&db, &key).get(&key).unwrap(), &key);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(db.iter().map(|shard| shard.lock().unwrap().len()).sum::<usize>(), 100);
    });
}

async fn do_something_async() {
    openwork::task::yield_now().await;
}

/// The guard is dropped at the end of the block, and so the future is `Send`.
async fn increment_and_do_stuff(mutex: &Mutex<i32>) {
    {
        let mut lock: MutexGuard<i32> = mutex.lock().unwrap();
        *lock += 1;
    }
    do_something_async().await;
}

struct CanIncrement {
    mutex: Mutex<i32>,
}

impl CanIncrement {
    fn increment(&self) {
        let mut lock = self.mutex.lock().unwrap();
        *lock += 1;
    }
}

async fn with_a_struct(can_incr: &CanIncrement) {
    can_incr.increment();
    do_something_async().await;
}

async fn with_an_async_mutex(mutex: &openwork::sync::Mutex<i32>) {
    let mut lock = mutex.lock().await;
    *lock += 1;
    do_something_async().await;
}

#[test]
fn three_ways_to_hold_a_lock_near_an_await() {
    program(|| async {
        let first = Arc::new(Mutex::new(0));
        let second = Arc::new(CanIncrement { mutex: Mutex::new(0) });
        let third = Arc::new(openwork::sync::Mutex::new(0));
        let mut set = openwork::task::JoinSet::new();
        for _ in 0..50 {
            let (first, second, third) = (first.clone(), second.clone(), third.clone());
            set.spawn(async move {
                increment_and_do_stuff(&first).await;
                with_a_struct(&second).await;
                with_an_async_mutex(&third).await;
            });
        }
        while let Some(res) = set.join_next().await {
            res.unwrap();
        }
        assert_eq!(*first.lock().unwrap(), 50);
        assert_eq!(*second.mutex.lock().unwrap(), 50);
        assert_eq!(*third.lock().await, 50);
        assert_eq!(Arc::into_inner(third).unwrap().into_inner(), 50);
    });
}
