"""Commands to a running node: policies that are set, survive kill -9, and are cleared again; what
queues have."""
import json
import os
import re
import signal
import subprocess
import time

import pika
import pytest

from harness import brokers

DATA = {"server.data_dir": "data"}
IN_MEMORY = {"server.control_socket": "control.sock"}


def run(*arguments, code):
    done = subprocess.run([brokers.PolyMQ.binary(), *arguments], capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stderr


def polymq(server, *arguments, code=0):
    """Has the node do a command; its output, or with another code its complaint."""
    socket = server.settings.get("server.control_socket")
    where = ["--control-socket", server.path(socket)] if socket else [
        "--data-dir", server.path("data")]
    return run(*arguments, *where, code=code)


def polymq_on(server, *arguments, code=0):
    """The same for commands that take the folder as an argument."""
    return run(*arguments, server.path("data"), code=code)


def listed(server, *arguments):
    return json.loads(polymq(server, *arguments, "--formatter", "json"))


def kill(server):
    server.process.send_signal(signal.SIGKILL)
    server.process.wait(30)


@pytest.fixture
def connect(broker):  # pylint: disable=unused-argument  (they end before it does)
    """connect(server) -> a channel with confirms."""
    connections = []

    def start(server):
        connections.append(pika.BlockingConnection(
            pika.ConnectionParameters("127.0.0.1", server.port)))
        channel = connections[-1].channel()
        channel.confirm_delivery()
        return channel

    yield start
    for connection in connections:
        try:
            connection.close()
        except pika.exceptions.AMQPError:
            pass  # its node was killed


def publish(channel, queue, *bodies):
    for body in bodies:
        channel.basic_publish("", queue, body.encode(), pika.BasicProperties(delivery_mode=2))


def drain(channel, queue):
    bodies = []
    while True:
        method, _, body = channel.basic_get(queue, auto_ack=True)
        if method is None:
            return bodies
        bodies.append(body.decode())


def eventually(channel, queue, bodies):
    found, deadline = [], time.monotonic() + 20
    while found != bodies:
        assert time.monotonic() < deadline, found
        found += drain(channel, queue)
        time.sleep(0.01)


def test_a_policy_counts_at_once_and_after_kill_9_until_it_is_cleared(broker, connect):
    server = broker(DATA)
    channel = connect(server)
    channel.queue_declare("dead", durable=True)
    channel.queue_declare("short.there", durable=True)
    channel.queue_declare("brief.there", durable=True)
    publish(channel, "short.there", "1", "2", "3")
    publish(channel, "brief.there", "old")

    polymq(server, "set-policy", "short", "^short", '{"max-length":2}', "--apply-to", "queues")
    polymq(server, "set_policy", "brief", "^brief",
           '{"message-ttl": 50, "dead-letter-exchange": "", "dead-letter-routing-key": "dead"}',
           "--priority", "7")
    channel.queue_declare("short.new", durable=True)
    publish(channel, "short.new", "1", "2", "3", "4")
    assert drain(channel, "short.there") == ["2", "3"]
    assert drain(channel, "short.new") == ["3", "4"]
    eventually(channel, "dead", ["old"])

    kill(server)
    server.start()
    policies = listed(server, "list-policies")
    assert policies == [
        {"vhost": "/", "name": "brief", "pattern": "^brief", "apply-to": "all",
         "definition": {"message-ttl": 50, "dead-letter-exchange": "",
                        "dead-letter-routing-key": "dead"}, "priority": 7, "origin": "runtime"},
        {"vhost": "/", "name": "short", "pattern": "^short", "apply-to": "queues",
         "definition": {"max-length": 2}, "priority": 0, "origin": "runtime"}]
    channel = connect(server)
    publish(channel, "short.there", "1", "2", "3")
    publish(channel, "brief.there", "new")
    assert drain(channel, "short.there") == ["2", "3"]
    eventually(channel, "dead", ["new"])

    polymq(server, "clear-policy", "short")
    polymq(server, "clear_policy", "brief")
    publish(channel, "short.there", "1", "2", "3")
    assert drain(channel, "short.there") == ["1", "2", "3"]
    kill(server)
    server.start()
    assert listed(server, "list_policies") == []


def test_what_expired_while_the_node_was_down_goes_where_the_policy_says(broker, connect):
    server = broker(DATA)
    channel = connect(server)
    channel.queue_declare("dead", durable=True)
    channel.queue_declare("q", durable=True, arguments={"x-message-ttl": 100})
    publish(channel, "q", "1")
    polymq(server, "set-policy", "p", "^q$",
           '{"dead-letter-exchange": "", "dead-letter-routing-key": "dead"}')
    kill(server)
    time.sleep(0.2)
    server.start()
    channel = connect(server)
    eventually(channel, "dead", ["1"])


def test_operator_policies_limit_what_users_ask_for(broker, connect):
    server = broker(DATA)
    channel = connect(server)
    channel.queue_declare("q", durable=True, arguments={"x-max-length": 10})
    polymq(server, "set-operator-policy", "limit", "", '{"max-length": 1}')
    publish(channel, "q", "1", "2", "3")
    assert drain(channel, "q") == ["3"]
    assert listed(server, "list-policies") == []
    assert [each["name"] for each in listed(server, "list-operator-policies")] == ["limit"]
    polymq(server, "clear-operator-policy", "limit")
    publish(channel, "q", "1", "2", "3")
    assert drain(channel, "q") == ["1", "2", "3"]


def test_vhosts_have_policies_of_their_own(broker):
    server = broker(DATA, vhosts=[{"name": "v"}])
    polymq(server, "set-policy", "-p", "v", "p", "^q", '{"max-length": 1}')
    assert listed(server, "list-policies") == []
    assert [each["vhost"] for each in listed(server, "list-policies", "--vhost", "v")] == ["v"]
    assert "no vhost 'w'" in polymq(server, "list-policies", "--vhost", "w", code=1)
    assert "no vhost 'w'" in polymq(server, "set-policy", "--vhost", "w", "p", "^q",
                                    '{"max-length": 1}', code=1)


@pytest.mark.parametrize("arguments, complaint", [
    (["p", "^q", '{"max-length": -1}'], "-1 is not a valid maximum length"),
    (["p", "^q", '{"foo": 1}'], '[{<<"foo">>,1}] are not recognised policy settings'),
    (["p", "^q", "{}"], "no policy provided"),
    (["p", "^q", "[]"], "definition is a JSON object"),
    (["p", "^q", "{"], "not JSON"),
    (["p", "(", '{"max-length": 1}'], "pattern should be regular expression but is invalid"),
    (["p", "^q", '{"max-length": 1}', "--apply-to", "all of it"], "unrecognised; should be one of"),
    (["", "^q", '{"max-length": 1}'], "needs a name"),
])
def test_what_is_wrong_is_said(broker, arguments, complaint):
    server = broker(DATA)
    assert complaint in polymq(server, "set-policy", *arguments, code=1)
    assert listed(server, "list-policies") == []


def test_policies_of_the_configuration_are_fixed_there(broker):
    fixed = {"vhost": "/", "name": "fixed", "pattern": "^q", "definition": {"max-length": 2}}
    server = broker(DATA, policies=[fixed])
    complaint = "policy 'fixed' in vhost '/' is in the configuration file: change it there"
    assert complaint in polymq(server, "set-policy", "fixed", "", '{"max-length": 9}', code=1)
    assert complaint in polymq(server, "clear-policy", "fixed", code=1)
    assert "no policy 'none' in vhost '/'" in polymq(server, "clear-policy", "none", code=1)
    (listed_one,) = listed(server, "list-policies")
    assert (listed_one["name"], listed_one["origin"]) == ("fixed", "configuration")
    polymq(server, "set-policy", "other", "^r", '{"max-length": 1}')
    assert polymq(server, "list-policies").splitlines() == [
        "vhost\tname\tpattern\tapply-to\tdefinition\tpriority\torigin",
        '/\tfixed\t^q\tall\t{"max-length":2}\t0\tconfiguration',
        '/\tother\t^r\tall\t{"max-length":1}\t0\truntime']


def test_without_a_socket_there_is_nobody_to_ask(broker):
    server = broker()
    complaint = polymq(server, "set-policy", "p", "^q", '{"max-length": 1}', code=1)
    assert f"no node is listening at {server.path('data/control')}" in complaint
    assert "which node?" in run("list-policies", code=2)


def test_a_node_in_memory_is_reached_where_it_is_told(broker, connect):
    server = broker(IN_MEMORY)
    for _ in range(2):
        polymq(server, "set-policy", "p", "^q", '{"max-length": 2}')
        channel = connect(server)
        channel.queue_declare("q", durable=True)
        publish(channel, "q", "1", "2", "3")
        assert listed(server, "list-queues", "name", "messages", "policy", "disk_live") == [
            {"name": "q", "messages": 2, "policy": "p", "disk_live": 0}]
        kill(server)
        server.start()
        assert listed(server, "list-policies") == []
    assert os.stat(server.path("control.sock")).st_mode & 0o777 == 0o600
    server.stop()
    assert "no node is listening" in polymq(server, "list-queues", code=1)


def test_the_socket_of_another_node_is_left_to_it(broker):
    server = broker(IN_MEMORY)
    path = server.path("control.sock")
    complaint = run("--amqp-port", "0", "--set", "sqs.port=0", "--control-socket", path, code=1)
    assert f"cannot listen on {path}: Address already in use" in complaint
    assert listed(server, "list-queues") == []


# Queues

def test_queues_are_listed_with_what_they_have(broker, connect):
    server = broker(DATA, vhosts=[{"name": "v"}])
    channel = connect(server)
    channel.queue_declare("busy", durable=True)
    channel.queue_declare("mine", exclusive=True)
    channel.queue_declare("strict", durable=True, arguments={"x-queue-type": "quorum"})
    publish(channel, "busy", "1", "22", "333")
    channel.basic_get("busy")
    channel.basic_consume("mine", lambda *_: None)
    polymq(server, "set-policy", "p", "^b", '{"max-length": 9}')
    columns = ["name", "messages", "messages_ready", "messages_unacknowledged", "consumers",
               "policy", "type", "exclusive", "message_bytes_ready"]
    assert listed(server, "list-queues", *columns) == [
        dict(zip(columns, row)) for row in [
            ("busy", 3, 2, 1, 0, "p", "classic", False, 5),
            ("mine", 0, 0, 0, 1, "", "classic", True, 0),
            ("strict", 0, 0, 0, 0, "", "quorum", False, 0)]]
    assert polymq(server, "list_queues") == "name\tmessages\nbusy\t3\nmine\t0\nstrict\t0\n"
    assert listed(server, "list-queues", "-p", "v") == []
    assert "no vhost 'w'" in polymq(server, "list-queues", "-p", "w", code=1)
    assert "no column 'size'; there are: name" in polymq(server, "list-queues", "size", code=1)


def test_many_queues_are_listed_from_all_shards(broker, connect):
    server = broker({**DATA, "server.shards": 3})
    channel = connect(server)
    names = [f"q{number:04}" for number in range(1000)]
    for name in names:
        channel.queue_declare(name)
    assert [each["name"] for each in listed(server, "list-queues", "name")] == names


def uses(text):
    """What `store usage` and `store check` tell: {kind and name: (live, dead)}, and the total."""
    found = {(kind, name): (int(live), int(dead)) for kind, name, live, dead in re.findall(
        r"^(queue|exchange) (?:\d+ )?'(.*?)'.*on disk (\d+) live, (\d+) dead$", text, re.M)}
    (total,) = re.findall(r"^segments have \d+ bytes: (\d+) live, .*\((\d+) dead", text, re.M)
    return {one: use for one, use in found.items() if use != (0, 0)}, tuple(map(int, total))


def test_the_disks_use_is_told_by_queue_and_is_what_a_check_finds(broker, connect):
    server = broker(DATA)
    channel = connect(server)
    for queue in ("kept", "emptied", "deleted"):
        channel.queue_declare(queue, durable=True)
        publish(channel, queue, *["x" * 1000] * 20)
    channel.queue_declare("passing")
    publish(channel, "passing", "in memory")
    channel.queue_purge("emptied")
    channel.queue_delete("deleted")
    publish(channel, "kept", "last")  # what was settled before is written, too
    by_queue, total = uses(polymq_on(server, "store", "usage"))
    live, dead = by_queue["queue", "kept"]
    assert 20 * 1000 < live < 25 * 1000 and dead == 0
    assert by_queue["queue", "emptied"][0] == 0 and by_queue["queue", "emptied"][1] > 20 * 1000
    assert total[0] == live and total[1] > 40 * 1000
    rows = {row["name"]: row for row in listed(server, "list-queues", "name", "disk_live",
                                               "disk_dead")}
    assert rows["kept"]["disk_live"] == live
    assert rows["emptied"]["disk_dead"] == by_queue["queue", "emptied"][1]
    assert (rows["passing"]["disk_live"], rows["passing"]["disk_dead"]) == (0, 0)
    assert "in use by another process" in polymq_on(server, "store", "check", code=1)
    kill(server)
    assert uses(polymq_on(server, "store", "check")) == (by_queue, total)
    assert "no node is running" in polymq_on(server, "store", "usage", code=1)
    server.start()
