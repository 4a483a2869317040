"""Remote procedure call: a request to a queue, the reply straight back to the caller.

    rpc.py serve       answer requests until stopped
    rpc.py call N      ask for the Nth Fibonacci number
"""
import os
import sys
import time
import uuid

import pika

URL = os.environ.get("AMQP_URL", "amqp://guest:guest@localhost:5672/%2f")
QUEUE = "example.rpc"
REPLY_TO = "amq.rabbitmq.reply-to"  # direct reply-to: no reply queue is needed
TIMEOUT_SECONDS = 10


def fibonacci(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a


def serve(channel):
    def on_request(ch, method, properties, body):
        reply = pika.BasicProperties(correlation_id=properties.correlation_id)
        ch.basic_publish("", properties.reply_to, str(fibonacci(int(body))).encode(), reply)
        ch.basic_ack(method.delivery_tag)

    channel.basic_qos(prefetch_count=1)
    channel.basic_consume(QUEUE, on_request)
    print("waiting for requests", flush=True)
    channel.start_consuming()


def call(channel, n):
    replies = {}

    def on_reply(_channel, _method, properties, body):
        replies[properties.correlation_id] = body

    correlation_id = str(uuid.uuid4())
    channel.basic_consume(REPLY_TO, on_reply, auto_ack=True)  # before the request goes out
    channel.basic_publish("", QUEUE, n.encode(), pika.BasicProperties(
        reply_to=REPLY_TO, correlation_id=correlation_id))
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while correlation_id not in replies:
        if time.monotonic() > deadline:
            sys.exit("no reply")
        channel.connection.process_data_events(time_limit=0.1)
    print(f"fibonacci({n}) = {replies[correlation_id].decode()}")


def main(mode, *arguments):
    connection = pika.BlockingConnection(pika.URLParameters(URL))
    channel = connection.channel()
    channel.queue_declare(QUEUE, durable=True)
    if mode == "serve":
        serve(channel)
    else:
        call(channel, *arguments)
    connection.close()


if __name__ == "__main__":
    try:
        if sys.argv[1:] != ["serve"] and (sys.argv[1:2] != ["call"] or len(sys.argv) != 3):
            sys.exit(__doc__)
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        pass
