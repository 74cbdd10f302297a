//! Tests in processes of their own, and what Linux tells of this process.

use std::os::unix::process::CommandExt;
use std::panic::Location;
use std::process::Command;
use std::{env, fs, io, thread};

/// Runs the test called `name` in a process of its own, where it may count threads and bytes, and where a
/// crash ends no other test.
#[track_caller]
pub fn alone(name: &str, body: impl FnOnce()) {
    alone_under(name, ":", body);
}

/// The same under a limit, given as the shell's command that sets it.
#[track_caller]
pub fn alone_under(name: &str, limit: &str, body: impl FnOnce()) {
    const INNER: &str = "OPENWORK_TEST_ALONE";
    if env::var_os(INNER).is_some() {
        return body();
    }
    let test = again(name);
    let mut command = Command::new("sh");
    interruptible(&mut command).args(["-c", &format!("{limit} && exec \"$0\" \"$@\"")]);
    command.arg(test.get_program()).args(test.get_args()).env(INNER, "yes");
    let output = command.output().unwrap();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    print!("{stdout}");
    eprint!("{stderr}");
    assert!(output.status.success(), "{name}, in a process of its own: {}", output.status);
    assert!(stdout.contains("1 passed"), "there is no test called {name}");
}

/// A command that runs the test `name` of the calling file, and no other test.
#[track_caller]
pub fn again(name: &str) -> Command {
    let path = format!("{}{name}", module_of(Location::caller().file()));
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([&path, "--exact", "--nocapture", "--test-threads=1"]);
    interruptible(&mut command);
    command
}

/// Gives SIGINT its default action in the command's process. A script's `command &` runs with SIGINT ignored,
/// and so would all that it starts.
pub fn interruptible(command: &mut Command) -> &mut Command {
    // SAFETY: `signal` may be called between `fork` and `exec`, and the closure does nothing else.
    unsafe {
        command.pre_exec(|| match libc::signal(libc::SIGINT, libc::SIG_DFL) {
            libc::SIG_ERR => Err(io::Error::last_os_error()),
            _ => Ok(()),
        })
    }
}

/// The module that a file is, with "::" behind it: `tests/sync/mpsc/closing.rs` is `mpsc::closing::`. The root
/// of a test program, `tests/sync/main.rs` or `tests/alone.rs`, is "".
fn module_of(file: &str) -> String {
    let (_, file) = file.rsplit_once("tests/").expect("a test is in `tests`");
    let Some((_, file)) = file.split_once('/') else { return String::new() };
    let module = file.trim_end_matches(".rs");
    match module.strip_suffix("mod").or(module.strip_suffix("main")) {
        Some(parent) => parent.replace('/', "::"),
        None => module.replace('/', "::") + "::",
    }
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

/// Waits until a thread of this process sleeps.
pub fn until_it_sleeps(id: u32) {
    while !fs::read_to_string(format!("/proc/self/task/{id}/stat")).unwrap().contains(") S ") {
        thread::yield_now();
    }
}
