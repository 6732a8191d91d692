"""What loads the store while it is killed: writers through a mount, and a writer by commands."""
import errno, json, os, random, subprocess, time
from ledger import SCHEMES, Log, Operation, State, any_place, content, path, temporary

GONE = (errno.ENOTCONN, errno.ECONNABORTED, errno.ENODEV)


class Gone(Exception):
    """The daemon was killed."""


class Refused(Exception):
    """By no layout's path can it be done."""


def somehow(action, first=None):
    """Does something by the path of whichever layout is live: layouts come and go meanwhile.

    `first`: the only one that is tried at first. Returns the layout's scheme and the result.
    """
    for attempt in range(300):
        schemes = random.sample(SCHEMES, len(SCHEMES))
        for scheme in schemes if first is None or attempt > 150 else [first]:
            try:
                return scheme, action(scheme)
            except OSError as error:
                if error.errno in GONE:
                    raise Gone() from error
                last = error
        time.sleep(0.004)
    raise Refused(str(last))


class Files:
    """Works on memories as files below a mount."""
    torn = True

    def __init__(self, mount):
        self.mount = mount
        # Until a new file is born, only the path that made it leads to it.
        self.made_by = {}

    def create(self, stem, place, data):
        self.made_by[stem], descriptor = somehow(lambda scheme: self._make(scheme, stem, place))
        self._fill(descriptor, data)

    def write(self, stem, place, data):
        def truncated(scheme):
            file = f"{self.mount}/{path(scheme, stem, place)}"
            return os.open(file, os.O_WRONLY | os.O_TRUNC)
        self._fill(somehow(truncated, self.made_by.get(stem))[1], data)

    def save(self, stem, place, data, version):
        new = temporary(place, version)
        scheme, descriptor = somehow(
            lambda scheme: self._make(scheme, stem, new), self.made_by.get(stem))
        self._fill(descriptor, data)
        somehow(lambda scheme: self._rename(scheme, stem, new, place), scheme)

    def move(self, stem, old, new):
        somehow(lambda scheme: self._rename(scheme, stem, old, new), self.made_by.get(stem))

    def remove(self, stem, place):
        somehow(lambda scheme: os.unlink(f"{self.mount}/{path(scheme, stem, place)}"),
                self.made_by.pop(stem, None))

    def _make(self, scheme, stem, place):
        file = f"{self.mount}/{path(scheme, stem, place)}"
        os.makedirs(os.path.dirname(file), exist_ok=True)
        return os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL)

    def _rename(self, scheme, stem, old, new):
        target = f"{self.mount}/{path(scheme, stem, new)}"
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.rename(f"{self.mount}/{path(scheme, stem, old)}", target)

    def _fill(self, descriptor, data):
        """In pieces, so that a kill falls between them; nothing written may be lost by a kill."""
        with open(descriptor, "wb", buffering=0) as stream:
            for start in range(0, len(data), 1500):
                piece = memoryview(data)[start:start + 1500]
                # A write that crosses a page is two requests; a kill between them makes it short.
                while piece:
                    piece = piece[stream.write(piece):]
            if random.random() < 0.5:
                os.fsync(stream.fileno())


class Commands:
    """Works on memories with `loci add`, `edit`, `mv` and `rm`: each whole or not at all."""
    torn = False

    def __init__(self, loci, store):
        self.loci, self.store = loci, store

    def _run(self, *words, data=b""):
        done = subprocess.run([self.loci, *words, "--store", self.store], input=data,
                              capture_output=True)
        if done.returncode != 0:
            raise OSError(errno.EIO, f"{words}: exit {done.returncode}: {done.stderr.decode()}")

    def create(self, stem, place, data):
        user, topic, ending = place
        self._run("add", "-", "--name", f"{stem}{ending}.md", "--set", f"user=u{user}",
                  "--set", f"topic=t{topic}", data=data)

    def write(self, stem, place, data):
        somehow(lambda scheme: self._run("edit", path(scheme, stem, place), "-", data=data))

    def save(self, stem, place, data, version):
        self.write(stem, place, data)

    def move(self, stem, old, new):
        somehow(lambda scheme: self._run("mv", path(scheme, stem, old), path(scheme, stem, new)))

    def remove(self, stem, place):
        somehow(lambda scheme: self._run("rm", path(scheme, stem, place)))


class Worker:
    """Creates, overwrites, saves, moves and removes memories of its own until it is killed."""

    def __init__(self, hand, log, states, version, seed):
        random.seed(seed)
        self.hand, self.log, self.states, self.version = hand, Log(log), states, version

    def work(self):
        while True:
            try:
                self.step(random.choice(list(self.states)))
            except Gone:
                time.sleep(3600)

    def step(self, stem):
        state = self.states[stem]
        self.version += 1
        if state is None:
            kind, place = "create", any_place(random)
        else:
            kind = random.choices(("write", "save", "move", "remove"), (4, 3, 3, 1))[0]
            place = any_place(random) if kind == "move" else state.place
            if kind == "move" and place == state.place:
                return
        operation = Operation(
            stem, kind, None if kind == "remove" else place, self.version,
            torn=self.hand.torn and kind in ("create", "write"),
            renames=self.hand.torn and kind == "save")
        self.log.begin(operation)
        try:
            self.perform(operation, state)
        except (Refused, OSError) as error:
            if getattr(error, "errno", 0) in GONE:
                raise Gone() from error
            self.log.trouble(f"{kind} of {stem}, {state}, to {place}: {error!r}")
            raise Gone() from error
        self.log.done(stem)
        self.states[stem] = operation.after(state)

    def perform(self, operation, state):
        stem, kind, place, version = operation[:4]
        data = content(stem, version)
        if kind == "create":
            self.hand.create(stem, place, data)
        elif kind == "write":
            self.hand.write(stem, place, data)
        elif kind == "save":
            self.hand.save(stem, place, data, version)
        elif kind == "move":
            self.hand.move(stem, state.place, place)
        else:
            self.hand.remove(stem, state.place)


def work(order):
    """Runs the worker that `order`, a JSON object, describes; it never returns."""
    order = json.loads(order)
    if "mount" in order:
        hand = Files(order["mount"])
    else:
        hand = Commands(order["loci"], order["store"])
    states = {stem: state and State(tuple(state[0]), *state[1:])
              for stem, state in order["states"].items()}
    Worker(hand, order["log"], states, order["version"], order["seed"]).work()
