"""Who may do what: signatures, access keys, permissions, queue policies (brokers of their own)."""
import json
import os
import signal
import socket
import time
import types
import unittest.mock
import urllib.error
import urllib.parse
import urllib.request
import uuid
from datetime import datetime, timedelta, timezone

import boto3
import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from harness.brokers import BrokerError

ACCOUNT = "123456789012"
PARTNER = "444455556666"
FULL = {"configure": ".*", "write": ".*", "read": ".*"}
USERS = [
    {"name": "guest", "password": "guest", "permissions": [{"vhost": "/", **FULL}]},
    {"name": "owner", "permissions": [{"vhost": "/", **FULL}]},
    {"name": "sender", "permissions": [{"vhost": "/", "configure": "", "write": "^orders",
                                        "read": ""}]},
    {"name": "partner", "permissions": []},
]
KEYS = [
    {"id": "PMQOWNER", "secret": "owner's secret", "user": "owner"},
    {"id": "PMQSENDER", "secret": "sender's secret", "user": "sender"},
    {"id": "PMQPARTNER", "secret": "partner's secret", "user": "partner", "account": PARTNER},
]
SECRETS = {key["id"]: key["secret"] for key in KEYS}


def write_keys(path, keys, mode=0o600):
    with open(path, "w") as out:
        for key in keys:
            out.write("[[keys]]\n")
            out.writelines(f"{name} = {json.dumps(value)}\n" for name, value in key.items())
    os.chmod(path, mode)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory, own_broker):
    """A broker that wants signatures."""
    keys = str(tmp_path_factory.mktemp("keys") / "keys.toml")
    write_keys(keys, KEYS)
    server = own_broker({"sqs.auth": "required", "sqs.keys_file": keys, "sqs.account": ACCOUNT},
                        users=USERS)
    server.keys_file = keys
    return server


def client(server, key="PMQOWNER", secret=None, region="us-east-1", **more):
    return boto3.client(
        "sqs", endpoint_url=server.sqs_url, region_name=region, aws_access_key_id=key,
        aws_secret_access_key=secret or SECRETS.get(key, "x"),
        config=Config(retries={"max_attempts": 0}, **more))


