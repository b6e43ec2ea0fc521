//! The notation in which rows of the table describe their arguments.
//!
//! ```text
//! name  name:type            an argument; the type follows from the name when it is left out
//! TOKEN                      a word that is written as it stands
//! TOKEN name                 an argument with a word before it
//! name=TOKEN                 a word with a name of its own
//! [item]                     optional
//! item...                    any number of times, but at least once; [item...] for none
//! [TOKEN name]...            any number of times, each with its word
//! (A | B x)  name:(A | B x)  one of these
//! {a b}  {name: a b}         these together; so are several items in brackets
//! {TOKEN a b}                with a word before all of them
//! item@7.0.0                 new in that version
//! name#1                     a key that belongs to the second key specification
//! ```
//!
//! Things without a name are called like their parts, joined by `_`; a block with a word like that word.

/// What an argument is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "each is named as COMMAND DOCS names it")]
pub enum Kind {
    String,
    Integer,
    Double,
    Key,
    Pattern,
    UnixTime,
    PureToken,
    OneOf,
    Block,
}

impl Kind {
    /// The name `COMMAND DOCS` shows.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Double => "double",
            Self::Key => "key",
            Self::Pattern => "pattern",
            Self::UnixTime => "unix-time",
            Self::PureToken => "pure-token",
            Self::OneOf => "oneof",
            Self::Block => "block",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [Self::String, Self::Integer, Self::Double, Self::Key, Self::Pattern, Self::UnixTime]
            .into_iter()
            .find(|kind| kind.name() == name)
    }

    /// What an argument of this name usually is.
    fn of(name: &str) -> Self {
        match name {
            "key" | "key1" | "key2" | "keys" | "newkey" | "source" | "sourcekey" | "destination"
            | "destkey" => Self::Key,
            "pattern" | "by-pattern" | "get-pattern" => Self::Pattern,
            "score" | "radius" | "width" | "height" | "longitude" | "latitude" => Self::Double,
            "bits" | "client-id" | "count" | "cursor" | "db" | "decrement" | "destination-db" | "end"
            | "entries-added" | "entries-read" | "entriesread" | "frequency" | "increment" | "index"
            | "index1" | "index2" | "len" | "milliseconds" | "ms" | "min-match-len" | "num-matches"
            | "numkeys" | "numlocal" | "numreplicas" | "offset" | "port" | "protover" | "rank"
            | "seconds" | "slot" | "start" | "start-slot" | "end-slot" | "stop" | "timeout" | "ttl"
            | "version" | "weight" => Self::Integer,
            name if name.starts_with("unix-time") => Self::UnixTime,
            _ => Self::String,
        }
    }
}

/// One argument of a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Argument {
    /// What it is called.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// The word before it, or the word it is.
    pub token: Option<String>,
    /// The version that had it first, when that is not the command's.
    pub since: Option<String>,
    /// For a key: the number of its key specification, when that is said.
    pub key_spec: Option<usize>,
    /// It may be left out.
    pub optional: bool,
    /// It may be repeated.
    pub multiple: bool,
    /// Its word is repeated with it.
    pub multiple_token: bool,
    /// The parts of a block, or the choices.
    pub inner: Vec<Self>,
}

/// Reads the notation.
///
/// # Errors
/// Where the text is not in the notation, with what was expected.
pub fn parse(text: &str) -> Result<Vec<Argument>, String> {
    let mut parser = Parser { rest: text, whole: text };
    let items = parser.sequence("")?;
    if !parser.rest.is_empty() {
        return Err(parser.error("the end"));
    }
    Ok(items)
}

/// How the arguments are written on a help line: `key [seconds] [NX | XX]`.
#[must_use]
pub fn synopsis(arguments: &[Argument]) -> String {
    arguments.iter().map(shown).collect::<Vec<_>>().join(" ")
}

fn shown(argument: &Argument) -> String {
    let mut text = match argument.kind {
        Kind::PureToken => String::new(),
        Kind::Block => synopsis(&argument.inner),
        Kind::OneOf => {
            let choices: Vec<String> = argument.inner.iter().map(shown).collect();
            let choices = choices.join(" | ");
            if argument.optional && argument.token.is_none() { choices } else { format!("<{choices}>") }
        }
        _ => argument.name.clone(),
    };
    let repeated = |text: &str| format!("{text} [{text} ...]");
    if argument.multiple && !argument.multiple_token {
        text = repeated(&text);
    }
    if let Some(token) = &argument.token {
        text = if text.is_empty() { token.clone() } else { format!("{token} {text}") };
    }
    if argument.multiple_token {
        text = repeated(&text);
    }
    if argument.optional { format!("[{text}]") } else { text }
}

struct Parser<'a> {
    rest: &'a str,
    whole: &'a str,
}

