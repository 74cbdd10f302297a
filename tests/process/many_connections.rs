//! Ten thousand descriptors in one process, all of them busy at once, and nothing lost or left.
//!
//! Every connection has a task at each end, both in the same runtime. All are open before the first
//! byte is sent. The test has a process of its own, since it counts descriptors.

use std::fs;
use std::io::Write;

use crate::alone;
use crate::common::on_every_flavour;
use futures::channel::{mpsc, oneshot};
use futures::future::join_all;
use futures::{FutureExt, SinkExt, StreamExt};
use openwork::io::{AsyncReadExt, AsyncWriteExt};
use openwork::net::{TcpListener, TcpStream};
use openwork::runtime::Handle;

const CONNECTIONS: usize = 5000;
const ROUNDS: u64 = 3;
/// For what a process has open anyway: its standard streams, the poller, the listener.
const SPARE: usize = 50;

/// How many descriptors this process may have, if the system tells.
fn limit() -> Option<usize> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find(|line| line.starts_with("Max open files"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

/// How many descriptors this process has, if the system tells.
fn open_descriptors() -> Option<usize> {
    Some(fs::read_dir("/proc/self/fd").ok()?.count())
}

/// The bytes that connection `id` sends in one round: no other connection sends the same.
fn message(id: usize, round: u64) -> [u8; 64] {
    let mut message = [0; 64];
    for (index, word) in message.chunks_exact_mut(8).enumerate() {
        let number = (id as u64) << 32 | round << 16 | index as u64;
        word.copy_from_slice(&number.to_le_bytes());
    }
    message
}

async fn serve(mut stream: TcpStream) {
    let mut buf = [0; 64];
    loop {
        match stream.read(&mut buf).await.unwrap() {
            0 => return,
            count => stream.write_all(&buf[..count]).await.unwrap(),
        }
    }
}

async fn call(id: usize, mut stream: TcpStream) {
    for round in 0..ROUNDS {
        let (sent, mut echo) = (message(id, round), [0; 64]);
        stream.write_all(&sent).await.unwrap();
        stream.read_exact(&mut echo).await.unwrap();
        assert_eq!(echo, sent);
    }
    stream.shutdown().await.unwrap();
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
}

async fn echo_over(connections: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let metrics = Handle::current().metrics();

    // One after the other: a thousand at once would overrun the listener's backlog.
    let (mut knock, knocks) = mpsc::channel(100);
    let accepting = openwork::spawn(async move {
        let mut accepted = Vec::new();
        for _ in 0..connections {
            accepted.push(listener.accept().await.unwrap().0);
        }
        accepted
    });
    let connecting = openwork::spawn(async move {
        for _ in 0..connections {
            knock.send(TcpStream::connect(address).await.unwrap()).await.unwrap();
        }
    });
    let callers: Vec<_> = knocks.collect().await;
    connecting.await.unwrap();
    let accepted = accepting.await.unwrap();
    assert_eq!(metrics.io_driver_fd_registered_count(), 2 * connections);

    let servers: Vec<_> =
        accepted.into_iter().map(|stream| openwork::spawn(serve(stream))).collect();
    let clients = callers.into_iter().enumerate();
    // No client sends, and so none ends, before all are connected.
    let (go, is_time) = oneshot::channel::<()>();
    let is_time = is_time.shared();
    let call = |(id, stream)| {
        let is_time = is_time.clone();
        openwork::spawn(async move {
            is_time.await.unwrap();
            call(id, stream).await;
        })
    };
    let clients: Vec<_> = clients.map(call).collect();
    assert_eq!(metrics.num_alive_tasks(), 2 * connections);
    go.send(()).unwrap();
    for task in join_all(clients.into_iter().chain(servers)).await {
        task.unwrap();
    }
}

#[test]
fn five_thousand_connections_echo_at_once_and_leave_nothing() {
    alone("five_thousand_connections_echo_at_once_and_leave_nothing", echo_on_every_flavour);
}

fn echo_on_every_flavour() {
    let before = open_descriptors();
    let most = limit().map_or(CONNECTIONS, |limit| limit.saturating_sub(SPARE) / 2);
    let connections = CONNECTIONS.min(most);
    assert!(connections > 0);
    if connections < CONNECTIONS {
        // Past the test's own capture, so that it is seen.
        let said = format!("the limit of descriptors allows {connections} connections\n");
        std::io::stdout().write_all(said.as_bytes()).unwrap();
    }

    on_every_flavour(move |flavour| {
        let runtime = flavour.build();
        runtime.block_on(echo_over(connections));
        let metrics = runtime.handle().metrics();
        assert_eq!(metrics.io_driver_fd_registered_count(), 0);
        assert_eq!(metrics.num_alive_tasks(), 0);
        assert_eq!(metrics.num_timers(), 0);
        drop((metrics, runtime));
        assert_eq!(open_descriptors(), before);
    });
}
