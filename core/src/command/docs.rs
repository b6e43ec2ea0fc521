//! `COMMAND`: what the table says of its commands, to clients.

use super::arguments::{self, Argument, Kind};
use super::context::{Context, Handled, Outcome};
use super::spec::{Begin, CATEGORIES, Find, Flags, Group, KeySpec, Spec};
use super::table::{self, CommandId};
use crate::bytes::glob;
use crate::resp::{Args, Reply, ReplyError};

const OPEN: Flags = Flags::LOADING.and(Flags::STALE);
const ROW: Spec = Spec { group: Group::Server, categories: &["connection"], flags: OPEN, ..Spec::BASE };
const SUB: Spec = Spec { parent: "command", since: "2.8.13", ..ROW };
const ANY_ORDER: &[&str] = &["nondeterministic_output_order"];

/// The family's rows.
pub const COMMANDS: &[Spec] = &[Spec {
    name: "command",
    arity: -1,
    run: command,
    tips: ANY_ORDER,
    since: "2.8.13",
    complexity: "O(N) where N is the total number of Redis commands",
    summary: "Describes every command.",
    subcommands: SUBCOMMANDS,
    ..ROW
}];

const SUBCOMMANDS: &[Spec] = &[
    Spec { name: "count", arity: 2, run: count, summary: "Counts the commands.", ..SUB },
    Spec {
        name: "docs",
        arity: -2,
        run: docs,
        tips: ANY_ORDER,
        since: "7.0.0",
        complexity: "O(N) where N is the number of commands to look up",
        summary: "Documents commands.",
        arguments: "[command-name...]",
        ..SUB
    },
    Spec {
        name: "getkeys",
        arity: -3,
        run: |context, args| keys_of(context, args, false),
        complexity: "O(N) where N is the number of arguments to the command",
        summary: "Finds the keys in a command.",
        arguments: "command [arg...]",
        ..SUB
    },
    Spec {
        name: "getkeysandflags",
        arity: -3,
        run: |context, args| keys_of(context, args, true),
        since: "7.0.0",
        complexity: "O(N) where N is the number of arguments to the command",
        summary: "Finds the keys in a command, and tells what it does to them.",
        arguments: "command [arg...]",
        ..SUB
    },
    Spec { name: "help", arity: 2, run: help, since: "5.0.0", summary: "Lists the subcommands.", ..SUB },
    Spec {
        name: "info",
        arity: -2,
        run: info,
        tips: ANY_ORDER,
        complexity: "O(N) where N is the number of commands to look up",
        summary: "Describes commands.",
        arguments: "[command-name...]",
        history: &[("7.0.0", "Knows subcommands, and describes every command when none is named.")],
        ..SUB
    },
    Spec {
        name: "list",
        arity: -2,
        run: list,
        tips: ANY_ORDER,
        since: "7.0.0",
        complexity: "O(N) where N is the total number of Redis commands",
        summary: "Lists the names of commands.",
        arguments: "[FILTERBY filterby:(MODULE module-name|ACLCAT category|PATTERN pattern)]",
        ..SUB
    },
];

/// Every top-level command.
fn top_level() -> impl Iterator<Item = CommandId> {
    CommandId::all().filter(|id| id.spec().parent.is_empty())
}

/// The command of a name such as `get` or `client|list`.
fn by_name(name: &[u8]) -> Option<CommandId> {
    match name.iter().position(|&byte| byte == b'|') {
        None => table::find(name),
        Some(bar) => table::find_subcommand(table::find(&name[..bar])?, &name[bar + 1..]),
    }
}

fn command(context: &mut Context<'_>, _: Args<'_>) -> Handled {
    context.reply.array(top_level().count());
    for id in top_level() {
        describe(&mut context.reply, id.spec());
    }
    Ok(Outcome::Done)
}

fn count(context: &mut Context<'_>, _: Args<'_>) -> Handled {
    context.reply.count(top_level().count());
    Ok(Outcome::Done)
}

