"""Holds one listening socket open and starts programs with it, as systemd's socket activation does.

Prints the port. Then each line of standard input, a JSON list of a log file and a command, starts that command;
prints its process id, and once it has ended `ended ID CODE`.
"""

import json
import os
import socket
import sys
import threading

held = socket.socket()
held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
held.bind(('127.0.0.1', 0))
held.listen(512)
print(held.getsockname()[1], flush=True)


def start(log, *command):
    child = os.fork()
    if child != 0:
        return child
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open('/dev/null', os.O_RDONLY)
    os.dup2(held.fileno(), 3)
    os.set_inheritable(3, True)
    for descriptor, goes_to in ((0, nothing), (1, output), (2, output)):
        os.dup2(goes_to, descriptor)
    os.execve(command[0], command, {**os.environ, 'LISTEN_FDS': '1', 'LISTEN_PID': str(os.getpid())})


def tell_end(child):
    _, status = os.waitpid(child, 0)
    print(f'ended {child} {os.waitstatus_to_exitcode(status)}', flush=True)


for line in sys.stdin:
    started = start(*json.loads(line))
    print(started, flush=True)
    threading.Thread(target=tell_end, args=[started], daemon=True).start()
