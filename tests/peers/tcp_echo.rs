//! The example `tcp_echo`, as a program, with clients that do not use this library.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream as StdStream};
use std::process::{Command, Stdio};
use std::thread;

use crate::common::{ends, example};
use crate::server::{Server, peer, python};

#[test]
fn the_example_echoes_what_stds_clients_send() {
    example("tcp_echo");
    ends(|| {
        let server = Server::start("tcp_echo");
        let idle = StdStream::connect(&server.address).unwrap();
        let here = idle.local_addr().unwrap();
        assert_eq!(server.say(), format!("{here} came"));

        // Others are served while that one is silent.
        let clients = [1 << 20, 3, 0].map(|len| {
            let address = server.address.clone();
            thread::spawn(move || {
                let mut far = StdStream::connect(address).unwrap();
                let sent: Vec<_> = (0..len).map(|at| (at % 251) as u8).collect();
                let mut sends = far.try_clone().unwrap();
                let sender = thread::spawn({
                    let sent = sent.clone();
                    move || {
                        sends.write_all(&sent).unwrap();
                        sends.shutdown(Shutdown::Write).unwrap();
                    }
                });
                let mut echo = Vec::new();
                far.read_to_end(&mut echo).unwrap();
                sender.join().unwrap();
                assert!(echo == sent);
            })
        });
        for client in clients {
            client.join().unwrap();
        }
        drop(idle);
        let farewell = format!("{here} went after 0 bytes");
        while server.say() != farewell {}
    });
}

#[test]
fn the_example_echoes_what_a_client_in_python_sends() {
    example("tcp_echo");
    ends(|| {
        let server = Server::start("tcp_echo");
        assert_eq!(peer(&mut python("echo.py", &["tcp", &server.address])), "yes\n");
    });
}

#[test]
#[ignore = "needs nc, which is not on every machine"]
fn the_example_echoes_what_nc_sends() {
    example("tcp_echo");
    ends(|| {
        let server = Server::start("tcp_echo");
        let (host, port) = server.host_and_port();
        let mut nc = Command::new("nc");
        nc.args([host, port]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut nc =
            nc.spawn().unwrap_or_else(|error| panic!("there is no such peer: nc: {error}"));
        let sent = "hello\n".repeat(50_000);
        let (mut input, text) = (nc.stdin.take().unwrap(), sent.clone());
        let sender = thread::spawn(move || {
            input.write_all(text.as_bytes()).unwrap();
            input
        });
        let mut echo = vec![0; sent.len()];
        nc.stdout.take().unwrap().read_exact(&mut echo).unwrap();
        assert!(echo == sent.as_bytes());
        // There are several programs of this name, which end at different moments.
        drop(sender.join().unwrap());
        nc.kill().unwrap();
        nc.wait().unwrap();
    });
}

#[test]
fn an_address_that_cannot_be_had_ends_the_example_with_an_error() {
    example("tcp_echo");
    ends(|| {
        let server = Server::start("tcp_echo");
        let output = example("tcp_echo").arg(&server.address).output().unwrap();
        assert!(!output.status.success());
        assert!(String::from_utf8_lossy(&output.stderr).contains("AddrInUse"));
    });
}
