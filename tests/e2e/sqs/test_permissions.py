"""AddPermission, RemovePermission, dead-letter queues and who may use them, configured queues."""
import json
import uuid
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from botocore.config import Config

from harness.brokers import BrokerError
from test_queues import attributes, code_of

ALICE, BOB = "111122223333", "444455556666"


def policy_of(sqs, url):
    found = attributes(sqs, url, "Policy")
    return json.loads(found["Policy"]) if found else None


def arn_of(sqs, url):
    return attributes(sqs, url, "QueueArn")["QueueArn"]


def redrive_to(arn, count=3):
    return json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": count})


# Permissions

def test_permissions_are_statements_of_the_policy(sqs, make_queue):
    url = make_queue()
    arn = arn_of(sqs, url)
    sqs.add_permission(QueueUrl=url, Label="one", AWSAccountIds=[ALICE], Actions=["SendMessage"])
    assert policy_of(sqs, url) == {
        "Version": "2008-10-17", "Id": f"{arn}/SQSDefaultPolicy", "Statement": [{
            "Sid": "one", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ALICE}:root"},
            "Action": "SQS:SendMessage", "Resource": arn}]}
    sqs.add_permission(QueueUrl=url, Label="two", AWSAccountIds=[ALICE, BOB],
                       Actions=["*", "GetQueueUrl"])
    _, two = policy_of(sqs, url)["Statement"]
    assert two["Principal"]["AWS"] == [f"arn:aws:iam::{ALICE}:root", f"arn:aws:iam::{BOB}:root"]
    assert two["Action"] == ["SQS:*", "SQS:GetQueueUrl"]
    sqs.remove_permission(QueueUrl=url, Label="one")
    assert [each["Sid"] for each in policy_of(sqs, url)["Statement"]] == ["two"]
    sqs.remove_permission(QueueUrl=url, Label="two")
    assert policy_of(sqs, url) is None


def test_statements_that_are_added_at_once_are_all_there(sqs, make_queue):
    url = make_queue()
    labels = [f"label-{number}" for number in range(20)]
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda label: sqs.add_permission(
            QueueUrl=url, Label=label, AWSAccountIds=[ALICE], Actions=["SendMessage"]), labels))
    assert {each["Sid"] for each in policy_of(sqs, url)["Statement"]} == set(labels)


@pytest.mark.parametrize("changed, code", [
    ({"Label": "there"}, "InvalidParameterValue"),
    ({"Label": "not legal"}, "InvalidParameterValue"),
    ({"Label": "x" * 81}, "InvalidParameterValue"),
    ({"AWSAccountIds": ["12"]}, "InvalidParameterValue"),
    ({"Actions": ["SetQueueAttributes"]}, "InvalidParameterValue"),
    ({"Actions": ["Nonsense"]}, "InvalidParameterValue"),
    ({"Actions": ["SendMessage"] * 8}, "OverLimit"),
])
def test_permissions_have_limits(sqs, make_queue, changed, code):
    url = make_queue()
    good = {"AWSAccountIds": [ALICE], "Actions": ["SendMessage"]}
    sqs.add_permission(QueueUrl=url, Label="there", **good)
    assert code_of(sqs.add_permission, QueueUrl=url, **{"Label": "new", **good, **changed}) == code
    assert len(policy_of(sqs, url)["Statement"]) == 1


def test_an_unknown_label_is_not_removed(sqs, make_queue):
    assert code_of(sqs.remove_permission, QueueUrl=make_queue(), Label="none") \
        == "InvalidParameterValue"


# Dead-letter queues

def test_a_dead_letter_queue_must_be_there(sqs, make_queue):
    arn = arn_of(sqs, make_queue())
    policy = redrive_to(arn + "-none")
    assert code_of(make_queue, RedrivePolicy=policy) == "InvalidParameterValue"
    url = make_queue()
    assert code_of(sqs.set_queue_attributes, QueueUrl=url,
                   Attributes={"RedrivePolicy": policy}) == "InvalidParameterValue"
    assert attributes(sqs, url, "RedrivePolicy") == {}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": redrive_to(arn)})
    assert attributes(sqs, url, "RedrivePolicy") == {"RedrivePolicy": redrive_to(arn)}


