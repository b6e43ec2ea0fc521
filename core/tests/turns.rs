//! Several things happen in one turn: the node must not depend on hearing of them one by one.

use lockstep_core::ids::ConnId;
use lockstep_core::{Action, Config, Event, Mono, Node, Now, Origin, Role, Seed};

/// A node that keeps nothing, with clients.
struct Driven {
    node: Node,
    now: Now,
}

impl Driven {
    fn start() -> Self {
        let config = Config { appendonly: false, ..Config::default() };
        let now = Now { mono: Mono(1_000_000), wall_us: 1_767_225_600_000_000 };
        let mut driven = Self { node: Node::new(config, Seed([3; 32]), now, &[]), now };
        driven.end_turn();
        driven
    }

    fn end_turn(&mut self) {
        while let Some(action) = self.node.poll(self.now) {
            assert!(!matches!(action, Action::Halt { .. }), "{action:?}");
        }
        self.now.mono = Mono(self.now.mono.0 + 100);
    }

    fn accept(&mut self, slot: u32) -> ConnId {
        let conn = ConnId { slot, generation: 0 };
        let origin =
            Origin { peer: "127.0.0.1:1", local: "127.0.0.1:2", loopback: true, unix: false, descriptor: 9 };
        self.node.handle(self.now, Event::Accepted { conn, role: Role::Client, origin });
        conn
    }

    fn send(&mut self, conn: ConnId, bytes: &[u8]) {
        self.node.handle(self.now, Event::Received { conn, bytes });
    }
}

#[test]
fn bytes_that_come_in_the_turn_in_which_a_wait_ends_stand_behind_those_that_waited() {
    let mut driven = Driven::start();
    let (waiting, other) = (driven.accept(0), driven.accept(1));
    driven.send(
        waiting,
        b"WAIT 1 0\r\n*2\r\n$4\r\nECHO\r\n$3\r\none\r\n*2\r\n$4\r\nECHO\r\n$3\r\ntwo\r\n*2\r\n$4\r\nEC",
    );
    driven.end_turn();
    assert_eq!(driven.node.outgoing(waiting), b"");
    driven.send(other, b"CLIENT UNBLOCK 1\r\n");
    driven.send(waiting, b"HO\r\n$5\r\nthree\r\n");
    driven.end_turn();
    let expected = b":0\r\n$3\r\none\r\n$3\r\ntwo\r\n$5\r\nthree\r\n";
    assert_eq!(driven.node.outgoing(waiting).escape_ascii().to_string(), expected.escape_ascii().to_string());
}
