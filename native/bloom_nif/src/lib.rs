//! The bridge between `Bloom.Native` and `bloom_core`: decode, pick the scheduler, call, map errors.
