import Linux
import Model
import Testing

@testable import Loci

/// An embedder that a test writes in Python, in a directory of its own.
///
/// A text's vector has a number for each of a few meanings: how many of its words have it. The
/// script has `hello(…)`, which tells what it is; `questions()`, which gives what is asked and notes
/// it; `vector(text)`; `say(question, …)`, which answers; and `here`, its directory.
final class EmbedderScript: Sendable {
    let directory = "/tmp/loci-embedder-" + Hex.text((try? Machine.random(count: 8)) ?? [])

    private static let prelude = """
        #!/usr/bin/env python3
        import json, os, sys, time
        here = os.path.dirname(os.path.abspath(__file__))
        with open(here + "/pids", "a") as f: f.write("%d\\n" % os.getpid())
        meanings = ["cat feline kitten", "money refund cash", "rain storm weather", "tea coffee"]
        def hello(**other):
            about = {"protocol": 1, "id": "meanings", "dimensions": len(meanings), **other}
            print(json.dumps(about), flush=True)
        def questions():
            for line in sys.stdin:
                question = json.loads(line)
                with open(here + "/asked", "a") as f: print(*question["text"].split(), file=f)
                yield question
        def vector(text):
            words = text.lower().split()
            return [sum(word in meaning.split() for word in words) for meaning in meanings]
        def say(question, **answer):
            print(json.dumps({"id": question["id"], **answer}), flush=True)

        """

    /// One that does what it should.
    static let honest = "hello()\nfor q in questions(): say(q, vector=vector(q['text']))"

    init(_ body: String = honest) throws {
        try File.workingDirectory.makeDirectory(directory, mode: 0o755)
        try write(body)
    }

    deinit { try? StoreFiles.removeTree(directory) }

    /// Writes it anew, as somebody does who mends it.
    func write(_ body: String) throws {
        let text = Self.prelude + body + "\n"
        try File.open(directory + "/embed.py", [.writeOnly, .create, .truncate], mode: 0o755)
            .write(Array(text.utf8))
    }

    func embedder(timeout: Duration = .seconds(60)) throws -> ProcessEmbedder {
        var options = ProcessEmbedder.Options()
        options.timeout = timeout
        return try ProcessEmbedder("python3 \(directory)/embed.py", options: options)
    }

    /// The texts that it was asked about, in order, each in one line.
    var asked: [String] { lines("asked") }

    /// Its processes, those that have ended too.
    var processes: [RunningProcess] {
        lines("pids").compactMap { Int32($0) }.map { RunningProcess(id: $0) }
    }

    private func lines(_ name: String) -> [String] {
        let bytes = (try? File.open(directory + "/" + name).readAll(limit: 1 << 26)) ?? []
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}
