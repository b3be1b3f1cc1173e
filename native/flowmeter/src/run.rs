//! A source in, records out as octets: one source, one meter, one output. The loop behind `probe flows`.

use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::meter::{Meter, MeterCounts, MeterOptions};
use crate::output::{Format, Output};
use crate::source::{FrameSource, Progress, SourceError};

/// Octets that wait before they are given away; live, what there is goes at once.
const CHUNK: usize = 1 << 18;

/// What came of metering a source.
#[derive(Debug)]
pub struct Outcome {
    /// What the meter counted.
    pub counts: MeterCounts,
    /// Packets that the kernel dropped.
    pub dropped: u64,
    /// Why the source was not read to its end.
    pub failure: Option<SourceError>,
}

/// Where records go, and whether to go on.
pub trait Taker {
    /// Take octets of whole records.
    fn take(&mut self, octets: &[u8]) -> io::Result<()>;

    /// Asked after each batch; false ends a live source.
    fn goes_on(&mut self) -> io::Result<bool> {
        Ok(true)
    }
}

/// Meter a source until its end, or until the taker has had enough.
///
/// An error is one of the taker; what is wrong with the source is part of the outcome, after the records so far.
pub fn meter_source(
    source: Result<Box<dyn FrameSource>, SourceError>,
    options: MeterOptions,
    format: Format,
    taker: &mut dyn Taker,
) -> io::Result<Outcome> {
    let mut meter = Meter::new(options);
    let mut output = Output::new(format);
    let (failure, dropped) = match source {
        Ok(mut source) => {
            let failure = read_all(source.as_mut(), &mut meter, &mut output, taker)?;
            (failure, source.counts().dropped)
        }
        Err(failure) => (Some(failure), 0),
    };
    meter.finish(&mut output);
    taker.take(&output.take())?;
    Ok(Outcome {
        counts: *meter.counts(),
        dropped,
        failure,
    })
}

fn read_all(
    source: &mut dyn FrameSource,
    meter: &mut Meter,
    output: &mut Output,
    taker: &mut dyn Taker,
) -> io::Result<Option<SourceError>> {
    loop {
        let progress = source.next_batch(&mut |frames| {
            for frame in frames {
                meter.observe(frame, output);
            }
        });
        // Files have the time of their packets. Where packets may stay away, time passes without them.
        let idle = matches!(progress, Ok(Progress::Idle));
        let packets = meter.latest_ns();
        let now = if idle { packets.max(Some(wall_ns())) } else { packets };
        if let Some(now) = now {
            meter.expire(now, output);
        }
        if output.waiting() >= CHUNK || (idle && output.waiting() > 0) {
            taker.take(&output.take())?;
        }
        match progress {
            Ok(Progress::End) => return Ok(None),
            Err(failure) => return Ok(Some(failure)),
            Ok(Progress::More | Progress::Idle) => {
                if !taker.goes_on()? {
                    return Ok(None);
                }
            }
        }
    }
}

/// The wall clock, Unix nanoseconds.
#[must_use]
pub fn wall_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as i64)
}
