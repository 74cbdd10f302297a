//! What each task waits for.

use std::path::Path;
use std::sync::OnceLock;

use crate::common::Dir;
use crate::gdb::{Session, fixture, has_gdb, here, on_core, run};

const COMMANDS: &[&str] = &[
    "async tasks",
    "async tasks running",
    "async tree",
    "async bt all",
    "async bt 1 -l",
    "async bt root",
    "async timers",
    "async sources",
    "async queues",
    "async workers",
    "async locks",
    "print $async_task(1).__awaitee.__awaitee.doubled",
];

/// A program in which all tasks wait, live and then as a core file.
pub fn live_and_core(program: &Path, flavour: &str) -> [Session; 2] {
    both(program, &[flavour, "waits"], COMMANDS)
}

fn both(program: &Path, arguments: &[&str], looks: &[&str]) -> [Session; 2] {
    let folder = Dir::new();
    let core = folder.0.join("core");
    let save = format!("generate-core-file {}", core.display());
    let before = ["break debugger_fixture::look_now", "run"];
    let commands = [&before, looks, &[&*save]].concat();
    let live = run(program, arguments, &commands);
    assert!(core.exists(), "{live}");
    [live, on_core(program, &core, looks)]
}

/// The sessions are the same for all tests of this file.
fn on_each(check: impl Fn(&Session, &str)) {
    static SESSIONS: OnceLock<Vec<(&str, [Session; 2])>> = OnceLock::new();
    if has_gdb() {
        let sessions = SESSIONS.get_or_init(|| {
            ["one", "two"].map(|flavour| (flavour, live_and_core(fixture(), flavour))).into()
        });
        for (flavour, both) in sessions {
            both.iter().for_each(|session| check(session, flavour));
        }
    }
}

#[test]
fn each_task_is_listed_with_its_state_its_place_and_what_it_waits_for() {
    on_each(|session, flavour| {
        let tasks = |parts: &[&str]| session.has_line("async tasks", parts);
        tasks(&["ID", "STATE", "POLLS", "SPAWNED AT", "WAITS AT", "FOR"]);
        tasks(&["1 ", "idle", "1 ", &here("inner"), "sleep, 3", " s left"]);
        tasks(&["2 ", "idle", &here("reads"), "fd ", " readable"]);
        tasks(&["3 ", "idle", &here("accepts"), "fd ", "readable"]);
        tasks(&["4 ", "idle", &here("holds"), "sleep"]);
        tasks(&["5 ", &here("wants"), "the mutex 0x", ", held by task 4; 1st of 2 in its queue"]);
        tasks(&["6 ", &here("wants"), "the mutex 0x", ", held by task 4; 2nd of 2 in its queue"]);
        tasks(&["7 ", &here("takes_both"), "the mutex 0x", ", held by task 8; 1st of 1"]);
        tasks(&["9 ", &here("receives"), "message"]);
        tasks(&["10 ", &here("sends"), "capacity of the channel 0x", "; 1st of 1 in its queue"]);
        tasks(&["11 ", &here("joins"), "join! of 2: sleep", "| sleep"]);
        tasks(&["12 ", &here("selects"), "select! of 2: sleep", "| ", "message"]);
        tasks(&["16 ", &here("awaits_task"), "the end of task "]);
        tasks(&["17 ", &here("joins_all"), "JoinAll of 2: sleep", "| sleep"]);
        tasks(&["running", &here("look_now"), "runs on thread "]);
        assert!(!session.of("async tasks").contains("no waker"), "{session}");
        // On two workers the thread of `block_on` may still be in that poll.
        if flavour == "one" {
            tasks(&["root", "idle", &here("awaits_look"), "the end of task "]);
        }
        let running = session.of("async tasks running").trim().lines();
        assert_eq!(running.filter(|line| !line.starts_with("root")).count(), 2, "{session}");
    });
}

