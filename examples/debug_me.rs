//! A bakery to step through in gdb: NOTES.md, chapter 15, is the tour.
//!
//! A baker takes orders from a channel, and bakes each in the only oven, which a mutex guards. Three customers order,
//! and wait for their bread. The clock is paused, so time stands still while you read.
//!
//! What you will see without a debugger: each customer gets their bread, an hour after the one before.
//!
//!     cargo run --example debug_me

use std::sync::Arc;

use openwork::runtime::Builder;
use openwork::spawn;
use openwork::sync::{Mutex, mpsc, oneshot};
use openwork::time::{Duration, Instant, sleep};

const HOUR: Duration = Duration::from_secs(3600);

struct Order {
    loaves: u32,
    answer: oneshot::Sender<u32>,
}

async fn baker(mut orders: mpsc::Receiver<Order>, oven: Arc<Mutex<u32>>) {
    while let Some(order) = orders.recv().await {
        let bread = bake(&oven, order.loaves).await;
        order.answer.send(bread).expect("a customer waits");
    }
}

async fn bake(oven: &Mutex<u32>, loaves: u32) -> u32 {
    let mut baked = oven.lock().await;
    heat().await;
    *baked += loaves;
    loaves
}

async fn heat() {
    sleep(HOUR).await;
}

async fn customer(loaves: u32, orders: mpsc::Sender<Order>) {
    let opened = Instant::now();
    let (answer, bread) = oneshot::channel();
    orders.send(Order { loaves, answer }).await.expect("the baker is there");
    let bread = bread.await.expect("the baker answers");
    println!("{bread} loaves after {} h", opened.elapsed().as_secs() / 3600);
}

async fn day() {
    let (orders, inbox) = mpsc::channel(1);
    let oven = Arc::new(Mutex::new(0));
    spawn(baker(inbox, oven.clone()));
    let customers: Vec<_> = (1..=3).map(|loaves| spawn(customer(loaves, orders.clone()))).collect();
    for customer in customers {
        customer.await.expect("a customer does not panic");
    }
    println!("{} loaves in all", oven.lock().await);
}

fn main() {
    let runtime = Builder::new_current_thread().start_paused(true).build().expect("a runtime");
    runtime.block_on(day());
}
