//! A process of one's own, and what Linux tells of this one.

use std::process::Command;
use std::{env, fs};

/// Runs the test called `name` in a process of its own, where it may count threads and bytes, and
/// from which nobody dies with it.
pub fn alone(name: &str, body: impl FnOnce()) {
    alone_under(name, ":", body);
}

/// The same under a limit, given as the shell's command that sets it.
pub fn alone_under(name: &str, limit: &str, body: impl FnOnce()) {
    const INNER: &str = "OPENWORK_TEST_ALONE";
    if env::var_os(INNER).is_some() {
        return body();
    }
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("{limit} && exec \"$0\" \"$@\"")])
        .arg(env::current_exe().unwrap());
    command.args([name, "--exact", "--nocapture", "--test-threads=1"]).env(INNER, "yes");
    let output = command.output().unwrap();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    print!("{stdout}");
    eprint!("{stderr}");
    assert!(output.status.success(), "{name}, in a process of its own: {}", output.status);
    assert!(stdout.contains("1 passed"), "there is no test called {name}");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The threads of this process.
pub fn threads() -> Vec<u32> {
    let entries = fs::read_dir("/proc/self/task").expect("Linux");
    entries.map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect()
}

/// This thread's number.
pub fn thread_id() -> u32 {
    let link = fs::read_link("/proc/thread-self").expect("Linux");
    link.file_name().unwrap().to_str().unwrap().parse().unwrap()
}
