"""Requests of AWS JSON 1.0 without an SDK: for actions that Debian's does not know, and load."""
import http.client
import json
import os
import urllib.parse


class Refused(Exception):
    """An error that the service answered: `code: message`."""


class Client:
    """One connection that is kept. Not for several threads at once."""

    def __init__(self, url=None, timeout=30):
        where = urllib.parse.urlparse(url or os.environ["SQS_URL"])
        self._connection = http.client.HTTPConnection(where.hostname, where.port, timeout=timeout)

    def __call__(self, action, **members):
        self._connection.request(
            "POST", "/", json.dumps(members),
            {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"AmazonSQS.{action}"})
        answer = self._connection.getresponse()
        said = json.loads(answer.read() or b"{}")
        if answer.status != 200:
            raise Refused(f"{said['__type'].split('#')[-1]}: {said['message']}")
        return said


def call(action, url=None, **members):
    return Client(url)(action, **members)