fn info(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    if args.len() == 2 {
        return command(context, args);
    }
    context.reply.array(args.len() - 2);
    for name in args.from(2) {
        match by_name(name) {
            Some(id) => describe(&mut context.reply, id.spec()),
            None => context.reply.null(),
        }
    }
    Ok(Outcome::Done)
}

/// A command as `COMMAND INFO` shows it.
fn describe(reply: &mut Reply<'_>, spec: &Spec) {
    let [first, last, step] = key_range(spec.keys);
    reply.array(10);
    reply.text(&spec.full_name());
    reply.integer(i64::from(spec.arity));
    simple_set(reply, spec.flags.shown());
    reply.integer(first);
    reply.integer(last);
    reply.integer(step);
    let categories = spec.all_categories();
    reply.set(categories.len());
    for category in categories {
        reply.simple(&format!("@{category}"));
    }
    reply.set(spec.tips.len());
    for tip in spec.tips {
        reply.text(tip);
    }
    reply.set(spec.keys.len());
    for keys in spec.keys {
        describe_keys(reply, keys);
    }
    reply.set(spec.subcommands.len());
    for sub in spec.subcommands {
        describe(reply, sub);
    }
}

fn simple_set(reply: &mut Reply<'_>, words: impl Iterator<Item = &'static str>) {
    let words: Vec<&str> = words.collect();
    reply.set(words.len());
    for word in words {
        reply.simple(word);
    }
}

/// First key, last key and step, as clients before key specifications want them.
fn key_range(specs: &[KeySpec]) -> [i64; 3] {
    let ranges = specs.iter().filter_map(|spec| match (spec.begin, spec.find) {
        (Begin::Index(index), Find::Range { last, step, .. }) => {
            let first = index as i64;
            let last = if last >= 0 { first + i64::from(last) } else { i64::from(last) };
            Some([first, last, step as i64])
        }
        _ => None,
    });
    if let ([_], [range]) = (specs, ranges.clone().collect::<Vec<_>>().as_slice()) {
        return *range;
    }
    // Several specifications make one range when each begins where the one before it ends.
    let mut whole: Option<[i64; 3]> = None;
    for [first, last, step] in ranges {
        match &mut whole {
            _ if step != 1 => {}
            None => whole = Some([first, last, 1]),
            Some([_, end, _]) if first == *end + 1 => *end = last,
            Some(_) => {}
        }
    }
    whole.unwrap_or_default()
}

fn describe_keys(reply: &mut Reply<'_>, spec: &KeySpec) {
    reply.map(3 + usize::from(!spec.notes.is_empty()));
    if !spec.notes.is_empty() {
        reply.text("notes");
        reply.text(spec.notes);
    }
    reply.text("flags");
    simple_set(reply, spec.flags.iter().copied());
    let part = |reply: &mut Reply<'_>, name: &str, kind: &str, fields: &[(&str, i64)]| {
        reply.text(name);
        reply.map(2);
        reply.text("type");
        reply.text(kind);
        reply.text("spec");
        reply.map(fields.len());
        for (field, value) in fields {
            reply.text(field);
            reply.integer(*value);
        }
    };
    match spec.begin {
        Begin::Index(index) => part(reply, "begin_search", "index", &[("index", index as i64)]),
        Begin::Keyword(word, from) => {
            reply.text("begin_search");
            reply.map(2);
            reply.text("type");
            reply.text("keyword");
            reply.text("spec");
            reply.map(2);
            reply.text("keyword");
            reply.text(word);
            reply.text("startfrom");
            reply.integer(i64::from(from));
        }
    }
    match spec.find {
        Find::Range { last, step } => {
            let fields = [("lastkey", i64::from(last)), ("keystep", step as i64), ("limit", 0)];
            part(reply, "find_keys", "range", &fields);
        }
        Find::Counted { count, first, step } => {
            let fields = [("keynumidx", count as i64), ("firstkey", first as i64), ("keystep", step as i64)];
            part(reply, "find_keys", "keynum", &fields);
        }
    }
}

