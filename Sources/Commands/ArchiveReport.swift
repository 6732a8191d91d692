import Loci

/// What an import of an archive did, counted; what stayed out is listed.
struct ArchiveReport {
    /// A memory that did not come in.
    struct Failed {
        let line: Int
        /// nil where not even that can be read.
        let id: MemoryID?
        let error: LociError
    }

    var added = 0
    var bytes: Int64 = 0
    var equal = 0
    var differing: [MemoryID] = []
    var failed: [Failed] = []
    /// What came of the tree that holds the archive.
    var beside = ImportReport()

    func text(dryRun: Bool) -> String {
        var text =
            "\(dryRun ? "Would import" : "Imported") \(Grouped.text(added)) memories, "
            + "\(ByteCount(bytes))"
        let counts = [
            ("already there", equal + beside.equal),
            ("different", differing.count + beside.differing.count),
            ("foreign", beside.foreign), ("empty directories", beside.directories),
            ("failed", failed.count + beside.problems.count),
        ]
        for (word, count) in counts where count > 0 { text += ", \(Grouped.text(count)) \(word)" }
        return text + beside.skippedText + "."
    }

    var json: JSON {
        [
            "imported": .integer(Int64(added)), "bytes": .integer(bytes),
            "equal": .integer(Int64(equal + beside.equal)),
            "foreign": .integer(Int64(beside.foreign)),
            "emptyDirectories": .integer(Int64(beside.directories)),
            "skipped": beside.skippedJSON,
            "differing": .array(
                differing.map { .string($0.description) } + beside.differing.map { JSON(path: $0) }
            ),
            "failed": .array(
                failed.map { failed in
                    [
                        "line": .integer(Int64(failed.line)),
                        "id": failed.id.map { .string($0.description) } ?? .null,
                        "code": .string(failed.error.code.rawValue),
                        "message": .string(Failure.sentence(failed.error)),
                    ]
                } + beside.problemsJSON
            ),
        ]
    }

    /// Says what stayed out.
    func list() {
        for id in differing { Words.note("\(id): differs from the memory that is there.") }
        for failed in failed {
            let id = failed.id.map { ", \($0)" } ?? ""
            Words.note("line \(failed.line)\(id): \(Failure.sentence(failed.error))")
        }
        beside.list()
    }

    /// Lists what stayed out, and throws `partlyDone` where something did.
    func throwIfPartial() throws {
        list()
        let left = differing.count + failed.count + beside.left
        guard left > 0 else { return }
        throw LociError(
            .partlyDone,
            subject: "import",
            message: "\(Grouped.text(left)) of what is listed above did not come in."
        )
    }
}
