//! All commands: one table, flattened and indexed when the program is compiled.

use super::spec::{Begin, Find, Flags, KeySpec, Spec};

/// Every family's rows. A new family is a module and a line here.
const FAMILIES: &[&[Spec]] = &[
    super::connection::COMMANDS,
    super::string::COMMANDS,
    super::string_counter::COMMANDS,
    super::string_range::COMMANDS,
    super::lcs::COMMANDS,
    super::hash::COMMANDS,
    super::hash_random::COMMANDS,
    super::scan::COMMANDS,
    super::generic::COMMANDS,
    super::database::COMMANDS,
    super::object::COMMANDS,
    super::memory::COMMANDS,
    super::debug::COMMANDS,
    super::expire::COMMANDS,
    super::server::COMMANDS,
    super::docs::COMMANDS,
    super::diagnosis::COMMANDS,
    super::replication::COMMANDS,
    super::acl::COMMANDS,
    super::cluster::COMMANDS,
];

/// Names a row of the table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct CommandId(u16);

/// Number of rows, subcommands included.
pub const COUNT: usize = {
    let mut count = 0;
    let mut family = 0;
    while family < FAMILIES.len() {
        let mut row = 0;
        while row < FAMILIES[family].len() {
            count += 1 + FAMILIES[family][row].subcommands.len();
            row += 1;
        }
        family += 1;
    }
    count
};

/// A row as the hot path wants it.
#[derive(Clone, Copy)]
pub struct Row {
    /// The command.
    pub spec: &'static Spec,
    /// The conditions under which it is refused; tested with one mask.
    pub refused_in: Conditions,
    /// Where its keys stand among the arguments.
    pub keys: KeyRun,
    /// How long it takes is not bounded by the length of what it is given and what it answers.
    pub heavy: bool,
}

/// Where a command's keys stand among its arguments, for those whose places are fixed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyRun {
    /// Index of the first key; 0 when there is none, or when places are not fixed.
    first: u8,
    /// The last one, counted from the first; from the end of the arguments when negative.
    last: i8,
    step: u8,
}

impl KeyRun {
    const fn of(spec: &Spec) -> Self {
        match spec.keys {
            [KeySpec { begin: Begin::Index(first), find: Find::Range { last, step }, .. }, ..] => {
                assert!(
                    *first < 128 && *last >= -128 && *last < 128 && *step < 256,
                    "places are small numbers"
                );
                Self { first: *first as u8, last: *last as i8, step: *step as u8 }
            }
            _ => Self { first: 0, last: 0, step: 1 },
        }
    }

    /// The indexes of the keys of a command with so many arguments.
    #[inline]
    pub fn indexes(self, count: usize) -> impl Iterator<Item = usize> {
        let first = usize::from(self.first);
        let end = match first {
            0 => 0,
            _ if self.last >= 0 => first + usize::from(self.last.unsigned_abs()) + 1,
            _ => (count + 1).saturating_sub(usize::from(self.last.unsigned_abs())),
        };
        (first..end.min(count)).step_by(usize::from(self.step.max(1)))
    }
}

/// States of node and connection in which some commands may not run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Conditions(pub u16);

impl Conditions {
    /// The connection has to log in first.
    pub const UNAUTHENTICATED: Self = Self(1);
    /// The node still reads its files.
    pub const LOADING: Self = Self(1 << 1);
    /// More memory is in use than `maxmemory`.
    pub const OUT_OF_MEMORY: Self = Self(1 << 2);
    /// The log cannot grow.
    pub const DISK_FULL: Self = Self(1 << 3);
    /// The last checkpoint failed and writes stop for that.
    pub const CHECKPOINT_FAILED: Self = Self(1 << 4);
    /// `CLIENT PAUSE … ALL`.
    pub const PAUSED: Self = Self(1 << 5);
    /// `CLIENT PAUSE … WRITE`.
    pub const PAUSED_WRITES: Self = Self(1 << 6);
    /// Somebody watches with `MONITOR`; nothing is refused, but the slow path tells them.
    pub const MONITORED: Self = Self(1 << 7);

    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether any condition is in both.
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Adds or removes conditions.
    pub fn set(&mut self, which: Self, on: bool) {
        if on { self.0 |= which.0 } else { self.0 &= !which.0 }
    }

    const fn refusing(flags: Flags) -> Self {
        let mut refused = Self(0);
        if !flags.has(Flags::SKIP_MONITOR) && !flags.has(Flags::ADMIN) {
            refused = refused.and(Self::MONITORED);
        }
        if !flags.has(Flags::NO_AUTH) {
            refused = refused.and(Self::UNAUTHENTICATED);
        }
        if !flags.has(Flags::LOADING) {
            refused = refused.and(Self::LOADING);
        }
        if flags.has(Flags::DENYOOM) {
            refused = refused.and(Self::OUT_OF_MEMORY);
        }
        if flags.has(Flags::WRITE) {
            refused = refused.and(Self::DISK_FULL).and(Self::CHECKPOINT_FAILED).and(Self::PAUSED_WRITES);
        }
        if flags.has(Flags::MAY_REPLICATE) {
            refused = refused.and(Self::PAUSED_WRITES);
        }
        refused.and(Self::PAUSED)
    }
}

