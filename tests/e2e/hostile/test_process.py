"""The process: starting, signals, and what it says when it cannot."""
import contextlib
import os
import resource
import signal
import socket
import subprocess
import threading
import time

import pytest

from harness import brokers, fixture, process, wire
from support import (depth, eventually, method, patience, publish, scale, send_until_stuck,
                     silent_socket)

ALL = [{"vhost": "*", **fixture.ALL}]
GUEST = {"name": "guest", "password": "guest", "permissions": ALL}


def attempt(*arguments, environment=None, **options):
    """A start that must fail: (exit code, lines of output)."""
    ended = subprocess.run([brokers.PolyMQ.binary(), "server", *arguments], text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           env={**os.environ, **(environment or {})},
                           timeout=patience(10), **options)
    return ended.returncode, ended.stdout.splitlines()


def listen_on(port):
    return ["--set", f"amqp.listeners=127.0.0.1:{port}", "--sqs-port", "0"]


# Starts that fail

def test_a_port_in_use(broker):
    server = broker()
    code, lines = attempt(*listen_on(server.port))
    assert code == 1 and "Address already in use" in lines[-1] and str(server.port) in lines[-1]
    assert sum(" error [" in line for line in lines) == 1


def refusals(folder):
    def file(name, text):
        with open(os.path.join(folder, name), "w") as out:
            out.write(text)
        return os.path.join(folder, name)

    config = file("wrong.toml", '[amqp]\nport = "many"\n')
    unknown = file("unknown.toml", "[amqp]\nprot = 5672\n")
    broken = file("broken.toml", "[amqp\n")
    users = file("users.toml", '[[users]]\nname = "x"\npasword = "y"\n')
    missing = os.path.join(folder, "nowhere.toml")
    return {
        "a missing configuration": (["--config", missing], [missing]),
        "a value of the wrong type": (["--config", config], [f"{config}:2", "amqp.port"]),
        "an unknown key": (["--config", unknown], [f"{unknown}:2", "amqp.prot", "amqp.port"]),
        "no TOML": (["--config", broken], [f"{broken}:1"]),
        "a missing users file": (["--set", f"auth.users_file={missing}"], [missing]),
        "a wrong users file": (["--set", f"auth.users_file={users}"], [f"{users}:3", "pasword"]),
        "a stranger as the anonymous user": (["--set", "auth.anonymous_user=nobody"],
                                             ["auth.anonymous_user", "nobody"]),
        "an address of another machine": (["--set", "amqp.listeners=192.0.2.1:5672"],
                                          ["192.0.2.1:5672"]),
        "a log file in no folder": (["--set", f"log.file={missing}/log"], [f"{missing}/log"]),
        "an unknown option": (["--prot", "1"], ["--prot"]),
        "a setting that is none": (["--set", "amqp.port"], ["amqp.port"]),
        "a socket in no folder": (["--set", f"amqp.listeners=unix:{missing}/s"], [missing]),
    }


@pytest.mark.parametrize("case", [
    "a missing configuration", "a value of the wrong type", "an unknown key", "no TOML",
    "a missing users file", "a wrong users file",
    "a stranger as the anonymous user", "an address of another machine", "a log file in no folder",
    "an unknown option", "a setting that is none", "a socket in no folder"])
def test_a_start_that_cannot_be_says_why_in_a_line(tmp_path, case):
    arguments, parts = refusals(str(tmp_path))[case]
    port = [] if any("listeners" in each for each in arguments) else \
        listen_on(process.free_port())
    code, lines = attempt(*port, *arguments)
    print(code, lines)
    assert code not in (0, -6, -11)
    assert any(all(part in line for part in parts) for line in lines), lines
    assert len(lines) <= 3


def test_too_few_descriptors():
    def only_a_few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))

    code, lines = attempt(*listen_on(process.free_port()), preexec_fn=only_a_few)
    assert code == 1 and any("only 40 file descriptors" in line for line in lines), lines


