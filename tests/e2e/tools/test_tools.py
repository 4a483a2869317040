"""amqp-tools: publish, get, consume, declare and delete from the shell."""
import signal
import time
import uuid

import pytest
from conftest import HOST, PORT

from harness import codec, process


def test_publish_and_get(tools, queue):
    tools.out("publish", "-r", queue, "-b", "hello")
    assert tools.out("get", "-q", queue) == "hello"


def test_get_of_an_empty_queue_fails(tools, queue):
    result = tools("get", "-q", queue)
    assert result.returncode == 2
    assert result.stdout == b""


def test_messages_come_in_order(tools, queue):
    for number in range(5):
        tools.out("publish", "-r", queue, "-b", str(number))
    assert [tools.out("get", "-q", queue) for _ in range(5)] == ["0", "1", "2", "3", "4"]


def test_a_body_from_standard_input(tools, queue):
    tools.out("publish", "-r", queue, stdin=b"from stdin\n")
    assert tools.out("get", "-q", queue) == "from stdin\n"


def test_a_message_a_line(tools, queue):
    tools.out("publish", "-r", queue, "-l", stdin=b"one\ntwo\nthree\n")
    assert [tools.out("get", "-q", queue).strip() for _ in range(3)] == ["one", "two", "three"]


def test_a_body_larger_than_a_frame(tools, queue):
    body = "0123456789" * 40000
    tools.out("publish", "-r", queue, stdin=body.encode())
    assert tools.out("get", "-q", queue) == body


@pytest.mark.parametrize("option, name, value", [
    ("-C", "content_type", "text/plain"), ("-E", "content_encoding", "utf-8"),
    ("-t", "reply_to", "answers")])
def test_properties(tools, queue, client, option, name, value):
    tools.out("publish", "-r", queue, option, value, "-b", "m")
    client.send(1, "basic.get", queue=queue, no_ack=True)
    got = client.expect("basic.get-ok")
    assert codec.decode_properties(got.raw_properties)[name] == value


def test_persistent_messages_and_headers(tools, queue, client):
    tools.out("publish", "-r", queue, "-p", "-H", "color: red", "-b", "m")
    client.send(1, "basic.get", queue=queue, no_ack=True)
    properties = codec.decode_properties(client.expect("basic.get-ok").raw_properties)
    assert properties["delivery_mode"] == 2
    assert properties["headers"]["color"].strip() == "red"


def test_publish_to_an_exchange(tools, queue, client):
    client.call(1, "queue.bind", queue=queue, exchange="amq.topic", routing_key=f"{queue}.#")
    tools.out("publish", "-e", "amq.topic", "-r", f"{queue}.a.b", "-b", "m")
    assert tools.out("get", "-q", queue) == "m"


def test_publish_to_a_missing_exchange_is_told(tools):
    result = tools("publish", "-e", "no-such-exchange", "-r", "k", "-b", "m")
    # The tool closes its channel right after publishing and may miss the answer.
    assert result.returncode in (0, 1)
    if result.returncode:
        assert b"404" in result.stderr


def test_get_of_a_missing_queue_is_404(tools):
    result = tools("get", "-q", "no-such-queue")
    assert result.returncode != 0
    assert b"NOT_FOUND - no queue 'no-such-queue' in vhost '/'" in result.stderr


def test_consume_a_number_of_messages(tools, queue):
    for number in range(3):
        tools.out("publish", "-r", queue, "-b", f"m{number}")
    out = tools.out("consume", "-q", queue, "-c", "3", "cat")
    assert out == "m0m1m2"


def test_consume_waits_for_messages(tools, queue):
    consumer = tools.start("consume", "-q", queue, "-c", "2", "cat")
    time.sleep(0.2)
    tools.out("publish", "-r", queue, "-b", "first ")
    tools.out("publish", "-r", queue, "-b", "second")
    assert consumer.communicate(timeout=10)[0] == b"first second"
    assert consumer.returncode == 0


