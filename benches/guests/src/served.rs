//! A server in a process of its own, which says where it listens and ends with its standard input.
//!
//! Next: `wrk.rs`.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::{env, fs, process, thread};

use openwork::sync::CancellationToken;
use openwork_guests::{on_openwork, on_tokio};

#[derive(Debug, Clone, Copy)]
pub enum On {
    Openwork,
    Tokio,
}

impl On {
    pub const BOTH: [On; 2] = [On::Openwork, On::Tokio];
}

pub struct Served {
    child: Child,
    pub address: String,
}

impl Served {
    pub fn start(on: On, workers: usize) -> Result<Served, String> {
        let program = env::current_exe().map_err(|error| error.to_string())?;
        let mut child = Command::new(program)
            .args(["serve", &format!("{on:?}"), &workers.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("no server: {error}"))?;
        let mut address = String::new();
        let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
        output.read_line(&mut address).map_err(|error| format!("no address: {error}"))?;
        Ok(Served { child, address: address.trim().to_owned() })
    }

    /// Seconds, in all its threads.
    pub fn processor_time(&self) -> f64 {
        /// What the kernel counts in; it has been so on every machine of the last twenty years.
        const TICKS_PER_SECOND: f64 = 100.0;
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("Linux");
        // Behind the program's name, which may have spaces in it and ends with this.
        let (_, fields) = stat.rsplit_once(") ").expect("proc(5)");
        let ticks = |field: usize| -> f64 {
            fields.split(' ').nth(field).and_then(|it| it.parse().ok()).expect("proc(5)")
        };
        (ticks(11) + ticks(12)) / TICKS_PER_SECOND
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// What the child does.
pub fn serve(on: &str, workers: &str) -> Result<(), String> {
    let workers: usize = workers.parse().map_err(|_| "how many workers?")?;
    // Bound by std for both runtimes: they would set different backlogs.
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    listener.set_nonblocking(true).map_err(|error| error.to_string())?;
    println!("{}", listener.local_addr().map_err(|error| error.to_string())?);
    thread::spawn(|| {
        let _ = std::io::stdin().read(&mut [0]);
        process::exit(0);
    });
    match on {
        "Openwork" => serve_on_openwork(listener, workers),
        "Tokio" => serve_on_tokio(listener, workers),
        _ => return Err(format!("there is no {on}")),
    }
    .map_err(|error| error.to_string())
}

fn serve_on_openwork(listener: TcpListener, workers: usize) -> std::io::Result<()> {
    use openwork::{net, runtime::Builder};
    let runtime = match workers {
        0 => Builder::new_current_thread().build()?,
        _ => Builder::new_multi_thread().worker_threads(workers).build()?,
    };
    runtime.block_on(async {
        let listener = net::TcpListener::from_std(listener)?;
        on_openwork::serve(listener, CancellationToken::new()).await;
        Ok(())
    })
}

fn serve_on_tokio(listener: TcpListener, workers: usize) -> std::io::Result<()> {
    use tokio::{net, runtime::Builder};
    let runtime = match workers {
        0 => Builder::new_current_thread().enable_all().build()?,
        _ => Builder::new_multi_thread().worker_threads(workers).enable_all().build()?,
    };
    runtime.block_on(async {
        on_tokio::serve(net::TcpListener::from_std(listener)?).await;
        Ok(())
    })
}
