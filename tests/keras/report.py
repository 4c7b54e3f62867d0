"""What a run has shown, held against the list of exceptions."""

import pathlib

LIST = pathlib.Path(__file__).resolve().parent / "exceptions.txt"


def exceptions(generation):
    """check -> reason, of the lines for this generation of Keras."""
    reasons = {}
    for line in LIST.read_text().splitlines():
        words = line.split("#")[0].split(None, 2)
        if not words:
            continue
        if len(words) != 3 or words[0] not in ("keras2", "keras3"):
            raise SystemExit(f"{LIST.name}: expected `keras2|keras3  check  reason`; received {line!r}")
        if words[0] == f"keras{generation}":
            reasons[words[1]] = words[2]
    return reasons


class Report:
    def __init__(self, verbose):
        self.verbose, self.outcomes = verbose, {}

    def add(self, check, wrong):
        """`wrong` lists what is not as it should be; nothing means passed."""
        assert check not in self.outcomes, f"two checks are called {check}"
        self.outcomes[check] = list(wrong)
        if self.verbose:
            print(
                "fail" if wrong else "pass",
                check,
                *(" ".join(str(w).split())[:600] for w in list(wrong)[:3]),
                sep="  ",
                flush=True,
            )

    def run(self, check, work):
        """Adds what `work()` returns; whatever it throws is wrong, too. Whether the check passed."""
        try:
            wrong = work()
        except Exception as error:  # Keras throws anything, and a failed command is one
            wrong = [f"{type(error).__name__}: {error}"]
        self.add(check, wrong)
        return not wrong

    def finish(self, listed):
        """Prints the outcome; whether all is as it should be."""
        complaints = []
        for check, wrong in self.outcomes.items():
            if wrong and check not in listed:
                complaints += [f"{check}: failed"] + ["    " + " ".join(str(w).split())[:600] for w in wrong[:3]]
            if not wrong and check in listed:
                complaints.append(f"{check}: passed; take it off {LIST.name}")
        complaints += [f"{check}: no such check; take it off {LIST.name}" for check in listed if check not in self.outcomes]
        passed = sum(not wrong for wrong in self.outcomes.values())
        print(
            "\n".join(complaints + [f"{passed} of {len(self.outcomes)} checks passed, {len(listed)} exceptions are listed"]),
            flush=True,
        )
        return bool(passed) and not complaints
