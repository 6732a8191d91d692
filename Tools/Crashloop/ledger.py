"""What the crash loop knows of every memory: what was acknowledged, and what may be there."""
import collections, functools, hashlib, json, os
from typing import NamedTuple

SCHEMES = ["user={user}/topic={topic}", "topic={topic}/user={user}", "t={topic}/u={user}"]
USERS, TOPICS, ENDINGS = 5, 8, ("", ".note")


class State(NamedTuple):
    """A memory that is there: at (user, topic, ending), the first `size` bytes of a version."""
    place: tuple
    version: int
    size: int


def path(scheme, stem, place):
    user, topic, ending = place
    directory = scheme.replace("{user}", f"u{user}").replace("{topic}", f"t{topic}")
    return f"{directory}/{stem}{ending}.md"


def any_place(chance):
    return (chance.randrange(USERS), chance.randrange(TOPICS), chance.choice(ENDINGS))


def temporary(place, version):
    """Where a save writes a version before it renames it over the memory."""
    return (*place[:2], f".v{version}.tmp")


@functools.lru_cache(8192)
def content(stem, version):
    lines = 1 + int(hashlib.sha256(f"{stem} {version}".encode()).hexdigest()[:4], 16) % 300
    return b"".join(b"%s %d %d\n" % (stem.encode(), version, line) for line in range(lines))


class Operation(NamedTuple):
    """What a worker writes down before it begins something.

    `torn`: a kill on the way may leave a beginning of the new bytes. `renames`: the new bytes come
    by a temporary name, which a kill may leave.
    """
    stem: str
    kind: str
    place: tuple
    version: int
    torn: bool = False
    renames: bool = False

    def after(self, before):
        if self.kind == "remove":
            return None
        if self.kind == "move":
            return before._replace(place=self.place)
        return State(self.place, self.version, len(content(self.stem, self.version)))


class Log:
    """A worker's own lines: begun, done, or what should not have happened."""

    def __init__(self, file):
        self.file = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def _write(self, *line):
        os.write(self.file, json.dumps(line).encode() + b"\n")

    def begin(self, operation):
        self._write("begin", *operation)

    def done(self, stem):
        self._write("done", stem)

    def trouble(self, text):
        self._write("trouble", text)


class Ledger:
    """The last state known of each memory, None where it was removed."""

    def __init__(self):
        self.states = {}
        self.flight = {}
        self.troubles = []

    def read(self, log):
        """Takes over what a worker acknowledged; what it had begun stays in flight."""
        if not os.path.exists(log):
            return
        for line in open(log):
            kind, *rest = json.loads(line)
            if kind == "trouble":
                self.troubles.append(rest[0])
            elif kind == "begin":
                operation = Operation(*rest)
                place = operation.place and tuple(operation.place)
                self.flight[operation.stem] = operation._replace(place=place)
            else:
                operation = self.flight.pop(rest[0])
                self.states[rest[0]] = operation.after(self.states.get(rest[0]))
        os.replace(log, log + ".last")

    def settle(self, scheme, found):
        """Compares what a walk found, {path: bytes}, with what may be there, and takes it over.

        Returns all files as (stem, place, bytes), and problems as (lost or wrong, text).
        """
        of_stem = collections.defaultdict(dict)
        for file, data in found.items():
            of_stem[file.rsplit("/", 1)[-1].split(".", 1)[0]][file] = data
        files, problems = [], []
        for stem in sorted(self.states.keys() | self.flight.keys() | of_stem.keys()):
            before, operation = self.states.get(stem), self.flight.pop(stem, None)
            here = of_stem[stem]
            try:
                unsaved = self._temporary(scheme, operation, here)
                files += unsaved
                operation = None if unsaved else operation
                self.states[stem] = state = self._state(scheme, stem, before, operation, here)
            except Problem as problem:
                problems.append(problem.args)
                continue
            if state:
                files += [(stem, state.place, data) for data in here.values()]
        problems += [("wrong", trouble) for trouble in self.troubles]
        self.troubles = []
        return files, problems

    def _temporary(self, scheme, operation, here):
        """Takes what a save in flight may have left out of `here`."""
        if not operation or not operation.renames:
            return []
        place = temporary(operation.place, operation.version)
        data = here.pop(path(scheme, operation.stem, place), None)
        if data is None:
            return []
        if not content(operation.stem, operation.version).startswith(data):
            raise Problem("wrong", f"{path(scheme, operation.stem, place)}: no beginning")
        return [(operation.stem, place, data)]

    def _state(self, scheme, stem, before, operation, here):
        """Which of the states that are allowed is there."""
        allowed = [before] + ([operation.after(before)] if operation else [])
        if not here:
            if None in allowed:
                return None
            raise Problem("lost", " or ".join(path(scheme, stem, s.place) for s in allowed))
        if len(here) > 1:
            raise Problem("wrong", "twice: " + ", ".join(sorted(here)))
        (file, data), = here.items()
        for index, state in enumerate(allowed):
            if state is None or file != path(scheme, stem, state.place):
                continue
            whole = content(stem, state.version)[:state.size]
            if data == whole or index == 1 and operation.torn and whole.startswith(data):
                return state._replace(size=len(data))
        raise Problem("wrong", f"{file}: {len(data)} bytes, {data[:40]!r}; "
                      f"allowed {allowed}, in flight {operation and operation.kind}")


class Problem(Exception):
    """("lost" or "wrong", text)"""
