//! A fast producer, a slow consumer, and the channel between them.
//!
//! ```text
//! cargo run --example channels
//! ```
//!
//! First a channel with room for three: the producer could make all its parts at once, but it waits
//! whenever the channel is full, and so runs at the pace of the consumer. Then a task that answers
//! questions: each question carries a oneshot channel, through which the answer comes back.

use openwork::sync::{mpsc, oneshot};
use openwork::time::{Duration, Instant, sleep};

fn main() {
    openwork::block_on(async {
        held_back().await;
        println!();
        asked_and_answered().await;
    });
}

/// Ten parts, made at once and used one by one.
async fn held_back() {
    println!(
        "A channel with room for 3. The producer is fast, the consumer takes 40 ms for a part:"
    );
    let start = Instant::now();
    let at = move || start.elapsed().as_millis();
    let (sender, mut receiver) = mpsc::channel(3);

    let producer = openwork::spawn(async move {
        for part in 1..=10 {
            match sender.try_reserve() {
                Ok(permit) => {
                    println!("{:>5} ms  made part {part:>2}: there is room", at());
                    permit.send(part);
                }
                Err(_) => {
                    sender.send(part).await.expect("the consumer takes all parts");
                    println!("{:>5} ms  made part {part:>2}: had to wait for room", at());
                }
            }
        }
        // The only sender goes here, which ends the channel.
    });

    while let Some(part) = receiver.recv().await {
        println!("{:>5} ms       part {part:>2} taken, {} behind it", at(), receiver.len());
        sleep(Duration::from_millis(40)).await;
    }
    producer.await.expect("the producer ends without a panic");
    println!("{:>5} ms  No sender is left and no part: `recv` said none.", at());
}

/// What is asked, and where the answer goes.
struct Question {
    number: u64,
    answer: oneshot::Sender<u64>,
}

async fn asked_and_answered() {
    println!("One task squares numbers, three others ask it:");
    let (ask, mut questions) = mpsc::channel::<Question>(1);

    let oracle = openwork::spawn(async move {
        let mut answered = 0;
        while let Some(question) = questions.recv().await {
            sleep(Duration::from_millis(10)).await;
            // An error means that the receiver of the answer was dropped.
            if question.answer.send(question.number.pow(2)).is_ok() {
                answered += 1;
            }
        }
        answered
    });

    let askers: Vec<_> = (2..=4)
        .map(|number| {
            let ask = ask.clone();
            openwork::spawn(async move {
                let (answer, response) = oneshot::channel();
                let question = Question { number, answer };
                ask.send(question).await.expect("the oracle listens until the last asker is gone");
                match response.await {
                    Ok(square) => println!("      {number} squared is {square}"),
                    Err(_) => println!("      {number} got no answer"),
                }
            })
        })
        .collect();
    for asker in askers {
        asker.await.expect("an asker ends without a panic");
    }

    // One more question, whose answer is not awaited.
    let (answer, response) = oneshot::channel();
    ask.send(Question { number: 5, answer }).await.expect("the oracle still listens");
    drop(response);
    drop(ask);
    let answered = oracle.await.expect("the oracle ends without a panic");
    println!("The oracle answered {answered} of 4: the last question was withdrawn.");
}