def code_of(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


def status_and_text(request):
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture
def owned(guarded):
    """(client of the owner, URL of a queue orders-...)"""
    owner = client(guarded)
    url = owner.create_queue(QueueName=f"orders-{uuid.uuid4()}")["QueueUrl"]
    yield owner, url
    owner.delete_queue(QueueUrl=url)


def sign(server, method, path, body=b"", headers=None, at=None, key="PMQOWNER", expires=None):
    """A request as botocore signs it, at another time than now; in its URL if it `expires`."""
    request = AWSRequest(method, server.sqs_url + path, data=body, headers=headers or {})
    arguments = (Credentials(key, SECRETS[key]), "sqs", "us-east-1")
    signer = botocore.auth.SigV4QueryAuth(*arguments, expires=expires) if expires \
        else botocore.auth.SigV4Auth(*arguments)
    when = (at or datetime.now(timezone.utc)).replace(tzinfo=None)
    clock = types.SimpleNamespace(datetime=types.SimpleNamespace(utcnow=lambda: when))
    with unittest.mock.patch.object(botocore.auth, "datetime", clock):
        signer.add_auth(request)
    made = request.prepare()
    return urllib.request.Request(made.url, data=body or None, method=method,
                                  headers=dict(made.headers.items()))


JSON = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.ListQueues"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


# Signatures

def test_what_is_signed_is_done(owned):
    owner, url = owned
    assert url.split("/")[3] == ACCOUNT
    owner.send_message(QueueUrl=url, MessageBody="\u00e4 & b=c")
    (got,) = owner.receive_message(QueueUrl=url, AttributeNames=["All"])["Messages"]
    assert got["Body"] == "\u00e4 & b=c" and got["Attributes"]["SenderId"] == "PMQOWNER"
    arn = owner.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    assert arn["QueueArn"].startswith(f"arn:aws:sqs:us-east-1:{ACCOUNT}:orders-")


def test_arns_name_the_region_that_a_request_is_signed_for(guarded, owned):
    _, url = owned
    arn = client(guarded, region="eu-west-1").get_queue_attributes(
        QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    assert arn.startswith(f"arn:aws:sqs:eu-west-1:{ACCOUNT}:")


def test_unknown_keys_and_wrong_secrets_are_refused(guarded, owned):
    _, url = owned
    assert code_of(client(guarded, key="PMQNOBODY").list_queues) == "InvalidClientTokenId"
    assert code_of(client(guarded, secret="guess").send_message, QueueUrl=url,
                   MessageBody="x") == "SignatureDoesNotMatch"


@pytest.mark.parametrize("headers, body", [(JSON, b"{}"), (FORM, b"Action=ListQueues")])
def test_each_protocol_has_its_own_form_of_refusal(guarded, headers, body):
    def refused(request):
        status, text = status_and_text(request)
        if headers is JSON:
            return status, json.loads(text)["__type"].split("#")[1]
        return status, text.split("<Code>")[1].split("</Code>")[0]

    def named(shape, code):
        return shape if headers is JSON else code

    now = datetime.now(timezone.utc)
    bare = urllib.request.Request(guarded.sqs_url + "/", data=body, headers=headers)
    assert refused(bare) == (403, "MissingAuthenticationToken")
    mismatch = (403, named("InvalidSignatureException", "SignatureDoesNotMatch"))
    good = sign(guarded, "POST", "/", body, headers)
    assert status_and_text(good)[0] == 200
    other_body = sign(guarded, "POST", "/", body, headers)
    other_body.data = body + b" "
    assert refused(other_body) == mismatch
    other_path = sign(guarded, "POST", "/", body, headers)
    other_path.full_url += "x"
    assert refused(other_path) == mismatch
    for minutes in (-16, 16):
        late = sign(guarded, "POST", "/", body, headers, at=now + timedelta(minutes=minutes))
        assert refused(late) == mismatch
    for minutes in (-13, 13):
        skewed = sign(guarded, "POST", "/", body, headers, at=now + timedelta(minutes=minutes))
        assert status_and_text(skewed)[0] == 200
    torn = sign(guarded, "POST", "/", body, headers)
    torn.add_header("Authorization", torn.get_header("Authorization").split(", Signature")[0])
    assert refused(torn) == (400, "IncompleteSignature")
    old = urllib.request.Request(guarded.sqs_url + "/", data=body,
                                 headers={**headers, "Authorization": "Basic Z3Vlc3Q6Z3Vlc3Q="})
    assert refused(old) == (400, "IncompleteSignature")


def test_the_body_may_be_left_unsigned_only_when_that_is_signed(guarded):
    headers = {**JSON, "X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}
    signed = sign(guarded, "POST", "/", b"{}", headers)
    signed.data = b'{"MaxResults":1}'
    assert status_and_text(signed)[0] == 200
    claimed = sign(guarded, "POST", "/", b"{}", JSON)
    claimed.add_header("X-Amz-Content-SHA256", "UNSIGNED-PAYLOAD")
    assert status_and_text(claimed)[0] == 403


def test_a_target_that_was_not_signed_is_refused(guarded):
    signed = sign(guarded, "POST", "/", b"{}", {"Content-Type": JSON["Content-Type"]})
    signed.add_header("X-Amz-Target", "AmazonSQS.ListQueues")
    status, text = status_and_text(signed)
    assert status == 403 and "x-amz-target" in text


def test_a_presigned_url_is_good_until_it_expires(guarded, owned):
    owner, url = owned
    path = urllib.parse.urlsplit(url).path
    query = "?Action=SendMessage&Version=2012-11-05&MessageBody=" + urllib.parse.quote("a b&c")
    now = datetime.now(timezone.utc)
    good = sign(guarded, "GET", path + query, expires=3600,
                at=now - timedelta(minutes=50))
    status, text = status_and_text(good)
    assert status == 200 and "<SendMessageResponse" in text
    assert owner.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "a b&c"
    expired = sign(guarded, "GET", path + query, expires=60,
                   at=now - timedelta(minutes=2))
    assert status_and_text(expired)[0] == 400 and "RequestExpired" in status_and_text(expired)[1]
    changed = good.full_url.replace("c&X-Amz", "d&X-Amz").replace("%26c", "%26d")
    assert changed != good.full_url
    assert "SignatureDoesNotMatch" in status_and_text(changed)[1]


def test_health_needs_no_signature(guarded):
    assert status_and_text(guarded.sqs_url + "/health")[0] == 200


# Permissions

def test_users_have_their_own_permissions_and_no_others(guarded, owned):
    owner, url = owned
    sender = client(guarded, "PMQSENDER")
    sender.send_message(QueueUrl=url, MessageBody="x")
    assert sender.get_queue_url(QueueName=url.rsplit("/", 1)[1])["QueueUrl"] == url
    for call, more in ((sender.receive_message, {}), (sender.delete_queue, {}),
                       (sender.get_queue_attributes, {}), (sender.list_queue_tags, {}),
                       (sender.tag_queue, {"Tags": {"a": "b"}}),
                       (sender.set_queue_attributes, {"Attributes": {"DelaySeconds": "1"}})):
        assert code_of(call, QueueUrl=url, **more) == "AccessDenied"
    assert code_of(sender.create_queue, QueueName="orders-new") == "AccessDenied"
    other = owner.create_queue(QueueName=f"other-{uuid.uuid4()}")["QueueUrl"]
    assert code_of(sender.send_message, QueueUrl=other, MessageBody="x") == "AccessDenied"
    assert other not in sender.list_queues().get("QueueUrls", [])
    assert url in sender.list_queues()["QueueUrls"]
    owner.delete_queue(QueueUrl=other)


def test_a_dead_letter_queue_must_be_writable_for_who_sets_it(owned):
    owner, url = owned
    dead = owner.create_queue(QueueName=f"dead-{uuid.uuid4()}")["QueueUrl"]
    arn = owner.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]
    deny = {"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "SQS:SendMessage",
                           "Resource": "*"}]}
    owner.set_queue_attributes(QueueUrl=dead, Attributes={"Policy": json.dumps(deny)})
    policy = json.dumps({"deadLetterTargetArn": arn["QueueArn"], "maxReceiveCount": 2})
    assert code_of(owner.set_queue_attributes, QueueUrl=url,
                   Attributes={"RedrivePolicy": policy}) == "AccessDenied"
    owner.delete_queue(QueueUrl=dead)


