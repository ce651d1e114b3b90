//! Rows of programs: what goes through them, and how they end.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bloom_core::archive::{Cancel, Control};
use bloom_core::backup::{Compression, decompress};
use bloom_core::process::{Command, Outcome, Output, Pipeline, Sink, Source, run};

fn sh(script: &str) -> Command {
    Command {
        program: PathBuf::from("/bin/sh"),
        arguments: vec!["-c".into(), script.into()],
        environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
        ..Command::default()
    }
}

fn row(commands: Vec<Command>, sink: Sink) -> Pipeline {
    Pipeline { source: Source::Nothing, commands, sink, timeout: Some(Duration::from_mins(1)), expected: 0 }
}

fn go(pipeline: &Pipeline) -> Outcome {
    run(pipeline, &Control::default()).unwrap()
}

fn text(commands: Vec<Command>) -> String {
    match go(&row(commands, Sink::Text(1 << 20))).output {
        Some(Output::Text(text)) => String::from_utf8(text).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn read(path: &Path) -> Vec<u8> {
    let mut contents = Vec::new();
    decompress(path, |_| ()).unwrap().read_to_end(&mut contents).unwrap();
    contents
}

/// Whether the process that has written its number there goes: one that is killed takes a moment.
fn is_gone(pid_file: &Path) -> bool {
    let pid = fs::read_to_string(pid_file).unwrap();
    let gone = || match fs::read_to_string(format!("/proc/{}/stat", pid.trim())) {
        Ok(stat) => stat.contains(") Z "),
        Err(_) => true,
    };
    let started = Instant::now();
    while !gone() {
        if started.elapsed() > Duration::from_secs(20) {
            return false;
        }
        std::thread::yield_now();
    }
    true
}

#[test]
fn output_of_one_is_input_of_the_next() {
    assert_eq!(text(vec![sh("printf 'b\\na\\n'"), sh("sort"), sh("tr a-z A-Z")]), "A\nB\n");
}

#[test]
fn megabytes_go_to_a_file_and_back() {
    let dir = tempfile::tempdir().unwrap();
    for compression in [Compression::Zstd, Compression::Gzip] {
        let path = dir.path().join("dump");
        let outcome = go(&row(vec![sh("seq 1 2000000")], Sink::File(path.clone(), compression)));
        let Some(Output::File(written)) = outcome.output else { panic!("{outcome:?}") };
        assert_eq!(written.bytes, fs::metadata(&path).unwrap().len());
        assert_eq!(written.contents, read(&path).len() as u64);
        assert!(written.bytes < written.contents / 2);

        let mut back = row(vec![sh("tail -n 1")], Sink::Text(100));
        back.source = Source::File(path);
        assert_eq!(go(&back).output, Some(Output::Text(b"2000000\n".to_vec())));
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn what_comes_before_and_after_surrounds_what_comes_through() {
    let around = Command { before: b"one\n".into(), after: b"three\n".into(), ..sh("cat") };
    assert_eq!(text(vec![sh("echo two"), around.clone()]), "one\ntwo\nthree\n");
    assert_eq!(text(vec![around]), "one\nthree\n");
}

#[test]
fn what_comes_after_is_kept_back_when_something_in_front_fails() {
    let dir = tempfile::tempdir().unwrap();
    let seen = dir.path().join("seen");
    let after = || Command { after: b"COMMIT\n".into(), ..sh(&format!("cat >{}", seen.display())) };

    let outcome = go(&row(vec![sh("echo BEGIN; exit 3"), after()], Sink::Text(100)));
    assert_eq!(outcome.output, None);
    assert_eq!(outcome.exits[0].status, Some(3));
    assert_eq!(fs::read_to_string(&seen).unwrap(), "BEGIN\n");

    let damaged = dir.path().join("damaged");
    go(&row(vec![sh("seq 1 100000")], Sink::File(damaged.clone(), Compression::Zstd)));
    let whole = fs::read(&damaged).unwrap();
    fs::write(&damaged, &whole[..whole.len() - 100]).unwrap();
    let mut pipeline = row(vec![after()], Sink::Text(100));
    pipeline.source = Source::File(damaged);
    assert_eq!(run(&pipeline, &Control::default()).unwrap_err().code(), "backup_damaged");
    assert!(!fs::read_to_string(&seen).unwrap().contains("COMMIT"));
}

#[test]
fn every_failure_counts_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("dump");
    for (first, second, statuses) in [("exit 2", "cat", [2, 0]), ("echo x", "cat >/dev/null; exit 4", [0, 4])] {
        let commands = vec![sh(&format!("echo first >&2; {first}")), sh(&format!("echo second >&2; {second}"))];
        let outcome = go(&row(commands, Sink::File(path.clone(), Compression::Zstd)));
        assert_eq!(outcome.output, None);
        assert_eq!(outcome.exits.iter().filter_map(|exit| exit.status).collect::<Vec<_>>(), statuses);
        assert_eq!(outcome.exits.iter().map(|exit| exit.stderr.as_str()).collect::<Vec<_>>(), ["first\n", "second\n"]);
    }
    let outcome = go(&row(vec![sh("kill -TERM $$")], Sink::Text(1)));
    assert_eq!((outcome.exits[0].status, outcome.exits[0].signal), (None, Some(15)));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn one_that_fails_does_not_leave_the_others_waiting() {
    let started = Instant::now();
    let outcome = go(&row(vec![sh("sleep 50"), sh("exit 1")], Sink::Text(1)));
    assert_eq!((outcome.exits[0].signal, outcome.exits[1].status), (Some(9), Some(1)));
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn of_much_standard_error_the_end_is_kept() {
    let outcome = go(&row(vec![sh("seq 1 200000 >&2; exit 1")], Sink::Text(1)));
    let stderr = &outcome.exits[0].stderr;
    assert!(stderr.ends_with("199999\n200000\n") && stderr.len() <= 16 << 10, "{}", stderr.len());
}

#[test]
fn the_time_limit_kills_it_with_its_children() {
    let dir = tempfile::tempdir().unwrap();
    let pid = dir.path().join("pid");
    let path = dir.path().join("dump");
    let script = format!("sleep 50 & echo $! >{}; wait", pid.display());
    let mut pipeline = row(vec![sh(&script)], Sink::File(path.clone(), Compression::Zstd));
    pipeline.timeout = Some(Duration::from_secs(3));
    let error = run(&pipeline, &Control::default()).unwrap_err();
    assert_eq!(error.code(), "timed_out");
    assert!(error.to_string().contains("sh was stopped"), "{error}");
    assert!(is_gone(&pid));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn cancelling_kills_it_with_its_children() {
    let dir = tempfile::tempdir().unwrap();
    let pid = dir.path().join("pid");
    let script = format!("sleep 50 & echo $! >{0}.new; mv {0}.new {0}; wait", pid.display());
    let cancel = Cancel::default();
    let control = Control { progress: None, cancel: cancel.clone() };
    let error = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !pid.exists() {
                std::thread::yield_now();
            }
            cancel.cancel();
        });
        run(&row(vec![sh(&script)], Sink::Text(1)), &control).unwrap_err()
    });
    assert_eq!(error.code(), "cancelled");
    assert!(is_gone(&pid));
}

#[test]
fn what_a_program_leaves_behind_is_killed_and_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let pid = dir.path().join("pid");
    let started = Instant::now();
    assert_eq!(text(vec![sh(&format!("sleep 50 & echo $! >{}; echo done", pid.display()))]), "done\n");
    assert!(started.elapsed() < Duration::from_secs(20));
    assert!(is_gone(&pid));
}

#[test]
fn progress_is_told_up_to_the_end() {
    let told = std::cell::RefCell::new(Vec::new());
    let report = |done, total| told.borrow_mut().push((done, total));
    let control = Control { progress: Some(&report), cancel: Cancel::default() };
    let dir = tempfile::tempdir().unwrap();
    let mut pipeline = row(vec![sh("seq 1 100000")], Sink::File(dir.path().join("dump"), Compression::Gzip));
    pipeline.expected = 1_000_000;
    run(&pipeline, &control).unwrap();
    assert_eq!(told.borrow().last(), Some(&(588_895, 1_000_000)));
}

#[test]
fn secrets_are_in_the_environment_and_nowhere_else() {
    let mut command = sh("test ${#SECRET} = 9 && env");
    command.environment.push(("SECRET".into(), "hush-hush".into()));
    let pipeline = row(vec![command.clone()], Sink::Text(1000));
    assert!(!format!("{pipeline:?}").contains("hush"));
    let environment = text(vec![command.clone()]);
    // The shell adds PWD.
    assert!(
        environment
            .lines()
            .all(|line| ["PATH=", "SECRET=", "PWD=", "SHLVL=", "_="].iter().any(|name| line.starts_with(name))),
        "{environment}"
    );

    command.program = "/no/such/program".into();
    let error = run(&row(vec![command], Sink::Text(1)), &Control::default()).unwrap_err();
    assert_eq!(error.code(), "program_not_started");
    assert!(error.to_string().contains("/no/such/program") && !error.to_string().contains("hush"), "{error}");
}

#[test]
fn a_text_has_a_limit() {
    let error = run(&row(vec![sh("seq 1 1000000")], Sink::Text(1000)), &Control::default()).unwrap_err();
    assert_eq!(error.code(), "too_much_output");
}

#[test]
fn what_cannot_be_written_ends_it_at_once() {
    let started = Instant::now();
    let sink = Sink::File("/proc/version/dump".into(), Compression::Zstd);
    assert_eq!(run(&row(vec![sh("sleep 50")], sink), &Control::default()).unwrap_err().code(), "io");
    assert!(started.elapsed() < Duration::from_secs(20));
}
