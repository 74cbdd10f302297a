//! Channels.

use bytes::Bytes;
use openwork::sync::{mpsc, oneshot};

use crate::{mini, program};

#[derive(Debug)]
enum Command {
    Get { key: String, resp: Responder<Option<Bytes>> },
    Set { key: String, val: Bytes, resp: Responder<()> },
}

type Responder<T> = oneshot::Sender<mini::Result<T>>;

#[test]
fn a_manager_owns_the_client_and_tasks_send_it_commands() {
    program(|| async {
        let (tx, mut rx) = mpsc::channel(32);
        let tx2 = tx.clone();
        let address = mini::start().await;

        let manager = openwork::spawn(async move {
            let mut client = mini::connect(address).await.unwrap();
            while let Some(cmd) = rx.recv().await {
                match cmd {
                    Command::Get { key, resp } => {
                        let res = client.get(&key).await;
                        let _ = resp.send(res);
                    }
                    Command::Set { key, val, resp } => {
                        let res = client.set(&key, val).await;
                        let _ = resp.send(res);
                    }
                }
            }
        });

        let t1 = openwork::spawn(async move {
            let (resp_tx, resp_rx) = oneshot::channel();
            let cmd = Command::Get { key: "foo".to_string(), resp: resp_tx };
            if tx.send(cmd).await.is_err() {
                eprintln!("connection task shutdown");
                return;
            }
            let res = resp_rx.await;
            assert!(matches!(res, Ok(Ok(_))));
        });

        let t2 = openwork::spawn(async move {
            let (resp_tx, resp_rx) = oneshot::channel();
            let cmd = Command::Set { key: "foo".to_string(), val: "bar".into(), resp: resp_tx };
            tx2.send(cmd).await.unwrap();
            assert!(resp_rx.await.unwrap().is_ok());
        });

        t1.await.unwrap();
        t2.await.unwrap();
        manager.await.unwrap();
    });
}

#[test]
fn a_receiver_ends_with_its_last_sender() {
    program(|| async {
        let (tx, mut rx) = mpsc::channel(32);
        let tx2 = tx.clone();
        openwork::spawn(async move {
            tx.send("sending from first handle").await.unwrap();
        });
        openwork::spawn(async move {
            tx2.send("sending from second handle").await.unwrap();
        });
        let mut messages = Vec::new();
        while let Some(message) = rx.recv().await {
            messages.push(message);
        }
        messages.sort_unstable();
        assert_eq!(messages, ["sending from first handle", "sending from second handle"]);
    });
}
