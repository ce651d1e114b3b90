//! Compressing and decompressing what passes by.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use zstd::stream::{read, write};

use crate::error::{Error, Result};
use crate::process::ProcessError;

const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const GZIP: &[u8] = &[0x1f, 0x8b];
const BUFFER: usize = 128 << 10;
const ZSTD_LEVEL: i32 = 1;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Zstandard at its fastest ordinary level: the deployment waits for it, beside a server that needs the cores.
    Zstd,
    /// Gzip at its default level.
    Gzip,
}

/// Compresses what is written to it.
pub(super) enum Encoder<W: Write> {
    Zstd(write::Encoder<'static, W>),
    Gzip(GzEncoder<W>),
}

impl<W: Write> Encoder<W> {
    pub(super) fn new(compression: Compression, writer: W) -> io::Result<Self> {
        match compression {
            Compression::Zstd => {
                let mut encoder = write::Encoder::new(writer, ZSTD_LEVEL)?;
                encoder.include_checksum(true)?;
                Ok(Self::Zstd(encoder))
            }
            Compression::Gzip => Ok(Self::Gzip(GzEncoder::new(writer, flate2::Compression::default()))),
        }
    }

    pub(super) fn finish(self) -> io::Result<W> {
        match self {
            Self::Zstd(encoder) => encoder.finish(),
            Self::Gzip(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Zstd(encoder) => encoder.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Zstd(encoder) => encoder.flush(),
            Self::Gzip(encoder) => encoder.flush(),
        }
    }
}

/// The contents of a file that [`NewFile`](super::NewFile) wrote; `seen` is told how many bytes of it were read.
///
/// # Errors
/// [`Error::Io`] where it cannot be read, [`ProcessError::Damaged`] where it is not compressed.
pub fn decompress<'a>(path: &Path, seen: impl FnMut(u64) + 'a) -> Result<Box<dyn Read + 'a>> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    let mut reader = BufReader::with_capacity(BUFFER, Counted { file, seen });
    let magic = reader.fill_buf().map_err(Error::io("read", path))?;
    if magic.starts_with(ZSTD) {
        let decoder = read::Decoder::with_buffer(reader).map_err(Error::io("read", path))?;
        Ok(Box::new(decoder))
    } else if magic.starts_with(GZIP) {
        Ok(Box::new(MultiGzDecoder::new(reader)))
    } else {
        let why = "it is neither zstd nor gzip".to_owned();
        Err(ProcessError::Damaged { path: path.to_owned(), why }.into())
    }
}

struct Counted<F> {
    file: File,
    seen: F,
}

impl<F: FnMut(u64)> Read for Counted<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        (self.seen)(read as u64);
        Ok(read)
    }
}
