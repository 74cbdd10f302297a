//! Tasks that borrow: `scope`.
//!
//! A spawned task may outlive its parent, so it must own what it uses, or share it in an `Arc`. A
//! scope ends only when all its tasks have, so they may borrow from outside of it, as threads may
//! in `std::thread::scope`. The price: it blocks its thread, and is for where one may block.
//!
//! What you will see: two workers count the words of a text that they only borrow, each writes into its own
//! place of one vector; then a scope inside of async code, by way of the blocking pool; and a panic of
//! one task, which comes out of the scope only when the others have ended.
//!
//!     cargo run --example scoped

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use openwork::runtime::Builder;
use openwork::task::{scope, spawn_blocking, yield_now};
use openwork::time::{Duration, sleep};

const TEXT: &str = "To be, or not to be, that is the question:\n\
                    Whether 'tis nobler in the mind to suffer\n\
                    The slings and arrows of outrageous fortune,\n\
                    Or to take arms against a sea of troubles";

fn main() -> std::io::Result<()> {
    let runtime = Builder::new_multi_thread().worker_threads(2).build()?;

    let text = TEXT.to_owned();
    let lines: Vec<&str> = text.lines().collect();
    let mut words = vec![0; lines.len()];
    let letters = AtomicUsize::new(0);
    runtime.scope(|s| {
        for (line, words) in lines.iter().zip(&mut words) {
            let letters = &letters;
            s.spawn(async move {
                *words = line.split_whitespace().count();
                yield_now().await;
                letters.fetch_add(line.chars().filter(|c| c.is_alphabetic()).count(), Relaxed);
            });
        }
    });
    // They are all gone: the text, the vector and the counter are ours alone again.
    println!("words in each line: {words:?}, letters in all: {}", letters.into_inner());

    runtime.block_on(async {
        // Among tasks one must not block; a thread of the pool is there to be blocked.
        let longest = spawn_blocking(|| {
            let text = TEXT.to_owned();
            scope(|s| {
                let tasks: Vec<_> = text
                    .lines()
                    .map(|line| s.spawn(async move { line.split(' ').max_by_key(|w| w.len()) }))
                    .collect();
                tasks
                    .into_iter()
                    .filter_map(|task| task.join().expect("no task panics"))
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            })
        });
        println!("the longest words: {:?}", longest.await.expect("the scope does not panic"));
    });

    // A panic that is not awaited comes out of the scope, after all tasks have ended.
    std::panic::set_hook(Box::new(|_| ()));
    let mut finished = false;
    let result = catch_unwind(AssertUnwindSafe(|| {
        runtime.scope(|s| {
            s.spawn(async { panic!("oh no") });
            s.spawn(async {
                sleep(Duration::from_millis(50)).await;
                finished = true;
            });
        });
    }));
    println!("the scope panicked: {}, the other task finished: {finished}", result.is_err());
    Ok(())
}
