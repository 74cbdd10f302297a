//! A request with a way back: the answer comes through a oneshot channel that the request carries.
//!
//! Such a channel tells each side what became of the other. You will see a lookup in a dictionary end in
//! each of the three ways:
//!
//! - the answer comes;
//! - the server drops its end without an answer, and the client learns that at once;
//! - the client loses patience and drops its end, and the server stops looking: work whose
//!   result is not awaited is not done to the end.
//!
//! The clock is paused: it jumps to the next deadline whenever all are waiting. So the times are exact.
//!
//!     cargo run --example request_response

use openwork::runtime::Builder;
use openwork::sync::{mpsc, oneshot};
use openwork::time::{Duration, Instant, sleep, timeout};

struct Request {
    word: &'static str,
    answer: oneshot::Sender<&'static str>,
}

fn main() -> std::io::Result<()> {
    let runtime = Builder::new_current_thread().start_paused(true).build()?;
    runtime.block_on(async {
        let clock = Clock(Instant::now());
        let (requests, queue) = mpsc::channel(16);
        let server = openwork::spawn(serve(queue, clock));
        for word in ["house", "xyzzy", "serendipity"] {
            clock.say(format!("client: what is \"{word}\"?"));
            ask(&requests, word, clock).await;
        }
        drop(requests);
        server.await.expect("the server does not panic");
    });
    Ok(())
}

/// Says what happens, and when.
#[derive(Clone, Copy)]
struct Clock(Instant);

impl Clock {
    fn say(self, line: String) {
        println!("{:>5} ms  {line}", self.0.elapsed().as_millis());
    }
}

/// Asks for a word, and waits for at most 100 ms.
async fn ask(requests: &mpsc::Sender<Request>, word: &'static str, clock: Clock) {
    let (answer, response) = oneshot::channel();
    requests.send(Request { word, answer }).await.expect("the server listens");
    match timeout(Duration::from_millis(100), response).await {
        Ok(Ok(translation)) => clock.say(format!("client: it is \"{translation}\"")),
        Ok(Err(_)) => clock.say("client: there will be no answer".to_owned()),
        // The time-out has dropped the receiving end, and so the server hears of it.
        Err(_) => clock.say("client: that takes too long, never mind".to_owned()),
    }
}

/// Gives each request a task of its own, so that a slow one does not hold up the others.
async fn serve(mut requests: mpsc::Receiver<Request>, clock: Clock) {
    while let Some(Request { word, mut answer }) = requests.recv().await {
        openwork::spawn(async move {
            openwork::select! {
                found = look_up(word) => match found {
                    // An error would mean that the client went away just now.
                    Some(translation) => _ = answer.send(translation),
                    None => clock.say(format!("server: \"{word}\" is no word, I let it fall")),
                },
                () = answer.closed() => {
                    clock.say(format!("server: no task waits for \"{word}\" any more"));
                }
            }
        });
    }
}

/// The longer the word, the longer it takes: 10 ms a letter.
async fn look_up(word: &str) -> Option<&'static str> {
    sleep(Duration::from_millis(10 * word.len() as u64)).await;
    match word {
        "house" => Some("Haus"),
        "serendipity" => Some("glücklicher Zufall"),
        _ => None,
    }
}
