"""Training by several processes of this machine: ranks_test.py STRATA PROGRAM FOLDER [MPIRUN].

They are started by `strata launch`, and by mpirun where there is one."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

STRATA, PROGRAM, FOLDER = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
MPIRUN = sys.argv[4] if len(sys.argv) > 4 else None


def by_launch(n, *options):
    return [STRATA, "launch", "-n", str(n), *options]


def by_mpirun(n, *options):
    # Open MPI leaves memory behind, for which a sanitizer would blame the program.
    sanitizer = "ASAN_OPTIONS=" + ":".join(filter(None, (os.environ.get("ASAN_OPTIONS"), "detect_leaks=0")))
    return [MPIRUN, "--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "-x", sanitizer, "-n", str(n), *options]


LAUNCHERS = [by_launch] + ([by_mpirun] if MPIRUN else [])


def run(*words, status=0, limit=120):
    """The output of a command, and what it said as numbers: {rank: {name: [value, ...]}}."""
    for _ in range(3):
        output, ended_as = output_of(words, limit)
        # A process that ends tells mpirun so, and does not wait longer than seconds for it to hear that: on a busy
        # machine mpirun then takes it for one that has crashed.
        if status != 0 or "exiting improperly" not in output:
            break
    wanted = status if isinstance(status, tuple) else (status,)
    assert ended_as in wanted, f"{' '.join(words)}: status {ended_as}, expected {status}\n{output}"
    said = {}
    for rank, name, value in re.findall(r"rank (\d+) (\w+) (-?0x\S+|nan)$", output, re.M):
        said.setdefault(int(rank), {}).setdefault(name, []).append(float.fromhex(value))
    return output, said


def output_of(words, limit):
    begin = time.monotonic()
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
    try:
        output, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        sys.exit(f"{' '.join(words)} hangs\n{process.communicate()[0]}")
    run.seconds = time.monotonic() - begin
    return output, process.returncode


def program(*words):
    return run(PROGRAM, *words)[1][0]


def contains(text, *parts):
    for part in parts:
        assert re.search(part, text), f"expected {part!r} in:\n{text}"


def near(a, b, tolerance, what):
    assert len(a) == len(b) and max(abs(x - y) for x, y in zip(a, b)) <= tolerance, f"{what}: {a} and {b}"


def test_collectives():
    for launcher in LAUNCHERS:
        for n in (2, 3):
            said = run(*launcher(n), PROGRAM, "collectives")[1]
            assert sorted(said) == list(range(n)), said


def test_losses_are_those_of_one_device():
    for network in ("cnn", "xception"):
        words = (PROGRAM, "losses", f"network={network}")
        one = program(*words[1:])
        assert abs(one["loss"][0] - one["loss"][-1]) > 0.01
        for launcher in LAUNCHERS:
            for n in (2, 4):
                what = f"{network} by {launcher.__name__} on {n}"
                said = run(*launcher(n), *words)[1]
                assert sorted(said) == list(range(n)), what
                near(said[0]["loss"], one["loss"], 1e-5, what)
                assert all(said[r] == said[0] for r in said), f"{what}: replicas differ"
                if n == 2:
                    assert run(*launcher(n), *words)[1] == said, f"{what}: runs differ"


def test_replicas_of_one_process_and_of_several_do_the_same():
    for network in ("dropout", "cnn"):
        words = ("losses", f"network={network}", "steps=6")
        assert program(*words, "replicas=2") == run(*by_launch(2), PROGRAM, *words)[1][0], network


def test_fit():
    """Uneven batches, and last ones that are too small for all: 8 + 8 + 6 and 8 + 8 + 3 samples."""
    for samples in (22, 19):
        one = program("fit", f"samples={samples}")
        for n in (2, 4):
            output, said = run(*by_launch(n), PROGRAM, "fit", f"samples={samples}")
            assert output.count("Epoch 1/3") == 1, "one process shows progress"
            for name, values in one.items():
                near(said[0][name], values, 1e-3 if name in ("weights", "predicted") else 2e-5, f"{name} on {n}")
                for r in range(n):
                    assert said[r][name] == said[0][name], f"{name}: replicas differ"


def test_each_process_maps_its_samples():
    """The first of an epoch's batches of 8, 8 and 6 is mapped everywhere."""
    one = program("fit", "pipeline=1")
    assert one.pop("mapped") == [3 * 22]
    for n, samples in ((2, (8 + 4 + 3,) * 2), (4, (8 + 2 + 2, 8 + 2 + 2, 8 + 2 + 1, 8 + 2 + 1))):
        said = run(*by_launch(n), PROGRAM, "fit", "pipeline=1")[1]
        assert [said[r].pop("mapped") for r in range(n)] == [[3.0 * s] for s in samples], said
        for name, values in one.items():
            near(said[0][name], values, 1e-3 if name in ("weights", "predicted") else 2e-5, f"{name} on {n}")
            for r in range(n):
                assert said[r][name] == said[0][name], f"{name}: replicas differ"


