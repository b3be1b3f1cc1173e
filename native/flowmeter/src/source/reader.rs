//! One capture: its input, its format, and the frame it is about to give.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::input::Input;
use super::pcap::Pcap;
use super::pcapng::Pcapng;
use super::record::{Frames, Place, Step};
use super::SourceError;

enum Format {
    Pcap(Pcap),
    Pcapng(Pcapng),
}

/// What came of looking for the next frame.
pub(super) enum Next {
    /// A frame; its place is within the input's buffer.
    Frame(Place),
    /// More octets have to be read first, and that moves those given before.
    Starved,
    /// The regular end.
    End,
}

/// A capture that is read.
pub(super) struct Reader {
    path: PathBuf,
    input: Input,
    format: Format,
    /// Octets the window needs before the next record can be told.
    need: usize,
}

impl Reader {
    /// `-` is standard input.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        Self::on(path, Input::open(path))
    }

    /// A capture that comes from elsewhere; `path` is what messages call it.
    pub fn from_reader(path: &Path, reader: Box<dyn Read + Send>) -> Result<Self, SourceError> {
        Self::on(path, Input::new(reader))
    }

    fn on(path: &Path, input: io::Result<Input>) -> Result<Self, SourceError> {
        let name = || path.display().to_string();
        let io = |error| SourceError::Io { name: name(), error };
        let mut input = input.map_err(io)?;
        input.fill(4).map_err(io)?;
        let Some(magic) = input.window().first_chunk::<4>().copied() else {
            return Err(match input.window() {
                _ if input.is_cut() => SourceError::CutShort { name: name(), offset: 0 },
                [] => SourceError::Empty { name: name() },
                _ => SourceError::NotACapture { name: name() },
            });
        };
        let format = if Pcapng::is_magic(magic) {
            Format::Pcapng(Pcapng::new())
        } else if Pcap::is_magic(magic) {
            input.fill(Pcap::FILE_HEADER).map_err(io)?;
            let Some(pcap) = Pcap::open(input.window()) else {
                return Err(SourceError::CutShort { name: name(), offset: 0 });
            };
            input.consume(Pcap::FILE_HEADER);
            Format::Pcap(pcap)
        } else {
            return Err(SourceError::NotACapture { name: name() });
        };
        Ok(Self {
            path: path.to_owned(),
            input,
            format,
            need: 0,
        })
    }

    /// The next frame among the octets that were read.
    #[inline]
    pub fn next(&mut self) -> Result<Next, SourceError> {
        loop {
            let window = self.input.window();
            if window.len() < self.need {
                return Ok(Next::Starved);
            }
            let step = match &mut self.format {
                Format::Pcap(pcap) => pcap.step(window),
                Format::Pcapng(pcapng) => pcapng.step(window),
            };
            match step {
                Step::Frame { mut place, size } => {
                    place.at += self.input.position();
                    self.input.consume(size);
                    self.need = 0;
                    return Ok(Next::Frame(place));
                }
                Step::Skip { size } => {
                    self.input.consume(size);
                    self.need = 0;
                }
                Step::Need(octets) => {
                    self.need = octets;
                    return Ok(Next::Starved);
                }
                Step::Bad(reason) => {
                    return Err(SourceError::Malformed {
                        name: self.name(),
                        offset: self.input.offset(),
                        reason,
                    })
                }
            }
        }
    }

    /// The same, reading what it takes: places given before are no longer valid.
    pub fn next_reading(&mut self) -> Result<Next, SourceError> {
        loop {
            match self.next()? {
                Next::Starved => {}
                found => return Ok(found),
            }
            let filled = self.input.fill(self.need).map_err(|error| SourceError::Io {
                name: self.name(),
                error,
            })?;
            if !filled {
                return if self.input.window().is_empty() && !self.input.is_cut() {
                    Ok(Next::End)
                } else {
                    Err(SourceError::CutShort {
                        name: self.name(),
                        offset: self.input.offset(),
                    })
                };
            }
        }
    }

    /// The octets of a frame.
    #[inline]
    pub fn octets(&self, place: &Place) -> &[u8] {
        self.input.octets(place.at, place.captured as usize)
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }
}