def test_running_out_of_descriptors_ends_nothing(broker):
    server = broker({"amqp.handshake_timeout": "60s"}, tolerated=["cannot accept a connection"])
    with server.client() as client, contextlib.ExitStack() as stack:
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE,
                         (server.descriptors() + 20,) * 2)
        for _ in range(60):
            stack.enter_context(silent_socket(server))
        eventually(lambda: "cannot accept a connection" in server.log_text())
        client.call(1, "queue.declare", queue="q")
        stack.close()
        with server.client() as late:
            assert depth(late, "q") == 0
    assert server.log_text().count("cannot accept a connection") < 30


# Start and stop

def test_from_start_to_the_first_handshake(tmp_path):
    port, seconds = process.free_port(), []
    for _ in range(3):
        started = time.monotonic()
        running = process.start([brokers.PolyMQ.binary(), *listen_on(port)],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while True:
                with contextlib.suppress(OSError), wire.Client(port) as client:
                    client.open()
                    break
                time.sleep(0.001)
            seconds.append(time.monotonic() - started)
        finally:
            assert process.stop(running, patience(10)) == 0
    print("start to first handshake: " + ", ".join(f"{each * 1000:.0f} ms" for each in seconds))


def notified(listener):
    return listener.recv(4096).decode().splitlines()


def test_systemd_is_told(broker, tmp_path):
    path = f"/tmp/polymq-notify-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        try:
            listener.settimeout(patience(10))
            server = broker(environment={"NOTIFY_SOCKET": path})
            assert "READY=1" in notified(listener)
            server.process.send_signal(signal.SIGHUP)
            assert "RELOADING=1" in notified(listener)
            assert "READY=1" in notified(listener)
            server.stop()
            assert "STOPPING=1" in notified(listener)
        finally:
            os.unlink(path)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_under_load_tells_everybody(broker, signum):
    server = broker()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(server.client()) for _ in range(50)]
        for client in clients:
            client.call(1, "queue.declare", queue="q")
            client.call(1, "basic.consume", queue="q", no_ack=True)
        publisher = stack.enter_context(server.client())
        flood = publish(1, "q", b"x" * 100) * 1000
        stopped = threading.Event()

        def keep_publishing():
            with contextlib.suppress(OSError):
                while not stopped.is_set():
                    publisher.send_bytes(flood)

        flooding = threading.Thread(target=keep_publishing, daemon=True)
        flooding.start()
        clients[0].expect("basic.deliver")
        started = time.monotonic()
        server.process.send_signal(signum)
        for client in clients:
            got = client.receive()
            while getattr(got, "name", "") != "connection.close":
                got = client.receive()
            assert (got.fields["code"], got.fields["text"]) == (
                320, "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'")
            client.send(0, "connection.close-ok")
            client.wait_closed()
        stopped.set()
        publisher.socket.close()
        assert server.process.wait(patience(8)) == 0
        print(f"stopped in {time.monotonic() - started:.2f} s")


def test_clients_that_do_not_answer_delay_the_stop_to_its_timeout_only(broker):
    server = broker({"server.shutdown_timeout": "1s"})
    with server.client(), server.client() as second:
        second.call(1, "queue.declare", queue="q")
        with silent_socket(server, 4096) as never_reads:
            never_reads.sendall(b"AMQP")
            started = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(patience(8)) == 0
            assert 0.9 < time.monotonic() - started < patience(4)


def test_no_new_connections_while_stopping(broker):
    server = broker({"server.shutdown_timeout": "3s"})
    with server.client() as client:
        server.process.send_signal(signal.SIGTERM)
        client.expect("connection.close")
        with pytest.raises(OSError):
            server.raw()
        client.send(0, "connection.close-ok")
        assert server.process.wait(patience(5)) == 0


def test_a_second_signal_ends_it_at_once(broker):
    server = broker({"server.shutdown_timeout": "60s"})
    with server.client() as client:
        server.process.send_signal(signal.SIGTERM)
        client.expect("connection.close")
        started = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(patience(5)) == -signal.SIGTERM
        assert time.monotonic() - started < patience(1)
    server.complaints = lambda: []  # this end was ordered


