//! The compressed side of an archive: read, digest, inflate, bound, on a thread of its own.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use flate2::bufread::GzDecoder;
use sha2::Digest as _;

use super::{Control, Limits};
use crate::error::{Error, Result};
use crate::names::Sha256;

const CHUNK: usize = 256 * 1024;
const CHUNKS_IN_FLIGHT: usize = 8;
/// Below this the ratio says nothing: a few zero-filled files are no bomb.
const RATIO_FREE: u64 = 16 << 20;
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// The inflated bytes of an archive. What went wrong underneath is kept for [`Inflated::failure`], as the tar reader
/// wraps errors.
pub(super) struct Inflated<'a> {
    chunks: Option<Receiver<Result<Vec<u8>>>>,
    thread: Option<JoinHandle<Option<Sha256>>>,
    chunk: Vec<u8>,
    position: usize,
    total: u64,
    compressed: Arc<AtomicU64>,
    size: u64,
    limits: Limits,
    control: Control<'a>,
    told: Instant,
    failure: Option<Error>,
}

impl<'a> Inflated<'a> {
    pub(super) fn open(path: &Path, limits: &Limits, control: &Control<'a>) -> Result<Self> {
        let file = File::open(path).map_err(Error::io("open", path))?;
        let size = file.metadata().map_err(Error::io("read", path))?.len();
        let compressed = Arc::new(AtomicU64::new(0));
        let (sender, chunks) = sync_channel(CHUNKS_IN_FLIGHT);
        let counter = Arc::clone(&compressed);
        let thread = std::thread::Builder::new()
            .name("bloom-inflate".into())
            .spawn(move || inflate(file, counter, &sender))
            .map_err(Error::io("start a thread for", path))?;

        Ok(Self {
            chunks: Some(chunks),
            thread: Some(thread),
            chunk: Vec::new(),
            position: 0,
            total: 0,
            compressed,
            size,
            limits: limits.clone(),
            control: control.clone(),
            told: Instant::now(),
            failure: None,
        })
    }

    /// What this reader refused to go on with, rather than `other`, how the reader above put it.
    pub(super) fn failure(&mut self, other: &io::Error) -> Error {
        self.failure.take().unwrap_or_else(|| Error::Damaged(other.to_string()))
    }

    /// Reads what is left after the tar archive, which may only be padding, and returns the digest of the
    /// compressed file and the number of inflated bytes.
    pub(super) fn finish(mut self) -> Result<(Sha256, u64)> {
        while self.fill()? {
            if self.chunk[self.position..].iter().any(|byte| *byte != 0) {
                return Err(Error::TrailingData);
            }
            self.position = self.chunk.len();
        }
        self.tell();
        let digest = self.thread.take().and_then(|thread| thread.join().ok()).flatten();
        digest.map(|digest| (digest, self.total)).ok_or_else(|| Error::Damaged("reading it stopped early".into()))
    }

    /// Makes sure that there are bytes to take; false at the end.
    fn fill(&mut self) -> Result<bool> {
        if self.position < self.chunk.len() {
            return Ok(true);
        }
        if self.control.cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let Some(Ok(chunk)) = self.chunks.as_ref().map(Receiver::recv) else { return Ok(false) };
        self.chunk = chunk?;
        self.position = 0;
        self.total += self.chunk.len() as u64;
        if self.told.elapsed() >= PROGRESS_EVERY {
            self.tell();
        }
        self.check_limits()?;
        Ok(!self.chunk.is_empty())
    }

    fn check_limits(&self) -> Result<()> {
        let Limits { total_bytes, ratio, .. } = self.limits;
        let compressed = self.compressed.load(Ordering::Relaxed).max(1);
        if self.total > total_bytes {
            return Err(Error::TooLarge { what: "the bound on unpacked bytes", limit: total_bytes });
        }
        if self.total > RATIO_FREE && self.total / compressed > ratio {
            return Err(Error::TooLarge { what: "the bound on the compression ratio", limit: ratio });
        }
        Ok(())
    }

    fn tell(&mut self) {
        if let Some(progress) = self.control.progress {
            progress(self.compressed.load(Ordering::Relaxed).min(self.size), self.size);
            self.told = Instant::now();
        }
    }
}

impl Drop for Inflated<'_> {
    /// The thread ends when nobody listens any more; its buffers and the file are gone when this is.
    fn drop(&mut self) {
        self.chunks = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Read for Inflated<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.fill() {
            Ok(false) => Ok(0),
            Ok(true) => {
                let length = buffer.len().min(self.chunk.len() - self.position);
                buffer[..length].copy_from_slice(&self.chunk[self.position..self.position + length]);
                self.position += length;
                Ok(length)
            }
            Err(error) => {
                let wrapped = io::Error::other(error.to_string());
                self.failure.get_or_insert(error);
                Err(wrapped)
            }
        }
    }
}

/// The thread: the channel closes at the end of the stream, after an error, or when nobody listens any more.
fn inflate(file: File, compressed: Arc<AtomicU64>, sender: &SyncSender<Result<Vec<u8>>>) -> Option<Sha256> {
    let source = Digested { file, hasher: sha2::Sha256::new(), compressed };
    let mut decoder = GzDecoder::new(BufReader::with_capacity(CHUNK, source));
    loop {
        match read_chunk(&mut decoder) {
            Ok(chunk) if chunk.is_empty() => break,
            Ok(chunk) => sender.send(Ok(chunk)).ok()?,
            Err(error) => {
                sender.send(Err(Error::Damaged(error.to_string()))).ok()?;
                return None;
            }
        }
    }

    let mut rest = decoder.into_inner();
    match rest.read(&mut [0]) {
        Ok(0) => Some(Sha256::of(rest.into_inner().hasher)),
        Ok(_) => {
            sender.send(Err(Error::TrailingData)).ok()?;
            None
        }
        Err(error) => {
            sender.send(Err(Error::Damaged(error.to_string()))).ok()?;
            None
        }
    }
}

fn read_chunk(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut chunk = vec![0; CHUNK];
    let mut filled = 0;
    while filled < CHUNK {
        match reader.read(&mut chunk[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    chunk.truncate(filled);
    Ok(chunk)
}

/// Digests and counts the compressed bytes as they are read.
struct Digested {
    file: File,
    hasher: sha2::Sha256,
    compressed: Arc<AtomicU64>,
}

impl Read for Digested {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        self.compressed.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
