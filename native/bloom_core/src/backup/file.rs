//! A file that is there, whole and on the disk, or not there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::Digest as _;

use super::compression::{Compression, Encoder};
use crate::error::{Error, Result};
use crate::names::Sha256;
use crate::tree::sync_dir;

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its size.
    pub bytes: u64,
    /// Its digest.
    pub sha256: Sha256,
    /// How many bytes it holds, decompressed.
    pub contents: u64,
}

/// A file that gets its name last, and goes away unless it does. Only its owner may read it.
pub struct NewFile {
    encoder: Option<Encoder<Digesting>>,
    contents: u64,
    place: Place,
}

impl NewFile {
    /// Begins a file under a temporary name beside `path`.
    ///
    /// # Errors
    /// [`Error::Io`] where there can be no such file.
    pub fn create(path: &Path, compression: Compression) -> Result<Self> {
        let place = Place::beside(path);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&place.temporary)
            .map_err(Error::io("create", &place.temporary))?;
        let digesting = Digesting { file, hasher: sha2::Sha256::new(), bytes: 0 };
        let encoder = Encoder::new(compression, digesting).map_err(Error::io("write", path))?;
        Ok(Self { encoder: Some(encoder), contents: 0, place })
    }

    /// Compresses some more bytes into it.
    ///
    /// # Errors
    /// [`Error::Io`] where the disk refuses them.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some(encoder) = &mut self.encoder {
            encoder.write_all(bytes).map_err(Error::io("write", &self.place.target))?;
            self.contents += bytes.len() as u64;
        }
        Ok(())
    }

    /// Everything is on the disk, under the temporary name.
    ///
    /// # Errors
    /// [`Error::Io`] where the disk refuses it.
    pub fn finish(mut self) -> Result<Finished> {
        let refused = |what| Error::io(what, &self.place.target);
        let Some(encoder) = self.encoder.take() else { unreachable!("only finish takes it, and takes the file") };
        let digesting = encoder.finish().map_err(refused("write"))?;
        digesting.file.sync_all().map_err(refused("sync"))?;
        let sha256 = Sha256::of(digesting.hasher);
        Ok(Finished { written: Written { bytes: digesting.bytes, sha256, contents: self.contents }, place: self.place })
    }
}

/// A file that only lacks its name, and goes away unless it gets it.
pub struct Finished {
    written: Written,
    place: Place,
}

impl Finished {
    /// Gives it its name, and makes that durable.
    ///
    /// # Errors
    /// [`Error::Io`] where the directory refuses it.
    pub fn put_in_place(self) -> Result<Written> {
        let Place { temporary, target } = &self.place;
        fs::rename(temporary, target).map_err(Error::io("put in place", target))?;
        sync_dir(target.parent().unwrap_or(Path::new("/")))?;
        Ok(self.written)
    }
}

struct Place {
    temporary: PathBuf,
    target: PathBuf,
}

impl Place {
    fn beside(target: &Path) -> Self {
        let mut temporary = target.as_os_str().to_owned();
        // What a killed VM has left is in nobody's way.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        temporary.push(format!(".{now}.tmp"));
        Self { temporary: temporary.into(), target: target.to_owned() }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Not there any more when it got its name; and nobody is left to tell in a drop.
        let _ = fs::remove_file(&self.temporary);
    }
}

struct Digesting {
    file: File,
    hasher: sha2::Sha256,
    bytes: u64,
}

impl Write for Digesting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::backup::decompress;
    use crate::tree::hash_file;

    #[test]
    fn what_is_written_can_be_read_and_has_its_digest() {
        let dir = tempfile::tempdir().unwrap();
        for compression in [Compression::Zstd, Compression::Gzip] {
            let path = dir.path().join(format!("{compression:?}"));
            let mut file = NewFile::create(&path, compression).unwrap();
            for _ in 0..1000 {
                file.write(&[7; 1000]).unwrap();
            }
            let finished = file.finish().unwrap();
            assert!(!path.exists());
            let written = finished.put_in_place().unwrap();
            assert_eq!((written.bytes, written.sha256), hash_file(&path).unwrap());
            assert_eq!(written.contents, 1_000_000);

            let (mut contents, mut seen) = (Vec::new(), 0);
            decompress(&path, |bytes| seen += bytes).unwrap().read_to_end(&mut contents).unwrap();
            assert_eq!(contents, vec![7; 1_000_000]);
            assert_eq!(seen, written.bytes);
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn nothing_is_left_of_one_that_is_given_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("dump");
        let mut file = NewFile::create(&path, Compression::Zstd).unwrap();
        file.write(&[1; 1000]).unwrap();
        drop(file);
        let file = NewFile::create(&path, Compression::Zstd).unwrap();
        drop(file.finish().unwrap());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_damaged_or_cut_short_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        for compression in [Compression::Zstd, Compression::Gzip] {
            let path = dir.path().join("dump");
            let mut file = NewFile::create(&path, compression).unwrap();
            let noise: Vec<u8> = (0..100_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[2]).collect();
            file.write(&noise).unwrap();
            file.finish().unwrap().put_in_place().unwrap();
            let whole = fs::read(&path).unwrap();

            let mut flipped = whole.clone();
            flipped[whole.len() / 2] ^= 1;
            for bytes in [&flipped[..], &whole[..whole.len() - 1], &whole[..whole.len() / 2]] {
                fs::write(&path, bytes).unwrap();
                let mut reader = decompress(&path, |_| ()).unwrap();
                assert!(reader.read_to_end(&mut Vec::new()).is_err(), "{compression:?}");
            }
            fs::write(&path, b"PGDMP").unwrap();
            let error = decompress(&path, |_| ()).err().unwrap();
            assert_eq!(error.code(), "backup_damaged");
        }
    }
}