# Reload

def reload(server):
    before = server.log_text().count("reading the configuration again")
    server.process.send_signal(signal.SIGHUP)
    eventually(lambda: server.log_text().count("reading the configuration again") > before)


def test_the_log_level_changes_at_run_time(broker):
    server = broker()
    with server.client() as client:
        eventually(lambda: "connection opened" in server.log_text())
        server.settings["log.areas.connection"] = "warning"
        server.write_files()
        reload(server)
        time.sleep(0.2)
        before = server.log_text().count("connection opened")
        for _ in range(3):
            server.client().close()
        server.settings["log.areas.connection"] = "info"
        server.write_files()
        reload(server)
        time.sleep(0.2)
        assert server.log_text().count("connection opened") == before
        server.client(properties={"connection_name": "after all"}).close()
        eventually(lambda: "after all" in server.log_text())
        client.call(1, "queue.declare", queue="still here")


def test_the_log_file_is_opened_again(broker):
    server = broker()
    with server.client() as client:
        os.rename(server.path("broker.log"), server.path("broker.log.1"))
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: os.path.exists(server.path("broker.log")))
        # The file is there a moment before lines go to it.
        eventually(lambda: server.client().close() or "connection opened" in server.log_text())
        client.call(1, "queue.declare", queue="still here")


def test_users_change_at_run_time(broker):
    early = {"name": "early", "password": "p", "permissions": ALL}
    server = broker(users=[GUEST, early])
    with server.client(user="early", password="p") as client:
        client.call(1, "queue.declare", queue="q")
        client.publish(1, "q", b"allowed")
        eventually(lambda: depth(client, "q") == 1)
        assert "ACCESS_REFUSED" in server.refusal(user="late", password="p")
        server.users = [GUEST, {"name": "late", "password": "p", "permissions": ALL},
                        {**early, "permissions": [
                            {"vhost": "/", "configure": ".*", "write": "", "read": ".*"}]}]
        server.write_files()
        reload(server)
        eventually(lambda: server.refusal(user="late", password="p") == "accepted")
        # The connection stays; its rights are the new ones, remembered verdicts or not.
        client.call(1, "queue.declare", queue="another")
        client.publish(1, "q", b"not any more")
        assert client.expect("channel.close").fields["code"] == 403


def test_policies_change_at_run_time(broker):
    def policy(limit):
        return [{"name": "short", "pattern": "^short", "apply_to": "queues",
                 "definition": {"max-length": limit}}]

    server = broker(policies=policy(5))
    with server.client() as client:
        client.call(1, "queue.declare", queue="short")
        client.send_bytes(publish(1, "short", b"m") * 20)
        eventually(lambda: depth(client, "short") == 5)
        server.policies = policy(2)
        server.write_files()
        reload(server)
        eventually(lambda: depth(client, "short") == 2)
        server.policies = []
        server.write_files()
        reload(server)
        eventually(lambda: client.send_bytes(publish(1, "short", b"m")) or
                   depth(client, "short") > 10)


@pytest.mark.parametrize("wrong", ["[amqp\n", "[amqp]\nprot = 1\n"], ids=["no TOML", "bad key"])
def test_a_wrong_configuration_changes_nothing(broker, wrong):
    server = broker(tolerated=["the configuration was not reloaded"])
    with server.client() as client:
        with open(server.path("polymq.toml"), "w") as out:
            out.write(wrong)
        reload(server)
        eventually(lambda: "the configuration was not reloaded" in server.log_text())
        client.call(1, "queue.declare", queue="q")
        assert server.refusal() == "accepted"


