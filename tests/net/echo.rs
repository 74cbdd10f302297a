//! The example `tcp_echo`, as a program, with clients that are not ours.

use std::env;
use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::{Shutdown, TcpStream as StdStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;

use crate::common::ends;
use crate::harness::pattern;

/// The example, for as long as this lives.
struct Server {
    child: Child,
    says: Lines<BufReader<ChildStdout>>,
    address: String,
}

impl Server {
    fn start() -> Server {
        let mut command = example();
        let mut child = command.arg("127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap();
        let mut says = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = says.next().expect("it says where it listens").unwrap();
        let address = first.strip_prefix("listening on ").expect("an address").to_owned();
        Server { child, says, address }
    }

    fn say(&mut self) -> String {
        self.says.next().unwrap().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// The example, built if need be: `cargo test --test net` alone builds no examples.
fn example() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    command.args(["run", "--quiet", "--offline", "--example", "tcp_echo"]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    command.arg("--").current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

#[test]
fn the_example_echoes_what_stds_clients_send() {
    ends(|| {
        let mut server = Server::start();
        let idle = StdStream::connect(&server.address).unwrap();
        let here = idle.local_addr().unwrap();
        assert_eq!(server.say(), format!("{here} came"));

        // Others are served while that one says nothing.
        let clients = [1 << 20, 3, 0].map(|len| {
            let address = server.address.clone();
            thread::spawn(move || {
                let mut far = StdStream::connect(address).unwrap();
                let sent = pattern(len);
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

/// A client in another language, with the sockets of another library.
const PYTHON: &str = "
import os, socket, sys, threading
host, port = sys.argv[1].rsplit(':', 1)
sent = os.urandom(1 << 20)
with socket.create_connection((host, int(port))) as connection:
    def send():
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
    sender = threading.Thread(target=send)
    sender.start()
    echo = b''.join(iter(lambda: connection.recv(65536), b''))
    sender.join()
assert echo == sent, (len(echo), len(sent))
print('the same', len(echo))
";

#[test]
fn the_example_echoes_what_a_client_in_python_sends() {
    ends(|| {
        let server = Server::start();
        let output = Command::new("python3").args(["-c", PYTHON, &server.address]).output();
        let output = match output {
            Ok(output) => output,
            Err(error) => {
                // Past the test's own capture: that it was not tried should be seen.
                let _ = writeln!(std::io::stderr(), "no client in Python: python3: {error}");
                return;
            }
        };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "the same 1048576");
    });
}

#[test]
fn the_example_without_an_address_serves_its_own_clients_and_ends() {
    ends(|| {
        let output = example().output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
        for name in ["Ada", "Bob", "Cleo"] {
            for word in ["hello", "is anybody there?", "goodbye"] {
                assert!(said.contains(&format!("{name} hears: {word}")), "{said}");
            }
        }
        // They took turns: the last one's first word came before the first one's last.
        assert!(said.find("Cleo hears: hello") < said.find("Ada hears: goodbye"), "{said}");
    });
}

#[test]
fn an_address_that_cannot_be_had_ends_the_example_with_an_error() {
    ends(|| {
        let server = Server::start();
        let output = example().arg(&server.address).output().unwrap();
        assert!(!output.status.success());
        assert!(String::from_utf8_lossy(&output.stderr).contains("AddrInUse"));
    });
}