fn docs(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let found: Vec<CommandId> =
        if args.len() == 2 { top_level().collect() } else { args.from(2).filter_map(by_name).collect() };
    context.reply.map(found.len());
    for id in found {
        context.reply.text(&id.spec().full_name());
        document(&mut context.reply, id.spec());
    }
    Ok(Outcome::Done)
}

/// A command as `COMMAND DOCS` shows it.
fn document(reply: &mut Reply<'_>, spec: &Spec) {
    let arguments = arguments::parse(spec.arguments).expect("the notation of every row is tested");
    let fields = 3
        + usize::from(!spec.complexity.is_empty())
        + 3 * usize::from(spec.deprecated.is_some())
        + usize::from(!spec.history.is_empty())
        + usize::from(!arguments.is_empty())
        + usize::from(!spec.subcommands.is_empty());
    reply.map(fields);
    let mut pair = |name: &str, value: &str| {
        reply.text(name);
        reply.text(value);
    };
    pair("summary", spec.summary);
    pair("since", spec.since);
    pair("group", spec.group.name());
    if !spec.complexity.is_empty() {
        pair("complexity", spec.complexity);
    }
    if let Some(deprecated) = spec.deprecated {
        reply.text("doc_flags");
        simple_set(reply, ["deprecated"].into_iter());
        reply.text("deprecated_since");
        reply.text(deprecated.since);
        reply.text("replaced_by");
        reply.text(deprecated.by);
    }
    if !spec.history.is_empty() {
        reply.text("history");
        reply.set(spec.history.len());
        for (version, change) in spec.history {
            reply.array(2);
            reply.text(version);
            reply.text(change);
        }
    }
    if !arguments.is_empty() {
        reply.text("arguments");
        document_arguments(reply, &arguments, spec.keys.len(), &mut 0);
    }
    if !spec.subcommands.is_empty() {
        reply.text("subcommands");
        reply.map(spec.subcommands.len());
        for sub in spec.subcommands {
            reply.text(&sub.full_name());
            document(reply, sub);
        }
    }
}

/// Keys belong to the key specifications in order; what is left over, to the last.
fn document_arguments(
    reply: &mut Reply<'_>,
    arguments: &[Argument],
    key_specs: usize,
    keys_seen: &mut usize,
) {
    reply.array(arguments.len());
    for argument in arguments {
        let is_key = argument.kind == Kind::Key && key_specs > 0;
        let flags = [
            (argument.optional, "optional"),
            (argument.multiple, "multiple"),
            (argument.multiple_token, "multiple_token"),
        ];
        let flags: Vec<&'static str> = flags.iter().filter(|(on, _)| *on).map(|(_, name)| *name).collect();
        reply.map(
            2 + usize::from(is_key)
                + usize::from(argument.token.is_some())
                + usize::from(argument.since.is_some())
                + usize::from(!flags.is_empty())
                + usize::from(!argument.inner.is_empty()),
        );
        reply.text("name");
        reply.text(&argument.name);
        reply.text("type");
        reply.text(argument.kind.name());
        if is_key {
            let spec = argument.key_spec.unwrap_or(*keys_seen).min(key_specs - 1);
            *keys_seen += 1;
            reply.text("key_spec_index");
            reply.count(spec);
        }
        if let Some(token) = &argument.token {
            reply.text("token");
            reply.text(token);
        }
        if let Some(since) = &argument.since {
            reply.text("since");
            reply.text(since);
        }
        if !flags.is_empty() {
            reply.text("flags");
            simple_set(reply, flags.into_iter());
        }
        if !argument.inner.is_empty() {
            reply.text("arguments");
            document_arguments(reply, &argument.inner, key_specs, keys_seen);
        }
    }
}

