//! Clients and the streams of bytes between them and the node.

use super::{Happening, World};
use crate::history::Kind;
use crate::network::Link;
use crate::resp::{Reply, Words};

/// How long a client waits before it connects anew, at most, in microseconds.
const RECONNECT_US: u64 = 100_000;

impl World {
    pub(super) fn client_acts(&mut self, number: usize) {
        self.clients[number].awake = false;
        let Some(serial) = self.clients[number].link else {
            self.connect(number);
            return;
        };
        let answered = self.answered(serial);
        let client = &mut self.clients[number];
        let outstanding = client.sent.saturating_sub(answered) as u64;
        if client.done && client.script.is_empty() {
            return;
        }
        let room = self.swarm.pipeline.saturating_sub(outstanding);
        if room == 0 {
            // It goes on when a reply comes.
            return;
        }
        let count = client.draws.range(1, room);
        let hangs_up = !self.healing && client.draws.chance(self.swarm.hang_up * count);
        let mut bytes = Vec::new();
        for _ in 0..count {
            let Some((words, kind)) = self.next_request(number) else { break };
            bytes.extend(self.ask(number, serial, words, kind));
        }
        if hangs_up {
            let cut = self.clients[number].draws.below(bytes.len() as u64 + 1) as usize;
            bytes.truncate(cut);
        }
        let asked = !bytes.is_empty();
        self.send_up(serial, bytes);
        if hangs_up {
            self.hang_up(number, serial);
        }
        if asked || hangs_up {
            self.act_soon(number);
        }
    }

    fn answered(&self, serial: usize) -> usize {
        self.checks.answered_within(serial, self.links[serial].received)
    }

    fn next_request(&mut self, number: usize) -> Option<(Words, Kind)> {
        let client = &mut self.clients[number];
        if client.done {
            return client.script.pop().map(|words| (words, Kind::Keys));
        }
        let request = self.next_request;
        if request > self.swarm.requests {
            return None;
        }
        self.next_request += 1;
        let wall_ms = self.machine.clock.now(self.schedule.now_us()).wall().0;
        Some(self.swarm.workload.next(&mut client.asks, &self.checks, client.database, request, wall_ms))
    }

    fn ask(&mut self, number: usize, serial: usize, words: Words, kind: Kind) -> Vec<u8> {
        let client = &mut self.clients[number];
        client.sent += 1;
        self.checks.request(serial, client.database, words, kind)
    }

    /// The client acts again after some thought.
    fn act_soon(&mut self, number: usize) {
        let client = &mut self.clients[number];
        if !client.awake {
            client.awake = true;
            // In the end clients only wait for the node, or a long thought would look like its fault.
            let think_us = if self.healing { self.swarm.think_us.min(2_000) } else { self.swarm.think_us };
            let think_us = client.draws.magnitude(50, think_us);
            self.schedule.after(think_us, Happening::Client { client: number });
        }
    }

    fn connect(&mut self, number: usize) {
        let serial = self.checks.connect();
        debug_assert_eq!(serial, self.links.len(), "connections are numbered alike");
        self.links.push(Link::new(number));
        self.clients[number].link = Some(serial);
        self.clients[number].sent = 0;
        let at = self.up_arrival(serial);
        self.schedule.at(at, Happening::Connect { serial });
        let database = self.clients[number].database;
        if database != 0 {
            let words = vec![b"SELECT".to_vec(), database.to_string().into_bytes()];
            let bytes = self.ask(number, serial, words, Kind::Fixed(Reply::ok()));
            self.send_up(serial, bytes);
        }
        self.act_soon(number);
    }

    fn up_arrival(&mut self, serial: usize) -> u64 {
        let delay_us = self.network.magnitude(20, self.swarm.delay_us);
        let now_us = self.schedule.now_us();
        self.links[serial].up_arrival(now_us, delay_us)
    }

    fn send_up(&mut self, serial: usize, bytes: Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        // A long stream comes in several pieces.
        let cut = self.network.range(1, bytes.len() as u64) as usize;
        for part in [&bytes[..cut], &bytes[cut..]] {
            if !part.is_empty() {
                let at = self.up_arrival(serial);
                self.schedule.at(at, Happening::Up { serial, bytes: part.to_vec() });
            }
        }
    }

    fn hang_up(&mut self, number: usize, serial: usize) {
        self.links[serial].client_gone = true;
        self.clients[number].link = None;
        let at = self.up_arrival(serial);
        self.schedule.at(at, Happening::UpEnd { serial });
    }

    pub(super) fn connection_arrives(&mut self, serial: usize) {
        if self.node.is_some() {
            self.machine.accepts.push(serial);
            self.wake();
        } else {
            self.drop_link(serial);
        }
    }

    pub(super) fn bytes_arrive(&mut self, serial: usize, bytes: Vec<u8>) {
        let link = &mut self.links[serial];
        if !link.node_gone {
            link.inbox.extend(bytes);
            self.wake();
        }
    }

    pub(super) fn end_arrives(&mut self, serial: usize) {
        if !self.links[serial].node_gone {
            self.links[serial].ended = true;
            self.wake();
        }
    }

    /// Bytes leave for the client.
    pub(super) fn send_down(&mut self, serial: usize, count: u64) {
        let slow = self.clients[self.links[serial].client].slow && !self.healing;
        let delay_us = if slow {
            self.network.magnitude(100_000, 3_000_000)
        } else {
            self.network.magnitude(20, self.swarm.delay_us)
        };
        let now_us = self.schedule.now_us();
        let at = self.links[serial].down_arrival(now_us, delay_us);
        self.schedule.at(at, Happening::Down { serial, count });
    }

    pub(super) fn replies_arrive(&mut self, serial: usize, count: u64) {
        let link = &mut self.links[serial];
        link.received += count;
        let (client, node_gone) = (link.client, link.node_gone);
        if self.clients[client].link == Some(serial) {
            self.act_soon(client);
        }
        if !node_gone && self.links[serial].conn.is_some() {
            // The socket has room again, so what the node still has may go out, between two turns.
            self.links_to_write.push(serial);
            self.wake();
        }
    }

    /// The node's side of a connection is gone; its client learns of it later.
    pub(super) fn drop_link(&mut self, serial: usize) {
        let link = &mut self.links[serial];
        if link.node_gone {
            return;
        }
        link.node_gone = true;
        link.conn = None;
        link.inbox.clear();
        self.checks.closed(serial);
        let delay_us = self.network.magnitude(20, self.swarm.delay_us);
        let now_us = self.schedule.now_us();
        let at = self.links[serial].down_arrival(now_us, delay_us);
        self.schedule.at(at, Happening::DownEnd { serial });
    }

    pub(super) fn client_loses(&mut self, serial: usize) {
        let link = &mut self.links[serial];
        link.client_gone = true;
        let number = link.client;
        let client = &mut self.clients[number];
        if client.link != Some(serial) {
            return;
        }
        client.link = None;
        if !client.awake {
            client.awake = true;
            let wait_us = client.draws.magnitude(100, RECONNECT_US);
            self.schedule.after(wait_us, Happening::Client { client: number });
        }
    }
}
