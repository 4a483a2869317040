#!/usr/bin/python3
"""Signs requests with botocore and prints them as signed_requests.txt has them.

    src/sqs/testing/make_signed_requests.py > src/sqs/testing/signed_requests.txt

Needs Debian's python3-botocore; the tests read the file only.
"""
import datetime
import types
from urllib.parse import urlsplit

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "a/session+token=="
TIME = datetime.datetime(2026, 1, 2, 3, 4, 5)
JSON = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.SendMessage"}
FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}


class Frozen(datetime.datetime):
    """A clock that stands still."""

    @classmethod
    def utcnow(cls):
        return TIME


def show(name, request):
    """Prints a signed request, a line a part."""
    url = urlsplit(request.url)
    print(f"case {name}\nmethod {request.method}\npath {url.path}")
    if url.query:
        print("query", url.query)
    headers = dict(request.headers.items())
    headers.setdefault("Host", url.netloc)
    for header, value in headers.items():
        print(f"header {header}: {value}")
    if request.body:
        print("body", request.body.decode())


def signed(name, method, url, headers=None, body=b"", token=None, region="us-east-1"):
    """A request signed in its headers."""
    request = AWSRequest(method, url, headers or {}, body)
    auth = botocore.auth.SigV4Auth(Credentials(KEY, SECRET, token), "sqs", region)
    auth.add_auth(request)
    show(name, request)


def presigned(name, url, token=None):
    """A request signed in its query string."""
    request = AWSRequest("GET", url)
    auth = botocore.auth.SigV4QueryAuth(Credentials(KEY, SECRET, token), "sqs", "eu-west-1", 300)
    auth.add_auth(request)
    show(name, request)


def main():
    botocore.auth.datetime = types.SimpleNamespace(datetime=Frozen)
    queue = "http://localhost:9324/000000000000/orders.fifo"
    signed("json", "POST", "http://localhost:9324/", JSON, b'{"QueueUrl":"q","MessageBody":"x"}')
    signed("json_with_token", "POST", "http://localhost:9324/", JSON, b"{}", TOKEN)
    signed("json_on_a_queue", "POST", queue, JSON, b'{"MessageBody":"\xc3\xa9"}', None, "eu-west-1")
    signed("form", "POST", queue, FORM, b"Action=SendMessage&MessageBody=a+b%2Bc")
    signed("get", "GET", queue + "?Version=2012-11-05&Action=SendMessage&MessageBody=a%20b%2Fc~")
    signed("get_unsorted", "GET", queue + "?b=2&a=2&a=1&B=%C3%A9&empty=")
    signed("default_port", "POST", "https://sqs.us-east-1.amazonaws.com/", JSON, b"{}")
    signed("blanks_in_a_header", "POST", queue, {**JSON, "X-Amz-Meta": "  a   b  c"}, b"{}")
    signed("escapes_in_the_path", "GET", "http://localhost:9324/a%20b/%C3%A9/x~y?Action=ListQueues")
    signed("path_to_normalize", "GET", "http://localhost:9324//a/./b/../c/?Action=ListQueues")
    signed("unsigned_payload", "POST", queue,
           {**JSON, "X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}, b"{}")
    presigned("presigned", queue + "?Action=ReceiveMessage&Version=2012-11-05")
    presigned("presigned_with_token", queue + "?Action=ReceiveMessage", TOKEN)


if __name__ == "__main__":
    main()
