//! `OPENWORK_TRACE`, before programs that end in different ways. The programs are this one's `a_program`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::{again, example, target_folder};

/// Not a test: the program that the tests below run. `PROGRAM_ENDS` says how it ends.
#[test]
fn a_program() {
    let Ok(how) = std::env::var("PROGRAM_ENDS") else { return };
    openwork::block_on(async { openwork::spawn(async {}).await.unwrap() });
    let second = openwork::runtime::Builder::new_current_thread().build().unwrap();
    second.block_on(async { openwork::spawn(async {}).await.unwrap() });
    drop(second);
    match &*how {
        "many" => openwork::block_on(async {
            for _ in 0..10_000 {
                openwork::task::yield_now().await;
            }
        }),
        "exit" => std::process::exit(3),
        "panic" => panic!("on purpose"),
        "interrupt" => {
            println!("ready");
            std::thread::sleep(std::time::Duration::from_secs(60));
        }
        _ => {}
    }
}

fn file(name: &str) -> PathBuf {
    let path = target_folder().join(format!("trace-{name}-{}.txt", std::process::id()));
    let _ = fs::remove_file(&path);
    path
}

fn program(how: &str, path: &PathBuf) -> Command {
    let mut command = again("a_program");
    command.env("PROGRAM_ENDS", how).env("OPENWORK_TRACE", path);
    command
}

#[track_caller]
fn assert_complete(path: PathBuf) {
    let text = fs::read_to_string(&path).unwrap();
    fs::remove_file(path).unwrap();
    assert!(text.contains("runtime 1 ") && text.contains("runtime 2 "), "{text}");
    assert!(text.lines().last().unwrap().contains("the runtime ends"), "{text}");
}

fn run(mut command: Command) -> Output {
    command.output().unwrap()
}

#[test]
fn the_file_is_complete_however_the_program_ends() {
    for how in ["return", "exit", "panic"] {
        let path = file(how);
        run(program(how, &path));
        assert_complete(path);
    }
}

#[test]
fn ctrl_c_writes_the_file_and_ends_the_program_as_without_it() {
    use std::os::unix::process::ExitStatusExt;
    let path = file("interrupt");
    let mut child = program("interrupt", &path).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.ends_with("ready")));
    // SAFETY: the child is not waited for yet, so its pid is its own.
    unsafe { libc::kill(child.id() as i32, libc::SIGINT) };
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGINT));
    assert_complete(path);
}

/// Not a test: a program that handles Ctrl-C and Ctrl-\ itself, and sends both to itself.
#[test]
fn a_program_with_handlers() {
    static HANDLED: AtomicUsize = AtomicUsize::new(0);
    extern "C" fn handle(_: libc::c_int) {
        HANDLED.fetch_add(1, Ordering::Relaxed);
    }
    if std::env::var_os("PROGRAM_ENDS").is_none() {
        return;
    }
    let handler = handle as extern "C" fn(libc::c_int) as libc::sighandler_t;
    for signal in [libc::SIGINT, libc::SIGQUIT] {
        // SAFETY: the handler only adds to an atomic.
        unsafe { libc::signal(signal, handler) };
    }
    for _ in 0..2 {
        openwork::block_on(async { openwork::spawn(async {}).await.unwrap() });
    }
    for signal in [libc::SIGINT, libc::SIGQUIT] {
        // SAFETY: the call only sends a signal to this thread, which handles it before the call returns.
        unsafe { libc::raise(signal) };
    }
    assert_eq!(HANDLED.load(Ordering::Relaxed), 2);
}

#[test]
fn handlers_of_the_program_are_kept() {
    let path = file("handlers");
    let mut command = again("a_program_with_handlers");
    command.env("PROGRAM_ENDS", "return").env("OPENWORK_TRACE", &path).env("OPENWORK_DUMP", "1");
    let output = run(command);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let reason =
        "openwork: tasks are not printed at Ctrl-\\: the program has a handler for SIGQUIT";
    assert_eq!(said.lines().filter(|line| *line == reason).count(), 1, "{said}");
    assert_complete(path);
}

#[test]
fn a_second_process_adds_its_pid() {
    let path = file("second");
    let mut first = program("interrupt", &path).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(first.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.ends_with("ready")));
    let second = program("return", &path).stdout(Stdio::null()).spawn().unwrap();
    let own = path.with_extension(format!("{}.txt", second.id()));
    second.wait_with_output().unwrap();
    assert_complete(own);
    // SAFETY: as above.
    unsafe { libc::kill(first.id() as i32, libc::SIGINT) };
    first.wait().unwrap();
    assert_complete(path);
}

#[test]
fn what_cannot_be_written_is_said_and_the_program_runs() {
    for path in ["/nowhere/out.html", "out.pdf"] {
        let output = run({
            let mut command = example("sleep");
            command.env("OPENWORK_TRACE", path);
            command
        });
        assert!(output.status.success());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(
            said.starts_with(&format!("OPENWORK_TRACE: nothing is recorded: {path}: ")),
            "{said}"
        );
    }
}

#[test]
fn a_dash_is_standard_error() {
    let mut command = example("sleep");
    let output = run({
        command.env("OPENWORK_TRACE", "-");
        command
    });
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.lines().next().unwrap().ends_with("the runtime begins, without threads of its own")
    );
}

#[test]
fn the_newest_events_are_kept() {
    let path = file("newest");
    let mut command = program("many", &path);
    command.env("OPENWORK_TRACE_EVENTS", "100");
    run(command);
    let text = fs::read_to_string(&path).unwrap();
    fs::remove_file(path).unwrap();
    assert!(text.contains("older events were dropped"), "{text}");
    assert!(text.lines().count() < 1000, "{}", text.lines().count());
}
