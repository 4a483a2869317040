"""SQS for clients that send nonsense, are slow, or come in crowds and go without a word."""
import contextlib
import json
import socket
import time

import pytest

from support import MIB, assert_grew_less, eventually, patience, sanitized, scale
from test_http import Raw, post, served  # noqa: F401  (served is a fixture)

JSON = b"Content-Type: application/x-amz-json-1.0"
FORM = b"Content-Type: application/x-www-form-urlencoded"
QUEUE = "http://here/000000000000/q"


def call(action, members=None, raw=None):
    """The bytes of a request in the JSON protocol."""
    body = raw if raw is not None else json.dumps(members or {}).encode()
    return post(body, JSON, b"X-Amz-Target: AmazonSQS." + action.encode())


def form(body):
    return post(body, FORM)


def poll(seconds=20):
    return call("ReceiveMessage", {"QueueUrl": QUEUE, "WaitTimeSeconds": seconds})


def send(body="x"):
    return call("SendMessage", {"QueueUrl": QUEUE, "MessageBody": body})


def answer(client, request):
    """The status and what the JSON answer says."""
    client.send(request)
    status, _, body = client.response()
    return status, json.loads(body)


def is_served(server):
    """Somebody sends, receives and deletes."""
    with Raw(server) as client:
        assert answer(client, send("mine"))[0] == 200
        status, told = answer(client, poll())
        assert status == 200
        (got,) = told["Messages"]
        assert got["Body"] == "mine"
        assert answer(client, call("DeleteMessage", {
            "QueueUrl": QUEUE, "ReceiptHandle": got["ReceiptHandle"]}))[0] == 200


@pytest.fixture
def queue(served):  # noqa: F811
    """queue({"sqs.key": value}) -> a broker with an SQS queue `q`."""
    def start(settings=None):
        server = served(settings)
        with Raw(server) as client:
            assert answer(client, call("CreateQueue", {"QueueName": "q"}))[0] == 200
        return server
    return start


# Requests that make no sense

DEEP = 100_000
MALFORMED = {
    "no JSON": (call("SendMessage", raw=b"nonsense"), 400),
    "half a JSON text": (call("SendMessage", raw=b'{"QueueUrl": "'), 400),
    "two JSON texts": (call("SendMessage", raw=b"{}{}"), 400),
    "a list": (call("SendMessage", raw=b"[]"), 400),
    "a number for a text": (call("SendMessage", {"QueueUrl": QUEUE, "MessageBody": 7}), 400),
    "a text for a list": (call("SendMessageBatch", {"QueueUrl": QUEUE, "Entries": "x"}), 400),
    "a list for a map": (call("CreateQueue", {"QueueName": "a", "Attributes": [1]}), 400),
    "no UTF-8": (call("SendMessage", raw=b'{"QueueUrl":"q","MessageBody":"\xff"}'), 400),
    "half a surrogate pair": (call("SendMessage", raw=b'{"QueueUrl":"q","MessageBody":"\\ud800"}'),
                              400),
    "a number without end": (call("ReceiveMessage", raw=b'{"QueueUrl":"q","WaitTimeSeconds":'
                                  + b"9" * 100_000 + b"}"), 400),
    "lists in lists": (call("SendMessage", raw=b'{"a":' + b"[" * DEEP + b"]" * DEEP + b"}"), 400),
    "objects in objects": (call("SendMessage", raw=b'{"a":' * DEEP + b"1" + b"}" * DEEP), 400),
    "an action of another service": (call("CreateTopic"), 400),
    "no action at all": (post(b"{}", JSON), 404),
    "an action without end": (call("A" * 6000), 400),
    "a form with half an escape": (form(b"Action=SendMessage&QueueUrl=q&MessageBody=%f"),
                                   (200, 400)),
    "a form that is no UTF-8": (form(b"Action=SendMessage&QueueUrl=q&MessageBody=%ff"), 400),
    "numbers without end": (form(b"Action=GetQueueAttributes&QueueUrl=q&AttributeName."
                                 + b"9" * 5000 + b"=All"), (200, 400)),
    "nothing but separators": (form(b"&=&" * 10_000), 400),
    "a form with many fields": (form(b"Action=TagQueue&QueueUrl=q" + b"".join(
        b"&Tag.%d.Key=a&Tag.%d.Value=b" % (i, i) for i in range(20_000))), (200, 400)),
    "a form with deep names": (form(b"Action=SendMessage&QueueUrl=q&MessageBody=x"
                                    + b"&MessageAttribute" + b".1" * DEEP + b"=x"), (200, 400)),
    "XML": (post(b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
                 b"Content-Type: text/xml"), 404),
}


def test_malformed_requests_get_an_answer_and_nobody_else_notices(queue, bystander):
    server = queue()
    watcher, before = bystander(server), server.memory()
    with Raw(server) as client:
        for what, (request, expected) in MALFORMED.items():
            client.send(request)
            status, fields, body = client.response()
            wanted = expected if isinstance(expected, tuple) else (expected,)
            assert status in wanted, f"{what}: {status} {body[:200]}"
            assert "x-amzn-requestid" in fields, what
            # The connection is as good as before.
            assert answer(client, call("ListQueues"))[0] == 200, what
    assert_grew_less(server, before, 32 * MIB)
    with Raw(server) as client:
        assert answer(client, call("PurgeQueue", {"QueueUrl": QUEUE}))[0] == 200
    is_served(server)
    watcher.was_served()


