"""Retry with dead lettering: a failed task waits a while, is tried again, and is set aside
after three attempts. No clock and no memory of attempts in the worker: the queues do it.

    retry.py work            do tasks until stopped; those that contain "bad" fail
    retry.py send TASK...    hand in tasks
"""
import os
import sys

import pika

URL = os.environ.get("AMQP_URL", "amqp://guest:guest@localhost:5672/%2f")
QUEUE, WAIT, FAILED = "example.retry", "example.retry.wait", "example.retry.failed"
WAIT_MS = 500
ATTEMPTS = 3


def declare(channel):
    # Rejected tasks go from QUEUE to WAIT, and from there back when their time is over.
    channel.queue_declare(QUEUE, durable=True, arguments={
        "x-dead-letter-exchange": "", "x-dead-letter-routing-key": WAIT})
    channel.queue_declare(WAIT, durable=True, arguments={
        "x-dead-letter-exchange": "", "x-dead-letter-routing-key": QUEUE,
        "x-message-ttl": WAIT_MS})
    channel.queue_declare(FAILED, durable=True)


def failures(properties):
    """How often the task was rejected before, as the broker has counted."""
    deaths = (properties.headers or {}).get("x-death", [])
    return sum(death["count"] for death in deaths if death["queue"] == QUEUE)


def work(channel):
    def on_task(ch, method, properties, body):
        task, attempt = body.decode(), failures(properties) + 1
        if "bad" not in task:
            print("done:", task, flush=True)
            ch.basic_ack(method.delivery_tag)
        elif attempt < ATTEMPTS:
            print(f"attempt {attempt} failed: {task}", flush=True)
            ch.basic_reject(method.delivery_tag, requeue=False)
        else:
            print("giving up:", task, flush=True)
            ch.basic_publish("", FAILED, body, pika.BasicProperties(delivery_mode=2))
            ch.basic_ack(method.delivery_tag)

    channel.confirm_delivery()
    channel.basic_qos(prefetch_count=1)
    channel.basic_consume(QUEUE, on_task)
    print("waiting for tasks", flush=True)
    channel.start_consuming()


def send(channel, tasks):
    channel.confirm_delivery()
    for task in tasks:
        channel.basic_publish("", QUEUE, task.encode(), pika.BasicProperties(delivery_mode=2))
        print("sent:", task)


def main(mode, *tasks):
    connection = pika.BlockingConnection(pika.URLParameters(URL))
    channel = connection.channel()
    declare(channel)
    if mode == "work":
        work(channel)
    else:
        send(channel, tasks)
    connection.close()


if __name__ == "__main__":
    try:
        if len(sys.argv) < 2 or sys.argv[1] not in ("work", "send"):
            sys.exit(__doc__)
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        pass
