"""The AWS command line: what shell scripts do, what it prints, and its exit codes."""
import base64
import contextlib
import io
import json
import os
import subprocess
import uuid

import pytest
from awscli.clidriver import create_clidriver

ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x",
               "AWS_DEFAULT_REGION": "us-east-1", "AWS_MAX_ATTEMPTS": "1", "AWS_PAGER": "",
               "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
               "AWS_EC2_METADATA_DISABLED": "true"}
REFUSED = (254, 255)  # when the service refuses; the latter in Debian's packaging


class Failed(Exception):
    def __init__(self, code, text):
        super().__init__(f"exit code {code}: {text}")
        self.code, self.text = code, text


def answer(code, out, errors):
    if code != 0:
        raise Failed(code, errors)
    return json.loads(out) if out.strip() else None


def line(arguments):
    return ["--endpoint-url", os.environ["SQS_URL"], "--output", "json", "sqs",
            *map(str, arguments)]


@pytest.fixture
def aws(monkeypatch):
    """aws("list-queues", "--page-size", 1) -> the answer as a dictionary. The command's own main
    function, called here: as a program of its own it takes seconds to start."""
    for key, value in ENVIRONMENT.items():
        monkeypatch.setenv(key, value)

    def run(*arguments):
        out, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
            code = create_clidriver().main(line(arguments))
        return answer(code, out.getvalue(), errors.getvalue())
    return run


@pytest.fixture
def url(aws):
    made = aws("create-queue", "--queue-name", f"cli-{uuid.uuid4()}",
               "--attributes", "VisibilityTimeout=60")["QueueUrl"]
    yield made
    aws("delete-queue", "--queue-url", made)


def test_as_a_program(url):
    def aws(*arguments):
        done = subprocess.run(["/usr/bin/aws", *line(arguments)], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=25)
        return answer(done.returncode, done.stdout, done.stderr)

    assert "MessageId" in aws("send-message", "--queue-url", url, "--message-body", "x")
    with pytest.raises(Failed) as caught:
        aws("purge-queue", "--queue-url", url + "-missing")
    assert caught.value.code in REFUSED
    assert "(AWS.SimpleQueueService.NonExistentQueue)" in caught.value.text


def test_a_message_goes_there_and_back(aws, url):
    sent = aws("send-message", "--queue-url", url, "--message-body", "<hi> & 'bye' \u00e4\r\n",
               "--message-attributes", json.dumps({
                   "text": {"DataType": "String", "StringValue": "a"},
                   "bytes": {"DataType": "Binary",
                             "BinaryValue": base64.b64encode(b"\0\xff").decode()}}))
    got, = aws("receive-message", "--queue-url", url, "--attribute-names", "All",
               "--message-attribute-names", "All", "--wait-time-seconds", 5)["Messages"]
    assert got["Body"] == "<hi> & 'bye' \u00e4\r\n"
    assert got["MessageId"] == sent["MessageId"]
    assert got["MD5OfBody"] == sent["MD5OfMessageBody"]
    assert got["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert got["MessageAttributes"]["text"]["StringValue"] == "a"
    assert base64.b64decode(got["MessageAttributes"]["bytes"]["BinaryValue"]) == b"\0\xff"
    assert got["Attributes"]["ApproximateReceiveCount"] == "1"
    aws("delete-message", "--queue-url", url, "--receipt-handle", got["ReceiptHandle"])
    assert aws("receive-message", "--queue-url", url) is None


def test_batches(aws, url):
    sent = aws("send-message-batch", "--queue-url", url, "--entries",
               "Id=a,MessageBody=1", "Id=b,MessageBody=2,DelaySeconds=0",
               "Id=c,MessageBody=3,DelaySeconds=901")
    assert [one["Id"] for one in sent["Successful"]] == ["a", "b"]
    assert [one["Id"] for one in sent["Failed"]] == ["c"]
    messages = aws("receive-message", "--queue-url", url, "--max-number-of-messages", 10,
                   "--wait-time-seconds", 5)["Messages"]
    handles = [f"Id=m{at},ReceiptHandle={message['ReceiptHandle']}"
               for at, message in enumerate(messages)]
    changed = aws("change-message-visibility-batch", "--queue-url", url, "--entries",
                  *(handle + ",VisibilityTimeout=90" for handle in handles))
    assert len(changed["Successful"]) == 2
    deleted = aws("delete-message-batch", "--queue-url", url, "--entries", *handles)
    assert len(deleted["Successful"]) == 2 and "Failed" not in deleted


def test_queues_are_listed_a_page_at_a_time(aws):
    prefix = f"cli-{uuid.uuid4()}"
    urls = [aws("create-queue", "--queue-name", f"{prefix}-{i}")["QueueUrl"] for i in range(3)]
    assert aws("list-queues", "--queue-name-prefix", prefix, "--page-size", 2)["QueueUrls"] == urls
    assert aws("get-queue-url", "--queue-name", f"{prefix}-1")["QueueUrl"] == urls[1]
    for one in urls:
        aws("delete-queue", "--queue-url", one)
    assert aws("list-queues", "--queue-name-prefix", prefix) is None


def test_attributes_and_tags(aws, url):
    arn = aws("get-queue-attributes", "--queue-url", url,
              "--attribute-names", "QueueArn")["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
    aws("set-queue-attributes", "--queue-url", url, "--attributes",
        json.dumps({"RedrivePolicy": policy, "DelaySeconds": "4"}))
    told = aws("get-queue-attributes", "--queue-url", url, "--attribute-names", "All")["Attributes"]
    assert (told["RedrivePolicy"], told["DelaySeconds"]) == (policy, "4")
    assert told["VisibilityTimeout"] == "60"
    aws("tag-queue", "--queue-url", url, "--tags", "team=blue,stage=test")
    aws("untag-queue", "--queue-url", url, "--tag-keys", "stage")
    assert aws("list-queue-tags", "--queue-url", url) == {"Tags": {"team": "blue"}}


def test_a_purge_and_visibility(aws, url):
    aws("send-message", "--queue-url", url, "--message-body", "x")
    got, = aws("receive-message", "--queue-url", url, "--wait-time-seconds", 5)["Messages"]
    aws("change-message-visibility", "--queue-url", url, "--visibility-timeout", 0,
        "--receipt-handle", got["ReceiptHandle"])
    again, = aws("receive-message", "--queue-url", url, "--wait-time-seconds", 5)["Messages"]
    assert again["MessageId"] == got["MessageId"]
    aws("purge-queue", "--queue-url", url)
    told = aws("get-queue-attributes", "--queue-url", url, "--attribute-names", "All")["Attributes"]
    assert told["ApproximateNumberOfMessagesNotVisible"] == "0"


@pytest.mark.parametrize("arguments, code", [
    (["get-queue-url", "--queue-name", "never-made"], "AWS.SimpleQueueService.NonExistentQueue"),
    (["create-queue", "--queue-name", "a b"], "InvalidParameterValue"),
    (["send-message", "--queue-url", "URL", "--message-body", "\x02"], "InvalidMessageContents"),
    (["delete-message", "--queue-url", "URL", "--receipt-handle", "x"], "ReceiptHandleIsInvalid"),
    (["set-queue-attributes", "--queue-url", "URL", "--attributes", "Color=red"],
     "InvalidAttributeName"),
])
def test_a_refusal_is_told_with_its_code(aws, url, arguments, code):
    with pytest.raises(Failed) as caught:
        aws(*(url if argument == "URL" else argument for argument in arguments))
    assert caught.value.code in REFUSED
    assert f"({code})" in caught.value.text
