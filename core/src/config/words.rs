//! Directives with a syntax of their own.

use super::kind::{memory, whole};
use super::values::{BufferLimit, SavePoint, ShutdownOptions};
use super::{BufferLimits, Config};

/// The most addresses `bind` takes, as in Redis.
const ADDRESSES_MAX: usize = 16;

pub(super) fn write_bind(config: &mut Config, words: &[&str]) -> Result<(), String> {
    if words.len() > ADDRESSES_MAX {
        return Err("Too many bind addresses specified.".into());
    }
    config.bind = words.iter().filter(|word| !word.is_empty()).map(|word| word.to_string()).collect();
    Ok(())
}

pub(super) fn show_bind(config: &Config) -> String {
    config.bind.join(" ")
}

pub(super) fn lines_bind(config: &Config) -> Vec<String> {
    vec![if config.bind.is_empty() { "\"\"".into() } else { config.bind.join(" ") }]
}

pub(super) fn write_save(config: &mut Config, words: &[&str]) -> Result<(), String> {
    let wrong = "Invalid save parameters";
    let mut points = Vec::new();
    if words != [""] {
        if words.is_empty() || !words.len().is_multiple_of(2) {
            return Err(wrong.into());
        }
        for pair in words.chunks_exact(2) {
            let number = |word: &str, low: i64| whole(word).filter(|&value| value >= low).ok_or(wrong);
            let (seconds, changes) = (number(pair[0], 1)?, number(pair[1], 0)?);
            points.push(SavePoint { seconds: seconds.unsigned_abs(), changes: changes.unsigned_abs() });
        }
    }
    // The lines of a configuration file add up; the first of them replaces the default.
    if !config.kept.save_lines || points.is_empty() {
        config.save.clear();
    }
    config.save.append(&mut points);
    Ok(())
}

pub(super) fn show_save(config: &Config) -> String {
    let points = config.save.iter().map(|point| format!("{} {}", point.seconds, point.changes));
    points.collect::<Vec<_>>().join(" ")
}

pub(super) fn lines_save(config: &Config) -> Vec<String> {
    if config.save.is_empty() {
        return vec!["\"\"".into()];
    }
    config.save.iter().map(|point| format!("{} {}", point.seconds, point.changes)).collect()
}

pub(super) fn write_buffer_limits(config: &mut Config, words: &[&str]) -> Result<(), String> {
    if words.is_empty() || !words.len().is_multiple_of(4) {
        return Err("Wrong number of arguments in buffer limit configuration.".into());
    }
    let mut limits = config.client_output_buffer_limits;
    for class in words.chunks_exact(4) {
        let place = match class[0].to_ascii_lowercase().as_str() {
            "normal" => &mut limits.normal,
            "replica" | "slave" => &mut limits.replica,
            "pubsub" => &mut limits.pubsub,
            _ => return Err("Invalid client class specified in buffer limit configuration.".into()),
        };
        let seconds = whole(class[3]).and_then(|seconds| u64::try_from(seconds).ok());
        let (Some(hard_bytes), Some(soft_bytes), Some(soft_s)) =
            (memory(class[1]), memory(class[2]), seconds)
        else {
            return Err("Error in hard, soft or soft_seconds setting in buffer limit configuration.".into());
        };
        *place = BufferLimit { hard_bytes, soft_bytes, soft_s };
    }
    config.client_output_buffer_limits = limits;
    Ok(())
}

fn buffer_limit(name: &str, limit: BufferLimit) -> String {
    format!("{name} {} {} {}", limit.hard_bytes, limit.soft_bytes, limit.soft_s)
}

pub(super) fn show_buffer_limits(config: &Config) -> String {
    let BufferLimits { normal, replica, pubsub } = config.client_output_buffer_limits;
    [buffer_limit("normal", normal), buffer_limit("slave", replica), buffer_limit("pubsub", pubsub)].join(" ")
}

pub(super) fn lines_buffer_limits(config: &Config) -> Vec<String> {
    let BufferLimits { normal, replica, pubsub } = config.client_output_buffer_limits;
    vec![buffer_limit("normal", normal), buffer_limit("replica", replica), buffer_limit("pubsub", pubsub)]
}

pub(super) fn write_percentiles(config: &mut Config, words: &[&str]) -> Result<(), String> {
    let words = if words == [""] { &[][..] } else { words };
    let mut percentiles = Vec::with_capacity(words.len());
    for word in words {
        let value: f64 = word.parse().map_err(|_| "Invalid latency-tracking-info-percentiles parameters")?;
        if !(0.0..=100.0).contains(&value) {
            return Err("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]".into());
        }
        percentiles.push(value);
    }
    config.latency_tracking_info_percentiles = percentiles;
    Ok(())
}

pub(super) fn show_percentiles(config: &Config) -> String {
    let shown = config.latency_tracking_info_percentiles.iter().map(f64::to_string);
    shown.collect::<Vec<_>>().join(" ")
}

pub(super) fn lines_percentiles(config: &Config) -> Vec<String> {
    let shown = show_percentiles(config);
    vec![if shown.is_empty() { "\"\"".into() } else { shown }]
}

fn shutdown_options(words: &[&str]) -> Result<ShutdownOptions, String> {
    let mut options = ShutdownOptions::default();
    if words.is_empty() {
        return Err("wrong number of arguments".into());
    }
    for word in words {
        match word.to_ascii_lowercase().as_str() {
            "default" => {}
            "save" => options.save = true,
            "nosave" => options.nosave = true,
            "now" => options.now = true,
            "force" => options.force = true,
            _ => {
                return Err(
                    "argument(s) must be one of the following: default, save, nosave, now, force".into()
                );
            }
        }
    }
    if options.save && options.nosave {
        return Err("shutdown options SAVE and NOSAVE can't be used simultaneously".into());
    }
    Ok(options)
}

