"""Certificates for tests, made by OpenSSL's command line as an operator would make them."""
import os
import subprocess


def _openssl(*arguments):
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr}")


_NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


class Authority:
    """Signs certificates; `certificate` is the file with its own."""

    def __init__(self, folder, name="authority"):
        self.folder, self.name = str(folder), name
        self.certificate, self._key = self._path(name, "pem"), self._path(name, "key")
        _openssl("req", "-x509", *_NEW_KEY, "-keyout", self._key, "-out", self.certificate,
                 "-subj", f"/CN={name}", "-days", "2")

    def _path(self, name, kind):
        return os.path.join(self.folder, f"{name}.{kind}")

    def issue(self, name):
        """Files of a new certificate for this machine, and of its key."""
        request, certificate, key = (self._path(name, kind) for kind in ("csr", "pem", "key"))
        names = self._path(name, "names")
        with open(names, "w") as out:
            out.write("subjectAltName = DNS:localhost, IP:127.0.0.1\n")
        _openssl("req", "-new", *_NEW_KEY, "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        _openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key,
                 "-CAcreateserial", "-days", "2", "-extfile", names, "-out", certificate)
        return certificate, key
