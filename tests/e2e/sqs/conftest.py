"""Fixtures: clients of AWS's SDK and of AMQP, and queues that get cleaned up."""
import os
import shutil
import tempfile
import uuid

import boto3
import pika
import pytest
from botocore.config import Config

from harness.brokers import BrokerError
from harness.deadline import time_limit  # noqa: F401  (an autouse fixture)
from harness.own_broker import OwnBroker, that_end_well


def pytest_configure(config):
    config.addinivalue_line("markers", "slow(seconds): takes minutes, and not more than that; run "
                                       "by `make e2e-slow` only")


def pytest_collection_modifyitems(items):
    if os.environ.get("BROKER", "polymq") != "polymq":
        for item in items:
            item.add_marker(pytest.mark.skip(reason="no SQS there, or none by Query"))


@pytest.fixture
def sqs():
    return boto3.client(
        "sqs", endpoint_url=os.environ["SQS_URL"], region_name="us-east-1",
        aws_access_key_id="x", aws_secret_access_key="x",
        config=Config(retries={"max_attempts": 0}))


@pytest.fixture
def make_queue(sqs):
    """make_queue(attribute=value, ...) -> the URL of a new queue."""
    made = []

    def make(name=None, tags=None, **attributes):
        url = sqs.create_queue(
            QueueName=name or f"q-{uuid.uuid4()}", tags=tags or {},
            Attributes={key: str(value) for key, value in attributes.items()})["QueueUrl"]
        made.append(url)
        return url

    yield make
    for url in made:
        try:
            sqs.delete_queue(QueueUrl=url)
        except sqs.exceptions.QueueDoesNotExist:
            pass
        except sqs.exceptions.ClientError as error:
            if "NonExistentQueue" not in str(error):
                raise


@pytest.fixture
def make_fifo(make_queue):
    """make_fifo(attribute=value, ...) -> the URL of a new FIFO queue."""
    def make(name=None, **more):
        return make_queue(name or f"q-{uuid.uuid4()}.fifo", FifoQueue="true", **more)
    return make


@pytest.fixture
def channel():
    """An AMQP channel, with confirms."""
    connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
    channel = connection.channel()
    channel.confirm_delivery()
    yield channel
    connection.close()


@pytest.fixture(scope="session")
def own_broker():
    """own_broker({"key": value}, ...) -> a running broker that listens for SQS. At the end it must
    end with 0, and must have logged no error but those that `tolerated` announces. `fails`: it
    must not start; raises BrokerError with what it said."""
    with that_end_well() as servers:
        def start(settings=None, tolerated=(), fails=False, directory=None, **options):
            directory = directory or tempfile.mkdtemp(prefix="polymq-sqs-")
            server = OwnBroker(directory, {}, **options)
            server.settings.update({"sqs.listeners": [f"127.0.0.1:{server.sqs_port}"],
                                    **(settings or {})})
            if fails:
                try:
                    with pytest.raises(BrokerError) as caught:
                        server.start()
                    raise caught.value
                finally:
                    server.stop()
                    shutil.rmtree(directory, ignore_errors=True)
            server.tolerated = tolerated
            servers.append(server)
            server.start()
            return server

        yield start
