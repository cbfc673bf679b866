//! One connection of the router: its socket, what was read, what waits to be written.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;

use crate::codec::Version;

/// Bytes read at once; also the longest packet a router may send.
const INPUT: usize = 1 << 20;

/// A connection from the router.
#[derive(Debug)]
pub(crate) struct Link {
    stream: TcpStream,
    input: Box<[u8]>,
    filled: usize,
    sent: usize,
    pub(crate) output: Vec<u8>,
    pub(crate) version: Version,
    pub(crate) receive_maximum: u16,
    pub(crate) is_connected: bool,
    pub(crate) is_source: bool,
    pub(crate) is_closed: bool,
}

impl Link {
    pub(crate) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            input: vec![0; INPUT].into_boxed_slice(),
            filled: 0,
            sent: 0,
            output: Vec::with_capacity(256 * 1024),
            version: Version::V3,
            receive_maximum: u16::MAX,
            is_connected: false,
            is_source: false,
            is_closed: false,
        })
    }

    /// Reads what is there; true when something came.
    pub(crate) fn read(&mut self) -> io::Result<bool> {
        if self.filled == self.input.len() {
            return Err(io::Error::new(ErrorKind::InvalidData, "the router sent a packet of more than 1 MiB"));
        }
        match self.stream.read(&mut self.input[self.filled..]) {
            Ok(0) => {
                self.is_closed = true;
                Ok(false)
            }
            Ok(count) => {
                self.filled += count;
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock || error.kind() == ErrorKind::Interrupted => Ok(false),
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {
                self.is_closed = true;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Gives the bytes read to `parse`, which answers how many it used; the rest stays for the next time.
    pub(crate) fn parse<E>(&mut self, parse: impl FnOnce(&[u8], &mut Vec<u8>) -> Result<usize, E>) -> Result<(), E> {
        let used = parse(&self.input[..self.filled], &mut self.output)?;
        self.input.copy_within(used..self.filled, 0);
        self.filled -= used;
        Ok(())
    }

    /// Writes what the socket takes; true when something went.
    pub(crate) fn flush(&mut self) -> io::Result<bool> {
        if self.output.is_empty() || self.is_closed {
            return Ok(false);
        }
        match self.stream.write(&self.output[self.sent..]) {
            Ok(count) => {
                self.sent += count;
                if self.sent == self.output.len() {
                    self.output.clear();
                    self.sent = 0;
                }
                Ok(count > 0)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock || error.kind() == ErrorKind::Interrupted => Ok(false),
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {
                self.is_closed = true;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}
