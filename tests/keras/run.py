#!/usr/bin/env python3
"""What real Keras makes of files that were written here, and the reverse: run.py STRATA DRIVER SUITE FOLDER

  exchange    training that crosses from Keras to the strata command and back, in every format (exchange.py; models in
              networks.py and optimizers.py)
  command     strata fit on each kind of data, killed and resumed, with TensorBoard; strata new (command.py)
  written     every case of tests/oracle as oracle_driver writes it (written.py); SUITE is that suite, unpacked

Runs with whatever Keras the Python has: 2.15 or 3. exceptions.txt names the checks that cannot pass, and why; a failure
that it does not name and a check that passes though it is named there both make the run fail. Wants tensorflow, h5py and
NumPy. --only A,B runs the checks whose name holds A or B; --verbose prints every check."""

import argparse
import pathlib
import shutil
import sys

import models  # first: it says how TensorFlow is to start
import command
import exchange
import report
import written


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("strata", "driver", "suite", "folder"):
        parser.add_argument(name, type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--only", default="")
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()

    def chosen(name):
        return any(part in name or name in part for part in args.only.split(","))

    print(f"Keras {models.keras.__version__} with TensorFlow {models.tf.__version__}", flush=True)
    shutil.rmtree(args.folder, ignore_errors=True)
    outcome = report.Report(args.verbose)
    exchange.run(args.strata, args.folder / "exchange", outcome, chosen)
    command.run(args.strata, args.folder / "command", outcome, chosen)
    written.run(args.driver, args.suite, args.folder / "written", outcome, chosen)
    listed = {check: reason for check, reason in report.exceptions(models.GENERATION).items() if chosen(check)}
    sys.exit(0 if outcome.finish(listed) else 1)


if __name__ == "__main__":
    main()