def test_another_account_has_what_add_permission_gave_it(guarded, owned):
    owner, url = owned
    partner = client(guarded, "PMQPARTNER")
    assert code_of(partner.send_message, QueueUrl=url, MessageBody="x") == "AccessDenied"
    owner.add_permission(QueueUrl=url, Label="sends", AWSAccountIds=[PARTNER],
                         Actions=["SendMessage", "GetQueueUrl"])
    partner.send_message(QueueUrl=url, MessageBody="x")
    partner.send_message_batch(QueueUrl=url, Entries=[{"Id": "a", "MessageBody": "y"}])
    assert partner.get_queue_url(QueueName=url.rsplit("/", 1)[1])["QueueUrl"] == url
    assert code_of(partner.receive_message, QueueUrl=url) == "AccessDenied"
    assert code_of(partner.add_permission, QueueUrl=url, Label="more", AWSAccountIds=[PARTNER],
                   Actions=["*"]) == "AccessDenied"
    assert code_of(partner.create_queue, QueueName=f"mine-{uuid.uuid4()}") == "AccessDenied"
    assert "QueueUrls" not in partner.list_queues()
    owner.remove_permission(QueueUrl=url, Label="sends")
    assert code_of(partner.send_message, QueueUrl=url, MessageBody="x") == "AccessDenied"


