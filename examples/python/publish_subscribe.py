"""Publish/subscribe: every subscriber gets a copy of the events it asked for.

    publish_subscribe.py subscribe PATTERN...    such as 'order.*' or '#'
    publish_subscribe.py publish KEY TEXT        such as order.created 'order 42'
"""
import os
import sys

import pika

URL = os.environ.get("AMQP_URL", "amqp://guest:guest@localhost:5672/%2f")
EXCHANGE = "example.events"


def subscribe(channel, patterns):
    # A queue of our own, named by the broker, gone when we leave.
    queue = channel.queue_declare("", exclusive=True).method.queue
    for pattern in patterns:
        channel.queue_bind(queue, EXCHANGE, pattern)

    def on_event(_channel, method, _properties, body):
        print(f"{method.routing_key}: {body.decode()}", flush=True)

    channel.basic_consume(queue, on_event, auto_ack=True)
    print("waiting for events", flush=True)
    channel.start_consuming()


def publish(channel, key, text):
    channel.confirm_delivery()
    channel.basic_publish(EXCHANGE, key, text.encode())
    print("published:", key)


def main(mode, *arguments):
    connection = pika.BlockingConnection(pika.URLParameters(URL))
    channel = connection.channel()
    channel.exchange_declare(EXCHANGE, "topic", durable=True)
    if mode == "subscribe":
        subscribe(channel, arguments)
    else:
        publish(channel, *arguments)
    connection.close()


if __name__ == "__main__":
    try:
        arguments = sys.argv[1:]
        if arguments[:1] != ["subscribe"] and (arguments[:1] != ["publish"] or len(arguments) != 3):
            sys.exit(__doc__)
        main(*arguments)
    except KeyboardInterrupt:
        pass
