//! Unit tests with a paused clock.

use std::time::Duration;

use openwork::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, BufWriter,
};
use openwork::runtime::Builder;
use openwork::time::{self, Instant, MissedTickBehavior};

use crate::common::ends;

/// What `#[tokio::test(start_paused = true)]` does.
fn test<F: Future<Output = ()>>(body: impl FnOnce() -> F + Send + 'static) {
    ends(|| {
        let mut builder = Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().unwrap().block_on(body());
    });
}

#[test]
fn a_long_sleep_takes_no_time() {
    test(|| async {
        let real = std::time::Instant::now();
        let start = Instant::now();
        time::sleep(Duration::from_secs(5000)).await;
        assert!(start.elapsed() >= Duration::from_secs(5000));
        assert!(real.elapsed() < Duration::from_secs(60));
    });
}

#[test]
fn a_clock_is_paused_in_the_middle_of_a_test() {
    ends(|| {
        openwork::block_on(async {
            time::pause();
            let start = std::time::Instant::now();
            time::sleep(Duration::from_secs(500)).await;
            assert!(start.elapsed() < Duration::from_secs(60));
            time::resume();
        });
    });
}

#[test]
fn an_interval_prints_at_its_times() {
    test(|| async {
        let mut interval = time::interval(Duration::from_secs(1));
        let start = Instant::now();
        for n in 0..3 {
            interval.tick().await;
            assert_eq!(start.elapsed().as_millis(), n * 1000);
        }
        time::advance(Duration::from_millis(3500)).await;
        interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
        for expected in [3000, 6000] {
            let at = interval.tick().await;
            assert_eq!(at.duration_since(start).as_millis(), expected);
        }
    });
}

async fn handle_connection<Reader, Writer>(
    reader: Reader,
    mut writer: Writer,
) -> std::io::Result<()>
where
    Reader: AsyncRead + Unpin,
    Writer: AsyncWrite + Unpin,
{
    let mut line = String::new();
    let mut reader = BufReader::new(reader);
    loop {
        if let Ok(bytes_read) = reader.read_line(&mut line).await {
            if bytes_read == 0 {
                break Ok(());
            }
            writer.write_all(format!("Thanks for your message: {line}").as_bytes()).await?;
        }
        line.clear();
    }
}

#[test]
fn a_connection_handler_is_tested_in_memory() {
    test(|| async {
        let reader: &[u8] = b"Hi there\r\nHow are you doing?\r\n";
        let mut writer = BufWriter::new(Vec::new());
        handle_connection(reader, &mut writer).await.unwrap();
        writer.flush().await.unwrap();
        let expected = "Thanks for your message: Hi there\r\n\
                        Thanks for your message: How are you doing?\r\n";
        assert_eq!(String::from_utf8(writer.into_inner()).unwrap(), expected);

        let (client, server) = openwork::io::duplex(1024);
        let (reader, writer) = openwork::io::split(server);
        let handling = openwork::spawn(handle_connection(reader, writer));
        let (mut reader, mut writer) = openwork::io::split(client);
        writer.write_all(b"x\n").await.unwrap();
        writer.shutdown().await.unwrap();
        let mut answer = vec![0; 27];
        reader.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, b"Thanks for your message: x\n");
        handling.await.unwrap().unwrap();
    });
}