#[test]
fn the_backtrace_of_a_task_is_its_chain_of_awaits() {
    on_each(|session, flavour| {
        let all = |lines: &[&str]| session.has_lines("async bt all", lines);
        let at = |function: &str, remark: &str| {
            format!("debugger_fixture::{function} at {}", here(remark))
        };
        let (outer, middle, inner) =
            (at("outer", "outer"), at("middle", "middle"), at("inner", "inner"));
        let task = at("waits::{async block 0}", "in task 1");
        all(&["task 1: idle", &task, &outer, &middle, &inner, "sleep", "task 2"]);
        all(&["task 2: idle", &at("reads", "reads"), "readable", "task 3"]);
        all(&[
            "task 3: idle",
            &at("accepts", "accepts"),
            "::accept at src/net/",
            "readable",
            "task 4",
        ]);
        all(&["task 5: idle", &at("wants", "wants"), ", held by task 4; 1st", "task 6"]);
        all(&["task 10: idle", &at("sends", "sends"), "capacity of the", "task 11"]);
        let joins = at("joins", "joins");
        all(&[
            "task 11: idle",
            &joins,
            "join!",
            &middle,
            &inner,
            "sleep",
            &inner,
            "sleep",
            "task 12",
        ]);
        let selects = at("selects", "selects");
        all(&[
            "task 12: idle",
            &selects,
            "select!",
            &middle,
            &inner,
            "sleep",
            "message",
            "task 13",
        ]);
        all(&["task 13: idle", &at("boxed", "boxed"), &middle, &inner, "sleep", "task 14"]);
        let speak = at("{impl#0}::speak::{async block 0}", "speak");
        all(&["task 14: idle", &at("asks", "asks"), &speak, &inner, "sleep", "task 15"]);
        let wraps = at("wraps", "wraps");
        all(&[
            "task 15: idle",
            &wraps,
            "Timeout",
            "- Counted",
            &inner,
            "sleep",
            "- sleep",
            "task 16",
        ]);
        all(&["task 16: idle", &at("awaits_task", "awaits_task"), "the end of task "]);
        all(&[
            "running",
            "it runs on thread",
            &at("waits::{async_block#3}", "look"),
            &at("look_now", "look_now"),
        ]);
        if flavour == "one" {
            let root = ["the root future: idle", &at("waits", "awaits_look"), "the end of task"];
            session.has_lines("async bt root", &root);
        }
    });
}

#[test]
fn a_backtrace_shows_the_locals_that_each_await_keeps() {
    on_each(|session, _| {
        let shown =
            ["outer", "level = 1", "text = ", "middle", "doubled = 4", "inner", "doubled = 4"];
        session.has_lines("async bt 1 -l", &shown);
        assert!(
            session.of("print $async_task(1).__awaitee.__awaitee.doubled").contains("= 4"),
            "{session}"
        );
    });
}

#[test]
fn the_tree_has_a_task_below_the_one_that_spawned_it() {
    on_each(|session, _| {
        let parent = format!("  task 16, spawned at {}", here("spawns_parent"));
        let child = format!("spawned at {}: ", here("child"));
        session.has_lines("async tree", &["root, `block_on` on thread ", &parent, &child]);
        let child = session.of("async tree").lines().find(|line| line.contains(&child)).unwrap();
        assert!(child.starts_with("    task "), "{session}");
    });
}

#[test]
fn timers_and_descriptors_are_listed_with_the_tasks_that_they_wake() {
    on_each(|session, _| {
        for task in [1, 4, 11, 12, 13, 14, 15] {
            session.has_line("async timers", &[" s left: wakes ", &format!("task {task}")]);
        }
        session.has_line("async sources", &["fd ", "task 2 until readable"]);
        session.has_line("async sources", &["fd ", "task 3 until readable"]);
    });
}

#[test]
fn workers_and_their_queues_are_shown() {
    on_each(|session, flavour| {
        let workers = if flavour == "one" { 1 } else { 2 };
        session.has_line("async workers", &["runtime 1: ", &format!("workers: {workers}, ")]);
        assert!(!session.of("async workers").contains("all workers are parked"), "{session}");
        session.has_line("async workers", &["worker ", "thread ", " (LWP ", "runs task "]);
        if flavour == "two" {
            session.has_line("async workers", &["worker ", "parked in the driver"]);
        }
        session.has_line("async queues", &["injector: empty"]);
        session.has_line("async queues", &["worker 0: LIFO slot: empty; local queue: empty"]);
    });
}

#[test]
fn workers_that_no_timer_and_no_descriptor_can_wake_are_said_to_be_stuck() {
    if !has_gdb() {
        return;
    }
    let stuck = "only another thread can wake a task";
    let until = format!(
        "python while '{stuck}' not in gdb.execute('async workers', to_string=True): gdb.execute('continue')"
    );
    let commands = ["break debugger_fixture::look_now", "run", &until, "async workers"];
    let session = run(fixture(), &["two", "idle"], &commands);
    session.has_lines("async workers", &["worker 0: thread ", "worker 1: thread ", stuck]);
    assert_eq!(session.of("async workers").matches("; parked ").count(), 2, "{session}");
}

#[test]
fn tasks_that_wait_for_each_others_locks_are_a_deadlock() {
    on_each(|session, _| {
        session.has_line("async locks", &["mutex 0x", ": held by task 4; queue, next first: 5, 6"]);
        session.has_line("async locks", &["task 4 waits at ", &here("holds")]);
        session.has_line("async locks", &["deadlock: task 7 -> task 8 -> task 7"]);
        // A lock, and the end of a task.
        session.has_line("async locks", &["task 18 waits at ", &here("holds_and_joins")]);
        session.has_line("async locks", &["deadlock: task 18 -> task ", " -> task 18"]);
        assert_eq!(session.of("async locks").matches("deadlock").count(), 2, "{session}");
    });
}

