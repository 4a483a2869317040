"""A disk as small as a test wants it, which nobody else sees and which is gone when the test is."""
import os
import subprocess

MOUNT = 'mount -t tmpfs -o "size=$1,mode=0700" tmpfs "$2" && echo mounted && exec cat'


class NoDisk(Exception):
    """It may not be mounted here; the text says why."""


class SmallDisk:
    """A tmpfs in a mount namespace of its own, which a child process holds until this one closes
    its standard input or ends. A program that is started by `enter` has it as PATH; for us it is
    at `seen_from_here`."""

    PATH = "/mnt"

    def __init__(self, size):
        root = os.geteuid() == 0
        program = ["unshare", "--mount", *([] if root else ["--map-root-user"]),
                   "sh", "-c", MOUNT, "sh", str(size), self.PATH]
        self._holder = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        said = self._holder.stdout.readline().strip()
        if said != "mounted":
            self.close()
            raise NoDisk(said)
        self.enter = ["nsenter", f"--target={self._holder.pid}", "--mount",
                      *([] if root else ["--user", "--preserve-credentials"])]
        self.seen_from_here = f"/proc/{self._holder.pid}/root{self.PATH}"

    def free(self):
        status = os.statvfs(self.seen_from_here)
        return status.f_bavail * status.f_frsize

    def fill(self, leave):
        """Takes all but `leave` bytes, until empty()."""
        with open(f"{self.seen_from_here}/ballast", "ab") as ballast:
            if self.free() > leave:
                os.posix_fallocate(ballast.fileno(), ballast.tell(), self.free() - leave)

    def empty(self):
        os.unlink(f"{self.seen_from_here}/ballast")

    def close(self):
        self._holder.stdin.close()
        self._holder.stdout.close()
        self._holder.wait()
