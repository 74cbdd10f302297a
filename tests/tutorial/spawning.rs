//! Spawning.

use std::collections::HashMap;
use std::rc::Rc;

use bytes::Bytes;
use openwork::net::{TcpListener, TcpStream};
use openwork::task;
use openwork::task::yield_now;

use crate::mini::{Connection, Frame};
use crate::program;

async fn process(socket: TcpStream) {
    let mut db: HashMap<String, Bytes> = HashMap::new();
    let mut connection = Connection::new(socket);
    while let Some(frame) = connection.read_frame().await.unwrap() {
        let response = match frame {
            Frame::Array(words) if words.len() == 3 => {
                let [_, Frame::Bulk(key), Frame::Bulk(value)] = &words[..] else { panic!() };
                db.insert(String::from_utf8_lossy(key).into_owned(), value.clone());
                Frame::Simple("OK".to_string())
            }
            frame => Frame::Error(format!("unimplemented {frame:?}")),
        };
        connection.write_frame(&response).await.unwrap();
    }
}

#[test]
fn each_connection_is_a_task() {
    program(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        openwork::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                openwork::spawn(async move {
                    process(socket).await;
                });
            }
        });
        let mut clients = Vec::new();
        for _ in 0..10 {
            clients.push(crate::mini::connect(address).await.unwrap());
        }
        for client in &mut clients {
            client.set("key", Bytes::from_static(b"value")).await.unwrap();
        }
        assert!(clients[0].get("key").await.is_err());
    });
}

#[test]
fn a_handle_is_awaited_for_what_its_task_returns() {
    program(|| async {
        let handle = openwork::spawn(async { "return value" });
        let out = handle.await.unwrap();
        assert_eq!(out, "return value");
    });
}

#[test]
fn a_task_owns_what_is_moved_into_it() {
    program(|| async {
        let v = vec![1, 2, 3];
        let sum = task::spawn(async move { v.iter().sum::<i32>() });
        assert_eq!(sum.await.unwrap(), 6);
    });
}

#[test]
fn a_value_that_is_not_send_must_be_dropped_before_an_await() {
    program(|| async {
        let task = openwork::spawn(async {
            {
                let rc = Rc::new("hello");
                assert_eq!(*rc, "hello");
            }
            yield_now().await;
        });
        task.await.unwrap();
    });
}

#[test]
fn awaiting_a_task_that_panicked_returns_an_error() {
    program(|| async {
        let join = task::spawn(async {
            if true {
                panic!("something bad happened!")
            }
        });
        let error = join.await.unwrap_err();
        assert!(error.is_panic());
        let payload = error.into_panic();
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"something bad happened!"));
    });
}
