//! `kill -9` in the middle of many writes: every write that was answered is there after the restart, and nothing
//! that was never sent.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::server::{Client, Scratch, Server};

const CONNECTIONS: usize = 16;
const PIPELINE: usize = 32;

/// How far one connection has come, in writes: `answered ≤ sent`.
#[derive(Default)]
struct Progress {
    sent: AtomicU64,
    answered: AtomicU64,
}

/// Writes `key:<connection>:<n>` = `<n>` for growing n, a pipeline at a time, until the server is gone.
fn write_until_the_end(port: u16, connection: usize, progress: &Progress, stop: &AtomicBool) {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return };
    let mut buffer = [0; PIPELINE * 5];
    let mut next = progress.sent.load(Ordering::Relaxed);
    while !stop.load(Ordering::Relaxed) {
        let mut request = String::new();
        for number in next..next + PIPELINE as u64 {
            let (key, value) = (format!("key:{connection}:{number}"), number.to_string());
            request +=
                &format!("*3\r\n$3\r\nSET\r\n${}\r\n{key}\r\n${}\r\n{value}\r\n", key.len(), value.len());
        }
        next += PIPELINE as u64;
        // Once the first byte may have left, all of it counts as sent.
        progress.sent.store(next, Ordering::Relaxed);
        if stream.write_all(request.as_bytes()).is_err() {
            return;
        }
        let mut received = 0;
        while received < buffer.len() {
            match stream.read(&mut buffer[received..]) {
                Ok(0) | Err(_) => break,
                Ok(count) => received += count,
            }
        }
        let whole = received / 5;
        assert!(
            buffer[..whole * 5].chunks(5).all(|reply| reply == b"+OK\r\n"),
            "a write is answered OK or not at all"
        );
        progress.answered.fetch_add(whole as u64, Ordering::Relaxed);
        if whole < PIPELINE {
            return;
        }
    }
}

/// Asks for many keys of one connection at once, and expects these values.
fn expect_values(client: &mut Client, connection: usize, numbers: std::ops::Range<u64>, there: bool) {
    let numbers: Vec<u64> = numbers.collect();
    for batch in numbers.chunks(500) {
        for number in batch {
            client.send(&["GET", &format!("key:{connection}:{number}")]);
        }
        let reply = |number: &u64| {
            let value = number.to_string();
            if there { format!("${}\r\n{value}\r\n", value.len()) } else { "$-1\r\n".to_owned() }
        };
        client.expect(&batch.iter().map(reply).collect::<String>());
    }
}

/// Reads back everything that may be there.
fn verify(server: &Server, progress: &[Progress], written: &mut u64) {
    let mut client = server.connect();
    for (connection, progress) in progress.iter().enumerate() {
        let answered = progress.answered.load(Ordering::Relaxed);
        let sent = progress.sent.load(Ordering::Relaxed);
        expect_values(&mut client, connection, 0..answered, true);
        expect_values(&mut client, connection, sent..sent + 8, false);
        *written += answered;
        // What was sent and not answered may be there or not; now it is, and the next round begins behind it.
        for number in answered..sent {
            client.send(&["SET", &format!("key:{connection}:{number}"), &number.to_string()]);
        }
        client.expect(&"+OK\r\n".repeat((sent - answered) as usize));
        progress.answered.store(sent, Ordering::Relaxed);
    }
}

/// Kills the server again and again while it is written to, and looks for every answered write.
fn kill_loop(arguments: &[&str], rounds: u64) {
    let mut scratch = Scratch::new();
    let progress: Vec<Progress> = (0..CONNECTIONS).map(|_| Progress::default()).collect();
    let mut written = 0;
    for round in 0..rounds {
        let server = Server::start_in(scratch, arguments);
        verify(&server, &progress, &mut written);
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for (connection, progress) in progress.iter().enumerate() {
                let (port, stop) = (server.port, &stop);
                scope.spawn(move || write_until_the_end(port, connection, progress, stop));
            }
            // A checkpoint runs into the kill in most rounds.
            let mut operator = server.connect();
            std::thread::sleep(Duration::from_millis(40 + 35 * (round % 5)));
            operator.send(&["BGREWRITEAOF"]);
            std::thread::sleep(Duration::from_millis(5 * (round % 7)));
            server.signal("KILL");
            stop.store(true, Ordering::Relaxed);
        });
        scratch = server.wait().1;
    }
    let server = Server::start_in(scratch, arguments);
    verify(&server, &progress, &mut written);
    assert!(written > rounds * 100, "the server was written to: {written}");
}

#[test]
fn nothing_answered_is_lost_under_always() {
    kill_loop(&["--appendfsync", "always"], 6);
}

#[test]
fn the_end_of_the_process_loses_nothing_under_everysec() {
    kill_loop(&["--appendfsync", "everysec"], 5);
}

#[test]
fn the_end_of_the_process_loses_nothing_without_syncs() {
    kill_loop(&["--appendfsync", "no"], 4);
}