/// What `COMMAND LIST FILTERBY` asks for.
enum Filter<'a> {
    Everything,
    Nothing,
    Category(&'static str),
    Pattern(&'a [u8]),
}

impl Filter<'_> {
    fn fits(&self, spec: &Spec) -> bool {
        match self {
            Self::Everything => true,
            Self::Nothing => false,
            Self::Category(name) => spec.all_categories().contains(name),
            Self::Pattern(pattern) => glob::matches(pattern, spec.full_name().as_bytes(), true),
        }
    }
}

fn list(context: &mut Context<'_>, args: Args<'_>) -> Handled {
    let filter = match args.len() {
        2 => Filter::Everything,
        // There are no modules whose commands could be listed.
        5 if args.is(2, "filterby") && args.is(3, "module") => Filter::Nothing,
        5 if args.is(2, "filterby") && args.is(3, "aclcat") => CATEGORIES
            .iter()
            .find(|name| args.is(4, name))
            .map_or(Filter::Nothing, |name| Filter::Category(name)),
        5 if args.is(2, "filterby") && args.is(3, "pattern") => Filter::Pattern(args.get(4)),
        _ => return Err(ReplyError::SYNTAX),
    };
    let names: Vec<String> =
        CommandId::all().map(CommandId::spec).filter(|spec| filter.fits(spec)).map(Spec::full_name).collect();
    context.reply.array(names.len());
    for name in names {
        context.reply.text(&name);
    }
    Ok(Outcome::Done)
}

fn keys_of(context: &mut Context<'_>, args: Args<'_>, with_flags: bool) -> Handled {
    let command = args.skip(2);
    let mut id = table::find(command.get(0)).ok_or(NO_COMMAND)?;
    if !id.spec().subcommands.is_empty() && command.len() > 1 {
        id = table::find_subcommand(id, command.get(1)).ok_or(NO_COMMAND)?;
    }
    let spec = id.spec();
    if spec.keys.is_empty() {
        return Err(ReplyError::fixed("ERR The command has no key arguments"));
    }
    if !spec.accepts(command.len()) {
        return Err(ReplyError::fixed("ERR Invalid number of arguments specified for command"));
    }
    let mut found = Vec::new();
    for keys in spec.keys {
        found.extend(keys.positions(command).into_iter().map(|position| (position, keys)));
    }
    if found.is_empty() {
        return Err(ReplyError::fixed("ERR Invalid arguments specified for command"));
    }
    context.reply.array(found.len());
    for (position, keys) in found {
        if !with_flags {
            context.reply.bulk(command.get(position));
            continue;
        }
        context.reply.array(2);
        context.reply.bulk(command.get(position));
        let flags = flags_as_used(spec, command).unwrap_or(keys.flags);
        simple_set(&mut context.reply, flags.iter().copied());
    }
    Ok(Outcome::Done)
}

const NO_COMMAND: ReplyError = ReplyError::fixed("ERR Invalid command specified");

