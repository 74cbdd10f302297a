//! A database used from our tasks: sqlx with SQLite.
//!
//! What sqlx 0.9 needs of a runtime, as the tests below show:
//!
//! - A *connection* to SQLite needs none. It is a thread of its own, which takes commands from a channel and wakes the
//!   task that waits for the answer. It can be awaited on any executor, without any of sqlx's `runtime-…` features.
//! - A *pool* needs one: a time-out for a task that waits for a connection, and a task that takes back a connection which
//!   is dropped. Without a feature, making a pool panics ("one of the `runtime` features of SQLx must be enabled"); with
//!   `runtime-tokio` too, outside of Tokio. With `runtime-smol` it works here, as smol's timers and tasks run on threads of
//!   their own (`async-io`, `smol-1`). The price is these threads, which are parked most of the time. The pool's time-outs
//!   use the system's clock.
//! - A database across the *network* (PostgreSQL, MySQL) needs sockets too. With `runtime-smol` they are smol's, watched
//!   by its thread, so each answer would be a wake across threads. That is from sqlx's source, and not tried here.
//!
//! sqlx rolls back a transaction that is dropped: when its task is aborted, times out, or ends with its runtime.

#[path = "../../../tests/common/mod.rs"]
mod common;

use std::future::{Future, pending};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use std::{env, fs, process};

use common::{Flavour, alone, on_each_of, real};
use openwork::sync::{Semaphore, oneshot};
use openwork::task::JoinSet;
use openwork::time::timeout;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use sqlx::{ConnectOptions, Connection, Error, SqliteConnection, SqlitePool};

/// Fewer than elsewhere: it is the disk that is slow.
const FLAVOURS: [Flavour; 3] = [Flavour::CurrentThread, Flavour::Workers(2), Flavour::Workers(4)];

/// A file that is gone with this.
struct Database(PathBuf);

impl Database {
    fn new() -> Database {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory = env::temp_dir().join(format!("openwork-guests-{}-{count}", process::id()));
        fs::create_dir(&directory).unwrap();
        Database(directory)
    }

