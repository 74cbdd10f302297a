//! wrk, and what it says.

use std::process::Command;

pub struct Load {
    /// How many there were in all.
    pub requests: f64,
    /// And in a second.
    pub rate: f64,
}

/// # Errors
///
/// If there is no wrk, or if not every request was answered.
pub fn load(address: &str, connections: usize, seconds: u32) -> Result<Load, String> {
    let mut wrk = Command::new("wrk");
    // Who waits for two seconds, which is wrk's limit, is on a machine that is busy with something else.
    wrk.args(["-t1", "--timeout", "30s", &format!("-c{connections}"), &format!("-d{seconds}s")]);
    let output = wrk.arg(format!("http://{address}/hello")).output();
    let output = output.map_err(|error| format!("wrk (apt-get install wrk): {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || said.contains("Socket errors") || said.contains("Non-2xx") {
        return Err(format!(
            "wrk is not content:\n{said}{}",
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    // "  123456 requests in 2.00s, 13.37MB read", "Requests/sec:  61728.00"
    let before = |word: &str| said.split_once(word)?.0.split_whitespace().next_back()?.parse().ok();
    let after = |word: &str| said.split_once(word)?.1.split_whitespace().next()?.parse().ok();
    let found = before(" requests in").zip(after("Requests/sec:"));
    let (requests, rate) = found.ok_or_else(|| format!("wrk has changed its words:\n{said}"))?;
    Ok(Load { requests, rate })
}