def test_misuse_is_an_error_everywhere():
    strategy = r"MultiWorkerMirroredStrategy\(rank {0} of 2, cpu:0\)"
    for kind, message in {
            "device": r"\[device\] expected one of the devices here \(cpu:0.*received 'gpu:17'",
            "nested": r"\[scope\] of OneDeviceStrategy\(cpu:0\) within that of " + strategy + ": strategies do not nest; end the other",
            "outside": r"\[model 'stray'\] cannot be compiled in the scope of " + strategy + ": .* Make the model within the scope",
            "batch": r"\[fit: batch_size\] expected at least one sample for each replica of " + strategy + "; received 1. It is",
            "batches": r"\[fit\] expected batches of at least one sample for each replica of .*received 1 samples. Make larger batches",
            "shards": r"\[fit\] expected the same data in the same order on all processes; received another first batch on rank 1 "
                      r"than on rank 0.*pass the whole data in each process",
            "nothing": r"expected at least one batch in an epoch; the data gave none"}.items():
        output, _ = run(*by_launch(2), PROGRAM, f"misuse={kind}", "timeout=20", status=1)
        for r in range(2):
            contains(output, rf"(?m)^\[{r}\] .*" + message.format(r))
        assert run.seconds < 15, f"{kind} took {run.seconds} s"


def test_a_restart_goes_on():
    folder = FOLDER / "restart"
    folder.mkdir()
    one = program("fit")
    # 3 steps an epoch; the second of two processes is killed in the second epoch, then the first of three.
    files = f"folder={folder}"
    output, _ = run(*by_launch(2), PROGRAM, "fit", files, "fault=kill", "rank=1", "at=4", status=(1, 128 + signal.SIGKILL))
    contains(output, r"rank 1 \(process \d+\) was ended by signal 9")
    output, _ = run(*by_launch(3), PROGRAM, "fit", files, "fault=kill", "rank=0", "at=2", status=(1, 128 + signal.SIGKILL))
    said = run(*by_launch(2), PROGRAM, "fit", files)[1]
    for name, values in one.items():
        near(said[0][name], values, 1e-3 if name in ("weights", "predicted") else 2e-5, name)
    assert not (folder / "backup").exists(), "a run that is complete needs no backup"
    assert len((folder / "log.csv").read_text().splitlines()) == 4
    assert (folder / "latest.weights.h5").exists() and (folder / "model.keras").exists()


