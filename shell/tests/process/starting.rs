//! Starting and stopping: configuration, exit codes, signals, one process per directory.

use std::fs;
use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;

use crate::server::{Guarded, PATIENCE, Scratch, Server, command, run};

#[test]
fn a_directory_has_one_process() {
    let server = Server::start(&[]);
    let data = server.scratch.join("data");
    let (code, text) = run(&["--port", "0", "--unixsocket", &server.scratch.join("s"), "--dir", &data]);
    assert_eq!(code, 1);
    assert!(text.contains("in use by another process"), "{text}");
    server.connect().ask(&["PING"], "+PONG\r\n");
    // A process that is gone leaves no lock, however it went.
    server.signal("KILL");
    let (_, scratch) = server.wait();
    Server::start_in(scratch, &[]).connect().ask(&["PING"], "+PONG\r\n");
}

#[test]
fn a_port_has_one_process() {
    let server = Server::start(&[]);
    let scratch = Scratch::new();
    let (code, text) =
        run(&["--bind", "127.0.0.1", "--port", &server.port.to_string(), "--dir", &scratch.join("data")]);
    assert_eq!(code, 1);
    assert!(text.contains("Could not create server TCP listening socket 127.0.0.1:"), "{text}");
}

#[test]
fn signals_stop_cleanly() {
    for signal in ["TERM", "INT"] {
        let scratch = Scratch::new();
        let pidfile = scratch.join("pid");
        let mut server = Server::start(&["--pidfile", &pidfile]);
        assert_eq!(fs::read_to_string(&pidfile).expect("written"), format!("{}\n", server.id()));
        server.signal("HUP");
        server.connect().ask(&["SET", "a", "b"], "+OK\r\n");
        assert!(server.is_running(), "SIGHUP means nothing");
        server.signal(signal);
        assert_eq!(server.wait().0.code(), Some(0), "{signal}");
        assert!(!fs::exists(&pidfile).expect("readable"));
    }
}

#[test]
fn wrong_settings_end_the_start_with_the_line() {
    let scratch = Scratch::new();
    let path = scratch.join("a.conf");
    for (content, expected) in [
        (
            "# comment\nport abc\n",
            "Reading the configuration file, at line 2\n>>> 'port abc'\nargument couldn't be parsed into an integer",
        ),
        ("foo bar\n", ">>> 'foo bar'\nBad directive or wrong number of arguments"),
        ("logfile \"abc\n", ">>> 'logfile \"abc'\nUnbalanced quotes in configuration line"),
        ("daemonize yes\n", "supervisor"),
        ("include /nonexistent\n", "can't open config file '/nonexistent'"),
        ("port 0\n", "Configured to not listen anywhere"),
        ("raft-id 1\nraft-listen 127.0.0.1:1\nappendfsync no\n", "appendfsync must be always"),
    ] {
        fs::write(&path, format!("{content}dir {}\n", scratch.join("data"))).expect("writable");
        let (code, text) = run(&[&path]);
        assert_eq!(code, 1, "{content}");
        assert!(text.contains(expected), "{content}: {text}");
    }
    let (code, text) = run(&["--port"]);
    assert_eq!(code, 1);
    assert!(text.contains("*** FATAL CONFIG FILE ERROR (Lockstep "), "{text}");
    assert!(
        text.contains("Reading the command line, at line 1\n>>> '--port'\nwrong number of arguments"),
        "{text}"
    );
    let (code, text) = run(&["/nonexistent.conf"]);
    assert_eq!(code, 1);
    assert!(text.contains("Fatal error, can't open config file '/nonexistent.conf': No such file"), "{text}");
    let (code, text) = run(&["--port", "1", "--dir", "/proc/nowhere"]);
    assert_eq!(code, 1);
    assert!(text.contains("Can't make the data directory '/proc/nowhere'"), "{text}");
}

#[test]
fn settings_come_from_a_file_and_the_standard_input() {
    let scratch = Scratch::new();
    let (path, socket, log) = (scratch.join("a.conf"), scratch.join("socket"), scratch.join("log"));
    let text = format!("port 0\nlogfile {log}\ndir {}\nsyslog-enabled yes\n", scratch.join("data"));
    fs::write(&path, text).expect("writable");
    let child = command(&[&path, "-"]).stdin(Stdio::piped()).spawn().expect("the binary runs");
    let mut running = Guarded(child);
    let mut input = running.0.stdin.take().expect("piped");
    input.write_all(format!("unixsocket {socket}\n").as_bytes()).expect("it reads");
    drop(input);
    let start = std::time::Instant::now();
    let logged = loop {
        let logged = fs::read_to_string(&log).unwrap_or_default();
        if logged.contains("Ready to accept connections") {
            break logged;
        }
        assert!(start.elapsed() < PATIENCE, "{logged}");
        std::thread::yield_now();
    };
    assert!(logged.contains("Settings without effect here: syslog-enabled"), "{logged}");
    assert!(logged.contains(&format!("Listening on {socket}")), "{logged}");
    assert!(logged.contains("a write is answered when it is on this disk"), "{logged}");
}

#[test]
fn a_supervisor_hears_when_it_serves_and_when_it_stops() {
    let scratch = Scratch::new();
    let (path, socket) = (scratch.join("notify"), scratch.join("socket"));
    let supervisor = UnixDatagram::bind(&path).expect("a socket");
    supervisor.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let arguments = ["--supervised", "systemd", "--port", "0", "--unixsocket", &socket];
    let child = command(&[&arguments[..], &["--dir", &scratch.join("data")]].concat())
        .env("NOTIFY_SOCKET", &path)
        .stdout(Stdio::null())
        .spawn()
        .expect("the binary runs");
    let mut running = Guarded(child);
    let heard = || {
        let mut bytes = [0; 200];
        let count = supervisor.recv(&mut bytes).expect("it speaks");
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    };
    assert!(heard().starts_with("READY=1\n"));
    let stopped = std::process::Command::new("kill").arg(running.0.id().to_string()).status();
    assert!(stopped.expect("kill runs").success());
    assert_eq!(heard(), "STOPPING=1\n");
    assert_eq!(running.0.wait().expect("a child").code(), Some(0));
}
