"""The driver's end of the line protocol: one worker process, one command at a time."""

import os
import select
import subprocess
import tempfile
import time


class WorkerError(Exception):
    """A worker that ended, answered `error`, or did not answer in time."""


class WorkerProcess:
    """Starts a worker and waits for its `ready` line. Use as a context or call close()."""

    def __init__(self, command, start_timeout, environment=None):
        self.log = tempfile.TemporaryFile()
        self.pending = b""
        try:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=self.log, bufsize=0, env=environment)
        except OSError as error:
            raise WorkerError(f"could not start {command[0]}: {error.strerror}") from error
        try:
            words = self.read_line(start_timeout).split(maxsplit=2)
            if len(words) < 2 or words[0] != "ready":
                raise WorkerError(f"expected 'ready <seconds> <version>', received '{' '.join(words)}'")
            self.ready_seconds = float(words[1])
            self.version = words[2] if len(words) > 2 else ""
        except (WorkerError, ValueError) as error:
            self.close()
            raise WorkerError(str(error)) from error

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def ask(self, command, timeout=1800):
        """Sends one command; returns the first number of its answer."""
        return float(self.answer(command, timeout)[0])

    def answer(self, command, timeout=1800):
        """Sends one command; returns the words of its answer after the first, which repeats the command."""
        try:
            self.process.stdin.write((command + "\n").encode())
        except OSError as error:
            raise WorkerError(f"ended before '{command}': {self.last_words()}") from error
        answer = self.read_line(timeout)
        words = answer.split()
        if len(words) < 2 or words[0] != command.split()[0]:
            raise WorkerError(f"'{command}': received '{answer}'")
        return words[1:]

    def read_line(self, timeout):
        deadline = time.monotonic() + timeout
        descriptor = self.process.stdout.fileno()
        while b"\n" not in self.pending:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                raise WorkerError(f"no answer in {timeout:.0f} s")
            chunk = os.read(descriptor, 4096)
            if not chunk:
                raise WorkerError(f"ended without an answer: {self.last_words()}")
            self.pending += chunk
        line, self.pending = self.pending.split(b"\n", 1)
        return line.decode(errors="replace").strip()

    def last_words(self):
        """The last line that the worker wrote to standard error: usually the exception."""
        self.log.seek(0)
        lines = self.log.read().decode(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else "nothing on standard error"

    def close(self):
        try:
            self.process.stdin.write(b"quit\n")
            self.process.stdin.close()
        except OSError:
            pass  # it has ended already
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()
