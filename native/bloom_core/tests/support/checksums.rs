//! Header checksums put right, so that mutations of a tar archive are read further than to the first one.

const BLOCK: usize = 512;

/// The archive with a right checksum in every header.
pub fn with_checksums(tar: &[u8]) -> Vec<u8> {
    let mut tar = tar.to_vec();
    let mut at = 0;
    while let Some(header) = tar.get_mut(at..at + BLOCK).filter(|header| header.iter().any(|byte| *byte != 0)) {
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let size = tar::Header::from_byte_slice(header).entry_size().unwrap_or(0);
        let blocks = usize::try_from(size).unwrap_or(usize::MAX).div_ceil(BLOCK);
        at = blocks.saturating_mul(BLOCK).saturating_add(at + BLOCK);
        if at > tar.len() {
            break;
        }
    }
    tar
}
