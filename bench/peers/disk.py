"""What a disk can do by itself, what a process does with it, and how full a folder is."""
import os
import shutil
import subprocess
import time
from dataclasses import dataclass

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
PROBE_FILE_BYTES = 64 * MIB


class DiskError(Exception):
    """The folder is of no use for what was asked; the text says why."""


def require(folder, free_bytes):
    """Refuses a folder that lies in memory, where a sync costs nothing, or that has no room."""
    kind = subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, text=True,
                          check=True).stdout.strip()
    if kind in ("tmpfs", "ramfs"):
        raise DiskError(f"{folder} is in memory ({kind}): name a folder on a disk with --folder")
    free = shutil.disk_usage(folder).free
    if free < free_bytes:
        raise DiskError(f"{folder} has {free / GIB:.1f} GiB free, "
                        f"{free_bytes / GIB:.1f} are needed")


@dataclass
class SyncTimes:
    """Of writes that were each followed by an fdatasync."""

    p50_us: float
    p99_us: float
    bytes_per_second: float
    cpu_us: float  # processor time of one, the loop's included


def percentile(values, part):
    """The smallest value that at least this part of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -int(-len(ordered) * part // 1) - 1))]


def _made_file(folder):
    path = os.path.join(folder, "probe")
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    for _ in range(PROBE_FILE_BYTES // MIB):
        os.write(file, bytes(MIB))
    os.fsync(file)
    os.unlink(path)
    return file


def sync_times(folder, size, seconds, rate=0):
    """Writes `size` bytes and syncs, in sequence through a file whose blocks exist already.

    rate: so many a second, as a broker under that load does it; 0 = one right after the other. With
    a rate times count from when a write was due: a pause of the disk holds up all that are due
    meanwhile.
    """
    file = _made_file(folder)
    data, took, busy, offset = os.urandom(size), [], 0, 0
    started, cpu = time.perf_counter(), time.process_time()
    try:
        while not took or time.perf_counter() - started < seconds:
            if rate:
                wait = started + len(took) / rate - time.perf_counter()
                if wait > 0:
                    time.sleep(wait)
            before = time.perf_counter()
            due = started + len(took) / rate if rate else before
            os.pwrite(file, data, offset)
            os.fdatasync(file)
            after = time.perf_counter()
            busy += after - before
            took.append(after - due)
            offset = offset + size if offset + 2 * size <= PROBE_FILE_BYTES else 0
    finally:
        os.close(file)
    return SyncTimes(p50_us=1e6 * percentile(took, 0.5), p99_us=1e6 * percentile(took, 0.99),
                     bytes_per_second=size * len(took) / busy,
                     cpu_us=1e6 * (time.process_time() - cpu) / len(took))


def io_of(pid):
    """Bytes by /proc/PID/io: rchar (asked of read calls; not sockets), read_bytes (fetched from
    the disk), write_bytes (sent to it) and others."""
    with open(f"/proc/{pid}/io", encoding="ascii") as lines:
        return {name: int(value) for name, value in (line.split(": ") for line in lines)}


def read_ahead_bytes(folder):
    """How much the system reads ahead at most, from the disk that holds the folder; 0: unknown."""
    device = os.stat(folder).st_dev
    try:
        with open(f"/sys/class/bdi/{os.major(device)}:{os.minor(device)}/read_ahead_kb",
                  encoding="ascii") as kilobytes:
            return int(kilobytes.read()) * KIB
    except FileNotFoundError:
        return 0


def usage(folder):
    """Bytes of disk that the files below a folder take; files may go while it is counted."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(parent, name)).st_blocks * 512
            except FileNotFoundError:
                pass
    return total


def forget_cached(folder):
    """Makes the system forget what it holds of the files below a folder in memory."""
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            if os.path.exists(path) and not os.path.isfile(path):
                continue  # the node's socket
            try:
                file = os.open(path, os.O_RDONLY)
            except FileNotFoundError:
                continue
            os.fdatasync(file)
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(file)
