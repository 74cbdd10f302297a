//! Ctrl-C: any number of tasks may wait for it, and each of them hears of it.
//!
//! From the first time that one waits for it, Ctrl-C does not end the program by itself any more. So
//! a program that waits should also end; many do so at once if they are asked a second time.
//!
//! What you will see: three tasks that work until Ctrl-C is pressed, then tidy up, and the slowest of them
//! is cut off by the second Ctrl-C. The program presses the keys itself, unless you want to.
//!
//! ```text
//! cargo run --example ctrl_c          raises the signal itself, twice, and ends
//! cargo run --example ctrl_c wait     waits for you to press Ctrl-C
//! ```

use std::io;

use openwork::signal::ctrl_c;
use openwork::signal::unix::{SignalKind, signal};
use openwork::task::JoinSet;
use openwork::time::{Duration, sleep};

fn main() -> io::Result<()> {
    openwork::block_on(async {
        // `ctrl_c()` counts from when it is first polled. Who wants to miss none keeps a `Signal`.
        let mut pressed = signal(SignalKind::interrupt())?;
        let mut tasks = JoinSet::new();
        for (name, tidying) in [("Ada", 0), ("Bob", 100), ("Cleo", 60_000)] {
            tasks.spawn(work(name, Duration::from_millis(tidying)));
        }
        if std::env::args().nth(1).is_some() {
            println!("press Ctrl-C");
        } else {
            drop(openwork::spawn(press_twice()));
        }

        pressed.recv().await;
        println!("main: that was Ctrl-C; once more, and I do not wait any longer");
        openwork::select! {
            () = async { while tasks.join_next().await.is_some() {} } => {
                println!("main: all have tidied up");
            }
            _ = pressed.recv() => {
                println!("main: Ctrl-C again, so {} task is cut off", tasks.len());
                tasks.shutdown().await;
            }
        }
        Ok(())
    })
}

/// Works until Ctrl-C, then tidies up for so long.
async fn work(name: &str, tidying: Duration) {
    println!("{name}: at work");
    if let Err(error) = ctrl_c().await {
        return println!("{name}: cannot hear of Ctrl-C: {error}");
    }
    println!("{name}: Ctrl-C! I tidy up, that takes me {tidying:?}");
    sleep(tidying).await;
    println!("{name}: all is tidy");
}

/// What the terminal does when the keys are pressed.
async fn press_twice() {
    for pause in [100, 300] {
        sleep(Duration::from_millis(pause)).await;
        println!("^C");
        signal_hook::low_level::raise(signal_hook::consts::SIGINT).expect("one may signal oneself");
    }
}
