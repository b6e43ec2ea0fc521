//! A node with next to nothing around it, and an allocator that counts: for measuring what a command costs the
//! node itself.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

use lockstep_core::config::Stage;
use lockstep_core::ids::ConnId;
use lockstep_core::{Action, Config, Event, Mono, Node, Now, Origin, Role, Seed, When};

/// How often memory was asked for, growing included.
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

/// The system's allocator, counted.
struct Counting;

// SAFETY: every call goes on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        unsafe { System.dealloc(old, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often memory was asked for so far.
pub fn allocations() -> u64 {
    ALLOCATIONS.load(Ordering::Relaxed)
}

/// A node, its clients, and a disk that forgets.
pub struct Bare {
    node: Node,
    now: Now,
    flushes: Vec<ConnId>,
    /// Kept until the turn is over, as a disk would.
    appended: Vec<lockstep_core::bytes::Slice>,
    /// Bytes of the replies, all in all.
    pub reply_bytes: u64,
}

impl Bare {
    /// A node that starts on an empty disk with these directives, and so many clients.
    pub fn start(directives: &[(&str, &str)], clients: u32) -> Self {
        let mut config = Config::default();
        for (name, value) in directives {
            let problem = config.set(name.as_bytes(), &[value.as_bytes()], Stage::Start);
            problem.unwrap_or_else(|problem| panic!("{name} {value}: {problem:?}"));
        }
        let now = Now { mono: Mono(1_000_000), wall_us: 1_767_225_600_000_000 };
        let node = Node::new(config, Seed([7; 32]), now, &[]);
        let mut bare = Self { node, now, flushes: Vec::new(), appended: Vec::new(), reply_bytes: 0 };
        bare.settle();
        for slot in 0..clients {
            let conn = ConnId { slot, generation: 0 };
            let origin = Origin {
                peer: "127.0.0.1:5",
                local: "127.0.0.1:6379",
                loopback: true,
                unix: false,
                descriptor: 9,
            };
            bare.node.handle(bare.now, Event::Accepted { conn, role: Role::Client, origin });
            bare.settle();
        }
        bare
    }

    /// One turn: each of the first clients sends its chunk, and gets its replies.
    pub fn turn(&mut self, chunks: &[Vec<u8>]) {
        self.now.mono = Mono(self.now.mono.0 + 100);
        self.now.wall_us += 100;
        self.node.handle(self.now, Event::TurnTook { micros: 100 });
        for (slot, bytes) in chunks.iter().enumerate() {
            let conn = ConnId { slot: slot as u32, generation: 0 };
            self.node.handle(self.now, Event::Received { conn, bytes });
        }
        self.settle();
    }

    fn settle(&mut self) {
        loop {
            while let Some(action) = self.node.poll(self.now) {
                self.perform(action);
            }
            if self.flushes.is_empty() {
                self.appended.clear();
                return;
            }
            while let Some(conn) = self.flushes.pop() {
                let count_bytes = self.node.outgoing(conn).len();
                self.reply_bytes += count_bytes as u64;
                self.node.handle(self.now, Event::Sent { conn, count_bytes });
            }
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Append { ticket, bytes, when, .. } => {
                self.appended.push(bytes);
                if when == When::Synced {
                    self.node.handle(self.now, Event::Synced { ticket });
                }
            }
            Action::Sync { ticket, .. } | Action::Remove { ticket, .. } => {
                self.node.handle(self.now, Event::Synced { ticket });
            }
            Action::Load { ticket, .. } => self.node.handle(self.now, Event::Loaded { ticket, bytes: &[] }),
            Action::Reserve { ticket, .. } => self.node.handle(self.now, Event::Reserved { ticket }),
            Action::Flush { conn } => self.flushes.push(conn),
            Action::Halt { reason } => panic!("the node halted: {reason:?}"),
            _ => {}
        }
    }
}

/// A command as it is sent.
pub fn command(words: &[&str], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        out.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
}
