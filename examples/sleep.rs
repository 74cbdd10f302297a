//! Three tasks sleep on one thread, and a fourth has less patience than its work.
//!
//! What you will see: the sleeps end in the order of their deadlines, not in that of their lines; all
//! together they take as long as the longest. Then a time-out drops a sleep of an hour in mid-wait. Then
//! the clock is paused, and the same hour is over at once.
//!
//!     cargo run --example sleep

use openwork::time::{self, Duration, Instant, sleep, timeout};

fn main() {
    openwork::block_on(async {
        let start = Instant::now();
        let naps = [300, 100, 200].map(|ms| {
            openwork::spawn(async move {
                sleep(Duration::from_millis(ms)).await;
                println!("{:4} ms  slept for {ms} ms", start.elapsed().as_millis());
            })
        });
        for nap in naps {
            nap.await.expect("a nap does not panic");
        }
        println!("{:4} ms  all three are awake", start.elapsed().as_millis());

        let hour = Duration::from_secs(3600);
        match timeout(Duration::from_millis(50), sleep(hour)).await {
            Ok(()) => unreachable!("50 ms are less than an hour"),
            Err(elapsed) => println!("{:4} ms  time-out: {elapsed}", start.elapsed().as_millis()),
        }

        let real = std::time::Instant::now();
        time::pause();
        let virtual_start = Instant::now();
        sleep(hour).await;
        let virtual_time = virtual_start.elapsed();
        println!("paused   slept for {virtual_time:?} by the runtime's clock");
        assert_eq!(virtual_time, hour);
        assert!(real.elapsed() < Duration::from_secs(10), "and in no time by the wall's");
    });
}
