"""Queues: making, finding, describing, changing, deleting them."""
import uuid

import pytest
from botocore.exceptions import ClientError

import raw


def code_of(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


def attributes(sqs, url, *names):
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(names))
    return answer.get("Attributes", {})


def test_a_queue_is_made_found_and_deleted(sqs, make_queue):
    name = f"q-{uuid.uuid4()}"
    url = make_queue(name)
    assert url.endswith(f"/000000000000/{name}")
    assert sqs.get_queue_url(QueueName=name)["QueueUrl"] == url
    assert url in sqs.list_queues(QueueNamePrefix=name)["QueueUrls"]
    sqs.delete_queue(QueueUrl=url)
    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix=name)
    assert code_of(sqs.get_queue_url, QueueName=name) == "AWS.SimpleQueueService.NonExistentQueue"


def test_a_name_that_no_queue_can_have_is_not_there(sqs):
    for name in ("a/b", "a.b", "http://a/000000000000/b"):
        assert code_of(sqs.get_queue_url, QueueName=name) \
            == "AWS.SimpleQueueService.NonExistentQueue"


def test_an_empty_name_or_url_is_missing(sqs):
    for action, member in (("GetQueueUrl", "QueueName"), ("DeleteQueue", "QueueUrl")):
        with pytest.raises(raw.Refused, match=f"MissingRequiredParameter.* {member}"):
            raw.call(action, **{member: ""})


def test_making_it_again_compares_what_is_given(sqs, make_queue):
    name = f"q-{uuid.uuid4()}"
    url = make_queue(name, VisibilityTimeout=5)
    assert make_queue(name) == url
    assert make_queue(name, VisibilityTimeout=5) == url
    assert code_of(make_queue, name=name, VisibilityTimeout=6) == "QueueAlreadyExists"


@pytest.mark.parametrize("name", ["", "with blank", "x" * 81, "a.b", "q.fifo"])
def test_names_that_sqs_does_not_allow_are_refused(sqs, name):
    with pytest.raises(Exception) as caught:
        sqs.create_queue(QueueName=name)
    assert "InvalidParameterValue" in str(caught.value) or "MissingParameter" in str(caught.value)


def test_all_attributes_are_told(sqs, make_queue):
    told = attributes(sqs, make_queue(), "All")
    assert told["VisibilityTimeout"] == "30"
    assert told["MaximumMessageSize"] == "1048576"
    assert told["MessageRetentionPeriod"] == "345600"
    assert told["QueueArn"].startswith("arn:aws:sqs:us-east-1:000000000000:q-")
    assert {"ApproximateNumberOfMessages", "CreatedTimestamp"} <= set(told)
    assert "FifoQueue" not in told and "Policy" not in told


def test_attributes_change_and_are_told(sqs, make_queue):
    url = make_queue()
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "7"})
    assert attributes(sqs, url, "VisibilityTimeout") == {"VisibilityTimeout": "7"}
    assert code_of(sqs.set_queue_attributes, QueueUrl=url,
                   Attributes={"VisibilityTimeout": "43201"}) == "InvalidAttributeValue"
    assert code_of(sqs.set_queue_attributes, QueueUrl=url,
                   Attributes={"Nonsense": "1"}) == "InvalidAttributeName"


def test_tags(sqs, make_queue):
    url = make_queue(tags={"a": "1"})
    sqs.tag_queue(QueueUrl=url, Tags={"b": "2", "a": "3"})
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"a": "3", "b": "2"}
    sqs.untag_queue(QueueUrl=url, TagKeys=["a", "none"])
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"b": "2"}


def test_lists_come_in_pages(sqs, make_queue):
    prefix = f"p-{uuid.uuid4()}-"
    urls = sorted(make_queue(f"{prefix}{i}") for i in range(5))
    first = sqs.list_queues(QueueNamePrefix=prefix, MaxResults=2)
    second = sqs.list_queues(QueueNamePrefix=prefix, MaxResults=3, NextToken=first["NextToken"])
    assert first["QueueUrls"] + second["QueueUrls"] == urls
    assert "NextToken" not in second
