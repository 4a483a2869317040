"""Requests to SQS that must be signed, and are not, or badly."""
import json
import os

import pytest

from harness import process
from support import MIB, assert_grew_less, scale
from test_http import Raw

NOW_SCOPE = "20260102/us-east-1/sqs/aws4_request"
DIGITS = "0" * 64


@pytest.fixture
def guarded(broker, tmp_path):
    """A broker that wants signatures; it knows the key A."""
    keys = tmp_path / "keys.toml"
    keys.write_text('[[keys]]\nid = "A"\nsecret = "s"\nuser = "guest"\n')
    os.chmod(keys, 0o600)
    port = process.free_port()
    server = broker({"sqs.listeners": [f"127.0.0.1:{port}"], "sqs.auth": "required",
                     "sqs.keys_file": str(keys)})
    server.http_port = port
    return server


def request(authorization=None, query="", body=b"{}", **headers):
    lines = [f"POST /{query} HTTP/1.1", "Host: here", "X-Amz-Target: AmazonSQS.ListQueues",
             f"Content-Length: {len(body)}"]
    if authorization is not None:
        lines.append(f"Authorization: {authorization}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def header(credential=f"A/{NOW_SCOPE}", signed="host;x-amz-target", signature=DIGITS):
    return (f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={signed}, "
            f"Signature={signature}")


DATE = {"X_Amz_Date": "20260102T030405Z"}
BAD = {
    "nothing": request(),
    "an empty header": request(""),
    "only the algorithm": request("AWS4-HMAC-SHA256"),
    "another algorithm": request("AWS4-ECDSA-P256-SHA256 Credential=A", **DATE),
    "a password": request("Basic Z3Vlc3Q6Z3Vlc3Q="),
    "no date": request(header()),
    "a date that is none": request(header(), X_Amz_Date="20269999T999999Z"),
    "a year like a word": request(header(), X_Amz_Date="yesterday"),
    "a scope of slashes": request(header("/////"), **DATE),
    "a long scope": request(header("A/" * 5000), **DATE),
    "no key": request(header(f"/{NOW_SCOPE}"), **DATE),
    "an unknown key": request(header(f"B/{NOW_SCOPE}"), **DATE),
    "no headers": request(header(signed=""), **DATE),
    "a thousand headers": request(header(signed=";".join("host" for _ in range(1000))), **DATE),
    "headers that are not there": request(header(signed="host;x-none"), **DATE),
    "only semicolons": request(header(signed=";" * 99), **DATE),
    "a short signature": request(header(signature="0"), **DATE),
    "a signature of words": request(header(signature="x" * 64), **DATE),
    "zeros for a signature": request(header(), **DATE),
    "a query that ends amid an escape": request(query="?X-Amz-Signature=%"),
    "an empty presigned one": request(query="?X-Amz-Signature="),
    "valid for ever": request(query="?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires="
                                    "99999999999999999999"),
    "valid for less than nothing": request(query="?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires"
                                                 "=-1"),
    "everything at once": request(header(), "?X-Amz-Algorithm=AWS4-HMAC-SHA256", **DATE),
    "no body as hashed": request(header(), X_Amz_Content_Sha256="UNSIGNED-PAYLOAD", **DATE),
    "chunks that are signed": request(
        header(), X_Amz_Content_Sha256="STREAMING-AWS4-HMAC-SHA256-PAYLOAD", **DATE),
}


def test_whatever_is_not_signed_is_refused_and_the_connection_stays(guarded):
    with Raw(guarded) as client:
        for name, data in BAD.items():
            client.send(data)
            status, fields, body = client.response()
            assert status in (400, 403), name
            assert ";Sender" in fields["x-amzn-query-error"], name
            assert json.loads(body)["__type"], name
        client.send(b"GET /health HTTP/1.1\r\nHost: here\r\n\r\n")
        assert client.status() == 200


def test_guessing_fills_neither_the_log_nor_the_memory(guarded, bystander):
    watcher = bystander(guarded)
    data = request(header(), **DATE)
    with Raw(guarded) as client:
        client.send(data)
        assert client.status() == 403
        before = guarded.memory()
        for _ in range(scale(50)):
            client.send(data * 100)
            for _ in range(100):
                assert client.status() == 403
        assert_grew_less(guarded, before, 8 * MIB)
    assert guarded.log_text().count("a request for SQS was refused") < 100
    watcher.was_served()