#[test]
fn permits_and_read_locks_are_shown_with_the_tasks_that_keep_their_guards() {
    if !has_gdb() {
        return;
    }
    let looks = ["async locks", "async tasks", "async bt 1 -l", "async bt 2 -l", "async bt 7 -l"];
    for flavour in ["one", "two"] {
        for session in both(fixture(), &[flavour, "stuck"], &looks) {
            let locks = |parts: &[&str]| session.has_line("async locks", parts);
            locks(&["RwLock 0x", ": held by task 1 (write); queue, next first: ", " (read), "]);
            let waiters = (13..32).map(|task| format!(", {task}")).collect::<String>();
            let queue =
                format!(", 0 free: held by task 2, task 3; queue, next first: 1{waiters}, … ");
            locks(&["semaphore 0x", &queue, "and 6 more"]);
            locks(&["semaphore 0x", ", 0 free: held by perhaps task 5; queue, next first: 6"]);
            locks(&[
                "RwLock 0x",
                ": held by task 7 (read); queue, next first: 8 (write), 7 (read)",
            ]);
            locks(&["once cell 0x", ": held by task 9; queue, next first: 11"]);
            locks(&["mutex 0x", ": held by task 10; queue, next first: 12"]);
            let deadlocks =
                ["task 1 -> task 2 -> task 1", "task 1 -> task 3 -> task 1", "task 7 -> task 7"];
            session.has_lines(
                "async locks",
                &deadlocks.map(|each| &*format!("deadlock: {each}").leak()),
            );
            assert_eq!(session.of("async locks").matches("deadlock").count(), 3, "{session}");

            let tasks = |parts: &[&str]| session.has_line("async tasks", parts);
            let permit = "1 permit of the semaphore 0x";
            tasks(&["1 ", &here("refreshes"), permit, " (0 free); 1st of 26 in its queue"]);
            tasks(&["23 ", permit, " (0 free); 12th of 26 in its queue"]);
            let read = "a read lock of the RwLock 0x";
            tasks(&[
                "2 ",
                &here("looks_up"),
                read,
                ", held for writing by task 1; ",
                " of 2 in its",
            ]);
            tasks(&["7 ", &here("reads_twice"), read, "; 2nd of 2 in its queue"]);
            tasks(&["8 ", &here("writes"), "a write lock of the RwLock 0x", "; 1st of 2"]);
            tasks(&["11 ", "the once cell 0x", ", held by task 9; 1st of 1 in its queue"]);
            tasks(&["12 ", "the mutex 0x", ", held by task 10; 1st of 1 in its queue"]);

            session.has_line("async bt 1 -l", &["guard = write guard of the RwLock 0x"]);
            session.has_line("async bt 2 -l", &["_permit = ", "1 permit of the semaphore 0x"]);
            session.has_line("async bt 7 -l", &["first = read guard of the RwLock 0x"]);
            // Not once more as the argument.
            session.has_line(
                "async bt 1 -l",
                &["prices = Arc<RwLock<HashMap<String, u64, RandomState>>> 0x"],
            );
            assert_eq!(session.of("async bt 1 -l").matches("prices = ").count(), 1, "{session}");
        }
    }
}

#[test]
fn the_queues_are_shown_in_the_order_in_which_their_tasks_run() {
    if !has_gdb() {
        return;
    }
    let commands =
        ["break debugger_fixture::look_now", "run", "async queues", "async tasks scheduled"];
    let one = run(fixture(), &["one", "queues"], &commands);
    one.has_line("async queues", &["injector: task "]);
    one.has_line(
        "async queues",
        &["worker 0: LIFO slot: empty; local queue: task 2, task 3, task 4"],
    );
    let two = run(fixture(), &["two", "queues"], &commands);
    two.has_line("async queues", &["injector: task "]);
    two.has_line("async queues", &["worker ", "; local queue: task ", ", task ", ", task "]);
    for session in [one, two] {
        assert_eq!(
            session.of("async tasks scheduled").matches("scheduled").count(),
            4,
            "{session}"
        );
    }
}

#[test]
fn the_rest_of_what_a_task_can_wait_for_is_named_too() {
    if !has_gdb() {
        return;
    }
    let commands = ["break debugger_fixture::look_now", "run", "async tasks"];
    for flavour in ["one", "two"] {
        let session = run(fixture(), &[flavour, "others"], &commands);
        let what = [
            "sleep, 3",
            "2 permits of the semaphore 0x",
            "a write lock of the RwLock 0x",
            "a notification",
            "a barrier",
            "a message (oneshot channel",
            "a message (broadcast channel",
            "a message (watch channel",
            "the end of one of 1 tasks in a JoinSet",
        ];
        for (task, what) in (1..).zip(what) {
            session.has_line("async tasks", &[&format!("{task} "), "idle", what]);
        }
        session.has_line("async tasks", &["root", "running", &here("look_now")]);
        let lost = "core::future::pending::Pending; no waker of it exists";
        session.has_line("async tasks", &["idle", &here("loses"), lost]);
        session.has_line("async tasks", &["idle", &here("is held"), lost]);
        assert_eq!(session.of("async tasks").matches("no waker").count(), 2, "{session}");
    }
}
