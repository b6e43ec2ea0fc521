//! Deadlines that count from when a command runs, as people write them into files; Redis logs points in time. Both
//! mean the same when the file is read, as long as nothing else looks at the clock.

use lockstep_core::bytes::number::parse_i64;
use lockstep_core::resp::Args;

/// The command with a point in time, if it has a span of time from `now_ms` on.
pub fn absolute(args: Args<'_>, now_ms: i64) -> Option<Vec<Vec<u8>>> {
    let point = |index: usize, unit_ms: i64| {
        let span = parse_i64(args.at(index)?)?;
        let at = span.checked_mul(unit_ms)?.checked_add(now_ms)?;
        Some(at.to_string().into_bytes())
    };
    let mut words: Vec<Vec<u8>> = args.from(0).map(<[u8]>::to_vec).collect();
    let is = |name: &str| args.is(0, name);
    if is("expire") || is("pexpire") {
        let at = point(2, if is("expire") { 1000 } else { 1 })?;
        words[2] = at;
        words[0] = b"PEXPIREAT".to_vec();
        return Some(words);
    }
    if (is("setex") || is("psetex")) && args.len() == 4 {
        let at = point(2, if is("setex") { 1000 } else { 1 })?;
        let value = words.swap_remove(3);
        let key = words.swap_remove(1);
        return Some(vec![b"SET".to_vec(), key, value, b"PXAT".to_vec(), at]);
    }
    let first_option = match () {
        () if is("set") => 3,
        () if is("getex") => 2,
        () => return None,
    };
    for index in first_option..args.len() {
        let unit_ms = match () {
            () if args.is(index, "ex") => 1000,
            () if args.is(index, "px") => 1,
            () => continue,
        };
        let at = point(index + 1, unit_ms)?;
        words[index] = b"PXAT".to_vec();
        words[index + 1] = at;
        return Some(words);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockstep_core::resp::Span;

    fn rewritten(line: &str) -> Option<String> {
        let mut at = 0;
        let spans: Vec<Span> = line
            .split(' ')
            .map(|word| {
                let span = Span::new(at, word.len());
                at += word.len() + 1;
                span
            })
            .collect();
        let words = absolute(Args::new(line.as_bytes(), &spans), 1_000_000)?;
        Some(String::from_utf8(words.join(&b' ')).expect("text"))
    }

    #[test]
    fn spans_become_points() {
        for (line, expected) in [
            ("EXPIRE k 10", Some("PEXPIREAT k 1010000")),
            ("pexpire k 10 NX", Some("PEXPIREAT k 1000010 NX")),
            ("SETEX k 2 v", Some("SET k v PXAT 1002000")),
            ("psetex k 2 v", Some("SET k v PXAT 1000002")),
            ("SET k ex EX 1 NX", Some("SET k ex PXAT 1001000 NX")),
            ("SET k v GET px 7", Some("SET k v GET PXAT 1000007")),
            ("GETEX k EX 1", Some("GETEX k PXAT 1001000")),
            ("SET k v PXAT 5", None),
            ("SET ex px", None),
            ("PEXPIREAT k 5", None),
            ("EXPIRE k", None),
            ("EXPIRE k x", None),
            ("SETEX k 1", None),
            ("SET k v EX", None),
            ("EXPIRE k 9223372036854775807", None),
        ] {
            assert_eq!(rewritten(line).as_deref(), expected, "{line}");
        }
    }
}
