"""Runs a program on a terminal of its own and plays a person: argv[1] is JSON {command, steps: [[pattern, keys], ...]}.

Each step waits until its pattern is on the screen, after what the step before it saw, and then types its keys; keys that
begin with "resize" change the size of the window instead, "signal NAME" is for the foreground, and "kill PID" ends a process.
Prints JSON {screen, played, status}, the status as a shell sees it.
"""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

# Less than the test waits, which is to show what was on the screen.
TIMEOUT_S = 15


def end_session(leader):
    """Kills all that run in the session of `leader`: nothing of a test that failed runs on."""
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{int(entry)}/stat", encoding="latin1") as file:
                session = file.read().rpartition(")")[2].split()[3]
            if int(session) == leader:
                os.kill(int(entry), signal.SIGKILL)
        except (ValueError, OSError):
            pass


job = json.loads(sys.argv[1])
process, terminal = pty.fork()
if process == 0:
    os.environ.update(PS1="PROMPT> ", TERM="dumb")
    os.execvp(job["command"][0], job["command"])

screen, seen, played = b"", 0, 0
deadline = time.monotonic() + TIMEOUT_S
while time.monotonic() < deadline:
    if select.select([terminal], [], [], 0.05)[0]:
        try:
            chunk = os.read(terminal, 4096)
        except OSError:
            break
        if not chunk:
            break
        screen += chunk
    if played < len(job["steps"]):
        pattern, keys = job["steps"][played]
        found = re.search(pattern.encode(), screen[seen:])
        if found:
            seen += found.end()
            played += 1
            if keys == "resize":
                fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
            elif keys.startswith("signal "):
                os.killpg(os.tcgetpgrp(terminal), getattr(signal, keys[7:]))
            elif keys.startswith("kill "):
                os.kill(int(keys[5:]), signal.SIGKILL)
            else:
                os.write(terminal, keys.encode())
if time.monotonic() >= deadline:
    end_session(process)
status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
print(json.dumps({"screen": screen.decode(errors="replace"), "played": played, "status": status}))
