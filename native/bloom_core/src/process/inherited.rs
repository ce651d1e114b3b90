//! What a program inherits of the process that starts it: what it is given, and nothing that is open besides.

use std::fs;
use std::os::fd::BorrowedFd;

use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};

/// Has everything that this process has open closed in the programs that it starts from now on, but for 0, 1 and 2.
///
/// The VM opens sockets, files and the pipe to heart without that, as its own programs come from a process that was
/// there before them (`erl_child_setup.c`). A dump that had them would keep a port taken, connections open and heart
/// waiting when the VM is gone. What is opened between the second look and the start still gets through: moments.
pub(super) fn close_on_exec() {
    // What is opened meanwhile gets the lowest free number, which the first look may have passed.
    for _look in 0..2 {
        // Where nobody lists them, a program with more than it needs is better than none.
        let Ok(open) = fs::read_dir("/dev/fd").or_else(|_| fs::read_dir("/proc/self/fd")) else { return };
        for number in open.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()) {
            if number > 2 {
                // SAFETY: It is used for this one flag only. Another thread may have closed it, which is an error, or
                // opened something else under its number, which is to be closed in programs as well.
                let file = unsafe { BorrowedFd::borrow_raw(number) };
                if let Ok(flags) = fcntl_getfd(file)
                    && !flags.contains(FdFlags::CLOEXEC)
                {
                    let _ = fcntl_setfd(file, flags | FdFlags::CLOEXEC);
                }
            }
        }
    }
}
