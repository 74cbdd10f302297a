//! I/O.

use std::pin::Pin;
use std::task::{Context, Poll};

use openwork::fs::File;
use openwork::io::{
    self, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncSeekExt, AsyncWrite, AsyncWriteExt,
    BufReader, BufWriter, SeekFrom,
};
use openwork::net::{TcpListener, TcpStream};

use crate::common::sockets::Directory;
use crate::program;

#[test]
fn a_file_is_written_read_and_read_to_its_end() {
    program(|| async {
        let directory = Directory::new();
        let path = directory.path("foo.txt");
        let mut file = File::create(&path).await?;
        let n = file.write(b"some bytes").await?;
        assert_eq!(n, 10);
        file.write_all(b", and more").await?;
        file.flush().await?;

        let mut f = File::open(&path).await?;
        let mut buffer = [0; 10];
        let n = f.read(&mut buffer[..]).await?;
        assert_eq!(&buffer[..n], b"some bytes");
        let mut buffer = Vec::new();
        f.read_to_end(&mut buffer).await?;
        assert_eq!(buffer, b", and more");
        io::Result::Ok(())
    });
}

#[test]
fn a_slice_is_a_reader_and_is_copied_into_a_file() {
    program(|| async {
        let directory = Directory::new();
        let path = directory.path("foo.txt");
        let mut reader: &[u8] = b"hello";
        let mut file = File::create(&path).await?;
        assert_eq!(io::copy(&mut reader, &mut file).await?, 5);
        drop(file);
        assert_eq!(openwork::fs::read_to_string(&path).await?, "hello");
        io::Result::Ok(())
    });
}

async fn talk(address: std::net::SocketAddr) -> io::Result<()> {
    let socket = TcpStream::connect(address).await?;
    let (mut rd, mut wr) = io::split(socket);
    let write_task = openwork::spawn(async move {
        wr.write_all(b"hello\r\n").await?;
        wr.write_all(b"world\r\n").await?;
        // Dropping a half of a split stream closes nothing.
        wr.shutdown().await?;
        Ok::<_, io::Error>(())
    });
    let mut got = Vec::new();
    let mut buf = vec![0; 128];
    loop {
        let n = rd.read(&mut buf).await?;
        if n == 0 {
            break;
        }
        got.extend_from_slice(&buf[..n]);
    }
    write_task.await??;
    assert_eq!(got, b"hello\r\nworld\r\n");
    Ok(())
}

#[test]
fn an_echo_server_copies_from_one_half_to_the_other() {
    program(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        openwork::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                openwork::spawn(async move {
                    let (mut rd, mut wr) = socket.split();
                    if io::copy(&mut rd, &mut wr).await.is_err() {
                        eprintln!("failed to copy");
                    }
                });
            }
        });
        talk(address).await
    });
}

#[test]
fn an_echo_server_copies_by_hand() {
    program(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        openwork::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                openwork::spawn(async move {
                    let mut buf = vec![0; 1024];
                    loop {
                        match socket.read(&mut buf).await {
                            Ok(0) => return,
                            Ok(n) => {
                                if socket.write_all(&buf[..n]).await.is_err() {
                                    return;
                                }
                            }
                            Err(_) => return,
                        }
                    }
                });
            }
        });
        talk(address).await
    });
}

#[test]
fn lines_are_read_from_a_buffered_file() {
    program(|| async {
        let directory = Directory::new();
        let path = directory.path("lines.txt");
        {
            let mut writer = BufWriter::new(File::create(&path).await?);
            for n in 0..1000 {
                writer.write_all(format!("line {n}\n").as_bytes()).await?;
            }
            writer.write(b"the last\r\n").await?;
            writer.flush().await?;
        }
        let f = File::open(&path).await?;
        let mut reader = BufReader::new(f);
        let mut buffer = String::new();
        reader.read_line(&mut buffer).await?;
        assert_eq!(buffer, "line 0\n");
        let mut bytes = Vec::new();
        assert_eq!(reader.read_until(b'1', &mut bytes).await?, 6);
        reader.read_line(&mut buffer).await?;
        let mut lines = reader.lines();
        let mut count = 2;
        let mut last = String::new();
        while let Some(line) = lines.next_line().await? {
            assert!(line == format!("line {count}") || line == "the last");
            count += 1;
            last = line;
        }
        assert_eq!((count, &last[..]), (1001, "the last"));

        let mut file = lines.into_inner().into_inner();
        file.seek(SeekFrom::Start(5)).await?;
        let mut number = [0; 1];
        file.read_exact(&mut number).await?;
        assert_eq!(&number, b"0");
        file.rewind().await?;
        let mut head = String::new();
        file.take(4).read_to_string(&mut head).await?;
        assert_eq!(head, "line");
        io::Result::Ok(())
    });
}

