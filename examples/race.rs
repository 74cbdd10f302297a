//! A race that three of a thousand seeds show: found, and repeated by its seed.
//!
//! A cache holds a value of a database. A reader that misses loads the value from the database, waits for the answer, and
//! stores the value in the cache. A writer changes the database, waits for its replicas, and then removes the old value
//! from the cache. If the writer does both while the reader waits, the reader stores a value that is out of date, and
//! the cache serves it from then on.
//!
//!     cargo run --example race
//!
//! What you will see: in the usual order of tasks the program is right, a thousand times. `with_seeds` tries other
//! orders, one for each seed, and prints the first seed that fails: 780. With that seed the same steps happen again, in a
//! hundred runs. The repaired program is right under all thousand seeds. Then repeat the failure by its seed; now the
//! program fails at once, in its first loop:
//!
//!     OPENWORK_SHUFFLE=780 cargo run --example race

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use openwork::runtime::{Builder, with_seeds};
use openwork::task::yield_now;

/// A value in two places; each number is its version.
#[derive(Default)]
struct Store {
    database: u32,
    cache: Option<u32>,
    /// How often a value was removed from the cache.
    removals: u32,
    steps: Vec<String>,
}

async fn read(store: Arc<Mutex<Store>>, is_repaired: bool) {
    yield_now().await; // the request arrives
    let (loaded, removals) = {
        let mut store = store.lock().unwrap();
        // The check …
        if store.cache.is_some() {
            return;
        }
        let loaded = store.database;
        store.steps.push(format!("the reader loads version {loaded}"));
        (loaded, store.removals)
    };
    yield_now().await; // the answer of the database arrives
    let mut store = store.lock().unwrap();
    // The repair: if a value was removed meanwhile, `loaded` may be that value.
    if is_repaired && store.removals != removals {
        return;
    }
    // … and the act.
    store.cache = Some(loaded);
    store.steps.push(format!("the reader stores version {loaded} in the cache"));
}

async fn write(store: Arc<Mutex<Store>>) {
    yield_now().await; // the request arrives
    {
        let mut store = store.lock().unwrap();
        store.database = 1;
        store.steps.push("the writer writes version 1".to_owned());
    }
    for _replica in 0..6 {
        yield_now().await;
    }
    let mut store = store.lock().unwrap();
    (store.cache, store.removals) = (None, store.removals + 1);
    store.steps.push("the writer removes the old value from the cache".to_owned());
}

/// Returns the steps of one run. Panics if the cache is out of date at the end.
async fn program(is_repaired: bool) -> Vec<String> {
    let store = Arc::new(Mutex::new(Store::default()));
    let reader = openwork::spawn(read(store.clone(), is_repaired));
    let writer = openwork::spawn(write(store.clone()));
    openwork::join!(reader, writer).0.unwrap();
    let mut store = store.lock().unwrap();
    let cached = store.cache.unwrap_or(store.database);
    let steps = std::mem::take(&mut store.steps);
    assert_eq!(cached, store.database, "the cache is out of date: {steps:#?}");
    steps
}

fn main() -> std::io::Result<()> {
    for _ in 0..1000 {
        openwork::block_on(program(false));
    }
    println!("in the usual order of tasks: right, a thousand times");

    let tried = Cell::new(0);
    let search = || {
        with_seeds(0..1000, async |seed| {
            tried.set(seed);
            program(false).await;
        });
    };
    let first = catch_unwind(AssertUnwindSafe(search))
        .expect_err("no seed fails: is OPENWORK_SHUFFLE set?");
    let first = first.downcast::<String>().expect("the message of `assert_eq!`");
    println!("seed {} is the first that fails: {first}", tried.get());

    std::panic::set_hook(Box::new(|_| {})); // Else it prints the same message a hundred times.
    for _ in 0..100 {
        let runtime = Builder::new_current_thread().shuffle(tried.get()).build()?;
        let again = catch_unwind(AssertUnwindSafe(|| runtime.block_on(program(false))));
        assert_eq!(again.expect_err("it fails again").downcast_ref(), Some(&*first));
    }
    println!("with that seed: the same steps, a hundred times");

    with_seeds(0..1000, async |_| drop(program(true).await));
    println!("the repaired program: right under all seeds");
    Ok(())
}
