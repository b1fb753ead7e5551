"""The original client of TcpNetLock 0.1.8 as a client of a workload: tells its events on stdout, finishes when stdin ends."""
import json
import random
import signal
import sys
import threading
import time

from tcpnetlock import constants
from tcpnetlock.client.action import AcquireLockClientAction
from tcpnetlock.client.client import LockClient
from tcpnetlock.common import ClientDisconnected

# Longer than a node searches for a leader before it says that it has none.
ANSWER_TIMEOUT_S = 10
KEEPALIVE_INTERVAL_S = 0.25
MAX_HOLD_S = 1.0
MAX_THINK_S = 0.5
RETRY_S = 0.2
FINISH_TIMEOUT_S = 30
RESPONSES = [constants.RESPONSE_OK, constants.RESPONSE_LOCK_NOT_GRANTED, constants.RESPONSE_ERR]
# What a connection that breaks, closes or hangs leads to in the original client.
BROKEN = (OSError, ClientDisconnected, AssertionError)

order = json.loads(sys.argv[1])
stopping = threading.Event()
process = 1


def now():
    return time.monotonic_ns() - int(order['startedAt'])


def tell(kind, f, **value):
    at = now()
    entry = {'type': kind, 'process': process, 'f': f, 'value': value}
    print(json.dumps({'entry': entry, 'time': at}), flush=True)
    return at


def too_late(*_):
    raise TimeoutError('no answer')


def connect():
    host, port = random.choice(order['endpoints']).rsplit(':', 1)
    client = LockClient(host=host, port=int(port), client_id='original@python')
    signal.alarm(ANSWER_TIMEOUT_S)
    try:
        client.connect()
        return client
    except OSError:
        return None


def acquire(client, asked):
    """Does what LockClient.lock does, which does not tell `err` from `not-granted`."""
    global process
    try:
        action = AcquireLockClientAction(client._protocol, None, RESPONSES)
        code = action.handle(lock_name=asked['name'], client_id=client._client_id)
    except BROKEN:
        code = None
    if code == constants.RESPONSE_OK:
        tell('ok', 'acquire', **asked)
        return True
    if code == constants.RESPONSE_LOCK_NOT_GRANTED:
        tell('fail', 'acquire', **asked, reason='held')
        return False
    tell('info', 'acquire', **asked, reason='closed, silent or err')
    process += 1
    return False


def hold(client, name, seconds, proven):
    """Keeps the lock so long, and releases it. `proven`: so long it has certainly been held."""
    why = 'closed'
    try:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(min(KEEPALIVE_INTERVAL_S, max(0, end - time.monotonic())))
            signal.alarm(ANSWER_TIMEOUT_S)
            sent = now()
            client.keepalive()
            proven = sent
        sent = now()
        client.release()
        proven = sent
        why = 'released'
    except BROKEN:
        pass
    tell('info', 'hold-end', name=name, why=why, until=proven)


def turn(name, seconds, **about):
    """True if the lock was granted."""
    client = connect()
    if client is None:
        return False
    asked = {'name': name, 'client': 'python', 'wait': 0, **about}
    invoked = tell('invoke', 'acquire', **asked)
    granted = acquire(client, asked)
    if granted:
        hold(client, name, seconds, invoked)
    signal.alarm(0)
    client.close()
    return granted


def finish():
    deadline = time.monotonic() + FINISH_TIMEOUT_S
    for name in order['names']:
        while not turn(name, 0, finishing=True):
            if time.monotonic() > deadline:
                tell('info', 'stuck', error=name + ' cannot be had')
                return
            time.sleep(RETRY_S)


def watch_stdin():
    sys.stdin.read()
    stopping.set()


signal.signal(signal.SIGALRM, too_late)
threading.Thread(target=watch_stdin, daemon=True).start()
while not stopping.is_set():
    turn(random.choice(order['names']), random.random() * MAX_HOLD_S)
    stopping.wait(random.random() * MAX_THINK_S)
finish()
