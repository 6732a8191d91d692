"""Who works on the mount while Tools/kills disturbs it: readers and writers, a process each.

Each prints one JSON object at the end: its calls, the errors that it met, the longest call, and, for a
writer, the files that must be there with the hash of what is in them.
"""
import hashlib, json, os, random, sys, time

SCHEMES = ["user={user}/topic={topic}", "topic={topic}/user={user}"]


def path(scheme, user, topic, name):
    return scheme.format(user=user, topic=topic) + "/" + name


def content(stem, size):
    """Bytes that belong to a name: a piece of one file in another is seen."""
    line = f"{stem} {hashlib.sha256(stem.encode()).hexdigest()}\n".encode()
    return (line * (size // len(line) + 1))[:size]


def digest(data):
    return hashlib.sha256(data).hexdigest()


class Worker:
    def __init__(self, order):
        self.chance = random.Random(order["seed"])
        self.mount, self.root, self.number = order["mount"], order["root"], order["number"]
        self.layouts = order["layouts"]
        self.calls, self.errors, self.longest = 0, [], (0, "")
        self.files = {}

    def call(self, name, function, *arguments, expect=None):
        """One call, timed; an error that is not expected is written down, and gives None."""
        began = time.monotonic()
        self.calls += 1
        try:
            result = function(*arguments)
            if expect:
                self.error(f"{name} of {arguments}: no {expect.__name__}")
            return result
        except OSError as error:
            if not (expect and isinstance(error, expect)):
                self.error(f"{name} of {arguments}: {error!r}")
            return None
        finally:
            self.longest = max(self.longest, (time.monotonic() - began, name))

    def error(self, text):
        self.errors.append(f"{time.time():.3f} {type(self).__name__} {self.number}: {text}")

    def work(self):
        while not os.path.exists(f"{self.root}/stop"):
            self.step()
            time.sleep(self.chance.uniform(0, 0.01))
        print(json.dumps({"calls": self.calls, "errors": self.errors, "longest": self.longest,
                          "files": self.files}))


class Reader(Worker):
    def __init__(self, order):
        super().__init__(order)
        with open(f"{self.root}/files.json") as stream:
            self.known = json.load(stream)
        self.paths = sorted(self.known)
        self.ids = []

    def step(self):
        file = self.chance.choice(self.paths)
        self.chance.choice((self.read, self.read, self.read, self.stat, self.missing, self.list,
                            self.link))(file)

    def read(self, file):
        whole = f"{self.mount}/{file}"
        descriptor = self.call("open", os.open, whole, os.O_RDONLY)
        if descriptor is None:
            return
        data = b""
        while piece := self.call("read", os.read, descriptor, 1 << 16):
            data += piece
        if digest(data) != self.known[file]:
            self.error(f"{file}: other bytes, {len(data)} of them")
        # Else the kernel has it for good, and nobody is asked again.
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        self.call("close", os.close, descriptor)

    def stat(self, file):
        self.call("stat", os.stat, f"{self.mount}/{file}")

    def missing(self, file):
        name = f"{self.mount}/{file}.{self.chance.randrange(1 << 40)}"
        self.call("stat of what is missing", os.stat, name, expect=FileNotFoundError)

    def list(self, file):
        directory = os.path.dirname(file)
        names = self.call("list", os.listdir, f"{self.mount}/{directory}")
        if names is not None and os.path.basename(file) not in names:
            self.error(f"{file} is not listed")

    def link(self, file):
        if not self.ids:
            self.ids = self.call("list of ids", os.listdir, f"{self.mount}/.loci/by-id") or []
        elif self.ids:
            name = self.chance.choice(self.ids)
            target = self.call("readlink", os.readlink, f"{self.mount}/.loci/by-id/{name}",
                               expect=None)
            if target == "":
                self.error(f"{name}: no target")


class Writer(Worker):
    """Knows what its files hold: `texts` has the bytes, by (user, topic, name)."""

    def __init__(self, order):
        super().__init__(order)
        self.user, self.texts, self.count = f"w{self.number}", {}, 0
        # A directory that only an unlisted layout has ends with its last file: each keeps one.
        self.anchors = {}
        for topic in range(3):
            key = (self.user, f"t{topic}", "anchor.md")
            self.make_directory(key)
            data = self.data(key)
            if self.fill(self.place(key), os.O_WRONLY | os.O_CREAT | os.O_EXCL, data):
                self.anchors[key] = data

    def place(self, key):
        return f"{self.mount}/{path(SCHEMES[0], *key)}"

    def step(self):
        ways = [self.create, self.append, self.append, self.overwrite, self.save, self.move,
                self.remove, self.directory]
        if len(self.texts) < 5:
            ways = [self.create]
        self.chance.choice(ways)()
        self.files = {path(SCHEMES[0], *key): digest(data) 
                      for key, data in (self.anchors | self.texts).items()}

    def new(self):
        self.count += 1
        return self.user, f"t{self.chance.randrange(3)}", f"f{self.count}.md"

    def some(self):
        return self.chance.choice(sorted(self.texts))

    def data(self, key):
        return content(f"{key}-{self.chance.random()}", self.chance.randrange(1, 9000))

    def fill(self, whole, flags, data):
        """Opens, writes in pieces, perhaps syncs, and closes; whether all went well."""
        descriptor = self.call("open to write", os.open, whole, flags, 0o644)
        if descriptor is None:
            return False
        piece = memoryview(data)
        while piece:
            count = self.call("write", os.write, descriptor, piece[:3000])
            if count is None:
                break
            piece = piece[count:]
        if self.chance.random() < 0.3:
            self.call("fsync", os.fsync, descriptor)
        self.call("close", os.close, descriptor)
        return not piece

    def make_directory(self, key):
        directory = os.path.dirname(self.place(key))
        for name in (os.path.dirname(directory), directory):
            if self.call("isdir", os.path.isdir, name) is False:
                self.call("mkdir", os.mkdir, name)

    def create(self):
        key = self.new()
        self.make_directory(key)
        data = self.data(key)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        if self.fill(self.place(key), flags, data):
            self.texts[key] = data

    def append(self):
        key = self.some()
        data = self.data(key)[:500]
        if self.fill(self.place(key), os.O_WRONLY | os.O_APPEND, data):
            self.texts[key] += data

    def overwrite(self):
        key = self.some()
        data = self.data(key)
        if self.fill(self.place(key), os.O_WRONLY | os.O_TRUNC, data):
            self.texts[key] = data

    def save(self):
        key = self.some()
        data = self.data(key)
        temporary = self.place(key) + ".new"
        if not self.fill(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, data):
            return
        before = len(self.errors)
        self.call("rename over", os.rename, temporary, self.place(key))
        if len(self.errors) == before:
            self.texts[key] = data

    def move(self):
        old, new = self.some(), self.new()
        self.make_directory(new)
        before = len(self.errors)
        self.call("rename", os.rename, self.place(old), self.place(new))
        if len(self.errors) == before:
            self.texts[new] = self.texts.pop(old)

    def remove(self):
        key = self.some()
        before = len(self.errors)
        self.call("unlink", os.unlink, self.place(key))
        if len(self.errors) == before:
            del self.texts[key]

    def directory(self):
        """A directory that nobody else needs comes and goes."""
        self.count += 1
        name = f"{self.mount}/{path(SCHEMES[0], self.user, f'd{self.count}', '')[:-1]}"
        if self.call("isdir", os.path.isdir, os.path.dirname(name)):
            self.call("mkdir", os.mkdir, name)
            self.call("rmdir", os.rmdir, name)


if __name__ == "__main__":
    wanted = json.loads(sys.argv[1])
    {"read": Reader, "write": Writer}[wanted["kind"]](wanted).work()
