//! The clients: each makes one connection after the other until the time is over.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use openwork::io::framed::{Framed, LinesCodec};
use openwork::io::{AsyncReadExt, AsyncWriteExt};
use openwork::net::TcpStream;
use openwork::task::JoinSet;
use openwork::time::{sleep, timeout};
use openwork::{select, try_join};

use super::course::{Course, End, Exchange, bytes};
use super::report::{Report, Watched};
use super::{PATIENCE, Settings};
use crate::common::Random;

/// Bytes of one write and of one read.
const PIECE: usize = 16 << 10;

/// Clients begin one after the other, during this part of the time.
const RAMP: u32 = 20;

pub async fn run(settings: Settings, addresses: Vec<SocketAddr>) {
    let control = TcpStream::connect(addresses[0]).await.unwrap();
    let mut control = Framed::new(control, LinesCodec::new());
    let report = Arc::new(Report::new(settings));
    control.send("here we are").await.unwrap();

    let watched = Watched::begin(settings);
    let mut clients = JoinSet::new();
    for number in 0..settings.connections {
        let address = addresses[number % addresses.len()];
        clients.spawn(client(number, address, settings, report.clone()));
    }
    loop {
        select! {
            ended = clients.join_next() => match ended {
                Some(ended) => ended.unwrap(),
                None => break,
            },
            () = watched.look() => {}
        }
    }
    drop(clients);
    report.print();
    watched.end("clients").await;
    control.send(report.bytes.load(Relaxed).to_string()).await.unwrap();
}

async fn client(number: usize, address: SocketAddr, settings: Settings, report: Arc<Report>) {
    let end = Instant::now() + settings.time;
    let share = number as f64 / settings.connections as f64;
    sleep((settings.time / RAMP).mul_f64(share)).await;
    let mut id = number as u64;
    while Instant::now() < end {
        let course = Course::new(settings, id);
        connection(&course, address, end, &report).await;
        report.count_end(course.end);
        id += settings.connections as u64;
    }
}

/// Makes a connection, and carries out its course.
async fn connection(course: &Course, address: SocketAddr, end: Instant, report: &Report) {
    let connect = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(&course.id.to_le_bytes()).await.map(|()| stream)
    };
    let stream = timeout(PATIENCE, connect).await.expect("stuck").unwrap();
    for exchange in &course.exchanges {
        // When the time is over the rest of the course is short.
        let rest = end.saturating_duration_since(Instant::now());
        sleep(exchange.think.min(rest)).await;
        let exchange = Exchange { stall: exchange.stall.min(rest), ..*exchange };
        if exchange.is_last && course.end != End::InOrder {
            return cut(course, &exchange, stream, report).await;
        }
        let (start, answer) = (Instant::now(), exchange_bytes(course, &exchange, &stream, report));
        if let Err(error) = timeout(PATIENCE, answer).await.expect("stuck") {
            panic!("connection {}, {exchange:?}: {error}", course.id);
        }
        report.count(exchange.is_timed().then(|| start.elapsed()));
    }
    let mut stream = stream;
    stream.shutdown().await.unwrap();
    let rest = timeout(PATIENCE, stream.read(&mut [0])).await.expect("stuck").unwrap();
    assert_eq!(rest, 0, "connection {}", course.id);
}

/// Sends the bytes of an exchange, and checks the answer.
async fn exchange_bytes(
    course: &Course,
    exchange: &Exchange,
    stream: &TcpStream,
    report: &Report,
) -> io::Result<()> {
    let Exchange { offset, length, stall, .. } = *exchange;
    let send = async {
        let mut bytes = bytes(course.id, offset).take(length);
        loop {
            let piece: Vec<u8> = bytes.by_ref().take(PIECE).collect();
            if piece.is_empty() {
                return Ok(());
            }
            (&*stream).write_all(&piece).await?;
        }
    };
    let receive = async {
        if !stall.is_zero() {
            sleep(stall).await;
        }
        let mut piece = vec![0; PIECE.min(length)];
        let mut expected = bytes(course.id, offset).take(length).map(|byte| !byte);
        let mut received = 0;
        while received < length {
            let most = piece.len().min(length - received);
            let read = (&*stream).read(&mut piece[..most]).await?;
            if read == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let is_right = piece[..read].iter().copied().eq(expected.by_ref().take(read));
            assert!(is_right, "connection {}: wrong bytes after {received}", course.id);
            received += read;
            report.bytes.fetch_add(read as u64, Relaxed);
        }
        Ok(())
    };
    try_join!(send, receive).map(|_| ())
}

/// The last exchange of a connection that does not end in order.
async fn cut(course: &Course, exchange: &Exchange, mut stream: TcpStream, report: &Report) {
    if matches!(course.end, End::ServerCloses | End::ServerResets) {
        let bytes: Vec<u8> = bytes(course.id, exchange.offset).take(exchange.length).collect();
        // It fails if the server has ended before the last byte.
        _ = timeout(PATIENCE, stream.write_all(&bytes)).await.expect("stuck");
        match timeout(PATIENCE, stream.read(&mut [0])).await.expect("stuck") {
            Ok(0) => assert_eq!(course.end, End::ServerCloses, "connection {}", course.id),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            other => panic!("connection {}, {:?}: {other:?}", course.id, course.end),
        }
        return;
    }
    // At any point: before the first byte is sent, in between, or after all.
    let micros = Random(course.id | 1).below(500) as u64;
    let answer = exchange_bytes(course, exchange, &stream, report);
    _ = timeout(Duration::from_micros(micros), answer).await;
    if course.end == End::ClientResets {
        stream.set_zero_linger().unwrap();
    }
}
