//! Plays a section against a target and tells what was observed at every step.

use std::collections::BTreeMap;

use super::expect::{Expectation, Observed};
use super::pattern::Names;
use super::quote::quote;
use super::script::{Act, Section, Step, encode};
use super::target::{Patience, Received, Target};
use super::value::{Value, parse};

/// The connections of a running section.
struct Story<'a, T> {
    target: &'a mut T,
    clients: BTreeMap<String, Client>,
    names: Names,
}

struct Client {
    handle: usize,
    pending: Vec<u8>,
    closed: bool,
}

/// Plays every step, telling `see` what came of it; `expected` picks what to hold it against.
///
/// `see` gets the step, whether what came was expected, and what came.
///
/// # Errors
/// When the story itself cannot be told: garbage instead of RESP, a reply nobody asked for, an unknown name.
pub fn play<T: Target>(
    target: &mut T,
    section: &Section,
    expected: impl Fn(&Step) -> Option<&Expectation>,
    mut see: impl FnMut(&Step, bool, Observed),
) -> Result<(), String> {
    let mut story = Story { target, clients: BTreeMap::new(), names: Names::new() };
    for step in &section.steps {
        let place = |problem| format!("line {}: {problem}", step.line);
        let expectation = expected(step);
        if let Some(observed) = story.perform(step, expectation).map_err(place)? {
            let good =
                expectation.is_some_and(|expectation| expectation.accepts(&observed, &mut story.names));
            see(step, good, observed);
        }
    }
    let names: Vec<String> = story.clients.keys().cloned().collect();
    for name in names {
        let client = story.client(&name)?;
        if !client.closed {
            story.fill(&name, Patience::Short)?;
        }
        story.nothing_left(&name)?;
    }
    Ok(())
}

/// The first of `commands` that the target does not know.
pub fn missing<T: Target>(target: &mut T, commands: &[String]) -> Result<Option<String>, String> {
    let mut story = Story { target, clients: BTreeMap::new(), names: Names::new() };
    for command in commands {
        let words: Vec<Vec<u8>> =
            ["COMMAND", "INFO", command].iter().map(|word| word.as_bytes().into()).collect();
        story.send("probe", &encode(&words))?;
        match story.next("probe", Patience::Long)? {
            Some(Value::Sequence(_, infos)) if infos.len() == 1 => {
                if matches!(infos[0], Value::NullBulk | Value::NullArray) {
                    return Ok(Some(command.clone()));
                }
            }
            other => return Err(format!("COMMAND INFO {command} is answered with {other:?}")),
        }
    }
    Ok(None)
}

impl<T: Target> Story<'_, T> {
    /// Does what a step says; `None` when it is nothing that is answered.
    fn perform(&mut self, step: &Step, expected: Option<&Expectation>) -> Result<Option<Observed>, String> {
        let name = step.conn.as_str();
        if let Act::Wait(millis) = step.act {
            self.target.wait(millis);
            return Ok(None);
        }
        self.client(name)?;
        if step.act != Act::More {
            self.nothing_left(name)?;
        }
        let observed = match &step.act {
            Act::Command(words) => {
                let words: Result<Vec<_>, _> = words.iter().map(|word| word.bytes(&self.names)).collect();
                self.send(name, &encode(&words?))?;
                self.answer(name, expected)?
            }
            Act::Raw(bytes) => {
                self.send(name, bytes)?;
                self.everything(name, expected)?
            }
            Act::More => self.answer(name, expected)?,
            Act::Part(bytes) => {
                self.send(name, bytes)?;
                return Ok(None);
            }
            Act::Hangup => {
                let client = self.clients.remove(name).expect("opened above");
                self.target.hang_up(client.handle);
                return Ok(None);
            }
            Act::Wait(_) => unreachable!("handled above"),
        };
        Ok(Some(observed))
    }

    fn client(&mut self, name: &str) -> Result<&mut Client, String> {
        if !self.clients.contains_key(name) {
            let handle = self.target.open()?;
            let (own, server) = self.target.addresses(handle);
            self.names.insert(format!("addr{name}"), own);
            self.names.insert(format!("laddr{name}"), server);
            self.clients.insert(name.into(), Client { handle, pending: Vec::new(), closed: false });
        }
        Ok(self.clients.get_mut(name).expect("just made"))
    }

    fn send(&mut self, name: &str, bytes: &[u8]) -> Result<(), String> {
        let handle = self.client(name)?.handle;
        self.target.send(handle, bytes);
        Ok(())
    }

    fn nothing_left(&mut self, name: &str) -> Result<(), String> {
        let pending = &self.client(name)?.pending;
        if pending.is_empty() {
            Ok(())
        } else {
            Err(format!("a reply nobody waited for: {}", quote(pending)))
        }
    }

    /// Takes in what came; false when nothing did.
    fn fill(&mut self, name: &str, patience: Patience) -> Result<bool, String> {
        let handle = self.client(name)?.handle;
        let received = self.target.receive(handle, patience);
        let client = self.client(name)?;
        match received {
            Received::Bytes(bytes) => client.pending.extend(bytes),
            Received::Closed => client.closed = true,
            Received::Nothing => return Ok(false),
        }
        Ok(true)
    }

    /// The next reply that is complete without waiting.
    fn take(&mut self, name: &str) -> Result<Option<Value>, String> {
        let client = self.client(name)?;
        let Some((value, length)) = parse(&client.pending)? else { return Ok(None) };
        client.pending.drain(..length);
        Ok(Some(value))
    }

    fn next(&mut self, name: &str, patience: Patience) -> Result<Option<Value>, String> {
        loop {
            if let Some(value) = self.take(name)? {
                return Ok(Some(value));
            }
            if self.client(name)?.closed || !self.fill(name, patience)? {
                return Ok(None);
            }
        }
    }

    /// As many replies as are expected (one when nothing is known yet), and the end if that is expected.
    fn answer(&mut self, name: &str, expected: Option<&Expectation>) -> Result<Observed, String> {
        let mut observed = Observed::default();
        let silent = expected.is_some_and(|expected| expected.silent);
        let patience = if silent { Patience::Short } else { Patience::Long };
        let count = expected.map_or(1, |expected| expected.replies.len().max(1));
        for _ in 0..count {
            match self.next(name, patience)? {
                Some(value) => observed.replies.push(value),
                None => break,
            }
        }
        self.end(name, expected, &mut observed)?;
        Ok(observed)
    }

    /// Whatever comes until the server has nothing more to say.
    fn everything(&mut self, name: &str, expected: Option<&Expectation>) -> Result<Observed, String> {
        let mut observed = Observed::default();
        let wanted = expected.map_or(0, |expected| expected.replies.len());
        loop {
            let patience = if observed.replies.len() < wanted { Patience::Long } else { Patience::Short };
            match self.next(name, patience)? {
                Some(value) => observed.replies.push(value),
                None => break,
            }
        }
        self.end(name, expected, &mut observed)?;
        Ok(observed)
    }

    fn end(
        &mut self,
        name: &str,
        expected: Option<&Expectation>,
        observed: &mut Observed,
    ) -> Result<(), String> {
        if expected.is_some_and(|expected| expected.closed) && !self.client(name)?.closed {
            self.fill(name, Patience::Long)?;
        }
        observed.closed = self.client(name)?.closed;
        Ok(())
    }
}
