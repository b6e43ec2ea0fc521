//! A stand-in for the node, enough to drive a server with: PING, SET, GET over plain and inline requests.

use std::collections::{BTreeMap, VecDeque};

use crate::bytes::Slice;
use crate::config::{AppendFsync, Config};
use crate::ids::{ConnId, File, FileInfo, Ticket};
use crate::{Action, Event, Halt, Level, Mono, Now, Seed, When};

/// A node that keeps strings and forgets them at the end.
pub struct Node {
    config: Config,
    actions: VecDeque<Action>,
    sessions: BTreeMap<ConnId, (Vec<u8>, Vec<u8>)>,
    values: BTreeMap<Vec<u8>, Vec<u8>>,
    waiting: VecDeque<(Ticket, ConnId)>,
    ticket: Ticket,
    file: File,
}

impl Node {
    /// Starts on these files.
    #[must_use]
    pub fn new(config: Config, _seed: Seed, _now: Now, files: &[FileInfo]) -> Self {
        let number = files.iter().map(|info| info.file.number() + 1).max().unwrap_or(0);
        let ready = Action::Say { level: Level::Notice, text: "Ready to accept connections".into() };
        Self {
            config,
            actions: VecDeque::from([ready]),
            sessions: BTreeMap::new(),
            values: BTreeMap::new(),
            waiting: VecDeque::new(),
            ticket: Ticket(0),
            file: File::Segment(number),
        }
    }

    /// Takes in an event.
    pub fn handle(&mut self, _now: Now, event: Event<'_>) {
        match event {
            Event::Accepted { conn, .. } => {
                self.sessions.insert(conn, Default::default());
            }
            Event::Received { conn, bytes } => {
                let Some((input, _)) = self.sessions.get_mut(&conn) else { return };
                input.extend_from_slice(bytes);
                self.run(conn);
            }
            Event::Sent { conn, count_bytes } => {
                if let Some((_, output)) = self.sessions.get_mut(&conn) {
                    output.drain(..count_bytes);
                }
            }
            Event::Closed { conn } => {
                self.sessions.remove(&conn);
            }
            Event::Synced { ticket } => {
                while let Some(&(first, conn)) = self.waiting.front()
                    && first <= ticket
                {
                    self.waiting.pop_front();
                    self.reply(conn, b"+OK\r\n");
                }
            }
            Event::Failed { fault, .. } => {
                self.actions.push_back(Action::Halt { reason: Halt::DiskFailed(format!("{fault:?}")) });
            }
            Event::StopAsked => self.actions.push_back(Action::Halt { reason: Halt::Asked }),
            _ => {}
        }
    }

    fn reply(&mut self, conn: ConnId, bytes: &[u8]) {
        if let Some((_, output)) = self.sessions.get_mut(&conn) {
            output.extend_from_slice(bytes);
            self.actions.push_back(Action::Flush { conn });
        }
    }

    fn run(&mut self, conn: ConnId) {
        loop {
            let (input, _) = self.sessions.get_mut(&conn).expect("there");
            let Some((words, used)) = request(input) else { return };
            input.drain(..used);
            match words.iter().map(Vec::as_slice).collect::<Vec<_>>()[..] {
                [name] if name.eq_ignore_ascii_case(b"PING") => self.reply(conn, b"+PONG\r\n"),
                [name, key] if name.eq_ignore_ascii_case(b"GET") => {
                    let reply = match self.values.get(key) {
                        Some(value) => [format!("${}\r\n", value.len()).as_bytes(), value, b"\r\n"].concat(),
                        None => b"$-1\r\n".to_vec(),
                    };
                    self.reply(conn, &reply);
                }
                [name, key, value] if name.eq_ignore_ascii_case(b"SET") => {
                    self.values.insert(key.to_vec(), value.to_vec());
                    self.ticket = self.ticket.next();
                    let synced = self.config.appendfsync == AppendFsync::Always;
                    self.actions.push_back(Action::Append {
                        ticket: self.ticket,
                        file: self.file,
                        bytes: Slice::from(value.to_vec()),
                        when: if synced { When::Synced } else { When::Now },
                    });
                    if synced {
                        self.waiting.push_back((self.ticket, conn));
                    } else {
                        self.reply(conn, b"+OK\r\n");
                    }
                }
                _ => self.reply(conn, b"-ERR unknown command\r\n"),
            }
        }
    }

    /// The next action.
    pub fn poll(&mut self, _now: Now) -> Option<Action> {
        self.actions.pop_front()
    }

    /// None.
    #[must_use]
    pub fn deadline(&self) -> Option<Mono> {
        None
    }

    /// What is to be sent.
    #[must_use]
    pub fn outgoing(&self, conn: ConnId) -> &[u8] {
        self.sessions.get(&conn).map_or(&[], |(_, output)| output)
    }
}

fn line(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let end = bytes.iter().position(|&byte| byte == b'\n')?;
    Some((bytes[..end].trim_ascii_end(), end + 1))
}

fn request(input: &[u8]) -> Option<(Vec<Vec<u8>>, usize)> {
    let (head, mut at) = line(input)?;
    if head.first() != Some(&b'*') {
        return Some((head.split(|byte| *byte == b' ').map(<[u8]>::to_vec).collect(), at));
    }
    let count: usize = core::str::from_utf8(&head[1..]).ok()?.parse().ok()?;
    let mut words = Vec::new();
    for _ in 0..count {
        let (head, length) = line(&input[at..])?;
        at += length;
        let length: usize = core::str::from_utf8(&head[1..]).ok()?.parse().ok()?;
        words.push(input.get(at..at + length)?.to_vec());
        input.get(at + length + 1)?;
        at += length + 2;
    }
    Some((words, at))
}
