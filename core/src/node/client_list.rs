//! `CLIENT LIST`, `INFO` and `KILL`: which connections there are, and the end of some.

use super::Node;
use crate::command::ask::{ClientFilter, ClientKind};
use crate::ids::ConnId;
use crate::resp::{Protocol, ReplyError};
use crate::session::{Session, State};

impl Node {
    /// `CLIENT INFO`.
    pub(super) fn tell_client_info(&mut self, conn: ConnId) {
        let Some(line) = self.sessions.get(conn).map(|session| self.describe_client(session)) else { return };
        self.reply(conn, |reply| reply.verbatim("txt", &line));
    }

    /// `CLIENT LIST`, in the order in which they connected.
    pub(super) fn tell_client_list(&mut self, conn: ConnId, filter: &ClientFilter) {
        let mut lines: Vec<(u64, Vec<u8>)> = self
            .sessions
            .iter()
            .filter(|session| self.fits(session, filter))
            .map(|session| (session.client.id, self.describe_client(session)))
            .collect();
        lines.sort_by_key(|&(id, _)| id);
        let text: Vec<u8> = lines.into_iter().flat_map(|(_, line)| line).collect();
        self.reply(conn, |reply| reply.verbatim("txt", &text));
    }

    /// `CLIENT KILL`.
    pub(super) fn kill_clients(
        &mut self,
        conn: ConnId,
        filter: &ClientFilter,
        skip_self: bool,
        old_form: bool,
    ) {
        let doomed: Vec<ConnId> = self
            .sessions
            .iter()
            .filter(|session| self.fits(session, filter) && !(skip_self && session.conn == conn))
            .map(|session| session.conn)
            .collect();
        match (old_form, doomed.len()) {
            (true, 0) => {
                let error = ReplyError::fixed("ERR No such client");
                self.reply(conn, |reply| reply.error(&error));
            }
            (true, _) => self.reply(conn, |reply| reply.ok()),
            (false, count) => self.reply(conn, |reply| reply.count(count)),
        }
        for target in doomed {
            if target == conn {
                // It is told first, and then closed.
                if let Some(session) = self.sessions.get_mut(conn) {
                    session.client.closing = true;
                }
            } else {
                self.drop_session(target);
            }
        }
    }

    fn fits(&self, session: &Session, filter: &ClientFilter) -> bool {
        let client = &session.client;
        (filter.ids.is_empty() || filter.ids.contains(&client.id))
            && filter.kind.is_none_or(|kind| kind == ClientKind::Normal)
            && filter.peer.as_ref().is_none_or(|peer| client.peer.as_bytes() == &peer[..])
            && filter.local.as_ref().is_none_or(|local| client.local.as_bytes() == &local[..])
            && filter.user.as_ref().is_none_or(|user| client.authenticated && &user[..] == b"default")
    }

    /// The line of one connection, with the fields of Redis 7.2.
    fn describe_client(&self, session: &Session) -> Vec<u8> {
        let client = &session.client;
        let now = self.now.mono;
        let mut flags = String::new();
        for (letter, on) in [
            ('O', client.monitor),
            ('b', matches!(session.state, State::Blocked(_))),
            ('c', client.closing),
            ('e', client.no_evict),
            ('T', client.no_touch),
            ('r', client.readonly),
            ('U', client.unix),
        ] {
            if on {
                flags.push(letter);
            }
        }
        if flags.is_empty() {
            flags.push('N');
        }
        let input = session.input.bytes.len();
        let output = session.output.unsent().len();
        let held = session.input.memory_bytes() + output + size_of::<Session>();
        let mut line = format!(
            "id={} addr={} laddr={} fd={} name=",
            client.id, client.peer, client.local, client.descriptor
        )
        .into_bytes();
        line.extend_from_slice(&client.name);
        line.extend_from_slice(
            format!(
                " age={} idle={} flags={flags} db={} sub=0 psub=0 ssub=0 multi=-1 qbuf={input} qbuf-free=0 argv-mem=0 \
                 multi-mem=0 rbs={output} rbp={output} obl={output} oll=0 omem=0 tot-mem={held} events=r cmd={} \
                 user=default redir=-1 resp={} lib-name=",
                now.micros_since(client.created) / 1_000_000,
                now.micros_since(client.active) / 1_000_000,
                client.database,
                client.last_command.map_or_else(|| "NULL".to_owned(), |command| command.spec().full_name()),
                if client.protocol == Protocol::Resp3 { 3 } else { 2 },
            )
            .as_bytes(),
        );
        line.extend_from_slice(&client.library_name);
        line.extend_from_slice(b" lib-ver=");
        line.extend_from_slice(&client.library_version);
        line.push(b'\n');
        line
    }
}