def test_a_policy_can_give_and_a_denial_wins(guarded, owned):
    owner, url = owned
    sender = client(guarded, "PMQSENDER")
    arn = f"arn:aws:iam::{ACCOUNT}:user/sender"
    allow = {"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "sqs:ReceiveMessage",
             "Resource": "*"}
    deny = {"Effect": "Deny", "Principal": {"AWS": [arn]}, "Action": ["SQS:SendMessage"],
            "Resource": f"arn:aws:sqs:*:*:{url.rsplit('/', 1)[1]}"}
    owner.set_queue_attributes(QueueUrl=url, Attributes={
        "Policy": json.dumps({"Version": "2012-10-17", "Statement": [allow, deny]})})
    assert sender.receive_message(QueueUrl=url)["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert code_of(sender.send_message, QueueUrl=url, MessageBody="x") == "AccessDenied"
    owner.send_message(QueueUrl=url, MessageBody="x")
    owner.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    sender.send_message(QueueUrl=url, MessageBody="x")
    assert code_of(sender.receive_message, QueueUrl=url) == "AccessDenied"


def test_a_denial_that_cannot_be_decided_is_refused(owned):
    owner, url = owned
    policy = {"Statement": {"Effect": "Deny", "Principal": "*", "Action": "SQS:*", "Resource": "*",
                            "Condition": {"Bool": {"aws:SecureTransport": "false"}}}}
    assert code_of(owner.set_queue_attributes, QueueUrl=url,
                   Attributes={"Policy": json.dumps(policy)}) == "InvalidParameterValue"
    policy["Statement"]["Effect"] = "Allow"
    owner.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})


# Keys and users, read again

def test_keys_are_read_again(own_broker, tmp_path):
    keys = str(tmp_path / "keys.toml")
    write_keys(keys, KEYS[:1])
    server = own_broker({"sqs.auth": "required", "sqs.keys_file": keys}, users=USERS,
                        tolerated=("was not reloaded",))
    owner, sender = client(server), client(server, "PMQSENDER")
    owner.list_queues()
    assert code_of(sender.list_queues) == "InvalidClientTokenId"

    def reload(wanted):
        os.kill(server.process.pid, signal.SIGHUP)
        deadline = time.monotonic() + 20
        while not wanted():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def works(who):
        try:
            return bool(who.list_queues())
        except ClientError:
            return False

    write_keys(keys, KEYS)
    reload(lambda: works(sender))
    write_keys(keys, KEYS[:1], mode=0o644)
    reload(lambda: "which others can use it" in server.log_text())
    assert works(sender), "the keys before stay"
    write_keys(keys, KEYS[1:2])
    reload(lambda: not works(owner))
    assert works(sender)


def test_a_broker_does_not_start_with_keys_that_others_can_read(own_broker, tmp_path):
    keys = str(tmp_path / "keys.toml")
    write_keys(keys, KEYS, mode=0o640)
    with pytest.raises(BrokerError) as caught:
        own_broker({"sqs.auth": "required", "sqs.keys_file": keys}, users=USERS, fails=True)
    assert f"chmod 600 {keys}" in str(caught.value)


# Without signatures

