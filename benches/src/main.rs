//! The same workloads on Openwork, Tokio and smol, in interleaved rounds.
//!
//! ```text
//! cargo run --release --manifest-path benches/Cargo.toml -- [table] [filter] [--rounds N] [--workers N] [--control]
//! ```
//!
//! The tables are `scheduler`, `busy`, `sync`, `memory`, `echo` and `transfers`; `all`, the default, prints these.
//! Two more are printed only by name: `calls` counts the system calls of an echo server with strace, and `stack`
//! finds the largest future that a stack bears (a debug build and a release build differ). `smoke` runs every row
//! once for a few milliseconds, to test that it runs.
//!
//! A filter selects the rows whose title contains it: `scheduler yield_many`, `scheduler current-thread`,
//! `echo "64 ×"`. `--workers 8` gives every multi-thread runtime 8 workers instead of 2; `taskset -c 0` before the
//! command holds everything on one processor. `--control` measures Tokio twice, which shows the error of a ratio.
//!
//! The output is Markdown. A ratio below 1 is better for Openwork in time, CPU time, latency and bytes, above 1 in
//! requests.
//!
//! The map, in reading order; a file uses only the files above it. `rt/` puts the runtimes behind one trait;
//! `finish.rs`, `workloads.rs`, `transfers.rs`, `sync/`, `memory.rs`, `stack.rs` and `server/` are the workloads.
//! `instruments.rs` and `child.rs` make one measurement, in a process of its own; `stats.rs` and `contest.rs` repeat
//! it in rounds; `echo/` loads the servers. `table.rs` and `report/` print.

mod contestant;
mod rt;
mod finish;
mod workloads;
mod transfers;
mod instruments;
mod sync;
mod memory;
mod stack;
mod server;
mod child;
mod stats;
mod contest;
mod echo;
mod table;
mod report;

use std::process::ExitCode;
use std::{env, fs};

use child::Order;
use report::{Effort, Options, Report};

/// With a load average above this, the machine does other work. Arbitrary.
const BUSY: f64 = 0.3;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == child::FIRST_WORD) {
        rt::set_workers(words[1].parse().expect("this program wrote the number"));
        child::run(Order::from_words(&words[2..]).expect("this program wrote the order"));
        return ExitCode::SUCCESS;
    }
    match Command::parse(&words) {
        Ok(command) => command.run(),
        Err(error) => {
            eprintln!("{error}\n\n{USAGE}");
            ExitCode::FAILURE
        }
    }
}

const USAGE: &str = "[scheduler|busy|sync|memory|echo|transfers|calls|stack|all|smoke] [filter] \
                     [--rounds N] [--workers N] [--control]";

/// A table: its word on the command line, its title, and the function that measures and prints it.
type Section = (&'static str, &'static str, fn(&Options) -> Report);

const SECTIONS: [Section; 8] = [
    ("scheduler", "Scheduler", report::scheduler),
    ("busy", "Spawns from outside into a busy runtime", report::busy),
    ("sync", "Channels, locks, timers", report::sync),
    ("memory", "Memory", report::memory),
    ("echo", "TCP echo", report::echo),
    ("transfers", "Bytes and connections through loopback TCP", report::transfers),
    ("calls", "System calls for a request", report::calls),
    ("stack", "The largest future on a stack", report::stack),
];

/// `all` leaves out `calls` and `stack`, the last two: they count, so they do not need a quiet machine.
const IN_ALL: usize = 6;

struct Command {
    sections: Vec<Section>,
    options: Options,
    workers: Option<usize>,
}

impl Command {
    fn parse(words: &[String]) -> Result<Command, String> {
        let (mut names, mut rounds, mut workers, mut control) = (Vec::new(), None, None, false);
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut number = || {
                let number = words.next().and_then(|number| number.parse().ok());
                number.filter(|it| *it > 0).ok_or(format!("{word} needs a number")).map(Some)
            };
            match word.as_str() {
                "--rounds" => rounds = number()?,
                "--workers" => workers = number()?,
                "--control" => control = true,
                option if option.starts_with('-') => {
                    return Err(format!("{option}: no such option"));
                }
                name => names.push(name),
            }
        }
        let mut names = names.into_iter();
        let (sections, mut effort) = match names.next().unwrap_or("all") {
            "all" => (SECTIONS[..IN_ALL].to_vec(), Effort::FULL),
            "smoke" => (SECTIONS.to_vec(), Effort::SMOKE),
            name => match SECTIONS.iter().find(|(word, ..)| *word == name) {
                Some(section) => (vec![*section], Effort::FULL),
                None => return Err(format!("{name}: no such table")),
            },
        };
        effort.rounds = rounds.unwrap_or(effort.rounds);
        let filter = names.next().unwrap_or("").to_owned();
        match names.next() {
            Some(word) => Err(format!("{word}: only one filter is possible")),
            None => Ok(Command { sections, options: Options { effort, filter, control }, workers }),
        }
    }

    fn run(&self) -> ExitCode {
        instruments::raise_limit_of_descriptors();
        if let Some(workers) = self.workers {
            rt::set_workers(workers);
        }
        println!("{}", conditions(&self.options.effort));
        let mut failures = Vec::new();
        for (_, title, section) in &self.sections {
            eprintln!("{title}");
            let report = section(&self.options);
            println!("\n### {title}\n\n{}", report.text);
            failures.extend(report.failures);
        }
        for failure in &failures {
            eprintln!("failed: {failure}");
        }
        if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// The conditions of the measurement.
fn conditions(effort: &Effort) -> String {
    let mut text = format!(
        "{} processors, {} workers, {} rounds; Tokio {}, smol {}. Ratios are medians over the rounds, with \
         their quartiles.",
        instruments::cores(),
        rt::workers(),
        effort.rounds,
        version("tokio"),
        version("smol"),
    );
    if effort.is_smoke() || cfg!(debug_assertions) {
        text += " **A test that everything runs: these figures mean nothing.**";
    }
    if let Some(load) = load().filter(|load| *load > BUSY) {
        text += &format!(
            " **The machine was busy at the beginning (load {load:.1}): do not quote these figures.**"
        );
    }
    text
}

/// The version of a package in `Cargo.lock`.
fn version(package: &str) -> &'static str {
    let name = format!("name = \"{package}\"\nversion = \"");
    let lock = include_str!("../Cargo.lock");
    let rest = lock.split_once(&name).expect("the package is a dependency").1;
    rest.split_once('"').expect("the string has an end").0
}

/// The load average of the last minute, on systems that have `/proc`.
fn load() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, String> {
        Command::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn without_words_all_tables_are_printed() {
        let command = parse("").unwrap();
        assert_eq!((command.sections.len(), command.options.filter.as_str()), (IN_ALL, ""));
    }

    #[test]
    fn a_table_a_filter_and_options_in_any_order() {
        let command = parse("--rounds 3 scheduler yield_many --control --workers 8").unwrap();
        assert_eq!((command.sections.len(), command.workers), (1, Some(8)));
        assert_eq!(command.options.filter, "yield_many");
        assert_eq!((command.options.effort.rounds, command.options.control), (3, true));
    }

    #[test]
    fn unknown_words_are_errors() {
        for line in ["nonsense", "--rounds", "--rounds 0", "--workers x", "--fast", "echo one two"]
        {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn the_lock_knows_the_peers() {
        assert!(version("tokio").starts_with("1."));
        assert!(version("smol").starts_with("2."));
    }
}
