//! The compressed side of an archive: read, digest and inflate on a thread of its own.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use flate2::bufread::GzDecoder;
use sha2::Digest as _;

use super::adapters::Refusal;
use crate::error::{Error, Result};
use crate::names::Sha256;

const CHUNK: usize = 256 * 1024;
const CHUNKS_IN_FLIGHT: usize = 8;

/// The inflated bytes of an archive.
pub(super) struct Inflated {
    chunks: Option<Receiver<Result<Vec<u8>>>>,
    thread: Option<JoinHandle<Option<Sha256>>>,
    chunk: Vec<u8>,
    position: usize,
    compressed: Arc<AtomicU64>,
    size: u64,
    refusal: Refusal,
}

impl Inflated {
    pub(super) fn open(path: &Path, refusal: Refusal) -> Result<Self> {
        // Asked first, as opening a pipe would wait for its writer.
        let metadata = fs::metadata(path).map_err(Error::io("read", path))?;
        if !metadata.is_file() {
            return Err(Error::Damaged(format!("{} is not a file", path.display())));
        }
        let file = File::open(path).map_err(Error::io("open", path))?;
        let compressed = Arc::new(AtomicU64::new(0));
        let source = Digested { file, hasher: sha2::Sha256::new(), count: Arc::clone(&compressed) };
        let (sender, chunks) = sync_channel(CHUNKS_IN_FLIGHT);
        let name = path.to_owned();
        let thread = std::thread::Builder::new()
            .name("bloom-inflate".into())
            .spawn(move || inflate(source, &name, &sender))
            .map_err(Error::io("start a thread for", path))?;

        Ok(Self {
            chunks: Some(chunks),
            thread: Some(thread),
            chunk: Vec::new(),
            position: 0,
            compressed,
            size: metadata.len(),
            refusal,
        })
    }

    /// The size of the compressed file.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// How many compressed bytes have been read, kept up to date by the thread.
    pub(super) fn compressed(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.compressed)
    }

    /// The digest of the compressed file, of which everything was read.
    pub(super) fn into_digest(mut self) -> Result<Sha256> {
        self.join().ok_or_else(|| Error::Damaged("reading it stopped early".into()))
    }

    /// Without a listener the thread ends at its next chunk.
    fn join(&mut self) -> Option<Sha256> {
        self.chunks = None;
        self.thread.take().and_then(|thread| thread.join().ok()).flatten()
    }
}

impl Drop for Inflated {
    fn drop(&mut self) {
        self.join();
    }
}

impl Read for Inflated {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position == self.chunk.len() {
            match self.chunks.as_ref().map(Receiver::recv) {
                Some(Ok(chunk)) => self.chunk = chunk.map_err(|error| self.refusal.keep(error))?,
                _ => return Ok(0),
            }
            self.position = 0;
        }
        let length = buffer.len().min(self.chunk.len() - self.position);
        buffer[..length].copy_from_slice(&self.chunk[self.position..self.position + length]);
        self.position += length;
        Ok(length)
    }
}

/// The thread: the channel closes at the end of the stream, after an error, or when nobody listens any more. Returns
/// the digest of the file where all of it was sound.
fn inflate(source: Digested, path: &Path, sender: &SyncSender<Result<Vec<u8>>>) -> Option<Sha256> {
    let mut decoder = GzDecoder::new(BufReader::with_capacity(CHUNK, source));
    loop {
        match read_chunk(&mut decoder) {
            Ok(chunk) if chunk.is_empty() => break,
            Ok(chunk) => sender.send(Ok(chunk)).ok()?,
            Err(error) => {
                sender.send(Err(failure(error, path.to_owned()))).ok()?;
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
            sender.send(Err(failure(error, path.to_owned()))).ok()?;
            None
        }
    }
}

/// The disk's own errors have a number; all others are the decoder's.
fn failure(error: io::Error, path: PathBuf) -> Error {
    if error.raw_os_error().is_some() {
        Error::Io { operation: "read", path, source: error }
    } else {
        Error::Damaged(error.to_string())
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
    count: Arc<AtomicU64>,
}

impl Read for Digested {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
