"""Work queue: tasks are shared by any number of workers, each task done once.

    work_queue.py work            take tasks until stopped
    work_queue.py send TASK...    hand in tasks
"""
import os
import sys

import pika

URL = os.environ.get("AMQP_URL", "amqp://guest:guest@localhost:5672/%2f")
QUEUE = "example.tasks"


def work(channel):
    def on_task(ch, method, _properties, body):
        print("done:", body.decode(), flush=True)
        ch.basic_ack(method.delivery_tag)  # only now does the broker forget the task

    channel.basic_qos(prefetch_count=1)  # one task at a time, so the load is shared fairly
    channel.basic_consume(QUEUE, on_task)
    print("waiting for tasks", flush=True)
    channel.start_consuming()


def send(channel, tasks):
    channel.confirm_delivery()  # basic_publish returns when the broker has the message
    for task in tasks:
        channel.basic_publish("", QUEUE, task.encode(), pika.BasicProperties(delivery_mode=2))
        print("sent:", task)


def main(mode, *tasks):
    connection = pika.BlockingConnection(pika.URLParameters(URL))
    channel = connection.channel()
    channel.queue_declare(QUEUE, durable=True)
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
