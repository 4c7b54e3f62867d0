"""Hosts on one machine: namespaces.py PROGRAM FOLDER [MPIRUN] (as root).

Each host is a network namespace with a name of its own; a bridge joins them. PROGRAM (ranks_program) trains on two and
three of them, by connections of Strata's own and by mpirun; one host's process is killed, one host is cut off, one
is slowed. PROGRAM and FOLDER are absolute paths. Takes some minutes; not a test of ctest, since it needs root."""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

PROGRAM, FOLDER = sys.argv[1], pathlib.Path(sys.argv[2])
MPIRUN = sys.argv[3] if len(sys.argv) > 3 else None
BRIDGE, HOSTS = "strata-br", ("strata-a", "strata-b", "strata-c")


def address(host):
    return f"10.213.77.{HOSTS.index(host) + 1}"


def sh(*words, check=True):
    return subprocess.run(words, check=check, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout


def on(host, *words):
    """A command for a shell on that host, with its name."""
    return ["ip", "netns", "exec", host, "unshare", "--uts", "sh", "-c", 'hostname "$0"; exec "$@"', host, *map(str, words)]


@contextlib.contextmanager
def network():
    remove()
    sh("ip", "link", "add", BRIDGE, "type", "bridge")
    sh("ip", "link", "set", BRIDGE, "up")
    try:
        for host in HOSTS:
            sh("ip", "netns", "add", host)
            sh("ip", "link", "add", host, "type", "veth", "peer", "name", "eth0", "netns", host)
            sh("ip", "link", "set", host, "master", BRIDGE, "up")
            sh("ip", "-n", host, "addr", "add", f"{address(host)}/24", "dev", "eth0")
            for device in ("eth0", "lo"):
                sh("ip", "-n", host, "link", "set", device, "up")
        yield
    finally:
        remove()


def remove():
    for host in HOSTS:
        for process in sh("ip", "netns", "pids", host, check=False).split():
            if process.isdigit():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(process), signal.SIGKILL)
        sh("ip", "netns", "del", host, check=False)
        sh("ip", "link", "del", host, check=False)
    sh("ip", "link", "del", BRIDGE, check=False)


