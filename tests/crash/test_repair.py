"""A damaged data folder is found out, made whole again by `polymq store repair`, and served."""
import os
import subprocess

import pytest

import servers
from harness import wire

pytestmark = pytest.mark.skipif(os.environ.get("BROKER", "polymq") != "polymq",
                                reason="data folders are PolyMQ's")

COUNT = 50


def store(command, folder):
    done = subprocess.run([servers.PolyMQ.binary(), "store", command, folder],
                          capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def body(number):
    return f"order number {number:03}".encode()


def fill(server):
    with wire.Client(server.port, timeout=30) as client:
        client.open(channels=[1])
        client.call(1, "queue.declare", queue="orders", durable=True)
        client.call(1, "confirm.select")
        for number in range(COUNT):
            client.publish(1, "orders", body(number), properties={"delivery_mode": 2})
            client.expect("basic.ack")


def drain(server):
    with wire.Client(server.port, timeout=30) as client:
        client.open(channels=[1])
        found = []
        while True:
            client.send(1, "basic.get", queue="orders", no_ack=True)
            got = client.receive()
            if not hasattr(got, "body"):
                return found
            found.append(got.body)


def overwrite(folder, text):
    """Damages the first byte of `text` in the journal; returns the file's name."""
    journal = os.path.join(folder, "journal")
    for name in sorted(os.listdir(journal)):
        with open(os.path.join(journal, name), "r+b") as file:
            at = file.read().find(text)
            if at >= 0:
                file.seek(at)
                file.write(b"#")
                return name
    raise AssertionError(f"{text} is nowhere")


def test_what_can_be_read_is_served_again(tmp_path):
    server = servers.create("polymq", str(tmp_path), [])
    data = server.path("data")
    server.start()
    try:
        fill(server)
        assert server.end_politely() is None
        name = overwrite(data, body(7))

        code, said = store("check", data)
        assert code == 1 and "position 8" in said and name in said, said
        code, said = store("repair", data)
        assert code == 0 and "LOST queue 'orders', positions 8 to 8" in said, said
        assert os.listdir(os.path.join(data, "damaged")) == [name]
        code, said = store("check", data)
        assert code == 0 and f"{COUNT - 1} messages" in said, said
        code, said = store("repair", data)
        assert code == 0 and "nothing was damaged" in said, said

        server.start()
        assert drain(server) == [body(number) for number in range(COUNT) if number != 7]
        assert server.end_politely() is None
        assert server.bad_lines() == []
    finally:
        server.kill()


def test_damaged_metadata_is_not_touched(tmp_path):
    server = servers.create("polymq", str(tmp_path), [])
    data = server.path("data")
    server.start()
    try:
        fill(server)
        assert server.end_politely() is None
    finally:
        server.kill()
    database = os.path.join(data, "metadata.sqlite")
    with open(database, "r+b") as file:
        file.write(b"#" * 4096)
    code, said = store("repair", data)
    assert code == 1 and "restore a backup" in said, said
    with open(database, "rb") as file:
        assert file.read(4096) == b"#" * 4096
