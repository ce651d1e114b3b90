//! Starting a row of programs, watching it, and ending it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::{self, Builder, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};
use std::{fs, mem, panic};

use super::child::{Child, Ends, tail, wrap};
use super::feed::{Upstream, feed};
use super::pipe::Pipe;
use super::sink::{Drained, drain};
use super::{Exit, Outcome, Pipeline, ProcessError, Source};
use crate::archive::{Cancel, Control};
use crate::error::{Error, Result};

const TICK: Duration = Duration::from_millis(5);
const TELL_EVERY: Duration = Duration::from_millis(100);
/// How long programs have to notice that another one has failed, or that they are to end.
const GRACE: Duration = Duration::from_secs(2);

/// Runs the programs and waits for them; they are gone when it returns, and what they have started is killed.
///
/// # Errors
/// [`Error::Cancelled`], [`Error::Process`] and what the disk refuses. That a program has failed is no error here, but
/// in the [`Outcome`].
pub fn run(pipeline: &Pipeline, control: &Control<'_>) -> Result<Outcome> {
    let total = match &pipeline.source {
        Source::File(path) => fs::metadata(path).map_err(Error::io("read", path))?.len(),
        Source::Nothing => pipeline.expected,
    };
    let shared = Shared::default();
    thread::scope(|scope| {
        let started = Row::start(scope, pipeline, &shared);
        let mut row = started.inspect_err(|_| shared.stop.cancel())?;
        let given_up = row.watch(pipeline, control, &shared, total);
        row.interrupt();
        // What the programs leave behind would hold the pipes open, and the threads at them.
        row.children.iter().for_each(Child::kill);
        shared.stop.cancel();
        row.finish(given_up)
    })
}

/// What the threads share with who watches them.
#[derive(Default)]
struct Shared {
    /// Bytes of the file that is read.
    fed: AtomicU64,
    /// Bytes of output.
    drained: AtomicU64,
    /// An end of the row has failed: the file that is read, or what is written.
    broken: Cancel,
    stop: Cancel,
}

struct Row<'scope> {
    children: Vec<Child>,
    /// To whoever feeds the next one: whether the one in front has ended well.
    endings: Vec<Option<Sender<bool>>>,
    feeders: Vec<ScopedJoinHandle<'scope, Result<()>>>,
    stderrs: Vec<ScopedJoinHandle<'scope, String>>,
    sink: ScopedJoinHandle<'scope, Result<Drained>>,
}

impl<'scope> Row<'scope> {
    fn start(scope: &'scope Scope<'scope, '_>, pipeline: &'scope Pipeline, shared: &'scope Shared) -> Result<Self> {
        let (mut children, mut endings, mut feeders, mut stderrs) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut upstream = match &pipeline.source {
            Source::Nothing => Upstream::Nothing,
            Source::File(path) => Upstream::File(path.clone()),
        };
        for command in &pipeline.commands {
            let (child, Ends { stdin, stdout, stderr }) = Child::start(command)?;
            let stdin = wrap(&child.program, Pipe::new(stdin, &shared.stop))?;
            let stdout = wrap(&child.program, Pipe::new(stdout, &shared.stop))?;
            let stderr = wrap(&child.program, Pipe::new(stderr, &shared.stop))?;
            let (ending, ended) = mpsc::channel();
            let from = mem::replace(&mut upstream, Upstream::Program(stdout, ended));
            let broken = &shared.broken;
            let work = move || feed(command, stdin, from, &shared.fed).inspect_err(|_| broken.cancel());
            feeders.push(spawn(scope, &child.program, work)?);
            stderrs.push(spawn(scope, &child.program, move || tail(stderr))?);
            endings.push(Some(ending));
            children.push(child);
        }
        let (Upstream::Program(stdout, _), Some(last)) = (upstream, children.last()) else {
            unreachable!("a pipeline has commands");
        };
        let program = last.program.clone();
        let drain = move || {
            let drained = drain(&pipeline.sink, &program, stdout, &shared.stop, &shared.drained);
            drained.inspect_err(|_| shared.broken.cancel())
        };
        let sink = spawn(scope, &last.program, drain)?;
        Ok(Self { children, endings, feeders, stderrs, sink })
    }

    /// Waits until everything has ended, or there is a reason not to.
    fn watch(&mut self, pipeline: &Pipeline, control: &Control<'_>, shared: &Shared, total: u64) -> Result<()> {
        let started = Instant::now();
        let (mut told, mut failed) = (started, None::<Instant>);
        let from_file = matches!(pipeline.source, Source::File(_));
        let done = || if from_file { &shared.fed } else { &shared.drained }.load(Ordering::Relaxed);
        let tell = || control.progress.inspect(|report| report(done(), total));
        loop {
            let (running, well) = self.look()?;
            if shared.broken.is_cancelled() {
                return Ok(());
            }
            if !running && self.sink.is_finished() {
                tell();
                return Ok(());
            }
            if control.cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            if let Some(timeout) = pipeline.timeout.filter(|timeout| started.elapsed() > *timeout) {
                return Err(self.timed_out(timeout).into());
            }
            if !well {
                failed.get_or_insert_with(Instant::now);
            }
            if !running || failed.is_some_and(|since| since.elapsed() > GRACE) {
                self.children.iter().for_each(Child::kill);
            }
            if told.elapsed() > TELL_EVERY {
                told = Instant::now();
                tell();
            }
            thread::sleep(TICK);
        }
    }

    /// Lets those that run end by themselves, for a moment.
    fn interrupt(&mut self) {
        let started = Instant::now();
        let running = |children: &mut Vec<Child>| children.iter_mut().any(|child| matches!(child.ended(), Ok(None)));
        if running(&mut self.children) {
            self.children.iter().for_each(Child::interrupt);
        }
        while running(&mut self.children) && started.elapsed() < GRACE {
            thread::sleep(TICK);
        }
    }

    /// Whether any of them runs, and whether none has failed. Passes on how they have ended.
    fn look(&mut self) -> Result<(bool, bool)> {
        let (mut running, mut all_well) = (false, true);
        for (child, ending) in self.children.iter_mut().zip(&mut self.endings) {
            let Some(well) = child.ended()? else {
                running = true;
                continue;
            };
            all_well &= well;
            if let Some(ending) = ending.take() {
                // Behind the last one nobody wants to know.
                let _ = ending.send(well);
            }
        }
        Ok((running, all_well))
    }

    fn timed_out(&self, after: Duration) -> ProcessError {
        let programs: Vec<_> = self.children.iter().map(|child| child.program.as_str()).collect();
        ProcessError::TimedOut { program: programs.join(" | "), seconds: after.as_secs() }
    }

    /// Everything has ended or been killed: who has to be believed about why?
    fn finish(self, given_up: Result<()>) -> Result<Outcome> {
        drop(self.endings);
        let fed: Result<Vec<()>> = self.feeders.into_iter().map(join).collect();
        let stderrs: Vec<_> = self.stderrs.into_iter().map(join).collect();
        let drained = join(self.sink);
        given_up?;
        fed?;
        let drained = drained?;

        let exits: Vec<_> = self.children.iter().zip(stderrs).map(|(child, stderr)| child.exit(stderr)).collect();
        let output = if exits.iter().all(Exit::is_good) { Some(drained.keep()?) } else { None };
        Ok(Outcome { exits, output })
    }
}

fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    program: &str,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, T>> {
    let lost = |source| ProcessError::Lost { program: program.to_owned(), source };
    Ok(Builder::new().name("bloom-pipe".into()).spawn_scoped(scope, work).map_err(lost)?)
}

fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|payload| panic::resume_unwind(payload))
}
