//! Who keeps the laws, and who breaks which?
//!
//! This crate keeps them all, on one thread and on two. Each step of the ladder keeps those that
//! it claims, and no others: what its opening says is "still wrong" is wrong.
//!
//! `mod.rs` tells what a law is and leads to the table. Here are the runtimes.

#[path = "../common/mod.rs"]
mod common;
#[path = "mod.rs"]
mod laws;
mod ours;
mod steps;

use laws::contract::Runtime;
use laws::judge::{self, Verdict};
use laws::table::{LAWS, Law};
use std::collections::BTreeSet;
use std::env;
use std::process::Command;
use std::time::Duration;

/// A runtime, and the laws that it breaks.
struct Subject {
    name: &'static str,
    runtime: Runtime,
    breaks: &'static [&'static str],
}

const SUBJECTS: &[&[Subject]] = &[&ours::SUBJECTS, &steps::SUBJECTS];

fn subject(name: &str) -> &'static Subject {
    let mut all = SUBJECTS.iter().copied().flatten();
    all.find(|subject| subject.name == name).expect("a subject of this name")
}

/// Whose case a process is for.
const SUBJECT: &str = "OPENWORK_SUBJECT";

#[test]
fn a_case_in_a_process_of_its_own() {
    let (Ok(name), Ok(law)) = (env::var(SUBJECT), env::var(judge::CASE)) else { return };
    judge::try_here(&subject(&name).runtime, &law);
}

fn assert_keeps_all_but_these(name: &str) {
    assert_breaks(subject(name).breaks, || {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["a_case_in_a_process_of_its_own", "--exact", "--nocapture"]);
        command.env(SUBJECT, name);
        command
    });
}

/// Whoever is started by the command breaks these laws, and no others.
fn assert_breaks(breaks: &[&str], program: impl Fn() -> Command + Sync) {
    for law in breaks {
        assert!(LAWS.iter().any(|known| known.name == *law), "there is no law called {law}");
    }
    let command = |law: &Law| {
        let mut command = program();
        command.env(judge::CASE, law.name);
        // Who is to keep the law has time enough on the slowest machine; who is to hang, no more
        // than a case needs that gives up by itself.
        let limit = if breaks.contains(&law.name) { 5 } else { 30 };
        (command, Duration::from_secs(limit))
    };
    let mut wrong = Vec::new();
    judge::try_all(command, |law, verdict| {
        println!("{}: {verdict:?}", law.name);
        let expected = breaks.contains(&law.name);
        let broken = matches!(verdict, Verdict::Broken(_));
        if broken != expected {
            let said = if expected { "is to break" } else { "is to keep" };
            wrong.push(format!("it {said} {}: {verdict:?}", law.name));
        }
    });
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn the_names_of_the_laws_differ_and_each_has_its_reason() {
    let names: BTreeSet<_> = LAWS.iter().map(|law| law.name).collect();
    assert_eq!(names.len(), LAWS.len());
    assert!(LAWS.len() >= 24);
    assert!(LAWS.iter().all(|law| !law.why.is_empty() && law.why.len() < 100));
}

#[test]
fn openwork_on_one_thread_keeps_every_law() {
    assert_keeps_all_but_these("openwork, one thread");
}

#[test]
fn openwork_on_two_threads_keeps_every_law() {
    assert_keeps_all_but_these("openwork, two threads");
}

#[test]
fn step_1_of_the_ladder_keeps_what_it_claims() {
    assert_keeps_all_but_these("step 1");
}

#[test]
fn step_2_of_the_ladder_keeps_what_it_claims() {
    assert_keeps_all_but_these("step 2");
}

#[test]
fn step_3_of_the_ladder_keeps_what_it_claims() {
    assert_keeps_all_but_these("step 3");
}

#[test]
fn step_4_of_the_ladder_keeps_what_it_claims() {
    assert_keeps_all_but_these("step 4");
}

#[test]
fn step_5_of_the_ladder_keeps_what_it_claims() {
    assert_keeps_all_but_these("step 5");
}

#[test]
fn step_6_of_the_ladder_keeps_what_it_claims() {
    assert_keeps_all_but_these("step 6");
}

#[test]
fn a_runtime_without_bodies_breaks_all_that_it_claims_and_the_table_ends_well() {
    let output = common::example("yours").output().unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", output.status);
    assert!(table.contains("\n0 of 43 laws are kept"), "{table}");
    assert!(table.contains("seen: not yet implemented: poll the future"), "{table}");
}