const fn row(spec: &'static Spec) -> Row {
    let heavy = !spec.flags.has(Flags::FAST) && !is_constant(spec.complexity);
    Row { spec, refused_in: Conditions::refusing(spec.flags), keys: KeyRun::of(spec), heavy }
}

const fn is_constant(complexity: &str) -> bool {
    matches!(complexity.as_bytes(), [b'O', b'(', b'1', b')', ..])
}

static ROWS: [Row; COUNT] = {
    let mut rows = [row(&FAMILIES[0][0]); COUNT];
    let mut next = 0;
    let mut family = 0;
    while family < FAMILIES.len() {
        let mut at = 0;
        while at < FAMILIES[family].len() {
            let spec = &FAMILIES[family][at];
            rows[next] = row(spec);
            next += 1;
            let mut sub = 0;
            while sub < spec.subcommands.len() {
                rows[next] = row(&spec.subcommands[sub]);
                next += 1;
                sub += 1;
            }
            at += 1;
        }
        family += 1;
    }
    rows
};

const SLOTS: usize = 1024;
const EMPTY: u16 = u16::MAX;

/// Hash of a name in any case: letters differ from their capitals in one bit, which is set in every byte.
const fn name_hash(name: &[u8]) -> usize {
    let mut hash = name.len() as u64;
    let mut at = 0;
    while at < name.len() {
        let mut word = 0_u64;
        let mut byte = 0;
        while byte < 8 && at + byte < name.len() {
            word |= ((name[at + byte] | 0x20) as u64) << (byte * 8);
            byte += 1;
        }
        hash = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^= hash >> 29;
        at += 8;
    }
    (hash.wrapping_mul(0xd6e8_feb8_6659_fd93) >> 54) as usize
}

static INDEX: [u16; SLOTS] = {
    let mut index = [EMPTY; SLOTS];
    let mut next = 0;
    while next < COUNT {
        let spec = ROWS[next].spec;
        if spec.parent.is_empty() {
            let mut slot = name_hash(spec.name.as_bytes());
            while index[slot] != EMPTY {
                slot = (slot + 1) % SLOTS;
            }
            index[slot] = next as u16;
        }
        next += 1;
    }
    index
};

/// The top-level command of this name, in any case.
#[must_use]
pub fn find(name: &[u8]) -> Option<CommandId> {
    if name.len() > 32 {
        return None;
    }
    let mut slot = name_hash(name);
    loop {
        let id = INDEX[slot];
        if id == EMPTY {
            return None;
        }
        if ROWS[usize::from(id)].spec.name.as_bytes().eq_ignore_ascii_case(name) {
            return Some(CommandId(id));
        }
        slot = (slot + 1) % SLOTS;
    }
}

/// The subcommand of a container, in any case.
#[must_use]
pub fn find_subcommand(container: CommandId, name: &[u8]) -> Option<CommandId> {
    let subcommands = container.row().spec.subcommands;
    let at = subcommands.iter().position(|spec| spec.name.as_bytes().eq_ignore_ascii_case(name))?;
    Some(CommandId(container.0 + 1 + at as u16))
}

impl CommandId {
    /// Its row.
    #[must_use]
    pub fn row(self) -> &'static Row {
        &ROWS[usize::from(self.0)]
    }

    /// Its command.
    #[must_use]
    pub fn spec(self) -> &'static Spec {
        self.row().spec
    }

    /// Its place in tables that hold something for every row: below [`COUNT`].
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// Every row, each container directly before its subcommands.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..COUNT as u16).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_found_by_its_name_in_any_case() {
        for id in CommandId::all() {
            let spec = id.spec();
            if spec.parent.is_empty() {
                assert_eq!(find(spec.name.as_bytes()), Some(id));
                assert_eq!(find(spec.name.to_uppercase().as_bytes()), Some(id));
            } else {
                let parent = find(spec.parent.as_bytes()).expect("a subcommand has a container");
                assert_eq!(find_subcommand(parent, spec.name.to_uppercase().as_bytes()), Some(id));
            }
        }
        for name in ["", "nosuch", "ge", "gett", "config|get"] {
            assert_eq!(find(name.as_bytes()), None, "{name}");
        }
    }

    /// A row that contradicts itself would mislead every consumer of the table.
    #[test]
    fn rows_are_consistent() {
        for id in CommandId::all() {
            let spec = id.spec();
            let name = spec.full_name();
            assert_eq!(spec.name, spec.name.to_lowercase(), "{name}");
            assert!(!spec.summary.is_empty() && spec.summary.ends_with('.'), "{name} has a summary");
            assert!(spec.arity != 0, "{name} has an arity");
            assert!(
                !(spec.flags.has(Flags::WRITE) && spec.flags.has(Flags::READONLY)),
                "{name} writes or reads"
            );
            assert!(spec.first_key().is_none_or(|index| index < 256 && index > 0), "{name}");
            for sub in spec.subcommands {
                assert_eq!(sub.parent, spec.name, "{name} {}", sub.name);
            }
        }
    }
}