@pytest.mark.parametrize("announced", [1, 50, 10_000], ids=["too short", "short", "too long"])
def test_a_length_that_is_wrong_hurts_only_its_own_connection(queue, announced):
    server = queue({"sqs.body_timeout": "1s", "sqs.header_timeout": "1s"})
    request = send("y" * 100).replace(b"Content-Length: ", b"X-Was: ").replace(
        b"\r\n\r\n", b"\r\nContent-Length: %d\r\n\r\n" % announced, 1)
    with Raw(server) as client:
        client.send(request)
        assert client.status() == (408 if announced == 10_000 else 400)
        while client.status() is not None:  # whatever the rest is taken for
            pass
    is_served(server)


@pytest.mark.parametrize("lengths", [b"Content-Length: -1", b"Content-Length: 1x",
                                     b"Content-Length: 99999999999999999999",
                                     b"Content-Length: 3\r\nContent-Length: 4"])
def test_a_length_that_is_none_is_refused(queue, lengths):
    server = queue()
    with Raw(server) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\n" + lengths + b"\r\n\r\n{}")
        assert client.status() in (400, 413)
        assert client.ended()
    is_served(server)


def test_slow_senders_are_given_up_and_hold_up_nobody(queue, bystander):
    server = queue({"sqs.body_timeout": "2s"})
    watcher = bystander(server)
    request = send("z" * 1000)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Raw(server)) for _ in range(50)]
        for client in clients:
            client.send(request[:-900])
        for at in range(5):
            for client in clients:
                client.send(request[-900 + at:-899 + at])
            time.sleep(0.1)
        is_served(server)
        for client in clients:
            assert client.status() == 408
    watcher.was_served()


def test_no_answer_is_larger_than_what_may_wait_for_a_client(queue):
    """Nobody gets more than he reads: requests wait until answers are taken."""
    server = queue()
    with Raw(server) as client:
        for _ in range(4):
            assert answer(client, send("x" * 1_000_000))[0] == 200
    before = server.memory()
    with Raw(server) as client:
        client.socket.settimeout(1)
        request = call("ReceiveMessage", {"QueueUrl": QUEUE, "MaxNumberOfMessages": 1,
                                          "VisibilityTimeout": 0})
        with contextlib.suppress(TimeoutError):
            for _ in range(500):
                client.send(request * 100)
        assert_grew_less(server, before, 40 * MIB)


# Crowds of long polls

def parked(server, stack, count):
    """`count` connections, each with a long poll that waits."""
    clients = [stack.enter_context(Raw(server)) for _ in range(count)]
    for client in clients:
        client.send(poll())
    return clients


def polls_arrived(server):
    """Behind the polls of all connections: a request that is answered comes after theirs."""
    with Raw(server) as client:
        for _ in range(20):
            assert answer(client, call("ListQueues"))[0] == 200
            time.sleep(0.01)


def test_a_thousand_polls_that_drop_at_once_leave_nothing_behind(queue, bystander):
    server = queue()
    watcher, count = bystander(server), scale(1000)
    descriptors, levels = server.descriptors(), []
    for _ in range(6):
        with contextlib.ExitStack() as stack:
            clients = parked(server, stack, count)
            eventually(lambda: server.descriptors() >= descriptors + count)
            polls_arrived(server)
            for at, client in enumerate(clients):  # every other one without saying goodbye
                if at % 2:
                    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                             b"\1\0\0\0\0\0\0\0")
        is_served(server)  # and no message goes to one of them
        eventually(lambda: server.descriptors() <= descriptors, message="sockets are left")
        levels.append(server.memory())
    print([f"{level / MIB:.1f} MiB" for level in levels])
    if not sanitized():  # five thousand polls that were kept would be 35 MiB
        assert levels[-1] - levels[0] < 8 * MIB
    watcher.was_served()


def test_five_thousand_polls_cost_little_and_a_send_wakes_one(queue, bystander):
    server = queue()
    watcher, count = bystander(server), scale(5000)
    before = server.memory()
    with contextlib.ExitStack() as stack:
        clients = parked(server, stack, count)
        polls_arrived(server)
        each = (server.memory() - before) / count
        print(f"{each / 1024:.1f} KiB for each of {count} polls")
        if not sanitized():
            assert each < 10_000
        with Raw(server) as sender:
            for round_ in range(3):
                assert answer(sender, send(str(round_)))[0] == 200
        answered = eventually(lambda: len(readable(clients)) == 3 and readable(clients))
        bodies = []
        for client in answered:
            status, _, body = client.response()
            assert status == 200
            bodies += [message["Body"] for message in json.loads(body)["Messages"]]
        assert sorted(bodies) == ["0", "1", "2"]
        time.sleep(0.3)
        assert not readable(clients), "nobody else is woken"
    watcher.was_served(within=patience(3))


def readable(clients):
    """Those with something to read."""
    found = []
    for client in clients:
        client.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            if client.socket.recv(1, socket.MSG_PEEK):
                found.append(client)
        client.socket.settimeout(patience(20))
    return found