/// What a command does to its key, where that depends on its options (`variable_flags`).
fn flags_as_used(spec: &Spec, command: Args<'_>) -> Option<&'static [&'static str]> {
    match spec.name {
        "set" if (3..command.len()).any(|at| command.is(at, "get")) => Some(&["RW", "access", "update"]),
        "set" => Some(&["OW", "update"]),
        "bitfield" => {
            let changes = |at| command.is(at, "set") || command.is(at, "incrby");
            let read_only = !(2..command.len()).any(changes);
            Some(if read_only { &["RO", "access"] } else { &["RW", "access", "update"] })
        }
        _ => None,
    }
}

fn help(context: &mut Context<'_>, _: Args<'_>) -> Handled {
    super::help(
        context,
        &[
            "(no subcommand)",
            "    Describe every command.",
            "COUNT",
            "    Count the commands.",
            "LIST [FILTERBY (MODULE <name>|ACLCAT <category>|PATTERN <pattern>)]",
            "    List the names of commands.",
            "INFO [<command-name> ...]",
            "    Describe these commands, or all.",
            "DOCS [<command-name> ...]",
            "    Document these commands, or all.",
            "GETKEYS <full-command>",
            "    Find the keys in a command.",
            "GETKEYSANDFLAGS <full-command>",
            "    Find the keys in a command, and tell what it does to them.",
        ],
    )
}

/// `docs/COMMANDS.md`: every command, by group.
#[must_use]
pub fn markdown() -> String {
    let mut out = String::from(
        "# Commands\n\nWritten from the command table by `UPDATE=1 cargo test -p lockstep-core --test docs`; do not edit.\n\
         Names, arguments and replies are those of Redis; *since* is the Redis version that had the command first.\n",
    );
    let groups = [
        (Group::Generic, "Keys"),
        (Group::String, "Strings"),
        (Group::Hash, "Hashes"),
        (Group::List, "Lists"),
        (Group::Set, "Sets"),
        (Group::SortedSet, "Sorted sets"),
        (Group::Bitmap, "Bitmaps"),
        (Group::HyperLogLog, "HyperLogLog"),
        (Group::Geo, "Geospatial"),
        (Group::Stream, "Streams"),
        (Group::PubSub, "Publish and subscribe"),
        (Group::Transactions, "Transactions"),
        (Group::Scripting, "Scripting"),
        (Group::Connection, "Connection"),
        (Group::Server, "Server"),
        (Group::Cluster, "Cluster"),
    ];
    for (group, title) in groups {
        let mut rows: Vec<&Spec> = CommandId::all()
            .map(CommandId::spec)
            .filter(|spec| spec.group == group && spec.subcommands.is_empty())
            .collect();
        if rows.is_empty() {
            continue;
        }
        rows.sort_by_key(|spec| spec.full_name());
        out.push_str(&format!(
            "\n## {title}\n\n| Command | Since | Complexity | What it does | Keys |\n|---|---|---|---|---|\n"
        ));
        for spec in rows {
            out.push_str(&markdown_row(spec));
        }
    }
    out
}

fn markdown_row(spec: &Spec) -> String {
    let arguments = arguments::parse(spec.arguments).expect("the notation of every row is tested");
    let mut line = spec.full_name().replace('|', " ").to_uppercase();
    if !arguments.is_empty() {
        line.push(' ');
        line.push_str(&arguments::synopsis(&arguments));
    }
    let mut keys: Vec<String> = spec.keys.iter().map(|keys| keys.flags.join(" ")).collect();
    keys.dedup();
    let mut summary = spec.summary.to_owned();
    if let Some(deprecated) = spec.deprecated {
        summary.push_str(&format!(" Deprecated since {}: use {}.", deprecated.since, deprecated.by));
    }
    let cell = |text: &str| text.replace('|', "\\|");
    let (line, complexity, summary) = (cell(&line), cell(spec.complexity), cell(&summary));
    format!("| `{line}` | {} | {complexity} | {summary} | {} |\n", spec.since, keys.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_the_notation() {
        for id in CommandId::all() {
            let spec = id.spec();
            if let Err(error) = arguments::parse(spec.arguments) {
                panic!("{}: {error}", spec.full_name());
            }
        }
    }

    #[test]
    fn consecutive_specifications_are_one_range() {
        let one = |first| KeySpec::range(first, 0, 1, &[]);
        assert_eq!(key_range(&[]), [0, 0, 0]);
        assert_eq!(key_range(&[one(1)]), [1, 1, 1]);
        assert_eq!(key_range(&[KeySpec::range(1, -1, 2, &[])]), [1, -1, 2]);
        assert_eq!(key_range(&[one(1), one(2)]), [1, 2, 1]);
        assert_eq!(key_range(&[one(1), one(3)]), [1, 1, 1]);
        assert_eq!(key_range(&[one(1), KeySpec::range(2, -1, 1, &[])]), [1, -1, 1]);
    }
}
