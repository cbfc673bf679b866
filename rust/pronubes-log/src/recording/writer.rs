//! Writing a recording. It writes whole frames only; what it could not write is cut off again.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::{BLOCK, END_MAGIC, MAGIC, Mark, Message};
use crate::format::{Append, Builder, Codec, NameTable, Packer, Target};
use crate::fs::{File, Fs};
use crate::scan::write_full;

/// A frame is written when it has so many bytes: what a kill costs at most, beside what was not flushed for a while.
const FRAME_BYTES: usize = 256 << 10;
const MIN_FRAME_BYTES: usize = 4 << 10;
const MAX_NAMES: usize = 60_000;

/// How a recording is written.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How frames are written.
    pub codec: Codec,
    /// The number of the recording, by chance.
    pub number: u64,
    /// The file never has more bytes.
    pub max_bytes: u64,
    /// It takes no more messages.
    pub max_messages: u64,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is recorded with the next frame.
    Taken,
    /// It is longer than a frame can be.
    TooLarge,
    /// The recording is full, or the disk: nothing more is taken.
    Full,
}

/// Names by number, for the frame that is filled.
#[derive(Clone, Debug, Default)]
struct Names {
    names: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u16>,
}

impl Names {
    fn number(&mut self, name: &str) -> u16 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = u16::try_from(self.names.len()).unwrap_or(u16::MAX);
        self.names.push(name.into());
        self.numbers.insert(name.into(), number);
        number
    }

    fn get(&self, number: usize) -> &str {
        self.names.get(number).map_or("", |name| name)
    }
}

#[derive(Clone, Debug, Default)]
struct Tables {
    routes: Names,
    sources: Names,
}

impl NameTable for Tables {
    fn route(&self, route: u32) -> &str {
        self.routes.get(route as usize)
    }

    fn source(&self, source: u16) -> &str {
        self.sources.get(usize::from(source))
    }
}

/// Writes a recording.
pub struct Writer {
    file: Arc<dyn File>,
    settings: Settings,
    builder: Builder,
    tables: Tables,
    packer: Packer,
    packed: Vec<u8>,
    plain: Vec<u8>,
    offset: u64,
    next: u64,
    left_out: u64,
    is_full: bool,
}

impl Writer {
    /// Makes the file with its head.
    ///
    /// # Errors
    /// The operating system's; `AlreadyExists` if it is there.
    pub fn create(fs: &dyn Fs, path: &Path, settings: Settings, now_ns: i64) -> io::Result<Self> {
        let file = fs.create_new(path)?;
        let head = Mark { number: settings.number, next: 0, lost: 0, time_ns: now_ns };
        write_full(&*file, &head.encode(MAGIC), 0)?;
        Ok(Self {
            file,
            settings,
            builder: Builder::default(),
            tables: Tables::default(),
            packer: Packer::default(),
            packed: Vec::new(),
            plain: Vec::new(),
            offset: BLOCK as u64,
            next: 1,
            left_out: 0,
            is_full: false,
        })
    }

    /// Messages that are in the file or will be with the next frame.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.next - 1 + u64::from(self.builder.count())
    }

    /// Messages that came and are not in the file, since it is full, the disk is, or they are too large.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Bytes of the file.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.offset
    }

    /// Whether it takes no more.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.is_full || self.messages() >= self.settings.max_messages
    }

    /// Takes a message.
    ///
    /// # Errors
    /// A frame could not be written; the file is whole up to there, and the writer takes no more.
    pub fn append(&mut self, message: &Message<'_>) -> io::Result<Taken> {
        if self.is_full() {
            return Ok(Taken::Full);
        }
        let target = Target { consumer: 0, topic: message.topic, qos: message.qos, retain: message.retain };
        let Message { received_ns, source_ns, payload, .. } = *message;
        let mut record = Append { route: 0, source: 0, received_ns, source_ns, payload, target };
        if Builder::is_too_large(&record) {
            self.left_out += 1;
            return Ok(Taken::TooLarge);
        }
        let is_crowded = self.tables.routes.names.len().max(self.tables.sources.names.len()) >= MAX_NAMES;
        if is_crowded || (self.builder.count() > 0 && self.builder.size() + Builder::cost(&record) > self.frame_bytes())
        {
            self.flush()?;
            if self.is_full() {
                self.left_out += 1;
                return Ok(Taken::Full);
            }
        }
        record.route = u32::from(self.tables.routes.number(message.route));
        record.source = self.tables.sources.number(message.source);
        self.builder.append(&record);
        Ok(Taken::Taken)
    }

    /// Frames grow smaller towards the end of the room, so that little of it is left over.
    fn frame_bytes(&self) -> usize {
        let room = self.settings.max_bytes.saturating_sub(self.offset + BLOCK as u64);
        usize::try_from(room / 4).unwrap_or(FRAME_BYTES).clamp(MIN_FRAME_BYTES, FRAME_BYTES)
    }

    /// Writes what was taken since the last frame.
    ///
    /// # Errors
    /// It could not be written; the file is whole up to there, and the writer takes no more.
    pub fn flush(&mut self) -> io::Result<()> {
        let count = u64::from(self.builder.count());
        if count == 0 {
            return Ok(());
        }
        let names: Arc<dyn NameTable> = Arc::new(std::mem::take(&mut self.tables));
        let plain = std::mem::take(&mut self.plain);
        let cut = self.builder.cut((self.settings.number, self.next, 0), &names, |_| "".into(), plain);
        let is_packed = self.settings.codec == Codec::Zstd && self.packer.pack(&cut.bytes, &mut self.packed).is_some();
        let bytes = if is_packed { &self.packed } else { &cut.bytes };
        let length = bytes.len() as u64;
        let written = if self.offset + length + BLOCK as u64 > self.settings.max_bytes {
            Ok(false)
        } else {
            write_full(&*self.file, bytes, self.offset).map(|()| true)
        };
        self.plain = cut.bytes;
        if let Ok(true) = written {
            self.offset += length;
            self.next = cut.end;
            return Ok(());
        }
        self.is_full = true;
        self.left_out += count;
        if written.is_err() {
            // Half a frame is of no use to anybody, and room for the end mark is. If that fails, readers pass it over.
            let _ = self.file.set_len(self.offset);
        }
        written.map(|_| ())
    }

    /// Ends the recording: what was taken, the end mark, and all of it on the disk.
    ///
    /// # Errors
    /// Something of that could not be written: readers will say that the recording has no end.
    pub fn end(mut self, lost: u64, now_ns: i64) -> io::Result<()> {
        let flushed = self.flush();
        let lost = lost + self.left_out;
        let mark = Mark { number: self.settings.number, next: self.next, lost, time_ns: now_ns };
        write_full(&*self.file, &mark.encode(END_MAGIC), self.offset)?;
        self.file.sync_data()?;
        flushed
    }
}
