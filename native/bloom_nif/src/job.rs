//! Work behind the bridge runs on a thread of its own.
//!
//! The stack of a dirty scheduler's thread is 320 KiB, and overflowing it ends the VM. The scheduler's thread waits,
//! passes progress on, and cancels the work when nobody waits for it any more.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use bloom_core::archive::{Cancel, Control};
use rustler::{Env, LocalPid, NifMap, Reference, ResourceArc};

use crate::cancel::Token;
use crate::failure::Failure;

const STACK: usize = 8 << 20;
const LOOK_AT_CALLER: Duration = Duration::from_millis(100);

mod atoms {
    rustler::atoms! { bloom_progress }
}

/// Who is told, and who may stop it.
#[derive(NifMap)]
pub struct Watch<'a> {
    /// Where progress goes to, and the reference that its messages carry.
    pub progress: Option<(LocalPid, Reference<'a>)>,
    /// What stops the work.
    pub cancel: Option<ResourceArc<Token>>,
}

impl Watch<'_> {
    /// For work that is over at once.
    pub const NOBODY: Watch<'static> = Watch { progress: None, cancel: None };
}

/// Does the work, and waits for it.
pub fn run<T, E>(
    env: Env<'_>,
    watch: &Watch<'_>,
    work: impl FnOnce(&Control<'_>) -> Result<T, E> + Send,
) -> Result<T, Failure>
where
    T: Send,
    E: Into<Failure> + Send,
{
    let cancel = watch.cancel.as_ref().map_or_else(Cancel::default, |token| token.0.clone());
    let (sender, steps) = channel();

    thread::scope(|scope| {
        let worker_cancel = cancel.clone();
        let worker = thread::Builder::new().name("bloom".into()).stack_size(STACK).spawn_scoped(scope, move || {
            // A receiver that is gone has nobody left to tell.
            let report = |done, total| {
                let _ = sender.send((done, total));
            };
            work(&Control { progress: Some(&report), cancel: worker_cancel })
        });
        let worker = worker.map_err(|error| {
            Failure::new(
                "no_thread",
                format!("cannot start a thread ({error}): raise the limit of processes and try again"),
            )
        })?;

        loop {
            match steps.recv_timeout(LOOK_AT_CALLER) {
                Ok(step) => tell(env, watch, step),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if !env.is_process_alive(env.pid()) {
                cancel.cancel();
            }
        }
        match worker.join() {
            Ok(result) => result.map_err(Into::into),
            Err(payload) => Err(Failure::panicked(&*payload)),
        }
    })
}

fn tell(env: Env<'_>, watch: &Watch<'_>, (done, total): (u64, u64)) {
    if let Some((pid, reference)) = &watch.progress {
        // A process that is gone does not want to know.
        let _ = env.send(pid, (atoms::bloom_progress(), *reference, done, total));
    }
}
