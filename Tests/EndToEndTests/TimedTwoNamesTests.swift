import Testing

/// Two names of one memory, with opens that send no message: neither may show what is over.
@Suite("Two names of one memory", .serialized)
struct TimedTwoNamesTests {
    /// For Python: how long a condition took to come true, less what the machine kept the daemon
    /// and the script waiting for a processor (as `Stalls` has it).
    private static let stopwatch = """
        import glob, json, os, sys, time
        daemon = json.load(open(sys.argv[1] + '/.loci/status.json'))['pid']

        def stalled():
            waited = 0
            for process in (daemon, os.getpid()):
                for task in glob.glob('/proc/%d/task/*/schedstat' % process):
                    try:
                        waited += int(open(task).read().split()[1])
                    except OSError:
                        pass
            ticks = int(open('/proc/stat').readline().split()[8])
            return waited / 1e9 + ticks / os.sysconf('SC_CLK_TCK')

        class Stopwatch:
            def __init__(self):
                self.before = stalled()

            def wait(self, holds, limit):
                \"""None where it never holds, else whether it holds in time from now on.\"""
                start = time.monotonic()
                while not holds():
                    if time.monotonic() - start > 1: return None
                took = time.monotonic() - start
                return took <= limit or took - (stalled() - self.before) <= limit
        """

    /// A tenant in which both layouts are live: `user=bob/topic=auth` and `topic=auth/user=bob`.
    private func bothLive() throws -> MountedStore {
        let tenant = try MountedStore(
            scheme: "user={user}/topic={topic}",
            files: ["user=bob/topic=auth/n.md": "first"]
        )
        try tenant.must(
            """
            loci migrate start 'topic={topic}/user={user}' --store "$S"
            loci migrate wait ready --timeout 30s --store "$S"
            """
        )
        return tenant
    }

    @Test("a save by one shows by the other within 5 ms, a thousand times")
    func savesShow() throws {
        let tenant = try bothLive()
        let outcome = try tenant.must(
            """
            python3 - "$M" <<'END'
            \(Self.stopwatch)
            m = sys.argv[1]
            a, b = m + '/user=bob/topic=auth/n.md', m + '/topic=auth/user=bob/n.md'
            late, wrong = [], []
            for i in range(1000):
                one, other = (a, b) if i % 2 else (b, a)
                text = 'save %d %s\\n' % (i, 'x' * (i % 97))
                watch = Stopwatch()
                with open(one, 'w') as f:
                    f.write(text)
                in_time = watch.wait(lambda: open(other).read() == text, 0.005)
                if in_time is None: wrong.append(i)
                elif not in_time: late.append(i)
            print(late, wrong)
            END
            """
        )
        #expect(outcome.lines.last == "[] []", "late and wrong rounds")
    }

    @Test("a save by renaming over one shows by the other within 5 ms, a thousand times")
    func atomicSavesShow() throws {
        let tenant = try bothLive()
        let outcome = try tenant.must(
            """
            python3 - "$M" <<'END'
            \(Self.stopwatch)
            m = sys.argv[1]
            a, b = m + '/user=bob/topic=auth/n.md', m + '/topic=auth/user=bob/n.md'
            late, wrong = [], []
            for i in range(1000):
                one, other = (a, b) if i % 2 else (b, a)
                text = 'save %d\\n' % i
                with open(one + '.tmp', 'w') as f:
                    f.write(text)
                watch = Stopwatch()
                os.replace(one + '.tmp', one)
                in_time = watch.wait(lambda: open(other).read() == text, 0.005)
                if in_time is None: wrong.append(i)
                elif not in_time: late.append(i)
            print(late, wrong)
            END
            """
        )
        #expect(outcome.lines.last == "[] []", "late and wrong rounds")
    }

    @Test("after rm by one, creating at the other makes a new memory and loses no byte")
    func removeAndCreate() throws {
        let tenant = try bothLive()
        let outcome = try tenant.must(
            """
            python3 - "$M" <<'END'
            import os, sys, time
            m = sys.argv[1]
            a, b = m + '/user=bob/topic=auth/', m + '/topic=auth/user=bob/'
            bad = 0
            for i in range(1000):
                one, other = (a, b) if i % 2 else (b, a)
                name = 'x%d.md' % (i % 10)
                try:
                    os.unlink(one + name)
                except FileNotFoundError:
                    pass
                os.makedirs(other, exist_ok=True)
                text = 'life %d\\n' % i
                with open(other + name, 'w') as f:
                    f.write(text)
                bad += open(other + name).read() != text
            time.sleep(1.5)
            for i in range(10):
                last = max(n for n in range(1000) if n % 10 == i)
                for side in (a, b):
                    bad += open(side + 'x%d.md' % i).read() != 'life %d\\n' % last
            print(bad)
            END
            """
        )
        #expect(outcome.lines.last == "0")
        try tenant.must("loci umount \"$M\"")
        #expect(try tenant.check() == nil)
    }

    @Test("a listing taken while names change is right the next time, a thousand times")
    func listings() throws {
        let tenant = try bothLive()
        let outcome = try tenant.must(
            """
            python3 - "$M" <<'END'
            import os, sys, threading, time
            m = sys.argv[1]
            a, b = m + '/user=bob/topic=auth', m + '/topic=auth/user=bob'
            names = {'n.md'}
            bad = 0
            stop = False
            def lister():
                while not stop:
                    os.listdir(a); os.listdir(b)
            thread = threading.Thread(target=lister); thread.start()
            for i in range(1000):
                name = 'l%d.md' % (i % 25)
                path = a + '/' + name
                if name in names:
                    os.unlink(path); names.discard(name)
                else:
                    open(path, 'w').write('x'); names.add(name)
                if set(os.listdir(a)) != names:
                    bad += 1
            stop = True; thread.join()
            time.sleep(1.5)
            bad += set(os.listdir(a)) != names
            bad += set(os.listdir(b)) != names
            print(bad)
            END
            """
        )
        #expect(outcome.lines.last == "0")
    }

    @Test("a command's change shows in the mount within 50 ms")
    func outsideChanges() throws {
        let tenant = try bothLive()
        let outcome = try tenant.must(
            """
            python3 - "$M" "$S" <<'END'
            \(Self.stopwatch)
            import subprocess
            m, s = sys.argv[1], sys.argv[2]
            a, b = m + '/user=bob/topic=auth/n.md', m + '/topic=auth/user=bob/n.md'
            late = []
            for i in range(20):
                open(a).read(); open(b).read()
                text = 'outside %d\\n' % i
                subprocess.run(['loci', 'edit', 'user=bob/topic=auth/n.md', '-', '--store', s],
                               input=text.encode(), check=True, stdout=subprocess.DEVNULL)
                watch = Stopwatch()
                shows = lambda: open(a).read() == text and open(b).read() == text
                if not watch.wait(shows, 0.05): late.append(i)
            print(late)
            END
            """
        )
        #expect(outcome.lines.last == "[]")
    }
}
