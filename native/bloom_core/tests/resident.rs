//! The memory that this process holds. Alone in its file, as other tests of the same process would free theirs meanwhile.

use bloom_core::probe::memory;

#[test]
fn what_is_allocated_is_resident() {
    let before = memory().unwrap().resident;
    let block = vec![1_u8; 64 << 20];
    let after = memory().unwrap().resident;
    assert!(after > before + (32 << 20), "{before} {after}");
    assert_eq!(block[block.len() - 1], 1);
}
