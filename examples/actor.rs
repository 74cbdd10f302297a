//! An actor: a task that owns something, and a handle through which others ask for it.
//!
//! The account below belongs to one task, so it needs no lock. Other tasks send it messages; a
//! message that asks for an answer carries a oneshot channel. A handle is the sending end, with methods
//! that hide the messages.
//!
//! What you will see: three customers use one account at once, each step as a whole; the one that asks
//! for too much gets an error; and when the last handle is gone, the actor says good night and ends.
//!
//!     cargo run --example actor

use openwork::sync::{mpsc, oneshot};
use openwork::task::yield_now;

/// What one can ask of an account.
enum Message {
    Deposit { amount: u64 },
    Withdraw { amount: u64, answer: oneshot::Sender<Result<u64, TooLittle>> },
    Balance { answer: oneshot::Sender<u64> },
}

/// There is less in the account than was asked for: only so much.
#[derive(Debug)]
struct TooLittle(u64);

/// What the actor owns. Its methods are plain ones; nothing in here knows of tasks.
struct Account {
    balance: u64,
}

impl Account {
    fn handle(&mut self, message: Message) {
        match message {
            Message::Deposit { amount } => self.balance += amount,
            Message::Withdraw { amount, answer } => {
                let result = match self.balance.checked_sub(amount) {
                    Some(rest) => Ok(rest),
                    None => Err(TooLittle(self.balance)),
                };
                self.balance = *result.as_ref().unwrap_or(&self.balance);
                // An error means that the customer did not wait for the answer.
                let _ = answer.send(result);
            }
            Message::Balance { answer } => _ = answer.send(self.balance),
        }
    }
}

/// What the others see of it. A clone is another way to the same account.
#[derive(Clone)]
struct AccountHandle(mpsc::Sender<Message>);

impl AccountHandle {
    fn open() -> Self {
        // Capacity 8: a task that sends faster than the actor works has to wait.
        let (send, mut messages) = mpsc::channel(8);
        openwork::spawn(async move {
            let mut account = Account { balance: 0 };
            while let Some(message) = messages.recv().await {
                account.handle(message);
            }
            println!("the actor: no handle is left, good night; {} remain", account.balance);
        });
        AccountHandle(send)
    }

    async fn deposit(&self, amount: u64) {
        self.send(Message::Deposit { amount }).await;
    }

    async fn withdraw(&self, amount: u64) -> Result<u64, TooLittle> {
        let (answer, response) = oneshot::channel();
        self.send(Message::Withdraw { amount, answer }).await;
        response.await.expect("the actor answers")
    }

    async fn balance(&self) -> u64 {
        let (answer, response) = oneshot::channel();
        self.send(Message::Balance { answer }).await;
        response.await.expect("the actor answers")
    }

    async fn send(&self, message: Message) {
        self.0.send(message).await.expect("the actor lives as long as a handle does");
    }
}

fn main() {
    openwork::block_on(async {
        let account = AccountHandle::open();
        account.deposit(100).await;
        println!("opened with {}", account.balance().await);

        let customers = [("Ada", 30), ("Bob", 90), ("Cleo", 50)].map(|(name, amount)| {
            let account = account.clone();
            openwork::spawn(async move {
                match account.withdraw(amount).await {
                    Ok(rest) => println!("{name} takes {amount}, and leaves {rest}"),
                    Err(TooLittle(rest)) => {
                        println!("{name} wants {amount}: there are only {rest}")
                    }
                }
            })
        });
        for customer in customers {
            customer.await.expect("a customer does not panic");
        }
        println!("in the end there are {}", account.balance().await);

        drop(account);
        // The actor is polled, and finds that all handles are gone.
        yield_now().await;
    });
}
