"""What the documentation shows runs as it is written: the README's programs and examples/."""
import os
import re
import subprocess

import pytest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
JAVASCRIPT = os.path.join(ROOT, "examples", "javascript")
ENVIRONMENT = {
    **os.environ,
    # The clients come from Debian, amqplib from the examples' lock file.
    "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": "",
    "GOCACHE": os.path.join(os.environ.get("HOME", os.environ["E2E_TMP"]), ".cache", "go-build"),
    "NODE_PATH": os.path.join(JAVASCRIPT, "node_modules"),
}
PROGRAMS = {
    "python": ("hello.py", ["/usr/bin/python3"]),
    "javascript": ("hello.js", ["node"]),
    "go": ("hello.go", ["go", "run"]),
}


@pytest.fixture(scope="module")
def amqplib():
    if not os.path.isdir(ENVIRONMENT["NODE_PATH"]):
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=JAVASCRIPT, check=True,
                       timeout=200)


def program_of_readme(language, protocol="AMQP"):
    """The README's only program in the language for that protocol, with the port of the broker
    under test."""
    port = {"AMQP": "5672", "SQS": "9324"}[protocol]
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        programs = re.findall(rf"^```{language}\n(.*?)^```$", file.read(), re.DOTALL | re.MULTILINE)
    (program,) = [program for program in programs if port in program]
    assert program.count(port) == 1
    there = os.environ["AMQP_PORT"] if protocol == "AMQP" else os.environ["SQS_URL"].split(":")[-1]
    return program.replace(port, there)


@pytest.mark.parametrize("language", PROGRAMS)
def test_the_program_of_the_readme_works(tmp_path, amqplib, language):
    name, command = PROGRAMS[language]
    path = tmp_path / name
    path.write_text(program_of_readme(language), encoding="utf-8")
    said = subprocess.run([*command, str(path)], cwd=tmp_path, env=ENVIRONMENT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=100)
    assert (said.returncode, said.stdout.lower()) == (0, f"hello from {language}\n")


@pytest.mark.skipif(os.environ.get("BROKER", "polymq") != "polymq", reason="no SQS there")
def test_the_sqs_program_of_the_readme_works(tmp_path):
    path = tmp_path / "hello_sqs.py"
    path.write_text(program_of_readme("python", "SQS"), encoding="utf-8")
    said = subprocess.run(["/usr/bin/python3", str(path)], cwd=tmp_path, env=ENVIRONMENT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=100)
    assert (said.returncode, said.stdout) == (0, "hello from SQS\n")


@pytest.mark.parametrize("language", ["python", "javascript", "go", "java", "cpp"])
def test_the_examples_work(language):
    said = subprocess.run([os.path.join(ROOT, "examples", "check")], text=True,
                          env={**ENVIRONMENT, "EXAMPLES": language},
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=280)
    print(said.stdout)
    assert said.returncode == 0
    assert said.stdout.endswith("4 passed, 0 failed, 0 skipped\n")
