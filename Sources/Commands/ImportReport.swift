import Loci

/// What an import did, counted; what needs a look is listed.
struct ImportReport {
    var imported = 0
    var bytes: Int64 = 0
    var equal = 0
    var updated = 0
    var foreign = 0
    var directories = 0
    var skipped: [SourceWalk.Skipped: Int] = [:]
    /// Memories that are there with other content.
    var differing: [NamePath] = []
    var problems: [(path: NamePath, error: LociError)] = []
    /// Notes about files that came in all the same.
    var notes: [(path: NamePath, text: String)] = []
    var twins: [NamePath] = []

    func text(dryRun: Bool) -> String {
        let verb = dryRun ? "Would import" : "Imported"
        var text = "\(verb) \(Grouped.text(imported)) memories, \(ByteCount(bytes))"
        let counts = [
            ("already there", equal), ("updated", updated), ("different", differing.count),
            ("foreign", foreign), ("empty directories", directories),
            ("failed", problems.count),
        ]
        for (word, count) in counts where count > 0 {
            text += ", \(Grouped.text(count)) \(word)"
        }
        return text + skippedText + "."
    }

    var skippedText: String {
        let skips = SourceWalk.Skipped.allCases.compactMap { kind in
            skipped[kind].map { "\(Grouped.text($0)) \(kind.rawValue)" }
        }
        return skips.isEmpty ? "" : "; skipped \(skips.joined(separator: ", "))"
    }

    var skippedJSON: JSON {
        .object(
            SourceWalk.Skipped.allCases.compactMap { kind in
                skipped[kind].map { JSON.Member(kind.rawValue, .integer(Int64($0))) }
            }
        )
    }

    var problemsJSON: [JSON] {
        problems.map { (path, error) in
            [
                "path": JSON(path: path), "code": .string(error.code.rawValue),
                "message": .string(Failure.sentence(error)),
            ]
        }
    }

    var json: JSON {
        [
            "imported": .integer(Int64(imported)), "bytes": .integer(bytes),
            "equal": .integer(Int64(equal)), "updated": .integer(Int64(updated)),
            "foreign": .integer(Int64(foreign)),
            "emptyDirectories": .integer(Int64(directories)),
            "skipped": skippedJSON,
            "differing": .array(differing.map { JSON(path: $0) }),
            "failed": .array(problemsJSON),
            "twins": .array(twins.map { JSON(path: $0) }),
        ]
    }

    /// What was to come in and did not.
    var left: Int { differing.count + problems.count }

    /// Says what needs a look.
    func list() {
        if skipped[.archive] != nil {
            Words.note(
                "\(ExportRun.archiveName): left out: it is where an export keeps its history. "
                    + "With --history that comes in, with ids, attributes, times and revisions."
            )
        }
        for (path, text) in notes { Words.note("\(path): \(text)") }
        for path in twins {
            Words.note(
                "\(path): differs from another name there by case or Unicode form only; both are "
                    + "kept."
            )
        }
        for path in differing { Words.note("\(path): differs from the memory that is there.") }
        for (path, error) in problems { Words.note("\(path): \(Failure.sentence(error))") }
    }

    /// Lists what needs a look, and throws `partlyDone` where something stayed out.
    func throwIfPartial() throws {
        list()
        guard left > 0 else { return }
        throw LociError(
            .partlyDone,
            subject: "import",
            message: "\(Grouped.text(left)) of the files listed above did not come in.",
            remedy: differing.isEmpty ? nil : "With --update, what differs gets a new revision."
        )
    }
}
