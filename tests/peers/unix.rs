//! Unix sockets, with Python at the other end: as the client and as the server, by a path and by a name that
//! no file has.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::{env, fs, process};

use openwork::io::{AsyncReadExt, AsyncWriteExt, copy};
use openwork::net::{UnixDatagram, UnixListener, UnixStream};
use openwork::task::spawn_blocking;

use crate::common::{Flavour, on_each_of};
use crate::server::{peer, python};

/// Two: Python takes a while to start.
const FLAVOURS: [Flavour; 2] = [Flavour::CurrentThread, Flavour::Workers(2)];

/// A folder for sockets, gone with this.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = env::temp_dir().join(format!("openwork-{name}-{}", process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A server in Python that listens already. Dropped, it is killed.
struct Server(Child);

impl Server {
    fn start(kind: &str, path: &str) -> Server {
        let mut child =
            python("echo.py", &[kind, path]).stdout(Stdio::piped()).spawn().expect("python3");
        let mut first = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut first).unwrap();
        assert_eq!(first, "listening\n");
        Server(child)
    }

    fn ends_well(mut self) {
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn what_a_client_in_python_sends_comes_back() {
    on_each_of(&FLAVOURS, |flavour| {
        let folder = Folder::new("client");
        flavour.block_on(async {
            let unnamed = format!("openwork-client-{}", process::id());
            for (ours, theirs) in [
                (folder.path("socket"), folder.path("socket")),
                (format!("\0{unnamed}"), format!("@{unnamed}")),
            ] {
                let listener = UnixListener::bind(&ours).unwrap();
                let client =
                    spawn_blocking(move || peer(&mut python("echo.py", &["unix", &theirs])));
                let (stream, _) = listener.accept().await.unwrap();
                let (mut reads, mut writes) = (&stream, &stream);
                assert_eq!(copy(&mut reads, &mut writes).await.unwrap(), 1 << 20);
                writes.shutdown().await.unwrap();
                assert_eq!(client.await.unwrap(), "yes\n");
            }
        });
    });
}

#[test]
fn a_server_in_python_sends_back_what_we_send() {
    on_each_of(&FLAVOURS, |flavour| {
        let folder = Folder::new("server");
        let server = Server::start("serve-unix", &folder.path("socket"));
        flavour.block_on(async {
            let stream = UnixStream::connect(folder.path("socket")).await.unwrap();
            let (mut reads, mut writes) = stream.into_split();
            let sent: Vec<_> = (0..1 << 20).map(|at| (at % 251) as u8).collect();
            let sender = openwork::spawn({
                let sent = sent.clone();
                // Dropping it at the end closes the connection.
                async move { writes.write_all(&sent).await.unwrap() }
            });
            let mut echo = Vec::new();
            reads.read_to_end(&mut echo).await.unwrap();
            sender.await.unwrap();
            let end = echo.split_off(sent.len());
            assert!(echo == sent);
            assert_eq!(end, b"the end");
        });
        server.ends_well();
    });
}

#[test]
fn a_server_in_python_sends_back_each_datagram() {
    on_each_of(&FLAVOURS, |flavour| {
        let folder = Folder::new("datagrams");
        let server = Server::start("serve-unix-datagrams", &folder.path("server"));
        flavour.block_on(async {
            let socket = UnixDatagram::bind(folder.path("client")).unwrap();
            socket.connect(folder.path("server")).unwrap();
            let mut buf = vec![0; 65_536];
            for len in [1, 1000, 60_000, 0] {
                assert_eq!(socket.send(&vec![7; len]).await.unwrap(), len);
                assert_eq!(socket.recv(&mut buf).await.unwrap(), len);
            }
        });
        server.ends_well();
    });
}
