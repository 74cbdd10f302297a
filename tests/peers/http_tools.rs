//! The example `http_hello`, and usual tools: curl, ab and wrk.

use std::process::Command;

use crate::common::{ends, example};
use crate::server::{Server, peer};

/// Runs the tool against a fresh server; `URL` in the arguments is where that is.
fn against(tool: &'static str, args: &str) -> String {
    let args: Vec<_> = args.split(' ').map(str::to_owned).collect();
    example("http_hello");
    ends(move || {
        let server = Server::start("http_hello");
        let url = format!("http://{}/", server.address);
        let args = args.iter().map(|arg| arg.replace("URL", &url));
        peer(Command::new(tool).args(args).current_dir(env!("CARGO_MANIFEST_DIR")))
    })
}

/// What curl tells of each transfer: its status, and how many connections it had to make.
const TOLD: &str = "-w %{http_code}:%{num_connects}\\n";

#[test]
#[ignore = "needs curl, which is not on every machine"]
fn curl_fetches_the_page() {
    assert_eq!(against("curl", "-sS -m 10 URL"), "Hello, world!\n");
    assert_eq!(against("curl", "-sS -m 10 --http1.0 URL"), "Hello, world!\n");
    assert!(against("curl", "-sSI -m 10 URL").starts_with("HTTP/1.1 200 OK\r\n"));
}

#[test]
#[ignore = "needs curl, which is not on every machine"]
fn curl_uses_its_connection_again() {
    let said = against("curl", &format!("-sS -m 10 -o /dev/null {TOLD} URL URLno URL URL"));
    // The first page only goes where `-o` says.
    let told: Vec<_> = said.lines().filter(|line| line.contains(':')).collect();
    assert_eq!(told, ["200:1", "404:0", "200:0", "200:0"], "{said}");
}

#[test]
#[ignore = "needs curl, which is not on every machine"]
fn curl_sees_why_it_is_refused() {
    let status = |args: &str| against("curl", &format!("-sS -m 10 -o /dev/null {TOLD} {args} URL"));
    assert_eq!(status("-d hello=world"), "405:1\n");
    assert_eq!(status("-H Transfer-Encoding:chunked -d hello"), "501:1\n");
    assert_eq!(status("-H Host:"), "400:1\n");
    assert_eq!(status("-H Content-Length:100000000"), "413:1\n");
    let cookie = "x".repeat(10_000);
    assert_eq!(status(&format!("-H Cookie:{cookie}")), "431:1\n");
}

/// The number after this name in a report of ab's.
fn number(report: &str, name: &str) -> u64 {
    let line = report.lines().find_map(|line| line.strip_prefix(name));
    let line = line.unwrap_or_else(|| panic!("nothing about {name:?}:\n{report}"));
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
#[ignore = "needs ab (apache2-utils), which is not on every machine"]
fn ab_gets_every_answer_through_connections_that_are_kept() {
    let report = against("ab", "-q -k -n 20000 -c 50 -s 20 URL");
    assert_eq!(number(&report, "Complete requests:"), 20_000);
    assert_eq!(number(&report, "Failed requests:"), 0, "{report}");
    assert_eq!(number(&report, "Keep-Alive requests:"), 20_000, "{report}");
    assert!(!report.contains("Non-2xx"), "{report}");
}

#[test]
#[ignore = "needs ab (apache2-utils), which is not on every machine"]
fn ab_gets_every_answer_through_a_connection_for_each() {
    let report = against("ab", "-q -n 3000 -c 50 -s 20 URL");
    assert_eq!(number(&report, "Complete requests:"), 3000);
    assert_eq!(number(&report, "Failed requests:"), 0, "{report}");
    assert!(!report.contains("Non-2xx"), "{report}");
}

/// wrk counts what it has had when its time is over.
fn wrk(args: &str) {
    let report = against("wrk", args);
    assert!(!report.contains("Socket errors"), "{report}");
    assert!(!report.contains("Non-2xx"), "{report}");
    let requests = report.lines().find(|line| line.contains(" requests in "));
    let requests = requests.unwrap_or_else(|| panic!("no count:\n{report}"));
    let count: u64 = requests.split_whitespace().next().unwrap().parse().unwrap();
    assert!(count > 100, "{report}");
}

#[test]
#[ignore = "needs wrk, which is not on every machine"]
fn wrk_sees_no_error() {
    wrk("-t1 -c64 -d2s --timeout 20s URL");
}

#[test]
#[ignore = "needs wrk, which is not on every machine"]
fn wrk_sees_no_error_when_it_sends_sixteen_requests_at_once() {
    wrk("-t1 -c64 -d2s --timeout 20s -s tests/peers/pipeline.lua URL");
}