def test_what_a_killed_consumer_held_comes_back(tools, queue, tmp_path):
    hang = tmp_path / "hang"
    hang.write_text("#!/bin/sh\ncat\necho\nexec sleep 30\n")
    hang.chmod(0o755)
    tools.out("publish", "-r", queue, "-b", "m")
    consumer = tools.start("consume", "-q", queue, str(hang))
    assert consumer.stdout.readline() == b"m\n"
    process.signal_group(consumer, signal.SIGKILL)
    consumer.wait()
    deadline = time.monotonic() + 10
    while (result := tools("get", "-q", queue)).returncode and time.monotonic() < deadline:
        time.sleep(0.05)
    assert result.stdout == b"m"


def test_consume_binds_a_queue_of_its_own(tools):
    key = uuid.uuid4().hex
    consumer = tools.start("consume", "-e", "amq.topic", "-r", key, "-c", "1", "cat")
    deadline = time.monotonic() + 10
    while consumer.poll() is None and time.monotonic() < deadline:
        tools.out("publish", "-e", "amq.topic", "-r", key, "-b", "hello")
        time.sleep(0.1)
    assert consumer.communicate(timeout=5)[0] == b"hello"


def test_automatic_acks_leave_nothing(tools, queue):
    tools.out("publish", "-r", queue, "-b", "m")
    assert tools.out("consume", "-q", queue, "-A", "-c", "1", "cat") == "m"
    assert tools("get", "-q", queue).returncode == 2


def test_prefetch_is_accepted(tools, queue):
    for _ in range(3):
        tools.out("publish", "-r", queue, "-b", "m")
    assert tools.out("consume", "-q", queue, "-p", "1", "-c", "3", "cat") == "mmm"


def test_declare_a_server_named_queue_for_this_connection_only(tools):
    name = tools.out("declare-queue", "--queue", "").strip()
    assert name.startswith("amq.gen-")
    tools("delete-queue", "--queue", name)


def test_declare_durable_and_declare_again_transient(tools):
    name = f"tools.{uuid.uuid4().hex[:10]}"
    try:
        tools.out("declare-queue", "--queue", name, "--durable")
        result = tools("declare-queue", "--queue", name)
        assert result.returncode != 0
        assert b"inequivalent arg 'durable'" in result.stderr
    finally:
        tools("delete-queue", "--queue", name)


def test_delete_tells_how_many_messages_there_were(tools, queue):
    for _ in range(3):
        tools.out("publish", "-r", queue, "-b", "m")
    assert tools.out("delete-queue", "--queue", queue).split() == ["3"]


def test_delete_if_empty(tools, queue):
    tools.out("publish", "-r", queue, "-b", "m")
    result = tools("delete-queue", "--queue", queue, "--if-empty")
    assert result.returncode != 0
    assert f"queue '{queue}' in vhost '/' not empty".encode() in result.stderr
    assert tools.out("get", "-q", queue) == "m"
    tools.out("delete-queue", "--queue", queue, "--if-empty")


def test_another_vhost(tools, queue):
    result = tools("get", "-q", queue, vhost="e2e")
    assert b"in vhost 'e2e'" in result.stderr


@pytest.mark.parametrize("vhost, user, password", [
    ("/", "guest", "wrong"), ("no-such-vhost", "guest", "guest"), ("/", "nobody", "nobody-pw")])
def test_a_refused_login_fails(tools, vhost, user, password):
    result = tools("get", "-q", "q", vhost=vhost, connect=[
        "--server", HOST, "--port", PORT, "--username", user, "--password", password])
    assert result.returncode not in (0, 2)


def test_a_heartbeat_keeps_a_waiting_consumer(tools, queue):
    consumer = tools.start("consume", "-q", queue, "--heartbeat", "1", "-c", "1", "cat")
    time.sleep(3.5)
    tools.out("publish", "-r", queue, "-b", "still there")
    assert consumer.communicate(timeout=10)[0] == b"still there"
