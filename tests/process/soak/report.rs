//! What a soak shows: latency and throughput over time, how connections ended, and what the processes use.

use std::cell::Cell;
use std::fs;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use openwork::time::sleep;

use super::course::End;
use super::{GROWTH, Settings};
use crate::chart::{Line, Panel, Scale, svg};
use crate::counts::{Usage, resident_after_trim};
use crate::flavour_of;

/// The points of the chart. Each is a part of the time.
const WINDOWS: usize = 60;

/// A bucket is a sixteenth of an octave, 4 % wide. The last one is a minute.
const BUCKETS: usize = 16 * 26;

/// The latencies of a window: how many are in each bucket. Its memory does not grow with their number.
struct Histogram(Vec<AtomicU32>);

impl Histogram {
    fn new() -> Histogram {
        Histogram((0..BUCKETS).map(|_| AtomicU32::new(0)).collect())
    }

    fn add(&self, latency: Duration) {
        let micros = (latency.as_nanos() as f64 / 1e3).max(1.0);
        let bucket = (micros.log2() * 16.0) as usize;
        self.0[bucket.min(BUCKETS - 1)].fetch_add(1, Relaxed);
    }
}

/// The latency in microseconds below which a share of the latencies is. 0 if there are none.
fn quantile(buckets: &[u32], share: f64) -> f64 {
    let all: u32 = buckets.iter().sum();
    let mut rest = f64::from(all) * share;
    for (index, count) in buckets.iter().enumerate() {
        rest -= f64::from(*count);
        if *count > 0 && rest <= 0.0 {
            return 2_f64.powf((index as f64 + 0.5) / 16.0);
        }
    }
    0.0
}

/// What the clients count.
pub struct Report {
    settings: Settings,
    start: Instant,
    windows: Vec<Histogram>,
    exchanges: Vec<AtomicU32>,
    ends: [AtomicU64; End::ALL.len()],
    /// The bytes of the answers, all of them checked.
    pub bytes: AtomicU64,
}

impl Report {
    pub fn new(settings: Settings) -> Report {
        Report {
            settings,
            start: Instant::now(),
            windows: (0..WINDOWS).map(|_| Histogram::new()).collect(),
            exchanges: (0..WINDOWS).map(|_| AtomicU32::new(0)).collect(),
            ends: Default::default(),
            bytes: AtomicU64::new(0),
        }
    }

    fn window(&self) -> Duration {
        self.settings.time / WINDOWS as u32
    }

    /// An exchange is complete. What comes after the time is over is not in the chart.
    pub fn count(&self, latency: Option<Duration>) {
        let window = (self.start.elapsed().as_nanos() / self.window().as_nanos()) as usize;
        if let Some(exchanges) = self.exchanges.get(window) {
            exchanges.fetch_add(1, Relaxed);
            if let Some(latency) = latency {
                self.windows[window].add(latency);
            }
        }
    }

    pub fn count_end(&self, end: End) {
        self.ends[end as usize].fetch_add(1, Relaxed);
    }

    /// Prints the figures, and draws them if the length was chosen.
    pub fn print(&self) {
        let windows: Vec<Vec<u32>> = self.windows.iter().map(|it| counts(&it.0)).collect();
        let all: Vec<u32> =
            (0..BUCKETS).map(|bucket| windows.iter().map(|it| it[bucket]).sum()).collect();
        let [p50, p99, p999] = SHARES.map(|(_, share)| quantile(&all, share));
        let exchanges: u64 = counts(&self.exchanges).into_iter().map(u64::from).sum();
        let ends = self.ends.each_ref().map(|it| it.load(Relaxed));
        println!("{} connections: {:?} = {ends:?}", ends.iter().sum::<u64>(), End::ALL,);
        println!(
            "{exchanges} exchanges, {:.0} a second; latency of the short ones, 50 / 99 / 99.9 %: \
             {p50:.0} / {p99:.0} / {p999:.0} µs; {} bytes are right",
            exchanges as f64 / self.settings.time.as_secs_f64(),
            self.bytes.load(Relaxed),
        );
        if crate::setting("OPENWORK_SOAK_SECONDS").is_some() {
            let file = format!("target/soak_{}.svg", self.settings.workers);
            fs::write(file, svg(&self.panels(&windows))).unwrap();
        }
    }

    fn panels(&self, windows: &[Vec<u32>]) -> [Panel; 2] {
        let seconds = self.window().as_secs_f64();
        let over_time = |of: &dyn Fn(usize) -> f64| -> Vec<(f64, f64)> {
            (0..WINDOWS).map(|window| ((window as f64 + 0.5) * seconds, of(window))).collect()
        };
        let rate = over_time(&|window| f64::from(self.exchanges[window].load(Relaxed)) / seconds);
        let latencies = SHARES.map(|(name, share)| {
            let points = over_time(&|window| quantile(&windows[window], share));
            Line {
                name: name.to_owned(),
                points: points.into_iter().filter(|it| it.1 > 0.0).collect(),
            }
        });
        let Settings { connections, workers, .. } = self.settings;
        let of = format!("{connections} connections, {:?}", flavour_of(workers));
        [
            Panel {
                title: format!("Exchanges a second, by the time in seconds: {of}"),
                x_scale: Scale::Linear,
                y_scale: Scale::Linear,
                lines: vec![Line { name: "exchanges a second".to_owned(), points: rate }],
            },
            Panel {
                title: "Latency of the short exchanges, in µs".to_owned(),
                x_scale: Scale::Linear,
                y_scale: Scale::Logarithmic,
                lines: latencies.into(),
            },
        ]
    }
}

const SHARES: [(&str, f64); 3] = [("50 %", 0.5), ("99 %", 0.99), ("99.9 %", 0.999)];

fn counts(counters: &[AtomicU32]) -> Vec<u32> {
    counters.iter().map(|it| it.load(Relaxed)).collect()
}

/// What this process uses, from the beginning to the end.
pub struct Watched {
    before: Usage,
    resident: usize,
    most: Cell<Usage>,
    pause: Duration,
}

impl Watched {
    pub fn begin(settings: Settings) -> Watched {
        let (resident, before) = (resident_after_trim(), Usage::now());
        Watched { before, resident, most: Cell::new(before), pause: settings.time / 4 }
    }

    /// Waits a quarter of the time and looks. More often would show in the latencies.
    pub async fn look(&self) {
        sleep(self.pause).await;
        let now = Usage::now();
        if now.sources > self.most.get().sources {
            self.most.set(now);
        }
    }

    /// Asserts that all resources are released.
    pub async fn end(self, what: &str) {
        println!("{what}");
        Usage::settle(self.most.get(), self.before).await;
        let (before, after) = (self.resident, resident_after_trim());
        println!("resident memory: {before} bytes before, {after} after");
        assert!(after < before + GROWTH, "{what}: grown by {} bytes", after - before);
    }
}