#[test]
fn readers_and_writers_of_nothing_and_of_memory() {
    program(|| async {
        let (mut client, mut server) = io::duplex(64);
        client.write_all(b"ping").await?;
        let mut buf = [0_u8; 4];
        server.read_exact(&mut buf).await?;
        assert_eq!(&buf, b"ping");
        server.write_all(b"pong").await?;
        client.read_exact(&mut buf).await?;
        assert_eq!(&buf, b"pong");

        let mut reader = b"hello ".chain(&b"world"[..]);
        let mut text = String::new();
        reader.read_to_string(&mut text).await?;
        assert_eq!(text, "hello world");

        let mut buffer = vec![0; 3];
        io::repeat(0b101).read_exact(&mut buffer).await.unwrap();
        assert_eq!(buffer, [0b101, 0b101, 0b101]);
        assert_eq!(io::empty().read(&mut buffer).await?, 0);
        assert_eq!(io::sink().write(&buffer).await?, 3);

        let mut cursor = futures::io::Cursor::new(vec![1_u8, 0, 2]);
        assert_eq!(cursor.read_u8().await?, 1);
        assert_eq!(cursor.read_u16().await?, 2);
        assert_eq!(cursor.read_u8().await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        io::Result::Ok(())
    });
}

#[test]
fn a_proxy_copies_both_ways() {
    program(|| async {
        let echo = TcpListener::bind("127.0.0.1:0").await?;
        let proxy = TcpListener::bind("127.0.0.1:0").await?;
        let (to_echo, to_proxy) = (echo.local_addr()?, proxy.local_addr()?);
        openwork::spawn(async move {
            let (mut socket, _) = echo.accept().await?;
            let (rd, wr) = &mut socket.split();
            io::copy(rd, wr).await
        });
        let copied = openwork::spawn(async move {
            let (mut inbound, _) = proxy.accept().await?;
            let mut outbound = TcpStream::connect(to_echo).await?;
            io::copy_bidirectional(&mut inbound, &mut outbound).await
        });
        let mut socket = TcpStream::connect(to_proxy).await?;
        socket.write_all(b"through").await?;
        socket.shutdown().await?;
        let mut back = String::new();
        socket.read_to_string(&mut back).await?;
        assert_eq!(back, "through");
        assert_eq!(copied.await??, (7, 7));
        io::Result::Ok(())
    });
}

/// A function for any stream, and a wrapper of one.
async fn shout<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> io::Result<()> {
    let (rd, mut wr) = io::split(stream);
    let mut lines = BufReader::new(rd).lines();
    while let Some(line) = lines.next_line().await? {
        wr.write_all(line.to_uppercase().as_bytes()).await?;
        wr.write_all(b"\n").await?;
    }
    wr.shutdown().await
}

struct Counted<R> {
    inner: R,
    bytes: usize,
}

impl<R: AsyncRead + Unpin> AsyncRead for Counted<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.inner).poll_read(cx, buf);
        if let Poll::Ready(Ok(count)) = poll {
            self.bytes += count;
        }
        poll
    }
}

#[test]
fn a_function_for_any_stream_works_on_all_of_them() {
    program(|| async {
        let (client, server) = io::duplex(16);
        let task = openwork::spawn(shout(server));
        let (rd, mut wr) = io::split(client);
        wr.write_all(b"abc\ndef").await?;
        wr.shutdown().await?;
        let mut rd = Counted { inner: rd, bytes: 0 };
        let mut said = String::new();
        (&mut rd).take(5).read_to_string(&mut said).await?;
        rd.read_to_string(&mut said).await?;
        assert_eq!(said, "ABC\nDEF\n");
        assert_eq!(rd.bytes, 8);
        task.await??;
        io::Result::Ok(())
    });
}

#[test]
fn standard_output_is_written_and_flushed() {
    program(|| async {
        let mut stdout = io::stdout();
        stdout.write_all(b"").await?;
        stdout.flush().await?;
        let mut stderr = io::stderr();
        stderr.write_all(b"").await?;
        stderr.flush().await
    });
}
