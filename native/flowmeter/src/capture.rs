//! Several interfaces metered at once: a thread and a flow table each, their intervals put together.
//!
//! The edge around `live`: threads, the wall clock and the way to stop. Interfaces are opened by the caller's thread, so that what is
//! wrong with them is told where somebody listens.

use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{channel, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::live::{Assembly, Losses, Point, PointInterval, SETTLE_NS};
use crate::meter::MeterOptions;
use crate::run::wall_ns;
use crate::source::{FrameSource, LiveCapture, LiveOptions, Progress, SourceError};

/// A finished interval of all points: each with its number.
pub type Whole = Vec<(usize, PointInterval)>;

/// No stop was asked for.
const RUNNING: i64 = i64::MAX;
/// How long a source waits for packets before the loop looks at the clock.
const PATIENCE_MS: u32 = 50;

enum Event {
    Finished(usize, PointInterval),
    Failed(SourceError),
}

/// What to capture.
#[derive(Clone, Debug)]
pub struct CaptureOptions {
    /// Interface and observation point of each.
    pub interfaces: Vec<(String, String)>,
    /// Length of an interval.
    pub interval_ns: i64,
    /// Ring of each interface.
    pub ring_octets: usize,
    /// Packets for other stations too.
    pub promiscuous: bool,
    /// How each interface is metered.
    pub meter: MeterOptions,
}

struct Receiving {
    events: Option<Receiver<Event>>,
    assembly: Assembly,
    ready: Vec<Whole>,
}

/// Interfaces that are, or are about to be, captured. One thread may wait in `take` while another calls `stop`.
pub struct Capture {
    options: CaptureOptions,
    opened: Mutex<Vec<LiveCapture>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    receiving: Mutex<Receiving>,
    stop_ns: Arc<AtomicI64>,
}

/// What a thread that panicked left is still whole: nothing here is changed in two steps.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Capture {
    /// Open the interfaces: from now on the kernel keeps their packets.
    pub fn open(options: CaptureOptions) -> Result<Self, SourceError> {
        let mut opened = Vec::new();
        for (number, (interface, _)) in options.interfaces.iter().enumerate() {
            let live = LiveOptions {
                ring_octets: options.ring_octets,
                promiscuous: options.promiscuous,
                patience_ms: PATIENCE_MS,
                interface: number as u16,
                ..LiveOptions::default()
            };
            opened.push(LiveCapture::open(interface, live)?);
        }
        let receiving = Receiving {
            events: None,
            assembly: Assembly::new(opened.len()),
            ready: Vec::new(),
        };
        Ok(Self {
            options,
            opened: Mutex::new(opened),
            threads: Mutex::new(Vec::new()),
            receiving: Mutex::new(receiving),
            stop_ns: Arc::new(AtomicI64::new(RUNNING)),
        })
    }

    /// Begin to meter; a second call changes nothing.
    pub fn start(&self) {
        let mut receiving = lock(&self.receiving);
        if receiving.events.is_some() {
            return;
        }
        let (sender, receiver) = channel();
        receiving.events = Some(receiver);
        let now_ns = wall_ns();
        for (number, source) in lock(&self.opened).drain(..).enumerate() {
            let name = &self.options.interfaces[number].1;
            let point = Point::new(name, self.options.meter.clone(), self.options.interval_ns, now_ns);
            let (sender, stop_ns) = (sender.clone(), Arc::clone(&self.stop_ns));
            lock(&self.threads).push(std::thread::spawn(move || run(number, source, point, &sender, &stop_ns)));
        }
    }

    /// The next interval; none at the timeout, or after the last one once stopped.
    pub fn take(&self, timeout: Duration) -> Result<Option<Whole>, SourceError> {
        let deadline = Instant::now() + timeout;
        let mut receiving = lock(&self.receiving);
        let Receiving { events, assembly, ready } = &mut *receiving;
        loop {
            if !ready.is_empty() {
                return Ok(Some(ready.remove(0)));
            }
            let Some(events) = events else { return Ok(None) };
            match events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Event::Finished(point, interval)) => *ready = assembly.add(point, interval),
                Ok(Event::Failed(failure)) => return Err(failure),
                Err(RecvTimeoutError::Timeout) => return Ok(None),
                Err(RecvTimeoutError::Disconnected) => {
                    *ready = assembly.rest();
                    if ready.is_empty() {
                        return self.over();
                    }
                }
            }
        }
    }

    /// All threads have ended: as they were told, or not.
    fn over(&self) -> Result<Option<Whole>, SourceError> {
        if self.stop_ns.load(Ordering::Relaxed) != RUNNING {
            return Ok(None);
        }
        Err(SourceError::Io {
            name: "capture".to_owned(),
            error: io::Error::other("metering ended by itself"),
        })
    }

    /// End the capture now; what was finished by then can still be taken.
    pub fn stop(&self) {
        lock(&self.opened).clear();
        let _ = self
            .stop_ns
            .compare_exchange(RUNNING, wall_ns(), Ordering::Relaxed, Ordering::Relaxed);
        let threads: Vec<_> = lock(&self.threads).drain(..).collect();
        for thread in threads {
            // A thread that panicked has closed its end; the others' intervals are still good.
            let _ = thread.join();
        }
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(number: usize, mut source: LiveCapture, mut point: Point, sender: &Sender<Event>, stop_ns: &AtomicI64) {
    loop {
        let stop = stop_ns.load(Ordering::Relaxed);
        let progress = source.next_batch(&mut |frames| {
            for frame in frames.iter().filter(|frame| frame.ts_ns < stop) {
                point.observe(frame);
            }
        });
        let counts = source.counts();
        point.learn(Losses {
            dropped: counts.dropped,
            freezes: counts.freezes,
        });
        let now_ns = wall_ns();
        let idle = matches!(progress, Ok(Progress::Idle));
        // Busy without end is no reason not to stop.
        if stop != RUNNING && (idle || now_ns > stop + SETTLE_NS) {
            point.stop(stop);
        } else {
            point.tick(now_ns, idle);
        }
        for interval in point.take() {
            if sender.send(Event::Finished(number, interval)).is_err() {
                return;
            }
        }
        match progress {
            Err(failure) => {
                // Nobody listens any more: nothing is left to tell.
                let _ = sender.send(Event::Failed(failure));
                return;
            }
            Ok(Progress::End) => return,
            Ok(Progress::Idle | Progress::More) if stop != RUNNING && (idle || now_ns > stop + SETTLE_NS) => return,
            Ok(Progress::Idle | Progress::More) => {}
        }
    }
}