def test_the_dead_letter_queue_decides_who_may_use_it(sqs, make_queue):
    source, other = make_queue(), make_queue()
    dead = make_queue(RedriveAllowPolicy=json.dumps({"redrivePermission": "denyAll"}))
    redrive = {"RedrivePolicy": redrive_to(arn_of(sqs, dead))}
    assert code_of(sqs.set_queue_attributes, QueueUrl=source, Attributes=redrive) \
        == "InvalidParameterValue"
    sqs.set_queue_attributes(QueueUrl=dead, Attributes={"RedriveAllowPolicy": json.dumps(
        {"redrivePermission": "byQueue", "sourceQueueArns": [arn_of(sqs, source)]})})
    sqs.set_queue_attributes(QueueUrl=source, Attributes=redrive)
    assert code_of(sqs.set_queue_attributes, QueueUrl=other, Attributes=redrive) \
        == "InvalidParameterValue"
    assert code_of(make_queue, **redrive) == "InvalidParameterValue"
    sqs.set_queue_attributes(QueueUrl=dead, Attributes={"RedriveAllowPolicy": ""})
    sqs.set_queue_attributes(QueueUrl=other, Attributes=redrive)


def test_the_sources_of_a_dead_letter_queue_are_listed_in_pages(sqs, make_queue):
    dead = make_queue()
    prefix = f"source-{uuid.uuid4()}-"
    policy = redrive_to(arn_of(sqs, dead))
    urls = sorted(make_queue(f"{prefix}{i}", RedrivePolicy=policy) for i in range(5))
    make_queue()
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == urls
    first = sqs.list_dead_letter_source_queues(QueueUrl=dead, MaxResults=2)
    rest = sqs.list_dead_letter_source_queues(QueueUrl=dead, MaxResults=3,
                                              NextToken=first["NextToken"])
    assert first["queueUrls"] + rest["queueUrls"] == urls and "NextToken" not in rest
    sqs.set_queue_attributes(QueueUrl=urls[0], Attributes={"RedrivePolicy": ""})
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == urls[1:]
    assert not sqs.list_dead_letter_source_queues(QueueUrl=urls[1]).get("queueUrls")


# Configured queues

def client(server):
    return boto3.client("sqs", endpoint_url=server.sqs_url, region_name="us-east-1",
                        aws_access_key_id="x", aws_secret_access_key="x",
                        config=Config(retries={"max_attempts": 0}))


QUEUES = [
    {"name": "orders", "attributes": {"VisibilityTimeout": 7, "DelaySeconds": "1"},
     "tags": {"team": "shop"}, "dead_letter_queue": "orders-dead", "max_receive_count": 5},
    {"name": "orders-dead"},
]


def test_configured_queues_are_there_from_the_start(own_broker):
    sqs = client(own_broker(queues=QUEUES))
    url = sqs.get_queue_url(QueueName="orders")["QueueUrl"]
    told = attributes(sqs, url, "All")
    assert told["VisibilityTimeout"] == "7" and told["DelaySeconds"] == "1"
    assert json.loads(told["RedrivePolicy"]) == {
        "deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:orders-dead",
        "maxReceiveCount": 5}
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"team": "shop"}
    dead = sqs.get_queue_url(QueueName="orders-dead")["QueueUrl"]
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [url]


def test_a_queue_that_was_there_gets_what_is_configured_and_keeps_the_rest(own_broker, tmp_path):
    settings = {"server.data_dir": str(tmp_path / "data")}
    server = own_broker(settings, queues=QUEUES)
    sqs = client(server)
    url = sqs.get_queue_url(QueueName="orders")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="kept", DelaySeconds=0)
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "9",
                                                       "MaximumMessageSize": "2048"})
    sqs.tag_queue(QueueUrl=url, Tags={"mine": "1", "team": "other"})
    server.stop()
    changed = [{**QUEUES[0], "attributes": {"VisibilityTimeout": 8}}, QUEUES[1]]
    server.queues = changed
    server.start()
    told = attributes(sqs, url, "All")
    assert told["VisibilityTimeout"] == "8" and told["MaximumMessageSize"] == "2048"
    assert told["DelaySeconds"] == "1", "what the file no longer says stays"
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"mine": "1", "team": "shop"}
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "kept"
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName="orders-dead")["QueueUrl"])
    server.stop()
    assert server.log_text().count("a queue gets its configured attributes") == 1
    server.queues = changed[:1]
    server.start()
    assert attributes(sqs, url, "VisibilityTimeout") == {"VisibilityTimeout": "8"}
    server.stop()
    assert server.log_text().count("a queue gets its configured attributes") == 1


def test_a_dead_letter_queue_that_is_nowhere_stops_the_start(own_broker):
    with pytest.raises(BrokerError) as caught:
        own_broker(queues=QUEUES[:1], fails=True)
    assert "queue 'orders'" in str(caught.value)
    assert "Dead letter target does not exist" in str(caught.value)
