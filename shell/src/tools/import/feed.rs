//! What is read goes to a node as commands, and what cannot go there is counted.

use std::collections::BTreeMap;
use std::path::Path;

use crate::tools::offline::{DATABASES, Offline};
use crate::tools::view::View;

/// A node that takes data over.
pub struct Feed {
    node: Offline,
    request: Vec<u8>,
    /// What was refused, by its name, and how often.
    refused: BTreeMap<String, u64>,
    libraries: u64,
    module_data: u64,
    notes: Vec<String>,
}

impl Feed {
    /// # Errors
    /// A sentence for the operator.
    pub fn start() -> Result<Self, String> {
        Ok(Self {
            node: Offline::start(&View::empty())?,
            request: Vec::new(),
            refused: BTreeMap::new(),
            libraries: 0,
            module_data: 0,
            notes: Vec::new(),
        })
    }

    /// What follows belongs to this database.
    ///
    /// # Errors
    /// When there are not so many.
    pub fn select(&mut self, database: u64) -> Result<(), String> {
        if database >= u64::from(DATABASES) {
            return Err(format!("database {database} is beyond the {DATABASES} that can be imported"));
        }
        self.command(&[b"SELECT", database.to_string().as_bytes()]).map(drop)
    }

    /// Runs a command; its reply.
    ///
    /// # Errors
    /// The node's error.
    pub fn command(&mut self, words: &[&[u8]]) -> Result<Vec<u8>, String> {
        let mut request = std::mem::take(&mut self.request);
        request.clear();
        encode(words, &mut request);
        let reply = self.run(&request);
        self.request = request;
        reply
    }

    /// Runs a command as it stands in a log.
    ///
    /// # Errors
    /// The node's error.
    pub fn run(&mut self, request: &[u8]) -> Result<Vec<u8>, String> {
        let reply = self.node.run(request);
        match reply.strip_prefix(b"-") {
            Some(error) => Err(String::from_utf8_lossy(error).trim_end().to_owned()),
            None if reply.is_empty() => Err("the node gave no answer".to_owned()),
            None => Ok(reply),
        }
    }

    /// Counts something that cannot be taken over.
    pub fn refuse(&mut self, what: &str) {
        *self.refused.entry(what.to_owned()).or_default() += 1;
    }

    /// Whether something was not taken over, so that errors may come of it.
    pub fn has_refused(&self) -> bool {
        !self.refused.is_empty()
    }

    /// Counts a library of functions.
    pub fn library(&mut self) {
        self.libraries += 1;
    }

    /// Counts data of a module.
    pub fn module_data(&mut self) {
        self.module_data += 1;
    }

    /// Notes something that the operator should know.
    pub fn note(&mut self, text: String) {
        self.notes.push(text);
    }

    /// What was noted.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = self.notes.clone();
        if self.libraries > 0 {
            notes.push(format!("Passed over: {} libraries of functions.", self.libraries));
        }
        if self.module_data > 0 {
            notes.push(format!(
                "Passed over: data of modules that belong to no key, {} times.",
                self.module_data
            ));
        }
        notes
    }

    /// What was refused, in words.
    pub fn refused(&self) -> Option<String> {
        let parts: Vec<_> = self.refused.iter().map(|(what, count)| format!("{count} x {what}")).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// What the node holds, in words.
    pub fn summary(&mut self) -> String {
        let databases = self.node.databases();
        let keys: u64 = databases.iter().map(|&(_, keys)| keys).sum();
        let mut text = format!("{keys} keys in {} databases, digest {}", databases.len(), self.node.digest());
        if let Some(&(highest, _)) = databases.last()
            && highest >= 16
        {
            text += &format!("; start the server with --databases {} or more", highest + 1);
        }
        text
    }

    /// Leaves everything behind in a directory.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn leave(self, directory: &Path) -> Result<(), String> {
        self.node.leave(directory)
    }
}

/// Appends a command as clients send it.
pub fn encode(words: &[&[u8]], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}