class Run:
    """Processes of one training, each of which writes to a file of its own."""

    def __init__(self, commands):
        self.files = [FOLDER / f"output{i}" for i in range(len(commands))]
        self.processes = [subprocess.Popen(c, stdout=open(f, "w"), stderr=subprocess.STDOUT, start_new_session=True)
                          for c, f in zip(commands, self.files)]

    def wait_for(self, pattern, limit=60):
        end = time.monotonic() + limit
        while not re.search(pattern, self.output()):
            assert time.monotonic() < end, f"no {pattern!r} in:\n{self.output()}"
            time.sleep(0.05)

    @staticmethod
    def wait_for_programs_to_end(limit):
        """The ranks on all hosts, whatever becomes of what started them."""
        end = time.monotonic() + limit
        while any(str(PROGRAM) in sh("ps", "-o", "args=", "-p", p, check=False).split(" ")[0]
                  for host in HOSTS for p in sh("ip", "netns", "pids", host).split()):
            assert time.monotonic() < end, f"ranks have not ended within {limit} s"
            time.sleep(0.1)

    def output(self):
        return "".join(f.read_text(errors="replace") for f in self.files)

    def end(self, limit, hanging=()):
        """Output, and the numbers that rank 0 said, when all but the processes `hanging` have ended in time."""
        begin = time.monotonic()
        for i, p in enumerate(self.processes):
            if i in hanging:
                continue
            try:
                p.wait(max(0.1, begin + limit - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.kill()
                sys.exit(f"process {i} has not ended within {limit} s:\n{self.output()}")
        self.kill()
        numbers = re.findall(r"rank 0 (?:loss|weights) (-?0x\S+)$", self.output(), re.M)
        return self.output(), [float.fromhex(x) for x in numbers]

    def kill(self):
        for p in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(p.pid, signal.SIGKILL)
            p.wait()

    def succeeded(self):
        return all(p.returncode == 0 for p in self.processes)


def by_address(hosts, *words):
    """A process on each host, told who it is by its environment."""
    return Run([on(host, "env", f"STRATA_RANK={rank}", f"STRATA_WORLD_SIZE={len(hosts)}",
                   f"STRATA_ADDRESS={address(hosts[0])}:29500", PROGRAM, *words) for rank, host in enumerate(hosts)])


def by_mpirun(hosts, *words):
    agent = FOLDER / "agent"
    names = " ".join(f"{address(h)}) host={h};;" for h in HOSTS)
    agent.write_text(f"#!/bin/sh\ncase $1 in {names} esac\nshift\n"
                     "exec ip netns exec $host unshare --uts sh -c \"hostname $host; $*\"\n")
    agent.chmod(0o755)
    return Run([on(hosts[0], MPIRUN, "--allow-run-as-root", "--oversubscribe", "--bind-to", "none",
                   "--host", ",".join(f"{address(h)}:1" for h in hosts), "--mca", "plm_rsh_agent", agent,
                   "--mca", "btl", "tcp,self", "--mca", "btl_tcp_if_include", "eth0", "--mca", "oob_tcp_if_include", "eth0",
                   PROGRAM, *words)])


def contains(text, *patterns):
    for pattern in patterns:
        assert re.search(pattern, text), f"expected {pattern!r} in:\n{text}"


def near(a, b):
    assert len(a) == len(b) > 0 and max(abs(x - y) for x, y in zip(a[:-1], b[:-1])) <= 2e-5, f"{a}\n{b}"


WHERE = r"step \d+, call \d+: \w+"


def check_losses(start, words, one):
    for hosts in (HOSTS[:2], HOSTS):
        run = start(hosts, *words)
        output, said = run.end(120)
        assert run.succeeded(), output
        near(said, one)


def check_kill_and_restart(start, one):
    folder = FOLDER / f"backup-{start.__name__}"
    fit = ("fit", f"folder={folder}", "timeout=5")
    folder.mkdir()
    run = start(HOSTS, *fit, "fault=kill", "rank=2", "at=4")
    output, _ = run.end(30)
    if start is by_address:
        contains(output, rf"\[rank 0 of 3 \(cpu:0 on strata-a, process \d+\)\] {WHERE}.*rank 2 of 3 \(cpu:0 on strata-c, process \d+\), "
                 rf"last heard of at {WHERE}.*is gone: its process has ended or was killed")
    else:
        contains(output, r"rank 2 .*on node .* exited on signal 9|rank 2 of 3 \(cpu:0 on strata-c")
    run = start(HOSTS[:2], *fit)
    output, said = run.end(120)
    assert run.succeeded(), output
    near(said, one)


def check_cut_off(start):
    run = start(HOSTS[:2], "fit", "epochs=1000", "pause=100", "timeout=4")
    run.wait_for(r"Epoch 2/")
    sh("ip", "link", "set", HOSTS[1], "down")
    try:
        run.wait_for_programs_to_end(20)
        # mpirun itself waits on for the machine that it cannot reach.
        output, _ = run.end(10, hanging=(0,) if start is by_mpirun else ())
    finally:
        sh("ip", "link", "set", HOSTS[1], "up")
    contains(output, rf"\[rank 0 of 2 \(cpu:0 on strata-a, process \d+\)\] {WHERE}.*waited 4000 ms in vain for rank 1 of 2 "
             rf"\(cpu:0 on strata-b, process \d+\), last heard of at {WHERE}")
    if start is by_address:  # what that rank says does not reach mpirun
        contains(output, rf"\[rank 1 of 2 \(cpu:0 on strata-b, process \d+\)\] {WHERE}.*waited 4000 ms in vain for rank 0 of 2")


def check_slow(start, words, one):
    """A slow network is waited for; one that is slower than the time-out allows is an error."""
    slow = ("tc", "qdisc", "replace", "dev", HOSTS[1], "root", "tbf", "burst", "4kb", "latency", "2s", "rate")
    sh(*slow, "4mbit")
    try:
        run = start(HOSTS[:2], *words)
        output, said = run.end(200)
        assert run.succeeded(), output
        near(said, one)
        run = start(HOSTS[:2], "fit", "epochs=1000", "pause=100", "timeout=3")
        run.wait_for(r"Epoch 2/")
        sh(*slow, "8kbit")
        output, _ = run.end(60)
        contains(output, rf"{WHERE}.*waited 3000 ms in vain for rank [01] of 2 \(cpu:0 on strata-[ab]")
    finally:
        sh("tc", "qdisc", "del", "dev", HOSTS[1], "root", check=False)


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)

    def alone(*words):
        return Run([[PROGRAM, *words]]).end(120)[1]

    losses = ("losses", "network=cnn")
    with network():
        for start in (by_address, by_mpirun) if MPIRUN else (by_address,):
            for check, arguments in ((check_losses, (losses, alone(*losses))), (check_kill_and_restart, (alone("fit"),)),
                                     (check_cut_off, ()), (check_slow, (losses, alone(*losses)))):
                begin = time.monotonic()
                check(start, *arguments)
                print(f"{start.__name__}: {check.__name__}: {time.monotonic() - begin:.1f} s", flush=True)


main()