def test_addresses_follow_the_configuration(own_broker):
    server = own_broker({"sqs.account": ACCOUNT, "sqs.region": "eu-central-1",
                         "sqs.public_url": "https://queues.example.com/base/",
                         "sqs.user": "owner", "sqs.vhost": "shop"},
                        users=[*USERS[:1], {"name": "owner", "permissions": [
                            {"vhost": "shop", **FULL}]}], vhosts=[{"name": "shop"}])
    sqs = client(server, "any", region="sa-east-1")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    assert url == f"https://queues.example.com/base/{ACCOUNT}/q"
    asked = "Action=GetQueueAttributes&AttributeName=QueueArn"
    at_queue = f"{server.sqs_url}/base/{ACCOUNT}/q?{asked}"  # by a proxy that passes the path on
    for address in (at_queue, f"{server.sqs_url}/?{asked}&QueueUrl=q"):
        assert f"arn:aws:sqs:eu-central-1:{ACCOUNT}:q" in status_and_text(address)[1]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    assert arn["QueueArn"] == f"arn:aws:sqs:sa-east-1:{ACCOUNT}:q"
    lent = client(server, "999988887777")
    assert lent.get_queue_url(QueueName="q")["QueueUrl"].endswith("/base/999988887777/q")


def test_a_page_under_a_name_of_its_own_gets_nothing(own_broker):
    server = own_broker({"sqs.public_url": "http://sqs.example.com:9324"})
    body = b"Action=ListQueues"

    def status(host, data=None):
        return status_and_text(urllib.request.Request(
            server.sqs_url + "/?Action=ListQueues", data=data, headers={"Host": host}))[0]

    assert status("evil.example:9324") == 403
    assert status("evil.example:9324", body) == 200, "a browser would tell where the page is from"
    for host in ("polymq:9324", "localhost:9324", "127.0.0.1", "sqs.example.com"):
        assert status(host) == 200, host


def test_a_policy_is_not_larger_than_the_service_has_it(own_broker):
    sqs = client(own_broker(), "any")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]

    def set_statements(count):
        policy = {"Statement": [{"Effect": "Allow"}] * count}
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})

    set_statements(20)
    assert code_of(lambda: set_statements(21)) == "OverLimit"


def test_forwarded_hosts_count_when_the_proxy_is_trusted(own_broker):
    forwarded = {"X-Forwarded-Host": "sqs.example.com", "X-Forwarded-Proto": "https"}
    for trusts in (True, False):
        server = own_broker({"sqs.trusts_proxy": trusts})
        text = status_and_text(urllib.request.Request(
            server.sqs_url + "/?Action=CreateQueue&QueueName=q", headers=forwarded))[1]
        assert ("<QueueUrl>https://sqs.example.com/000000000000/q</QueueUrl>" in text) == trusts


def test_behind_a_proxy_the_host_that_the_client_signed_is_found(own_broker, tmp_path):
    keys = str(tmp_path / "keys.toml")
    write_keys(keys, KEYS)
    required = {"sqs.auth": "required", "sqs.keys_file": keys}

    def answered(server, **headers):
        signed = sign(server, "POST", "/", b"{}", {**JSON, "Host": "sqs.example.com"})
        signed.add_header("Host", server.sqs_url.split("//")[1])
        for name, value in headers.items():
            signed.add_header(name.replace("_", "-"), value)
        return status_and_text(signed)[0]

    by_url = own_broker({**required, "sqs.public_url": "https://sqs.example.com"}, users=USERS)
    assert answered(by_url) == 200
    by_header = own_broker({**required, "sqs.trusts_proxy": True}, users=USERS)
    assert answered(by_header, X_Forwarded_Host="sqs.example.com") == 200
    assert answered(by_header) == 403
    neither = own_broker(required, users=USERS)
    assert answered(neither, X_Forwarded_Host="sqs.example.com") == 403


def test_without_auth_a_user_of_this_machine_is_refused_to_others(own_broker):
    server = own_broker({"sqs.proxy_protocol_from": ["127.0.0.1/32"]})
    with socket.create_connection(("127.0.0.1", server.sqs_port)) as raw:
        raw.sendall(b"PROXY TCP4 203.0.113.7 192.0.2.1 4711 80\r\n"
                    b"GET /?Action=ListQueues HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        answer = b""
        while part := raw.recv(65536):
            answer += part
    assert b" 403 " in answer and b"<Code>AccessDenied</Code>" in answer