    fn options(&self) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(self.0.join("database"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // SQLite has one writer at a time; the others wait for so long.
            .busy_timeout(Duration::from_secs(30))
    }

    async fn pool(&self, connections: u32) -> SqlitePool {
        let options = SqlitePoolOptions::new().max_connections(connections);
        let pool = options.connect_with(self.options()).await.unwrap();
        sqlx::query("CREATE TABLE IF NOT EXISTS numbers (number INTEGER UNIQUE NOT NULL)")
            .execute(&pool)
            .await
            .unwrap();
        pool
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn insert(connection: &mut SqliteConnection, number: i64) -> Result<(), Error> {
    let insert = sqlx::query("INSERT INTO numbers (number) VALUES (?)").bind(number);
    insert.execute(connection).await.map(drop)
}

async fn count_and_sum(pool: &SqlitePool) -> (i64, i64) {
    let query = sqlx::query_as("SELECT count(*), coalesce(sum(number), 0) FROM numbers");
    query.fetch_one(pool).await.unwrap()
}

#[test]
fn a_hundred_tasks_insert_at_once() {
    on_each_of(&FLAVOURS, |flavour| {
        let database = Database::new();
        flavour.block_on(async {
            let pool = database.pool(5).await;
            let insertions = (0..100).map(|number| {
                let pool = pool.clone();
                async move { insert(&mut *pool.acquire().await?, number).await }
            });
            let mut insertions: JoinSet<_> = insertions.collect();
            while let Some(done) = insertions.join_next().await {
                done.unwrap().unwrap();
            }
            assert_eq!(count_and_sum(&pool).await, (100, 4950));
            pool.close().await;
        });
    });
}

#[test]
fn rows_come_one_after_the_other_as_a_stream() {
    on_each_of(&FLAVOURS, |flavour| {
        let database = Database::new();
        flavour.block_on(async {
            use futures::StreamExt;
            let pool = database.pool(1).await;
            let numbers =
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
            let rows = sqlx::query_scalar::<_, i64>(numbers).fetch(&pool);
            let sum =
                rows.take(1000).map(|row| row.unwrap()).fold(0, async |sum, row| sum + row).await;
            assert_eq!(sum, 500_500);
            // The stream was left in the middle of infinity, and the connection is as good as new.
            assert_eq!(count_and_sum(&pool).await, (0, 0));
            pool.close().await;
        });
    });
}

#[test]
fn an_error_of_the_database_is_an_error_and_no_more() {
    on_each_of(&FLAVOURS, |flavour| {
        let database = Database::new();
        flavour.block_on(async {
            let pool = database.pool(2).await;
            let twice = async || -> Result<(), Error> {
                let mut transaction = pool.begin().await?;
                insert(&mut transaction, 1).await?;
                insert(&mut transaction, 1).await?;
                transaction.commit().await
            };
            let error = twice().await.unwrap_err();
            assert!(error.as_database_error().unwrap().is_unique_violation());
            assert_eq!(count_and_sum(&pool).await, (0, 0));
            pool.close().await;
        });
    });
}

#[test]
fn a_transaction_whose_task_is_aborted_is_rolled_back() {
    on_each_of(&FLAVOURS, |flavour| {
        let database = Database::new();
        flavour.block_on(async {
            // One connection only, which the aborted task has to give back.
            let pool = database.pool(1).await;
            let (tell, told) = oneshot::channel();
            let other = pool.clone();
            let task = openwork::spawn(async move {
                let mut transaction = other.begin().await.unwrap();
                insert(&mut transaction, 1).await.unwrap();
                tell.send(()).unwrap();
                pending::<()>().await;
                transaction.commit().await.unwrap();
            });
            told.await.unwrap();
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
            assert_eq!(count_and_sum(&pool).await, (0, 0));

            // The same by a time-out.
            let late = timeout(Duration::from_millis(10), async {
                let mut transaction = pool.begin().await.unwrap();
                insert(&mut transaction, 2).await.unwrap();
                pending::<()>().await;
                transaction.commit().await.unwrap();
            });
            assert!(late.await.is_err());
            assert_eq!(count_and_sum(&pool).await, (0, 0));
            pool.close().await;
        });
    });
}

/// Wherever it is when it is dropped: the last poll may be the one before the answer to the commit.
#[test]
fn a_transaction_dropped_after_any_poll_is_there_whole_or_not_at_all() {
    on_each_of(&FLAVOURS[..1], |flavour| {
        let database = Database::new();
        flavour.block_on(async {
            let pool = database.pool(1).await;
            let (mut number, mut rows, mut within) = (0, 0, 0);
            // An answer may be there at once or not: each round breaks off at other places.
            for _ in 0..20 {
                for polls in 0.. {
                    let begun = AtomicUsize::new(0);
                    let work = Box::pin(two_rows(&pool, number, &begun));
                    let done = Polls { left: polls, work }.await;
                    number += 2;
                    within += usize::from(done.is_none() && begun.into_inner() > 0);
                    let (count, _) = count_and_sum(&pool).await;
                    assert!(
                        [0, 2].contains(&(count - rows)),
                        "{count} after {rows}, {polls} polls"
                    );
                    rows = count;
                    if done.is_some() {
                        break;
                    }
                }
            }
            assert!(within > 0, "none was broken off");
            pool.close().await;
        });
    });
}

async fn two_rows(pool: &SqlitePool, number: i64, begun: &AtomicUsize) {
    let mut transaction = pool.begin().await.unwrap();
    begun.store(1, Ordering::Relaxed);
    insert(&mut transaction, number).await.unwrap();
    insert(&mut transaction, number + 1).await.unwrap();
    transaction.commit().await.unwrap();
}

/// A future that is dropped after `left` polls.
struct Polls<F> {
    left: usize,
    work: Pin<Box<F>>,
}

impl<F: Future> Future for Polls<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        self.work.as_mut().poll(cx).map(Some)
    }
}

#[test]
fn transactions_go_down_with_their_runtime() {
    on_each_of(&FLAVOURS, |flavour| {
        let database = Database::new();
        let runtime = flavour.build();
        runtime.block_on(async {
            let pool = database.pool(3).await;
            let (tell, told) = oneshot::channel();
            drop(openwork::spawn(async move {
                let mut transaction = pool.begin().await.unwrap();
                insert(&mut transaction, 1).await.unwrap();
                tell.send(()).unwrap();
                pending::<()>().await;
                transaction.commit().await.unwrap();
            }));
            told.await.unwrap();
        });
        drop(runtime);
        // The file is locked no more, too.
        flavour.block_on(async {
            let pool = database.pool(1).await;
            insert(&mut pool.acquire().await.unwrap(), 2).await.unwrap();
            assert_eq!(count_and_sum(&pool).await, (1, 2));
            pool.close().await;
        });
    });
}

#[test]
fn who_waits_for_a_connection_waits_for_so_long() {
    on_each_of(&FLAVOURS, |flavour| {
        let database = Database::new();
        flavour.block_on(async {
            let options = SqlitePoolOptions::new().max_connections(1);
            let options = options.acquire_timeout(Duration::from_millis(30));
            let pool = options.connect_lazy_with(database.options());
            // To open the file is part of the wait, and may take longer than that.
            let first = async || loop {
                if let Ok(connection) = pool.acquire().await {
                    break connection;
                }
            };
            let held = first().await;
            // By sqlx's time-out.
            assert!(matches!(pool.acquire().await, Err(Error::PoolTimedOut)));
            // By ours, which leaves no waiter in the queue.
            for _ in 0..10 {
                let waiting = timeout(Duration::from_millis(1), pool.acquire()).await;
                // On a slow machine both have passed when the task is polled.
                assert!(matches!(waiting, Err(_) | Ok(Err(Error::PoolTimedOut))));
            }
            drop(held);
            drop(first().await);
            pool.close().await;
            assert!(matches!(pool.acquire().await, Err(Error::PoolClosed)));
        });
    });
}

#[test]
fn a_long_query_holds_up_nobody() {
    on_each_of(&FLAVOURS[..1], |flavour| {
        let database = Database::new();
        flavour.block_on(async {
            let pool = database.pool(1).await;
            let long = openwork::spawn(async move {
                let count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 300000) \
                             SELECT count(*) FROM n";
                sqlx::query_scalar::<_, i64>(count).fetch_one(&pool).await.unwrap()
            });
            let mut turns = 0;
            while !long.is_finished() {
                openwork::task::yield_now().await;
                turns += 1;
            }
            assert_eq!(long.await.unwrap(), 300_000);
            assert!(turns > 10, "{turns}: the only thread was in the database");
        });
    });
}