impl<'a> Parser<'a> {
    fn error(&self, expected: &str) -> String {
        let at = self.whole.len() - self.rest.len();
        format!("expected {expected} at byte {at} of '{}'", self.whole)
    }

    fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches(' ');
    }

    fn take(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, text: &str) -> Result<(), String> {
        self.blanks();
        if self.take(text) { Ok(()) } else { Err(self.error(text)) }
    }

    fn word(&mut self) -> Result<&'a str, String> {
        let ends = |at: usize, character: char| {
            " []{}()|:@#".contains(character)
                || self.rest[at..].starts_with("...")
                || (character == '=' && at > 0)
        };
        let end = self.rest.char_indices().find(|&(at, character)| ends(at, character)).map(|(at, _)| at);
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        if word.is_empty() {
            return Err(self.error("a word"));
        }
        self.rest = rest;
        Ok(word)
    }

    /// Items up to one of the characters in `until`, which is left, or to the end of the text.
    fn sequence(&mut self, until: &str) -> Result<Vec<Argument>, String> {
        let mut items: Vec<Argument> = Vec::new();
        loop {
            self.blanks();
            if self.rest.is_empty() || self.rest.starts_with(|next| until.contains(next)) {
                return Ok(items);
            }
            let item = self.item()?;
            items.push(item);
        }
    }

    fn item(&mut self) -> Result<Argument, String> {
        let mut item = if self.take("[") {
            let mut item = self.group("]")?;
            item.optional = true;
            item
        } else if self.take("{") {
            self.group("}")?
        } else if self.take("(") {
            self.choices()?
        } else {
            self.simple()?
        };
        loop {
            if self.take("@") {
                item.since = Some(self.word()?.to_owned());
            } else if self.take("#") {
                let number = self.word()?.parse().map_err(|_| self.error("a number before this"))?;
                item.key_spec = Some(number);
            } else if self.take("...") {
                item.multiple_token = item.token.is_some();
                item.multiple = true;
            } else {
                return Ok(item);
            }
        }
    }

    /// A word, and what belongs to it.
    fn simple(&mut self) -> Result<Argument, String> {
        let word = self.word()?;
        if !word.starts_with(|first: char| first.is_ascii_lowercase()) {
            return self.behind_token(word);
        }
        if self.take("=") {
            let token = self.word()?;
            return Ok(Argument { token: Some(token.into()), ..argument(word, Kind::PureToken) });
        }
        if self.take(":") {
            if self.take("(") {
                let choices = self.choices()?;
                return Ok(Argument { name: word.into(), ..choices });
            }
            let kind = Kind::parse(self.word()?).ok_or_else(|| self.error("a type before this"))?;
            return Ok(argument(word, kind));
        }
        Ok(argument(word, Kind::of(word)))
    }

    /// A word as it stands, alone or before an argument.
    fn behind_token(&mut self, token: &str) -> Result<Argument, String> {
        let before = self.rest;
        self.blanks();
        if self.rest.starts_with(|next: char| next.is_ascii_lowercase() || "{(".contains(next)) {
            let mut item = self.item()?;
            if item.token.is_none() {
                item.token = Some(token.into());
                if item.name.is_empty() || (item.kind == Kind::Block && item.name == joined(&item.inner)) {
                    item.name = token.to_lowercase();
                }
                return Ok(item);
            }
        }
        self.rest = before;
        Ok(Argument { token: Some(token.into()), ..argument(&token.to_lowercase(), Kind::PureToken) })
    }

    /// What stands in brackets or braces: one thing, or a block of several.
    fn group(&mut self, end: &str) -> Result<Argument, String> {
        let name = self.name();
        self.blanks();
        // A word before several arguments belongs to all of them.
        let start = self.rest;
        let token = match self.word() {
            Ok(word)
                if !word.starts_with(|first: char| first.is_ascii_lowercase())
                    && self.rest.starts_with(' ') =>
            {
                Some(word)
            }
            _ => None,
        };
        if let Some(token) = token {
            let behind = self.sequence(end)?;
            let needed = behind.iter().take_while(|item| item.token.is_none() && !item.optional).count();
            if needed > 1 {
                self.expect(end)?;
                let name = name.map_or_else(|| token.to_lowercase(), str::to_owned);
                return Ok(Argument {
                    token: Some(token.into()),
                    inner: behind,
                    ..argument(&name, Kind::Block)
                });
            }
        }
        self.rest = start;
        let mut items = self.sequence(end)?;
        self.expect(end)?;
        match (items.len(), name) {
            (0, _) => Err(self.error("something before this")),
            (1, None) => Ok(items.swap_remove(0)),
            (_, name) => {
                let name = name.map_or_else(|| joined(&items), str::to_owned);
                Ok(Argument { inner: items, ..argument(&name, Kind::Block) })
            }
        }
    }

    /// A name with a colon and a blank behind it.
    fn name(&mut self) -> Option<&'a str> {
        let before = self.rest;
        if let Ok(word) = self.word()
            && self.take(": ")
        {
            return Some(word);
        }
        self.rest = before;
        None
    }

    fn choices(&mut self) -> Result<Argument, String> {
        let mut choices = Vec::new();
        loop {
            self.blanks();
            let name = self.name();
            let mut items = self.sequence("|)")?;
            choices.push(match (items.len(), name) {
                (0, _) => return Err(self.error("a choice before this")),
                (1, None) => items.swap_remove(0),
                (_, name) => {
                    let name = name.map_or_else(|| joined(&items), str::to_owned);
                    Argument { inner: items, ..argument(&name, Kind::Block) }
                }
            });
            if self.take(")") {
                let name = joined(&choices);
                return Ok(Argument { inner: choices, ..argument(&name, Kind::OneOf) });
            }
            self.expect("|")?;
        }
    }
}

