"""SQS over TLS: boto3, and a raw connection."""
import socket
import ssl
import threading
import time
import uuid

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError, SSLError

KIB = 1024


def client(server, verify=True, files=None):
    return boto3.client(
        "sqs", endpoint_url=f"https://localhost:{server.sqs_tls_port}", region_name="us-east-1",
        aws_access_key_id="x", aws_secret_access_key="x",
        verify=server.authority.certificate if verify else True,
        config=Config(retries={"max_attempts": 0}, client_cert=files))


@pytest.fixture
def queue(server):
    """(client, URL)"""
    sqs = client(server)
    url = sqs.create_queue(QueueName=f"q-{uuid.uuid4()}")["QueueUrl"]
    yield sqs, url
    sqs.delete_queue(QueueUrl=url)


def test_urls_of_queues_begin_with_https(server, queue):
    sqs, url = queue
    assert url.startswith(f"https://localhost:{server.sqs_tls_port}/000000000000/q-")
    assert url in sqs.list_queues()["QueueUrls"]
    name = url.rsplit("/", 1)[1]
    assert sqs.get_queue_url(QueueName=name)["QueueUrl"] == url


def test_large_messages_and_batches_go_in_and_out(queue):
    sqs, url = queue
    bodies = [("%d " % i) + "\u00e4" * (100 * KIB // 2) for i in range(20)]
    for begin in range(0, 20, 10):
        sent = sqs.send_message_batch(QueueUrl=url, Entries=[
            {"Id": str(i), "MessageBody": bodies[i]} for i in range(begin, begin + 10)])
        assert len(sent["Successful"]) == 10
    got = []
    while len(got) < 20:
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10,
                                       WaitTimeSeconds=5)["Messages"]
        got += [message["Body"] for message in messages]
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert sorted(got) == sorted(bodies)


def test_a_long_poll_is_answered_when_something_comes(server, queue):
    sqs, url = queue
    sender = threading.Timer(0.5, lambda: client(server).send_message(
        QueueUrl=url, MessageBody="late"))
    sender.start()
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
    assert message["Body"] == "late"
    sender.join()


def test_a_client_that_does_not_know_the_authority_goes(server):
    with pytest.raises(SSLError, match="certificate verify failed"):
        client(server, verify=False).list_queues()


def test_a_certificate_can_be_required(start, authority):
    server = start({"tls.client_certificates": "required", "tls.ca": authority.certificate})
    with pytest.raises((SSLError, ConnectionClosedError)):
        client(server).list_queues()
    assert client(server, files=authority.issue("queue-worker")).list_queues()


def test_a_request_with_a_close_right_behind_it_is_answered(server):
    """As clients do that say all they have to say and then shut their side of TLS."""
    raw = socket.create_connection(("127.0.0.1", server.sqs_tls_port), 10)
    tls, incoming, outgoing = server.shake_hands(raw.sendall, lambda: raw.recv(65536))
    tls.write(b"GET /?Action=ListQueues HTTP/1.1\r\nHost: a\r\n\r\n")
    with pytest.raises(ssl.SSLWantReadError):
        tls.unwrap()
    raw.sendall(outgoing.read())
    while part := raw.recv(65536):
        incoming.write(part)
    assert tls.read(65536).startswith(b"HTTP/1.1 200 ")
    raw.close()


def test_a_handshake_that_is_not_finished_is_ended_in_time(start):
    server = start({"sqs.header_timeout": "1s"})
    with socket.create_connection(("127.0.0.1", server.sqs_tls_port), 10) as raw:
        started = time.monotonic()
        raw.sendall(b"\x16\x03\x01")
        assert raw.recv(1) == b""
        assert time.monotonic() - started > 0.7


def test_a_slow_reader_gets_all_of_a_large_answer(queue, server):
    sqs, url = queue
    for _ in range(10):
        sqs.send_message(QueueUrl=url, MessageBody="x" * 100 * KIB)
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * KIB)
    plain.settimeout(20)
    plain.connect(("127.0.0.1", server.sqs_tls_port))
    with server.context().wrap_socket(plain, server_hostname="localhost") as tls:
        path = url.split("/", 3)[3]
        tls.sendall(f"GET /{path}?Action=ReceiveMessage&MaxNumberOfMessages=10 HTTP/1.1\r\n"
                    "Host: a\r\nConnection: close\r\n\r\n".encode())
        text = b""
        while part := tls.recv(4096):
            text += part
            time.sleep(0.0005)
    assert text.count(b"<Message>") == 10 and len(text) > 10 * 100 * KIB
