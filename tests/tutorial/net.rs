//! The first pages of `net`.

use std::net::SocketAddr;
use std::sync::Arc;

use openwork::io::{self, AsyncReadExt, AsyncWriteExt, Interest};
use openwork::net::{
    TcpListener, TcpSocket, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream,
    lookup_host,
};
use openwork::sync::mpsc;

use crate::common::sockets::Directory;
use crate::program;

async fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind(("localhost", 0)).await?;
    let near = TcpStream::connect(listener.local_addr()?).await?;
    Ok((near, listener.accept().await?.0))
}

#[test]
fn a_stream_is_tried_until_it_would_block() {
    program(|| async {
        let (stream, mut far) = pair().await?;
        far.write_all(b"hello").await?;
        let mut msg = vec![0; 1024];
        loop {
            stream.readable().await?;
            match stream.try_read(&mut msg) {
                Ok(n) => {
                    msg.truncate(n);
                    break;
                }
                Err(ref e) if e.kind() == io::ErrorKind::WouldBlock => continue,
                Err(e) => return Err(e),
            }
        }
        assert_eq!(msg, b"hello");
        loop {
            let ready = stream.ready(Interest::READABLE | Interest::WRITABLE).await?;
            if ready.is_readable() {
                match stream.try_read(&mut [0; 8]) {
                    Ok(_) => unreachable!(),
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => continue,
                    Err(e) => return Err(e),
                }
            }
            if ready.is_writable() {
                match stream.try_write(b"hello world") {
                    Ok(n) => break assert_eq!(n, 11),
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => continue,
                    Err(e) => return Err(e),
                }
            }
        }
        let mut peeked = [0; 10];
        let n = far.peek(&mut peeked).await?;
        assert_eq!(n, far.read(&mut peeked[..n]).await?);
        stream.set_nodelay(true)?;
        assert!(stream.nodelay()?);
        assert_eq!(stream.peer_addr()?, far.local_addr()?);
        Ok(())
    });
}

#[test]
fn a_stream_is_split_between_two_tasks_and_put_together_again() {
    program(|| async {
        let (stream, mut far) = pair().await?;
        let (mut read, mut write) = stream.into_split();
        let writing = openwork::spawn(async move {
            write.write_all(b"ping").await?;
            io::Result::Ok(write)
        });
        let mut buf = [0; 4];
        far.read_exact(&mut buf).await?;
        far.write_all(b"pong").await?;
        read.read_exact(&mut buf).await?;
        assert_eq!(&buf, b"pong");
        let write = writing.await??;
        let mut stream = read.reunite(write).unwrap();
        let (r, w) = stream.split();
        assert_eq!(r.peer_addr()?, w.peer_addr()?);
        drop(stream);
        assert_eq!(far.read(&mut buf).await?, 0);
        io::Result::Ok(())
    });
}

#[test]
fn datagrams_are_echoed_and_shared_by_tasks() {
    program(|| async {
        let sock = UdpSocket::bind("127.0.0.1:0").await?;
        let address = sock.local_addr()?;
        let r = Arc::new(sock);
        let s = r.clone();
        let (tx, mut rx) = mpsc::channel::<(Vec<u8>, SocketAddr)>(1_000);
        openwork::spawn(async move {
            while let Some((bytes, addr)) = rx.recv().await {
                let len = s.send_to(&bytes, &addr).await.unwrap();
                assert_eq!(len, bytes.len());
            }
        });
        openwork::spawn(async move {
            let mut buf = [0; 1024];
            loop {
                let (len, addr) = r.recv_from(&mut buf).await.unwrap();
                tx.send((buf[..len].to_vec(), addr)).await.unwrap();
            }
        });
        let client = UdpSocket::bind("127.0.0.1:0").await?;
        client.connect(address).await?;
        client.send(b"datagram").await?;
        let mut buf = [0; 16];
        assert_eq!(client.recv(&mut buf).await?, 8);
        assert_eq!(&buf[..8], b"datagram");
        io::Result::Ok(())
    });
}

#[test]
fn unix_sockets_are_the_same() {
    program(|| async {
        let directory = Directory::new();
        let path = directory.path("socket");
        let listener = UnixListener::bind(&path)?;
        let accepting = openwork::spawn(async move {
            match listener.accept().await {
                Ok((mut stream, _addr)) => stream.write_all(b"hello").await,
                Err(e) => Err(e),
            }
        });
        let mut stream = UnixStream::connect(&path).await?;
        let mut said = String::new();
        stream.read_to_string(&mut said).await?;
        assert_eq!(said, "hello");
        accepting.await??;
        let (mut a, mut b) = UnixStream::pair()?;
        a.write_all(b"x").await?;
        assert_eq!(b.read_u8().await?, b'x');
        let (a, b) = UnixDatagram::pair()?;
        a.send(b"y").await?;
        assert_eq!(b.recv(&mut [0; 4]).await?, 1);
        io::Result::Ok(())
    });
}

#[test]
fn names_are_looked_up_and_sockets_are_made_by_hand() {
    program(|| async {
        let mut found = 0;
        for addr in lookup_host("localhost:3000").await? {
            assert_eq!(addr.port(), 3000);
            found += 1;
        }
        assert!(found > 0);
        let addr = "127.0.0.1:0".parse().unwrap();
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(addr)?;
        let listener = socket.listen(1024)?;
        let socket = TcpSocket::new_v4()?;
        let (stream, accepted) =
            openwork::join!(socket.connect(listener.local_addr()?), listener.accept());
        assert_eq!(stream?.local_addr()?, accepted?.1);
        let std_listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        std_listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(std_listener)?;
        listener.into_std()?.set_nonblocking(false)?;
        io::Result::Ok(())
    });
}