fn argument(name: &str, kind: Kind) -> Argument {
    Argument {
        name: name.into(),
        kind,
        token: None,
        since: None,
        key_spec: None,
        optional: false,
        multiple: false,
        multiple_token: false,
        inner: Vec::new(),
    }
}

fn joined(items: &[Argument]) -> String {
    items.iter().map(|item| item.name.as_str()).collect::<Vec<_>>().join("_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Argument {
        let mut items = parse(text).expect("a good text");
        assert_eq!(items.len(), 1, "{text}");
        items.remove(0)
    }

    #[test]
    fn types_follow_from_names_unless_said() {
        assert_eq!(one("[GET@6.2.0]").since.as_deref(), Some("6.2.0"));
        for (text, kind) in [
            ("key", Kind::Key),
            ("key:string", Kind::String),
            ("seconds", Kind::Integer),
            ("unix-time-seconds", Kind::UnixTime),
            ("pattern", Kind::Pattern),
            ("increment:double", Kind::Double),
            ("anything", Kind::String),
            ("NX", Kind::PureToken),
            ("set=SET-IT", Kind::PureToken),
        ] {
            assert_eq!(one(text).kind, kind, "{text}");
        }
        let named = one("approximately=~");
        assert_eq!((named.name.as_str(), named.token.as_deref()), ("approximately", Some("~")));
    }

    #[test]
    fn tokens_take_what_follows() {
        let count = one("[COUNT count@2.8.0]");
        assert_eq!(count.token.as_deref(), Some("COUNT"));
        assert!(count.optional && !count.multiple);
        assert_eq!(count.since.as_deref(), Some("2.8.0"));
        let ids = one("[ID client-id...]");
        assert!(ids.optional && ids.multiple && !ids.multiple_token);
        let get = one("[GET pattern]...");
        assert!(get.optional && get.multiple && get.multiple_token);
        let limit = one("[LIMIT offset count]");
        assert_eq!((limit.name.as_str(), limit.kind, limit.inner.len()), ("limit", Kind::Block, 2));
        let two = parse("NO ONE").expect("a good text");
        assert_eq!(two.len(), 2);
    }

    #[test]
    fn choices_and_blocks() {
        let expiration = one("[expiration:(EX seconds|PX milliseconds|KEEPTTL)]");
        assert_eq!((expiration.name.as_str(), expiration.kind), ("expiration", Kind::OneOf));
        assert_eq!(expiration.inner[1].token.as_deref(), Some("PX"));
        assert_eq!(expiration.inner[2].kind, Kind::PureToken);
        let pairs = one("{key value}...");
        assert_eq!((pairs.name.as_str(), pairs.multiple), ("key_value", true));
        assert_eq!(one("{data: field value}").name, "data");
        let filter = one("[FILTERBY filterby:(MODULE module-name|PATTERN pattern)]");
        assert_eq!((filter.token.as_deref(), filter.kind), (Some("FILTERBY"), Kind::OneOf));
        let args = one("(host port|NO ONE)");
        assert!(args.inner.iter().all(|choice| choice.kind == Kind::Block));
    }

    #[test]
    fn a_synopsis_reads_like_a_help_line() {
        for (text, line) in [
            ("key value [condition:(NX|XX)] [GET]", "key value [NX | XX] [GET]"),
            ("{key value}...", "key value [key value ...]"),
            ("[section...]", "[section [section ...]]"),
            ("[GET pattern]...", "[GET pattern [GET pattern ...]]"),
            ("[TYPE kind:(A|B)]", "[TYPE <A | B>]"),
            ("[LIMIT offset count]", "[LIMIT offset count]"),
        ] {
            assert_eq!(synopsis(&parse(text).expect("a good text")), line);
        }
    }

    #[test]
    fn what_is_not_in_the_notation_is_refused() {
        for text in ["[a", "a]", "(a|)", "{}", "a:nosuch", "a#x", "a |"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
