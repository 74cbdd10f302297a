//! The same server on Openwork and on Tokio, loaded by wrk.
//!
//! ```text
//! cargo run --release --manifest-path benches/guests/Cargo.toml [-- smoke]
//! ```
//!
//! Each row is several rounds, and in a round each runtime has its turn, so that what else the machine does
//! falls on both. What counts is the median. The server is a process of its own; `wrk` has one thread, which
//! on a machine of two processors is half of it: where `wrk` is the slower one, the requests are its, and
//! the difference shows in the processor time that the server took for each.
//!
//! `smoke` is one short round, to show that it runs.
//!
//! You will see a table in Markdown. A ratio above 1 in requests, and below 1 in time, is to Openwork's
//! credit.

mod served;
mod wrk;

use std::env;
use std::process::ExitCode;

use served::{On, Served};
use wrk::Load;

/// The workers of a server, 0 for the current-thread runtime; and how many connections it has.
const ROWS: [(usize, usize); 5] = [(0, 1), (0, 64), (2, 1), (2, 64), (2, 1000)];

/// An odd number has a median.
const ROUNDS: usize = 5;

const SECONDS: u32 = 3;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        [] => compare(ROUNDS, SECONDS),
        ["smoke"] => compare(1, 1),
        ["serve", on, workers] => served::serve(on, workers),
        _ => Err("usage: [smoke]".to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn compare(rounds: usize, seconds: u32) -> Result<(), String> {
    println!("| server | connections | Openwork | Tokio | ratio | CPU per request | ratio |");
    println!("|---|--:|--:|--:|--:|--:|--:|");
    for (workers, connections) in ROWS {
        let mut samples = [Vec::new(), Vec::new()];
        for round in 0..rounds {
            // Who begins has the colder machine.
            for turn in [round % 2, 1 - round % 2] {
                samples[turn].push(measure(On::BOTH[turn], workers, connections, seconds)?);
            }
        }
        let [ours, theirs] = samples;
        let (rate, their_rate) = (median(&ours, |it| it.rate), median(&theirs, |it| it.rate));
        let (cpu, their_cpu) = (median(&ours, |it| it.cpu), median(&theirs, |it| it.cpu));
        let name =
            if workers == 0 { "current thread".into() } else { format!("{workers} workers") };
        println!(
            "| {name} | {connections} | {rate:.0}/s | {their_rate:.0}/s | {:.2} \
             | {:.1} µs, {:.1} µs | {:.2} |",
            rate / their_rate,
            cpu * 1e6,
            their_cpu * 1e6,
            cpu / their_cpu,
        );
    }
    Ok(())
}

struct Sample {
    /// Requests per second.
    rate: f64,
    /// Seconds of the server's processor time per request.
    cpu: f64,
}

fn measure(on: On, workers: usize, connections: usize, seconds: u32) -> Result<Sample, String> {
    let server = Served::start(on, workers)?;
    let before = server.processor_time();
    let Load { requests, rate } = wrk::load(&server.address, connections, seconds)?;
    Ok(Sample { rate, cpu: (server.processor_time() - before) / requests })
}

fn median(samples: &[Sample], what: impl Fn(&Sample) -> f64) -> f64 {
    let mut values: Vec<f64> = samples.iter().map(what).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
