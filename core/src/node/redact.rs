//! Which arguments are secrets and belong into no log and no `MONITOR`.

use crate::command::CommandId;
use crate::config;
use crate::resp::Args;

/// What is shown instead.
pub(super) const REDACTED: &[u8] = b"(redacted)";

/// Whether the argument at `index` may hold a password.
pub(super) fn is_secret(command: CommandId, args: Args<'_>, index: usize) -> bool {
    let spec = command.spec();
    match (spec.parent, spec.name) {
        ("", "auth") => index > 0,
        // AUTH <user> <password>, among other options.
        ("", "hello") => index > 2 && (args.is(index - 1, "auth") || args.is(index - 2, "auth")),
        ("acl", "setuser") => index > 1,
        ("config", "set") if index > 2 && index % 2 == 1 => {
            let name = String::from_utf8_lossy(args.get(index - 1));
            config::find(&name).is_some_and(|(directive, _)| directive.secret)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::table;
    use crate::resp::parse::{Limits, Progress, encode_inline, parse};

    fn secrets(line: &str) -> Vec<usize> {
        let (mut bytes, mut spans) = (Vec::new(), Vec::new());
        encode_inline(line.as_bytes(), &mut bytes).expect("a good line");
        parse(&bytes, &mut Progress::default(), &mut spans, Limits::NONE)
            .expect("what we encode, we can parse");
        let args = Args::new(&bytes, &spans);
        let mut command = table::find(args.get(0)).expect("a known command");
        if !command.spec().subcommands.is_empty() {
            command = table::find_subcommand(command, args.get(1)).expect("a known subcommand");
        }
        (0..args.len()).filter(|&index| is_secret(command, args, index)).collect()
    }

    #[test]
    fn passwords_are_found_wherever_commands_take_them() {
        assert_eq!(secrets("AUTH pass"), [1]);
        assert_eq!(secrets("AUTH user pass"), [1, 2]);
        assert_eq!(secrets("HELLO 3 SETNAME me AUTH user pass"), [5, 6]);
        assert_eq!(secrets("ACL SETUSER me on >pass"), [2, 3, 4]);
        assert_eq!(secrets("CONFIG SET timeout 5 requirepass secret raft-secret x"), [5, 7]);
        assert_eq!(secrets("SET auth pass"), [0; 0]);
    }
}