def test_faults_by_launch():
    fit = (PROGRAM, "fit", "timeout=6")

    def fails(*words, n=3, status=1):
        output, _ = run(*by_launch(n, "--grace", "4"), *fit, *words, status=status)
        assert run.seconds < 40, f"{words} took {run.seconds} s"
        return output

    where = r"step \d+, call \d+: \w+"
    killed = fails("fault=kill", "rank=1", "at=3", status=(1, 128 + signal.SIGKILL))
    contains(killed, r"was ended by signal 9", r"\[0\] \[rank 0 of 3 \(cpu:0 on \S+, process \d+\)\] " + where,
             r"rank 1 of 3 \(cpu:0 on \S+, process \d+\), last heard of at " + where + ".*is gone: its process has ended or was killed")
    stopped = fails("fault=stop", "rank=2", "at=3")
    for r in (0, 1):
        contains(stopped, rf"\[{r}\] \[rank {r} of 3 .*{where}.*waited 6000 ms in vain for rank 2 of 3|\[{r}\] \[rank {r} of 3 .*gave up: .*in vain for rank 2 of 3")
    contains(fails("fault=sleep", "rank=0", "at=2"), r"waited 6000 ms in vain for rank 0 of 3")
    thrown = fails("fault=throw", "rank=1", "at=3")
    contains(thrown, r"\[1\] \[fault\] the disk is on fire", r"\[0\] \[rank 0 .*rank 1 of 3 .* gave up: \[fault\] the disk is on fire")
    contains(fails("fault=leave", "rank=2", "at=1"), r"rank 2 of 3 .* is gone: ")
    contains(fails("fault=drift", "rank=1", "at=2", "check=2"), r"\[rank 0 of 3 .*step 3: \[strategy\] expected the same variables.*rank 1 in '\S*kernel'")
    # Slow, but within the time.
    run(*by_launch(2), *fit, "pause=150")


def test_faults_by_mpirun():
    if not MPIRUN:
        return
    fit = (PROGRAM, "fit", "timeout=6")
    killed, _ = run(*by_mpirun(3), *fit, "fault=kill", "rank=1", "at=3", status=tuple(range(1, 256)))
    contains(killed, r"process rank 1 .* on node \S+ exited on signal 9")
    stopped, _ = run(*by_mpirun(2), *fit, "fault=stop", "rank=1", "at=3", status=tuple(range(1, 256)))
    contains(stopped, r"waited 6000 ms in vain for rank 1 of 2 \(cpu:0 on \S+, process \d+\), last heard of at step \d+, call \d+: ")
    thrown, _ = run(*by_mpirun(2), *fit, "fault=throw", "rank=1", "at=3", status=tuple(range(1, 256)))
    contains(thrown, r"\[fault\] the disk is on fire")


def test_processes_that_do_not_fit_together():
    def by_rank(first, others):
        script = f'if [ "$STRATA_RANK" = 0 ]; then exec "$0" fit timeout=5 {first}; else exec "$0" fit timeout=5 {others}; fi'
        return run(*by_launch(2), "sh", "-c", script, PROGRAM, status=1)[0]

    contains(by_rank("units=8", "units=9"), r"the processes run different programs: rank 1 differs from rank 0 in its step, "
             r"which has '[^']*\[\d+,8\]' on rank 0 and '[^']*\[\d+,9\]' there")
    contains(by_rank("batch=8", "batch=6"), r"another first batch on rank 1 than on rank 0")
    contains(by_rank("samples=22", "samples=14"), r"another first batch on rank 1 than on rank 0|different programs|different calls")
    output, _ = run(*by_launch(1, "--world-size", "2", "--address", "127.0.0.1:1"), PROGRAM, "fit", "timeout=1", status=1)
    contains(output, r"port 1|for rank 1 of 2")
    alone = ("--world-size", "2", "--first-rank", "1", "--address", "127.0.0.1:1")
    output, _ = run(*by_launch(1, *alone), PROGRAM, "fit", "timeout=6", status=1)
    contains(output, r"strata: rank 1 of 2 looks for rank 0: \[127.0.0.1:1\] cannot be reached: \w[\w ]+; gives up in [01] s",
             r"\[rank 1 of 2 on \S+\] rank 0, which should be there, was not found")


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    if not MPIRUN:
        print("without mpirun: Open MPI is not there, or Strata was built without it")
    tests = {name: test for name, test in globals().items() if name.startswith("test_")}
    for name, test in tests.items():
        if len(sys.argv) > 5 and sys.argv[5] not in name:
            continue
        begin = time.monotonic()
        test()
        print(f"{name}: {time.monotonic() - begin:.1f} s", flush=True)


main()
