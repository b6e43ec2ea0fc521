//! Connections of a running server.

use std::io::{ErrorKind, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use crate::server::{Client, Guarded, PATIENCE, Scratch, Server, run};

#[test]
fn a_thousand_idle_connections_cost_nobody_anything() {
    let server = Server::start(&[]);
    let mut clients: Vec<Client> = (0..1000).map(|_| server.connect()).collect();
    let mut busy = server.connect();
    for round in 0..100 {
        busy.ask(&["SET", "key", &round.to_string()], "+OK\r\n");
    }
    busy.ask(&["GET", "key"], "$2\r\n99\r\n");
    for client in &mut clients {
        client.ask(&["PING"], "+PONG\r\n");
    }
}

#[test]
fn a_slow_reader_blocks_nobody_and_loses_nothing() {
    const VALUE_BYTES: usize = 1 << 20;
    const COUNT: usize = 40;
    let server = Server::start(&["--appendfsync", "no"]);
    let value = "x".repeat(VALUE_BYTES);
    let mut other = server.connect();
    other.ask(&["SET", "big", &value], "+OK\r\n");
    let mut slow = server.connect();
    for _ in 0..COUNT {
        slow.send(&["GET", "big"]);
    }
    // Nobody has read a byte of 40 MiB of replies, and others are served all the same.
    for _ in 0..200 {
        other.ask(&["PING"], "+PONG\r\n");
    }
    let reply = format!("${VALUE_BYTES}\r\n{value}\r\n");
    for _ in 0..COUNT {
        slow.expect(&reply);
    }
    slow.ask(&["PING"], "+PONG\r\n");
}

#[test]
fn requests_may_come_in_any_pieces() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    for byte in b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$3\r\nabc\r\nPING\r\n" {
        client.stream().write_all(&[*byte]).expect("the server reads");
    }
    client.expect("+OK\r\n+PONG\r\n");
    // More than the server's buffer holds, in one go.
    let value = "v".repeat(3_000_000);
    client.ask(&["SET", "k", &value], "+OK\r\n");
    client.ask(&["GET", "k"], &format!("$3000000\r\n{value}\r\n"));
}

#[test]
fn many_pipelined_requests_are_answered_in_order() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let writer = client.stream().try_clone().expect("a socket");
    let sender = std::thread::spawn(move || {
        let mut writer = Client::new(writer);
        for index in 0..20_000 {
            writer.send(&["SET", "k", &index.to_string()]);
            writer.send(&["GET", "k"]);
        }
    });
    for index in 0..20_000 {
        let value = index.to_string();
        client.expect(&format!("+OK\r\n${}\r\n{value}\r\n", value.len()));
    }
    sender.join().expect("everything was sent");
}

#[test]
fn the_last_request_is_answered_though_nothing_follows() {
    // Like `printf ... | nc`: the sending half is closed right behind the request.
    let server = Server::start(&[]);
    for _ in 0..50 {
        let mut client = server.connect();
        client.send(&["SET", "a", "b"]);
        client.stream().shutdown(Shutdown::Write).expect("a socket");
        assert_eq!(client.rest(), b"+OK\r\n");
    }
}

#[test]
fn a_unix_socket_serves_with_its_permissions() {
    let scratch = Scratch::new();
    let path = scratch.join("socket");
    // A socket that a process left behind is in nobody's way.
    drop(std::os::unix::net::UnixListener::bind(&path).expect("a socket"));
    let server = Server::start(&["--unixsocket", &path, "--unixsocketperm", "750"]);
    let metadata = std::fs::metadata(&path).expect("the socket is there");
    assert_eq!(metadata.permissions().mode() & 0o777, 0o750);
    let stream = UnixStream::connect(&path).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let mut client = Client::new(stream);
    client.ask(&["PING"], "+PONG\r\n");

    let taken = scratch.join("other");
    let (code, text) = run(&["--port", "0", "--unixsocket", &path, "--dir", &taken]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("Failed opening Unix socket") && text.contains("in use"), "{text}");

    server.signal("TERM");
    assert_eq!(server.wait().0.code(), Some(0));
    assert!(!std::path::Path::new(&path).exists(), "it goes away with the server");
}

#[test]
fn running_out_of_descriptors_stops_nobody() {
    // 64 are kept for other things than clients, so some 100 connections use up what there is.
    let data = Scratch::new();
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
    let limited = format!(
        "ulimit -n 100; exec {} --bind 127.0.0.1 --port {port} --dir {}",
        env!("CARGO_BIN_EXE_lockstep"),
        data.join("data")
    );
    let child = std::process::Command::new("sh").args(["-c", &limited]).spawn().expect("a shell");
    let running = Guarded(child);
    let start = std::time::Instant::now();
    let mut first = loop {
        match std::net::TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => break Client::over(stream),
            Err(error) => {
                assert!(
                    error.kind() == ErrorKind::ConnectionRefused && start.elapsed() < PATIENCE,
                    "{error}"
                );
                std::thread::yield_now();
            }
        }
    };
    // While it reads its files it answers little, but this.
    first.ask(&["ECHO", "x"], "$1\r\nx\r\n");
    let connect = || std::net::TcpStream::connect(("127.0.0.1", port)).expect("the queue takes it");
    let crowd: Vec<_> = (0..150).map(|_| connect()).collect();
    for _ in 0..100 {
        first.ask(&["ECHO", "x"], "$1\r\nx\r\n");
    }
    drop(crowd);
    // Whoever comes when there is room again is served, though the queue was full of the others.
    let served = loop {
        let mut last = Client::over(connect());
        last.send(&["PING"]);
        let mut reply = [0; 7];
        match std::io::Read::read_exact(&mut last.stream(), &mut reply) {
            Ok(()) => break reply,
            // Still beyond the number of clients there is room for.
            Err(_) => assert!(start.elapsed() < PATIENCE, "never served"),
        }
    };
    drop(running);
    assert!(&served == b"+PONG\r\n" || served.starts_with(b"-ERR"), "{served:?}");
}

#[test]
fn the_process_says_what_it_is() {
    let (code, text) = run(&["--version"]);
    assert_eq!(code, 0);
    assert!(text.starts_with("Lockstep v="), "{text}");
    let (code, text) = run(&["--help"]);
    assert_eq!(code, 0);
    for word in ["Usage:", "--profile durable", "Exit codes:", "SIGTERM"] {
        assert!(text.contains(word), "{word}");
    }
}
