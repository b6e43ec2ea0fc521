use super::*;
use crate::scratch::Scratch;
use mio::{Events, Poll, Token};
use std::time::Duration;

const LOG: File = File::Segment(1);

struct Bench {
    disk: Disk,
    poll: Poll,
    scratch: Scratch,
}

impl Bench {
    fn new() -> Self {
        let scratch = Scratch::new("disk");
        let poll = Poll::new().expect("a poll");
        let waker = Arc::new(Waker::new(poll.registry(), Token(0)).expect("a waker"));
        let directory = Directory::open(scratch.path()).expect("a directory");
        let disk = Disk::start(directory, waker).expect("a thread");
        Self { disk, poll, scratch }
    }

    fn append(&mut self, ticket: u64, text: &str, when: When) {
        let bytes = Slice::from(text.as_bytes().to_vec());
        self.disk.append(Ticket(ticket), LOG, bytes, when).expect("an append that works");
    }

    /// Waits for completions as the reactor does.
    fn take(&mut self, count: usize) -> Vec<String> {
        let mut seen = Vec::new();
        let mut events = Events::with_capacity(4);
        while seen.len() < count {
            if let Some(completion) = self.disk.completion() {
                seen.push(match completion {
                    Completion::Synced(ticket) => format!("synced {ticket}"),
                    Completion::Reserved(ticket) => format!("reserved {ticket}"),
                    Completion::Loaded(ticket, bytes) => {
                        format!("loaded {ticket} {}", String::from_utf8_lossy(&bytes).replace('\0', "0"))
                    }
                    Completion::Failed(ticket, fault) => format!("failed {ticket} {fault:?}"),
                });
                continue;
            }
            self.poll.poll(&mut events, Some(Duration::from_secs(20))).expect("a poll");
            assert!(!events.is_empty(), "no completion came; so far {seen:?}");
        }
        seen
    }

    fn content(&self) -> Vec<u8> {
        fs::read(self.scratch.path().join(LOG.name())).expect("the file is there")
    }
}

#[test]
fn appends_keep_the_order_of_actions_whoever_writes_them() {
    let mut bench = Bench::new();
    let mut expected = String::new();
    for round in 0..50 {
        for (kind, when) in [When::Later, When::Synced, When::Now].into_iter().enumerate() {
            let text = format!("<{round}.{kind}>");
            bench.append(round * 3 + kind as u64, &text, when);
            expected += &text;
            if when == When::Now {
                // Nothing is missing in front of what is in the page cache.
                assert_eq!(bench.content(), expected.as_bytes());
            }
        }
    }
    let synced: Vec<String> = (0..50).map(|round| format!("synced {}", round * 3 + 1)).collect();
    assert_eq!(bench.take(50), synced);
}

#[test]
fn reserved_space_reads_as_zeros_and_is_written_over() {
    for zeroed in [true, false] {
        let mut bench = Bench::new();
        bench.append(1, "head", When::Now);
        bench.disk.reserve(Ticket(2), LOG, 3_000_000, zeroed);
        bench.append(3, "tail", When::Now);
        assert_eq!(bench.take(1), ["reserved 2"]);
        let content = bench.content();
        assert_eq!(content.len(), 3_000_000);
        assert_eq!(&content[..8], b"headtail");
        assert!(content[8..].iter().all(|&byte| byte == 0));

        bench.append(4, "more", When::Synced);
        bench.disk.load(Ticket(5), LOG, 4, 9);
        assert_eq!(bench.take(2), ["synced 4", "loaded 5 tailmore0"]);
        // Less than there is takes nothing away.
        bench.disk.reserve(Ticket(6), LOG, 10, zeroed);
        assert_eq!(bench.take(1), ["reserved 6"]);
        assert_eq!(bench.content().len(), 3_000_000);
    }
}

#[test]
fn loads_end_at_the_end_of_the_file() {
    let mut bench = Bench::new();
    bench.append(1, "0123456789", When::Now);
    bench.disk.load(Ticket(2), LOG, 6, 100);
    bench.disk.load(Ticket(3), LOG, 10, 100);
    bench.disk.load(Ticket(4), LOG, 11, u32::MAX);
    assert_eq!(bench.take(3), ["loaded 2 6789", "loaded 3 ", "loaded 4 "]);
}

#[test]
fn removed_files_are_gone_and_may_be_gone_already() {
    let mut bench = Bench::new();
    bench.append(1, "x", When::Now);
    bench.disk.sync(Ticket(2), LOG);
    bench.disk.remove(Ticket(3), LOG);
    bench.disk.remove(Ticket(4), File::Snapshot(9));
    assert_eq!(bench.take(3), ["synced 2", "synced 3", "synced 4"]);
    assert!(!bench.scratch.path().join(LOG.name()).exists());
    bench.disk.load(Ticket(5), LOG, 0, 1);
    let missing = Errno::NOENT.raw_os_error();
    assert_eq!(bench.take(1), [format!("failed 5 Io({missing})")]);
}

#[test]
fn after_a_failure_everything_of_the_file_fails() {
    let mut bench = Bench::new();
    // A directory in the file's place: it cannot be opened for writing.
    fs::create_dir(bench.scratch.path().join(LOG.name())).expect("writable");
    let bytes = Slice::from(b"x".to_vec());
    assert!(bench.disk.append(Ticket(1), LOG, bytes.clone(), When::Now).is_err());
    bench.disk.append(Ticket(2), LOG, bytes, When::Synced).expect("told later");
    assert!(bench.disk.has_early_completions());
    assert!(bench.take(1)[0].starts_with("failed 2 Io("));

    // A file that refuses: once a write has failed, later ones and syncs fail too.
    let mut bench = Bench::new();
    bench.append(1, "x", When::Synced);
    assert_eq!(bench.take(1), ["synced 1"]);
    let open = bench.disk.files.get(&LOG).expect("open");
    open.shared.finish(0, Some(DiskFault::Full));
    let more = Slice::from(b"y".to_vec());
    assert_eq!(bench.disk.append(Ticket(2), LOG, more.clone(), When::Now), Err(DiskFault::Full));
    bench.disk.append(Ticket(3), LOG, more, When::Synced).expect("told later");
    bench.disk.sync(Ticket(4), LOG);
    assert_eq!(bench.take(2), ["failed 3 Full", "failed 4 Full"]);
    assert_eq!(bench.content(), b"x");
}
