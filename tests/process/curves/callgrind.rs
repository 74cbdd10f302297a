//! Counts the instructions of a part of a program.
//!
//! At each entry of `openwork_measured` and at each return, callgrind writes its count to a new file and begins again at
//! 0. So every second file is the count of a call. For each call, in the same order, the program prints a line that
//! says what was measured.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

use crate::common::Dir;

/// The variable that makes this program the one that is counted: its value says what is measured.
pub const COUNTED: &str = "OPENWORK_TEST_COUNTED";

/// Begins a line of the counted program.
const MARK: &str = "counted: ";

/// The instructions of an operation among `n`.
#[derive(Debug)]
pub struct Cost {
    pub name: String,
    pub n: usize,
    pub instructions: f64,
}

/// What is measured, if this is the process under callgrind.
pub fn counted() -> Option<String> {
    env::var(COUNTED).ok()
}

/// Prints what the last call has measured.
pub fn declare(name: &str, n: usize, times: usize) {
    println!("\n{MARK}{n} {times} {name}");
}

/// Runs the program under callgrind. `None`: there is no valgrind.
pub fn count(program: Command, family: &str) -> Option<Vec<Cost>> {
    if !Command::new("valgrind").arg("--version").output().is_ok_and(|it| it.status.success()) {
        assert!(env::var_os("REQUIRE_VALGRIND").is_none(), "valgrind is missing");
        println!("skipped: valgrind is missing");
        return None;
    }
    let folder = Dir::new();
    let file = folder.0.join("count");
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--dump-line=no", "--fair-sched=try"]);
    valgrind.args(["--dump-before=openwork_measured", "--dump-after=openwork_measured"]);
    valgrind.arg(format!("--callgrind-out-file={}", file.display()));
    valgrind.arg(program.get_program()).args(program.get_args()).env(COUNTED, family);
    let output = valgrind.output().unwrap();
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{family}, under callgrind:\n{stdout}\n{stderr}");
    let declared = stdout.lines().filter_map(|line| line.strip_prefix(MARK));
    let costs = declared.enumerate().map(|(index, line)| {
        let mut words = line.splitn(3, ' ');
        let mut word = || words.next().expect("three words");
        let (n, times): (usize, f64) = (word().parse().unwrap(), word().parse().unwrap());
        // File 1 is the part before the first call.
        let total = total(&file.with_extension((2 * index + 2).to_string()));
        Cost { name: word().to_owned(), n, instructions: total / times }
    });
    Some(costs.collect())
}

fn total(file: &Path) -> f64 {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{file:?}: {error}"));
    let line = text.lines().find_map(|line| line.strip_prefix("totals: "));
    line.expect("callgrind writes a total").trim().parse().unwrap()
}
