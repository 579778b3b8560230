//! What a running program costs, as Linux counts it, and the metrics that it reports.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const SAMPLE: Duration = Duration::from_millis(50);

/// Memory that a process holds, in bytes; 0 when it has ended.
pub fn resident_bytes(process_id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process_id}/status"));
    let kibibytes: Option<u64> = status.ok().and_then(|status| {
        let mut lines = status.lines();
        let value = lines.find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
        value?.parse().ok()
    });
    kibibytes.unwrap_or(0) * 1024
}

/// Processor time that a process has taken, in seconds.
pub fn processor_seconds(process_id: u32) -> f64 {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{process_id}/stat")).unwrap_or_default();
    // The program's name, in parentheses, may hold anything; user and system time are the 12th
    // and 13th fields after it (proc(5)).
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    let fields: Vec<_> = fields.split(' ').collect();
    let ticks = |place: usize| {
        let field = fields.get(place).and_then(|text| text.parse::<f64>().ok());
        field.unwrap_or(0.0)
    };
    (ticks(11) + ticks(12)) / TICKS_PER_SECOND
}

/// Sockets that a process has open, listening ones included.
pub fn sockets(process_id: u32) -> usize {
    let Ok(descriptors) = std::fs::read_dir(format!("/proc/{process_id}/fd")) else {
        return 0;
    };
    let links =
        descriptors.filter_map(|descriptor| std::fs::read_link(descriptor.ok()?.path()).ok());
    links
        .filter(|link| link.to_string_lossy().starts_with("socket:"))
        .count()
}

/// Raises this process's limit of open descriptors to its maximum: thousands of connections need
/// them.
pub fn raise_descriptor_limit() {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: both calls get a pointer to a value of ours that outlives them.
    #[expect(unsafe_code, reason = "the standard library sets no limits")]
    let raised = unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        limit.rlim_cur = limit.rlim_max;
        libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit)
    };
    assert_eq!(raised, 0, "the limit of open files cannot be raised");
}

/// Samples a value until dropped, and keeps the largest sample.
pub struct Watch {
    stopped: Arc<AtomicBool>,
    largest: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// The memory of a process, in bytes.
    pub fn memory(process_id: u32) -> Self {
        Self::begin(move || resident_bytes(process_id))
    }

    /// The most processor time that one connection of a program without a server is charged, in
    /// nanoseconds: opened, written to, read from and closed on the loopback interface.
    ///
    /// Linux handles the packets of all connections in whichever system call is running, and
    /// charges its caller; time that the hypervisor takes away counts as well.
    pub fn foreign_time() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        Self::begin(move || {
            const BURST: Duration = Duration::from_millis(10);
            let began = Instant::now();
            let mut longest = 0;
            while began.elapsed() < BURST {
                let before = thread_nanoseconds();
                // If no port is free, there is no sample.
                let _ = one_connection(&listener, address);
                longest = longest.max(thread_nanoseconds() - before);
            }
            longest
        })
    }

    /// A separate thread samples on time even when the tests' runtime is busy.
    fn begin(sample: impl Fn() -> u64 + Send + 'static) -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        let largest = Arc::new(AtomicU64::new(0));
        let thread = std::thread::spawn({
            let (stopped, largest) = (stopped.clone(), largest.clone());
            move || {
                while !stopped.load(Ordering::Relaxed) {
                    largest.fetch_max(sample(), Ordering::Relaxed);
                    std::thread::sleep(SAMPLE);
                }
            }
        });
        Self {
            stopped,
            largest,
            thread: Some(thread),
        }
    }

    /// The largest sample.
    pub fn largest(&self) -> u64 {
        self.largest.load(Ordering::Relaxed)
    }
}

fn one_connection(listener: &TcpListener, address: SocketAddr) -> std::io::Result<()> {
    let mut one = TcpStream::connect(address)?;
    let (mut other, _) = listener.accept()?;
    one.write_all(b"ping")?;
    other.read_exact(&mut [0; 4])
}

/// The processor time of this thread.
#[expect(unsafe_code, reason = "the standard library has no word for it")]
fn thread_nanoseconds() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a whole `timespec` of ours.
    let read = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(read, 0, "every thread has a clock");
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Only a panic would end it early, and that has been printed.
            let _ = thread.join();
        }
    }
}

/// The metrics at one moment, in Prometheus' format.
pub struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    /// Reads the metrics; `None` when the endpoint does not respond.
    pub async fn read(client: &reqwest::Client, address: &str) -> Option<Self> {
        let answer = client.get(format!("http://{address}/metrics")).send().await;
        let text = answer.ok()?.text().await.ok()?;
        let series = text.lines().filter(|line| !line.starts_with('#'));
        Some(Self(
            series
                .filter_map(|line| {
                    let (series, value) = line.rsplit_once(' ')?;
                    Some((series.to_owned(), value.parse().ok()?))
                })
                .collect(),
        ))
    }

    /// The sum over all labels of a gauge or counter; `None` when there is no such metric.
    pub fn sum(&self, name: &str) -> Option<f64> {
        let of_this_name = self.0.iter().filter(|(series, _)| {
            let rest = series.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('{'))
        });
        of_this_name.map(|(_, value)| *value).reduce(|a, b| a + b)
    }
}