fn show_shutdown(options: ShutdownOptions) -> String {
    let ShutdownOptions { save, nosave, now, force } = options;
    let words = [(save, "save"), (nosave, "nosave"), (now, "now"), (force, "force")];
    let set: Vec<&str> = words.iter().filter(|(set, _)| *set).map(|&(_, word)| word).collect();
    if set.is_empty() { "default".into() } else { set.join(" ") }
}

pub(super) fn write_on_sigint(config: &mut Config, words: &[&str]) -> Result<(), String> {
    config.shutdown_on_sigint = shutdown_options(words)?;
    Ok(())
}

pub(super) fn show_on_sigint(config: &Config) -> String {
    show_shutdown(config.shutdown_on_sigint)
}

pub(super) fn write_on_sigterm(config: &mut Config, words: &[&str]) -> Result<(), String> {
    config.shutdown_on_sigterm = shutdown_options(words)?;
    Ok(())
}

pub(super) fn show_on_sigterm(config: &Config) -> String {
    show_shutdown(config.shutdown_on_sigterm)
}

pub(super) fn write_events(config: &mut Config, words: &[&str]) -> Result<(), String> {
    let &[letters] = words else { return Err("wrong number of arguments".into()) };
    config.notify_keyspace_events = super::KeyspaceEvents::parse(letters)
        .ok_or("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")?;
    Ok(())
}

pub(super) fn show_events(config: &Config) -> String {
    config.notify_keyspace_events.to_string()
}

pub(super) fn lines_events(config: &Config) -> Vec<String> {
    vec![super::file::quote(&show_events(config))]
}

pub(super) fn write_socket_mode(config: &mut Config, words: &[&str]) -> Result<(), String> {
    let &[word] = words else { return Err("wrong number of arguments".into()) };
    if word.is_empty() || !word.bytes().all(|digit| matches!(digit, b'0'..=b'7')) {
        return Err("argument couldn't be parsed as an octal number".into());
    }
    let value = u32::from_str_radix(word, 8).unwrap_or(u32::MAX);
    if value > 0o777 {
        return Err("argument must be between 0 and 777 inclusive".into());
    }
    config.unixsocketperm = value;
    Ok(())
}

pub(super) fn show_socket_mode(config: &Config) -> String {
    format!("{:o}", config.unixsocketperm)
}

pub(super) fn write_peers(config: &mut Config, words: &[&str]) -> Result<(), String> {
    let mut peers = Vec::new();
    for word in words.iter().filter(|word| !word.is_empty()) {
        let (id, address) = word.split_once('@').ok_or("peers are written id@address:port")?;
        let id = whole(id).and_then(|id| u64::try_from(id).ok()).filter(|&id| id > 0);
        let id = id.ok_or("the id of a peer is a number from 1")?;
        let port = address.rsplit_once(':').and_then(|(_, port)| whole(port));
        if !port.is_some_and(|port| (1..=65535).contains(&port)) {
            return Err("peers are written id@address:port".into());
        }
        if peers.iter().any(|(other, _)| *other == id) {
            return Err("two peers have the same id".into());
        }
        peers.push((id, address.to_string()));
    }
    config.raft_peers = peers;
    Ok(())
}

pub(super) fn show_peers(config: &Config) -> String {
    let peers = config.raft_peers.iter().map(|(id, address)| format!("{id}@{address}"));
    peers.collect::<Vec<_>>().join(" ")
}

pub(super) fn lines_peers(config: &Config) -> Vec<String> {
    let shown = show_peers(config);
    vec![if shown.is_empty() { "\"\"".into() } else { shown }]
}

// What is checked of directives without effect.

pub(super) fn check_any(_: &str) -> Result<(), &'static str> {
    Ok(())
}

pub(super) fn check_hostname(word: &str) -> Result<(), &'static str> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    if word.len() >= 256 {
        return Err("Hostnames must be less than 256 characters");
    }
    if !word.bytes().all(known) {
        return Err("Hostnames may only contain alphanumeric characters, hyphens or dots");
    }
    Ok(())
}

pub(super) fn check_file_name(word: &str) -> Result<(), &'static str> {
    if word.contains('/') { Err("this name can't be a path, just a filename") } else { Ok(()) }
}

pub(super) fn check_replica_of(words: &[&str]) -> Result<(), &'static str> {
    match words {
        [""] => Ok(()),
        [host, port] if host.eq_ignore_ascii_case("no") && port.eq_ignore_ascii_case("one") => Ok(()),
        [_, port] => match whole(port) {
            Some(0..=65535) => Ok(()),
            _ => Err("Invalid master port"),
        },
        _ => Err("wrong number of arguments"),
    }
}

pub(super) fn check_oom_scores(words: &[&str]) -> Result<(), &'static str> {
    if words.len() != 3 {
        return Err("wrong number of arguments");
    }
    for word in words {
        match whole(word) {
            Some(-2000..=2000) => {}
            _ => return Err("Invalid oom-score-adj-values, elements must be between -2000 and 2000."),
        }
    }
    Ok(())
}

pub(super) fn check_client_memory(word: &str) -> Result<(), &'static str> {
    let wrong = "argument must be a memory or percent value";
    match word.strip_suffix('%') {
        Some(number) => match whole(number) {
            Some(0..=100) => Ok(()),
            Some(101..) => Err("percentage argument must be less or equal to 100"),
            _ => Err(wrong),
        },
        None => memory(word).map(|_| ()).ok_or(wrong),
    }
}