def test_reloads_under_load_lose_nothing(broker):
    server = broker(policies=[{"name": "p", "pattern": "^other", "definition": {"max-length": 1}}])
    with server.client() as client:
        client.call(1, "queue.declare", queue="q")
        count = scale(200_000)
        sending = threading.Thread(target=client.send_bytes,
                                   args=(publish(1, "q", b"x" * 20) * count,), daemon=True)
        sending.start()
        for _ in range(20):
            server.process.send_signal(signal.SIGHUP)
            time.sleep(0.02)
        sending.join(patience(20))
        eventually(lambda: depth(client, "q") == count)


# Heartbeats

def test_the_server_sends_heartbeats(broker):
    with broker().client(heartbeat=1) as client:
        kind, channel, payload = client.receive_frame(timeout=patience(2))
        assert (kind, channel, payload) == (8, 0, b"")


def free(client, queue):
    client.send(1, "queue.declare", queue=queue)
    if client.receive().name == "queue.declare-ok":
        return True
    client.send(1, "channel.close-ok")
    client.call(1, "channel.open")
    return False


def test_a_silent_client_is_closed_and_a_beating_one_is_not(broker):
    server = broker()
    with server.client(heartbeat=1) as silent, server.client(heartbeat=1) as beating:
        silent.call(1, "queue.declare", queue="mine", exclusive=True)
        started = time.monotonic()
        ended = threading.Thread(target=silent.wait_closed, args=(patience(10),))
        ended.start()
        while ended.is_alive():
            beating.send_bytes(b"\x08\0\0\0\0\0\0\xce")
            time.sleep(0.2)
        assert 2 <= time.monotonic() - started < patience(5)
        eventually(lambda: "missed heartbeats" in server.log_text())
        eventually(lambda: free(beating, "mine"))  # what was exclusive goes with it


def test_traffic_is_as_good_as_heartbeats(broker):
    with broker().client(heartbeat=1) as client:
        client.call(1, "queue.declare", queue="q")
        for _ in range(16):
            client.send_bytes(publish(1, "q", b"m"))
            time.sleep(0.2)
        assert depth(client, "q") == 16


def test_a_client_that_reads_nothing_is_not_declared_dead_by_its_own_flood(broker):
    server = broker()
    with server.client(heartbeat=1) as client:
        client.call(1, "queue.declare", queue="q")
        send_until_stuck(client, method(1, "queue.declare", queue="q", passive=True) * 1000,
                         scale(60_000_000), quiet=0.5)
        time.sleep(4)
        assert "missed heartbeats" not in server.log_text()
        for _ in range(1000):
            client.expect("queue.declare-ok")


def cpu_seconds(server):
    with open(f"/proc/{server.process.pid}/stat") as status:
        fields = status.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_waiting_for_a_far_time_is_no_work(broker):
    server = broker()
    with server.client(heartbeat=600) as client:
        client.call(1, "queue.declare", queue="ttl", arguments={"x-message-ttl": 60_000})
        client.call(1, "queue.declare", queue="expires", arguments={"x-expires": 90_000})
        client.publish(1, "ttl", b"m")
        for delay in (10_000, 600_000, 30_000):
            client.publish(1, "expires", b"m", properties={"expiration": str(delay)})
        assert depth(client, "ttl") == 1
        time.sleep(0.6)  # some ticks
        before = cpu_seconds(server)
        time.sleep(1)
        assert cpu_seconds(server) - before < 0.3


def test_a_user_that_is_gone_loses_its_connection(broker):
    late = {"name": "late", "password": "p", "permissions": ALL}
    server = broker(users=[GUEST, late])
    with server.client(user="late", password="p") as client, server.client() as other:
        server.users = [GUEST]
        server.write_files()
        reload(server)
        close = client.expect("connection.close").fields
        assert (close["code"], close["text"]) == (
            320, "CONNECTION_FORCED - user 'late' is deleted")
        other.call(1, "queue.declare", queue="still here")


def test_a_setting_that_needs_a_restart_is_named(broker):
    server = broker()
    server.settings["amqp.backlog"] = 17
    server.write_files()
    reload(server)
    eventually(lambda: "takes effect at the next start" in server.log_text()
               and "amqp.backlog" in server.log_text())