// ---- without anything of another runtime ----

/// A pool in a few lines: as many permits as connections, and a list of the free ones.
struct Pool {
    free: Semaphore,
    connections: std::sync::Mutex<Vec<SqliteConnection>>,
}

impl Pool {
    async fn new(database: &Database, size: usize) -> Pool {
        let mut connections = Vec::new();
        for _ in 0..size {
            connections.push(database.options().connect().await.unwrap());
        }
        Pool { free: Semaphore::new(size), connections: connections.into() }
    }

    async fn with<T>(&self, job: impl AsyncFnOnce(&mut SqliteConnection) -> T) -> T {
        let _permit = self.free.acquire().await.unwrap();
        let mut lent = Lent { pool: self, connection: self.connections.lock().unwrap().pop() };
        job(lent.connection.as_mut().expect("as many as permits")).await
    }
}

/// Comes back before the permit does, also from a job that is dropped.
struct Lent<'a> {
    pool: &'a Pool,
    connection: Option<SqliteConnection>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.pool.connections.lock().unwrap().extend(self.connection.take());
    }
}

#[test]
fn connections_alone_need_no_runtime_but_ours() {
    alone("connections_alone_need_no_runtime_but_ours", || {
        let database = Database::new();
        real().block_on(async {
            let pool = std::sync::Arc::new(Pool::new(&database, 3).await);
            pool.with(async |it| sqlx::query("CREATE TABLE numbers (number)").execute(it).await)
                .await
                .unwrap();
            let insertions = (0..100).map(|number| {
                let pool = pool.clone();
                async move { pool.with(async |it| insert(it, number).await).await }
            });
            let mut insertions: JoinSet<_> = insertions.collect();
            while let Some(done) = insertions.join_next().await {
                done.unwrap().unwrap();
            }
            let late = timeout(Duration::from_millis(10), async {
                pool.with(async |it| {
                    let mut transaction = it.begin().await.unwrap();
                    insert(&mut transaction, 1000).await.unwrap();
                    pending::<()>().await
                })
                .await
            });
            assert!(late.await.is_err());
            let count: i64 = pool
                .with(async |it| {
                    sqlx::query_scalar("SELECT count(*) FROM numbers").fetch_one(it).await
                })
                .await
                .unwrap();
            assert_eq!(count, 100);
            assert_eq!(foreign_threads(), Vec::<String>::new());

            // sqlx's own pool is what brings them.
            drop(database.pool(1).await);
            assert!(!foreign_threads().is_empty());
        });
    });
}

/// Threads that are neither the process's first one, nor the test's, nor SQLite's, nor ours.
fn foreign_threads() -> Vec<String> {
    let first = fs::read_to_string("/proc/self/comm").unwrap();
    let known = [first.trim(), "connections_alo", "sqlx-sqlite", "openwork"];
    let names = common::threads().into_iter().map(|id| format!("/proc/self/task/{id}/comm"));
    // One may have ended meanwhile.
    let mut names: Vec<String> = names.filter_map(|path| fs::read_to_string(path).ok()).collect();
    names.retain(|name| !known.iter().any(|known| name.starts_with(known)));
    names
}
