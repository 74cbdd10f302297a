//! An example that serves, and the peers that are started against it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use crate::common::example;

/// An example, serving at an address of its own for as long as this lives.
pub struct Server {
    child: Child,
    /// What it says after that, line by line.
    says: Receiver<String>,
    pub address: String,
}

impl Server {
    pub fn start(name: &str) -> Server {
        let mut child = example(name).arg("127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Its output is read at once, so that it never waits for this test.
        let (send, says) = mpsc::channel();
        thread::spawn(move || {
            while let Some(Ok(line)) = lines.next()
                && send.send(line).is_ok()
            {}
        });
        let mut server = Server { child, says, address: String::new() };
        let first = server.say();
        server.address = first.strip_prefix("listening on ").expect("an address").to_owned();
        server
    }

    pub fn say(&self) -> String {
        self.says.recv_timeout(Duration::from_secs(20)).expect("it says something")
    }

    pub fn host_and_port(&self) -> (&str, &str) {
        self.address.rsplit_once(':').unwrap()
    }

    /// How many descriptors it has open.
    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("it runs, on Linux").count()
    }

    /// The most memory that it has used so far, in kilobytes.
    pub fn most_memory(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone already, and then the test has said why it fails.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a peer to its end, and returns what it has written to its standard output.
pub fn peer(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output();
    let output =
        output.unwrap_or_else(|error| panic!("there is no such peer: {command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{said}\n{errors}", output.status);
    said
}

/// A script of this folder.
pub fn python(script: &str, args: &[&str]) -> Command {
    let mut python = Command::new("python3");
    python.arg(format!("{}/tests/peers/{script}", env!("CARGO_MANIFEST_DIR"))).args(args);
    // Errors as they come; and no files beside the scripts.
    python.env("PYTHONUNBUFFERED", "1").env("PYTHONDONTWRITEBYTECODE", "1");
    python
}
