//! The standard streams. Each test runs in two processes: this one, and a copy of itself with streams of the test's choice.

use std::env;
use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::process::{self, Child, Command, Stdio};
use std::thread;

use crate::common::{Flavour, Wakes, again, ends};
use openwork::io::{AsyncReadExt, AsyncWriteExt, stderr, stdin, stdout};

/// The environment variable that marks the inner process.
const INNER: &str = "OPENWORK_TEST_STDIO";

/// Whether this is the inner process.
fn is_inner() -> bool {
    env::var_os(INNER).is_some()
}

/// A command that runs the test called `name` as the inner process, with pipes.
#[track_caller]
fn inner(name: &str) -> Command {
    let mut command = again(name);
    command.env(INNER, "yes").stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// Reads the output of the inner process up to this line.
fn wait_for(child: &mut Child, line: &str) {
    let (mut seen, mut byte) = (Vec::new(), [0]);
    while !seen.ends_with(line.as_bytes()) {
        child.stdout.as_mut().unwrap().read_exact(&mut byte).unwrap();
        seen.push(byte[0]);
    }
}

/// The bytes between two marks in the output, which also has lines of the test harness.
fn between_marks(output: &[u8]) -> &[u8] {
    let find = |mark: &[u8]| output.windows(mark.len()).position(|window| window == mark).unwrap();
    &output[find(b"<begin>") + 7..find(b"<end>")]
}

#[test]
fn a_program_ends_while_a_read_of_standard_input_waits() {
    if is_inner() {
        for flavour in [Flavour::CurrentThread, Flavour::Workers(2)] {
            let runtime = flavour.build();
            let task = runtime.spawn(async { stdin().read(&mut [0; 10]).await });
            runtime.block_on(async {
                // Until the read waits.
                while openwork::runtime::Handle::current().tasks()[0].polls == 0 {
                    openwork::task::yield_now().await;
                }
            });
            drop(runtime);
            drop(task);
        }
        return;
    }
    ends(|| {
        let name = "a_program_ends_while_a_read_of_standard_input_waits";
        let mut child = inner(name).spawn().unwrap();
        // The input stays open.
        let input = child.stdin.take();
        assert!(child.wait().unwrap().success());
        drop(input);
    });
}

#[test]
fn standard_input_is_copied_to_standard_output() {
    if is_inner() {
        return openwork::block_on(async {
            let (mut input, mut output, mut buf) = (stdin(), stdout(), [0; 10_000]);
            output.write_all(b"<begin>").await.unwrap();
            loop {
                match input.read(&mut buf).await.unwrap() {
                    0 => break,
                    count => output.write_all(&buf[..count]).await.unwrap(),
                }
            }
            output.write_all(b"<end>").await.unwrap();
            output.flush().await.unwrap();
            stderr().write_all(b"").await.unwrap();
        });
    }
    ends(|| {
        let sent: Vec<u8> = (0..1_000_000_u32).map(|n| b'a' + (n % 1_013 * 7 % 23) as u8).collect();
        let mut child = inner("standard_input_is_copied_to_standard_output").spawn().unwrap();
        let (mut input, bytes) = (child.stdin.take().unwrap(), sent.clone());
        let writer = thread::spawn(move || input.write_all(&bytes).unwrap());
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        assert!(output.status.success());
        assert!(between_marks(&output.stdout) == sent);
    });
}

#[test]
fn a_dropped_read_loses_nothing() {
    if is_inner() {
        return openwork::block_on(async {
            let mut input = stdin();
            let mut buf = [0; 10];
            let wakes = Wakes::new();
            assert!(wakes.poll(pin!(input.read(&mut buf))).is_pending());
            drop(input);
            assert_eq!(wakes.kept(), 0);
            println!("dropped");
            // Another handle gets the bytes.
            assert_eq!(stdin().read(&mut buf).await.unwrap(), 3);
            assert_eq!(&buf[..3], b"abc");
            assert_eq!(stdin().read(&mut buf).await.unwrap(), 0);
        });
    }
    ends(|| {
        let mut child = inner("a_dropped_read_loses_nothing").spawn().unwrap();
        wait_for(&mut child, "dropped\n");
        child.stdin.take().unwrap().write_all(b"abc").unwrap();
        assert!(child.wait_with_output().unwrap().status.success());
    });
}

#[test]
fn each_byte_goes_to_one_of_the_waiting_tasks() {
    if is_inner() {
        let flavour = Flavour::Workers(4);
        return flavour.block_on(async {
            let readers: Vec<_> = (0..20)
                .map(|_| {
                    openwork::spawn(async {
                        let mut byte = [0];
                        stdin().read_exact(&mut byte).await.unwrap();
                        byte[0]
                    })
                })
                .collect();
            println!("waiting");
            let mut bytes = Vec::new();
            for reader in readers {
                bytes.push(reader.await.unwrap());
            }
            bytes.sort_unstable();
            assert_eq!(bytes, b"abcdefghijklmnopqrst");
        });
    }
    ends(|| {
        let mut child = inner("each_byte_goes_to_one_of_the_waiting_tasks").spawn().unwrap();
        wait_for(&mut child, "waiting\n");
        let mut input = child.stdin.take().unwrap();
        for part in [&b"abcde"[..], b"f", b"ghijklmnop", b"qrst"] {
            input.write_all(part).unwrap();
        }
        assert!(child.wait_with_output().unwrap().status.success());
    });
}

#[test]
fn flush_reports_bytes_that_cannot_be_written() {
    if is_inner() {
        return openwork::block_on(async {
            let mut error = stderr();
            error.write_all(b"lost").await.unwrap();
            for _ in 0..3 {
                assert_eq!(error.flush().await.unwrap_err().kind(), ErrorKind::StorageFull);
            }
        });
    }
    ends(|| {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = inner("flush_reports_bytes_that_cannot_be_written");
        assert!(command.stderr(full).output().unwrap().status.success());
    });
}

#[test]
fn each_flush_of_a_full_standard_output_fails() {
    if is_inner() {
        // The output of the test harness has room.
        let mut full = UnixStream::from(io::stdout().as_fd().try_clone_to_owned().unwrap());
        full.set_nonblocking(true).unwrap();
        while full.write(&[b'.'; 1000]).is_ok() {}
        openwork::block_on(async {
            let mut output = stdout();
            output.write_all(b"lost").await.unwrap();
            for _ in 0..3 {
                assert_eq!(output.flush().await.unwrap_err().kind(), ErrorKind::WouldBlock);
            }
        });
        // The test harness has no more room.
        process::exit(0);
    }
    ends(|| {
        let (ours, output) = UnixStream::pair().unwrap();
        let mut command = inner("each_flush_of_a_full_standard_output_fails");
        let mut child = command.stdout(OwnedFd::from(output)).spawn().unwrap();
        assert!(child.wait().unwrap().success());
        drop(ours);
    });
}

/// A program that was started without standard streams finds `/dev/null` in their place, which std has opened. An output
/// that has lost its reader is an error.
#[test]
fn closed_standard_streams_are_an_end_and_an_error() {
    if is_inner() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        // SAFETY: both numbers are open descriptors, and no owner of the second relies on what it is.
        assert_eq!(unsafe { libc::dup2(writer.as_raw_fd(), 1) }, 1);
        openwork::block_on(async {
            assert_eq!(stdin().read(&mut [0; 10]).await.unwrap(), 0);
            let mut error = stderr();
            error.write_all(b"lost").await.unwrap();
            error.flush().await.unwrap();
            let mut output = stdout();
            output.write_all(b"lost").await.unwrap();
            for _ in 0..3 {
                assert_eq!(output.flush().await.unwrap_err().kind(), ErrorKind::BrokenPipe);
            }
        });
        // The test harness cannot print either.
        process::exit(0);
    }
    ends(|| {
        let test = inner("closed_standard_streams_are_an_end_and_an_error");
        let mut shell = Command::new("sh");
        shell.args(["-c", "exec \"$0\" \"$@\" <&- 2>&-"]);
        shell.arg(test.get_program()).args(test.get_args()).env(INNER, "yes");
        let output = shell.output().unwrap();
        assert!(output.status.success(), "{output:?}");
    });
}
