//! Capture files in, frames in order of time out.
//!
//! The frames of one file come in its own order; those of several are merged by their times. A file that breaks off gives what it had,
//! the others go on, and the first such error is told at the end.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::reader::{Next, Reader};
use super::record::Place;
use super::{FrameSource, Progress, SourceCounts, SourceError, BATCH};
use crate::packet::Frame;

/// A capture and the frame it gives next.
struct Slot {
    path: PathBuf,
    /// None while it waits for its first frame's turn (a rotated capture has thousands of files), and at its end.
    reader: Option<Reader>,
    next: Place,
}

/// What is to be done once the frames collected were given: until then the readers' buffers stay as they are.
enum After {
    /// Nothing: the batch is full.
    Full,
    /// This capture has to be read.
    Read(usize),
    /// This capture is broken.
    Broken(usize, SourceError),
    /// There are no more frames.
    Over,
}

/// Places of frames and the slots they are in.
struct Batch {
    places: [(usize, Place); BATCH],
    count: usize,
}

impl Batch {
    #[inline]
    fn push(&mut self, slot: usize, place: Place) {
        self.places[self.count] = (slot, place);
        self.count += 1;
    }

    fn is_full(&self) -> bool {
        self.count == BATCH
    }
}

/// One capture file or several, as one source.
pub struct CaptureFiles {
    slots: Vec<Slot>,
    /// Time of the next frame and its slot, earliest first.
    order: BinaryHeap<Reverse<(i64, usize)>>,
    failure: Option<SourceError>,
    counts: SourceCounts,
}

impl CaptureFiles {
    /// Open them all; `-` is standard input. A file that is no capture is an error here, before any frame.
    pub fn open<P: AsRef<Path>>(paths: &[P]) -> Result<Self, SourceError> {
        let mut files = Self::none();
        for path in paths {
            let path = path.as_ref();
            files.add(path, Reader::open(path)?);
            // What can be opened again waits without a descriptor and a buffer.
            if let (true, true, Some(slot)) = (paths.len() > 1, path.is_file(), files.slots.last_mut()) {
                slot.reader = None;
            }
        }
        Ok(files)
    }

    /// A capture from any reader; `name` is what messages call it.
    pub fn from_reader(name: &str, reader: Box<dyn Read + Send>) -> Result<Self, SourceError> {
        let (mut files, path) = (Self::none(), Path::new(name));
        files.add(path, Reader::from_reader(path, reader)?);
        Ok(files)
    }

    fn none() -> Self {
        Self {
            slots: Vec::new(),
            order: BinaryHeap::new(),
            failure: None,
            counts: SourceCounts::default(),
        }
    }

    fn add(&mut self, path: &Path, reader: Reader) {
        self.slots.push(Slot {
            path: path.to_owned(),
            reader: Some(reader),
            next: Place::default(),
        });
        self.read(self.slots.len() - 1);
    }

    /// Find the next frame of a capture that is not in `order`, and put it there.
    fn read(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        let found = match &mut slot.reader {
            Some(reader) => reader.next_reading(),
            None => Reader::open(&slot.path).and_then(|reader| slot.reader.insert(reader).next_reading()),
        };
        match found {
            Ok(Next::Frame(place)) => {
                slot.next = place;
                self.order.push(Reverse((place.ts_ns, index)));
            }
            Ok(Next::Starved | Next::End) => slot.reader = None,
            Err(error) => self.close(index, error),
        }
    }

    fn close(&mut self, index: usize, error: SourceError) {
        self.slots[index].reader = None;
        self.failure.get_or_insert(error);
    }

    /// Collect frames in order as long as every buffer can stay as it is.
    fn collect(&mut self, batch: &mut Batch) -> After {
        while !batch.is_full() {
            let Some(Reverse((_, index))) = self.order.pop() else {
                return After::Over;
            };
            let Slot {
                reader: Some(reader),
                next,
                ..
            } = &mut self.slots[index]
            else {
                return After::Read(index);
            };
            batch.push(index, *next);
            loop {
                match reader.next() {
                    // Alone there is no order to ask.
                    Ok(Next::Frame(place)) if self.order.is_empty() && !batch.is_full() => batch.push(index, place),
                    Ok(Next::Frame(place)) => {
                        *next = place;
                        self.order.push(Reverse((place.ts_ns, index)));
                        break;
                    }
                    Ok(Next::Starved | Next::End) => return After::Read(index),
                    Err(error) => return After::Broken(index, error),
                }
            }
        }
        After::Full
    }

    fn give(&self, batch: &Batch, sink: &mut dyn FnMut(&[Frame<'_>])) {
        let mut frames = [Frame::default(); BATCH];
        for (frame, (slot, place)) in frames.iter_mut().zip(&batch.places[..batch.count]) {
            let octets = self.slots[*slot].reader.as_ref().map(|reader| reader.octets(place));
            *frame = place.frame(octets.unwrap_or_default());
        }
        sink(&frames[..batch.count]);
    }
}

impl FrameSource for CaptureFiles {
    fn next_batch(&mut self, sink: &mut dyn FnMut(&[Frame<'_>])) -> Result<Progress, SourceError> {
        let mut batch = Batch {
            places: [(0, Place::default()); BATCH],
            count: 0,
        };
        let after = self.collect(&mut batch);
        if batch.count > 0 {
            self.give(&batch, sink);
            self.counts.frames += batch.count as u64;
            self.counts.received = self.counts.frames;
        }
        match after {
            After::Full => {}
            After::Read(index) => self.read(index),
            After::Broken(index, error) => self.close(index, error),
            After::Over => return self.failure.take().map_or(Ok(Progress::End), Err),
        }
        Ok(Progress::More)
    }

    fn counts(&mut self) -> SourceCounts {
        self.counts
    }
}
