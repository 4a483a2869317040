"""`polymq perf sqs`, whose figures must be those of what really happened."""
import json
import os
import subprocess
from urllib.parse import urlparse

import pytest

from harness import brokers
from test_queues import attributes


def perf(*arguments):
    there = urlparse(os.environ["SQS_URL"])
    done = subprocess.run(
        [brokers.PolyMQ.binary(), "perf", "sqs", "--host", there.hostname, "--port",
         str(there.port), "--json", "-z", "20", *map(str, arguments)],
        capture_output=True, text=True, timeout=28)
    assert done.returncode == 0, done.stderr
    (phase,) = json.loads(done.stdout)["phases"]
    return phase


@pytest.mark.parametrize("batch", [1, 3, 10])
def test_every_message_is_sent_received_and_deleted(sqs, make_queue, batch):
    url = make_queue()
    name = url.rsplit("/", 1)[1]
    sent = perf("-u", name, "--connections", 4, "--batch", batch, "--send-only", "-C", 90)
    assert (sent["sent"], sent["confirmed"], sent["received"]) == (360, 360, 0)
    assert sent["confirm_latency"]["count"] == 360
    assert attributes(sqs, url, "ApproximateNumberOfMessages") == {
        "ApproximateNumberOfMessages": "360"}
    got = perf("-u", name, "--batch", batch, "--connections", 1, "--receive-only", "-D", 360)
    assert (got["sent"], got["received"], got["latency"]["count"]) == (0, 360, 360)
    assert got["receive_p50_us"] > 0
    told = attributes(sqs, url, "All")
    assert [told[f"ApproximateNumberOfMessages{what}"] for what in ("", "NotVisible")] == ["0", "0"]


def test_cycles_leave_no_queue_behind(sqs):
    before = sqs.list_queues(QueueNamePrefix="polymq-perf-").get("QueueUrls", [])
    phase = perf("--connections", 3, "--threads", 2, "-C", 200, "-s", 500)
    assert phase["sent"] == 600
    assert 0 < phase["received"] <= 600
    assert phase["received"] == phase["latency"]["count"]
    assert sqs.list_queues(QueueNamePrefix="polymq-perf-").get("QueueUrls", []) == before
