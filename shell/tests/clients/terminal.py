"""redis-cli in a terminal: its hints and help come from COMMAND DOCS, which only a terminal makes it ask for.

Usage: terminal.py PORT
"""

import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time

port = sys.argv[1]
child, terminal = pty.fork()
if child == 0:
    os.environ["TERM"] = "xterm"
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    os.execvp("redis-cli", ["redis-cli", "-p", port, "-n", "9"])

screen = b""


def expect(text, seconds=20):
    global screen
    end = time.monotonic() + seconds
    while text not in screen:
        if time.monotonic() > end:
            raise SystemExit(f"{text!r} did not appear in {screen!r}")
        if select.select([terminal], [], [], 0.1)[0]:
            screen += os.read(terminal, 65536)
    # What follows it may be here already, and be expected next.
    screen = screen[screen.index(text) + len(text) :]


def type_line(line):
    os.write(terminal, line + b"\r")


expect(b"[9]> ")
type_line(b"help getdel")
expect(b"summary")
type_line(b"set interactive 41")
expect(b"OK")
type_line(b"incr interactive")
expect(b"42")
# The hint behind what is typed, and completion by the tabulator.
expect(b"[9]> ")
os.write(terminal, b"getra")
expect(b"getra")
os.write(terminal, b"\t")
expect(b"GETRANGE")
os.write(terminal, b"\x15")
type_line(b"quit")
os.waitpid(child, 0)
print("redis-cli in a terminal passed")
