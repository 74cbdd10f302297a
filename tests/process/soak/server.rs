//! The server: it answers each byte that it has checked, and knows how each connection must end.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use openwork::io::framed::{Framed, LinesCodec};
use openwork::io::{AsyncReadExt, AsyncWriteExt};
use openwork::net::{TcpListener, TcpStream};
use openwork::select;
use openwork::sync::CancellationToken;
use openwork::task::JoinSet;
use openwork::time::timeout;

use super::course::{Course, End, bytes};
use super::report::Watched;
use super::{PATIENCE, Settings};

/// More than one, so that there are ports enough: the port of a closed connection waits for a minute.
const LISTENERS: usize = 4;

/// Bytes of one read.
const PIECE: usize = 4096;

/// Serves until the clients say that they are done. `start_clients` gets the addresses.
pub async fn run(settings: Settings, start_clients: impl FnOnce(&[SocketAddr])) {
    let mut listeners = Vec::new();
    for _ in 0..LISTENERS {
        listeners.push(Arc::new(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap()));
    }
    let addresses: Vec<_> = listeners.iter().map(|it| it.local_addr().unwrap()).collect();
    start_clients(&addresses);
    let mut control = Framed::new(listeners[0].accept().await.unwrap().0, LinesCodec::new());
    assert_eq!(control.next().await.unwrap().unwrap(), "here we are");

    let watched = Watched::begin(settings);
    let (answered, over) = (Arc::new(AtomicU64::new(0)), CancellationToken::new());
    let mut acceptors = JoinSet::new();
    for listener in &listeners {
        acceptors.spawn(accept_all(listener.clone(), settings, answered.clone(), over.clone()));
    }
    let said = loop {
        select! {
            line = control.next() => break line.expect("the clients have failed").unwrap(),
            Some(ended) = acceptors.join_next() => ended.unwrap(),
            () = watched.look() => {}
        }
    };
    over.cancel();
    while let Some(ended) = acceptors.join_next().await {
        ended.unwrap();
    }
    drop(acceptors);
    let (answered, checked) = (answered.load(Relaxed), said.parse::<u64>().unwrap());
    println!("the server has answered {answered} bytes, and the clients have checked {checked}");
    assert!(checked <= answered, "the clients have more than was sent");
    watched.end("server").await;
    assert!(control.next().await.is_none());
}

/// Serves the connections of a listener until the end, and each to its end.
async fn accept_all(
    listener: Arc<TcpListener>,
    settings: Settings,
    answered: Arc<AtomicU64>,
    over: CancellationToken,
) {
    let mut tasks = JoinSet::new();
    loop {
        select! {
            accepted = listener.accept() => {
                _ = tasks.spawn(serve(accepted.unwrap().0, settings, answered.clone()));
            }
            Some(ended) = tasks.join_next() => ended.unwrap(),
            _ = over.cancelled() => break,
        }
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
}

/// Serves a connection, and checks that it ends as it must.
async fn serve(mut stream: TcpStream, settings: Settings, answered: Arc<AtomicU64>) {
    let mut id = [0; 8];
    // A client resets no connection before its second exchange.
    timeout(PATIENCE, stream.read_exact(&mut id)).await.expect("stuck").unwrap();
    let course = Course::new(settings, u64::from_le_bytes(id));
    let (mut offset, last) = (0, course.last().offset);
    let result = echo(&mut stream, &course, &mut offset, &answered).await;
    let Course { id, end, .. } = course;
    let lost = |error: &io::Error| {
        matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
    };
    match (end, result) {
        (End::InOrder, Ok(())) => assert_eq!(offset, course.length(), "connection {id}"),
        (End::ClientCloses, Ok(())) if offset >= last => {}
        (End::ClientCloses | End::ClientResets, Err(error)) if offset >= last && lost(&error) => {}
        (End::ServerCloses, Ok(())) => assert_eq!(offset, last, "connection {id}"),
        (End::ServerResets, Ok(())) => {
            assert_eq!(offset, last, "connection {id}");
            stream.set_zero_linger().unwrap();
        }
        (_, result) => panic!("connection {id}, {end:?}: {result:?} at {offset} after {last}"),
    }
}

/// Answers until the client's end, or until the server must end. `offset` counts what was answered.
async fn echo(
    stream: &mut TcpStream,
    course: &Course,
    offset: &mut u64,
    answered: &AtomicU64,
) -> io::Result<()> {
    let server_ends = matches!(course.end, End::ServerCloses | End::ServerResets);
    let mut piece = [0; PIECE];
    loop {
        // No more than what is answered before the last exchange.
        let most = match course.last().offset.saturating_sub(*offset) {
            0 => PIECE,
            before => PIECE.min(before as usize),
        };
        let read = timeout(PATIENCE, stream.read(&mut piece[..most])).await.expect("stuck")?;
        let piece = &mut piece[..read];
        let is_right = piece.iter().copied().eq(bytes(course.id, *offset).take(read));
        assert!(is_right, "connection {}: wrong bytes after {offset}", course.id);
        if read == 0 || server_ends && *offset == course.last().offset {
            return Ok(());
        }
        piece.iter_mut().for_each(|byte| *byte = !*byte);
        timeout(PATIENCE, stream.write_all(piece)).await.expect("stuck")?;
        *offset += read as u64;
        answered.fetch_add(read as u64, Relaxed);
    }
}
