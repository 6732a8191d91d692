import ArgumentParser
import Linux
import Loci
import Migration

/// The program that finds missing fields.
struct MapperOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp("A program that finds the fields that memories lack.", valueName: "cmd")
    )
    var mapper: String?

    @Option(
        name: .long,
        help: ArgumentHelp("How many processes of the mapper work side by side.", valueName: "n")
    )
    var mapperJobs: Int?

    @Option(
        name: .long,
        help: ArgumentHelp("How long the mapper may take for an answer (30s).", valueName: "time")
    )
    var mapperTimeout: String?

    /// The help's words about mappers.
    static let discussion = """
        A mapper reads one JSON object a line: protocol (1), tenant, id, path, name, attributes, \
        missing, size, created, updated. It answers each with one line of the same id, in any \
        order, and flushes it; up to 16 are open at a time: {"id":…,"fields":{"topic":"auth"}}, or \
        "skip": reason (the field stays _), or "error": reason (the layout does not go live), or \
        "want":"body", and the line comes again with "body", or with "bodyBase64" where that is \
        not UTF-8. It ends at the end of its input. A mapper that crashes, hangs or answers what \
        it was not asked is started again; what fails alone three times is an error, see: loci \
        migrate errors. CMD is split into words, and no shell runs. CMD identifies the mapper, \
        with the SHA-256 of its program and of each word that names a file, also within sh -c; not \
        what those load, what a variable or an option such as --model=FILE names, nor anything \
        behind a network. A start that was killed goes on with the same mapper only.
        """

    func validate() throws {
        if mapper == nil, mapperJobs != nil || mapperTimeout != nil {
            throw ValidationError("--mapper-jobs and --mapper-timeout go with --mapper.")
        }
        if let mapperJobs, !(1...256).contains(mapperJobs) {
            throw ValidationError("--mapper-jobs takes 1 to 256.")
        }
    }

    /// The mapper, its program found; nil where none is given.
    func mapper(_ speech: SpeechOptions) throws(LociError) -> ProcessMapper? {
        guard let mapper else { return nil }
        var options = ProcessMapper.Options()
        options.jobs = mapperJobs ?? 1
        if let mapperTimeout {
            options.timeout = try LociDuration.parse(mapperTimeout)
            guard options.timeout > .zero else {
                throw .unreadable(
                    mapperTimeout,
                    as: "a time that an answer may take",
                    remedy: "Write one such as 500ms, 30s or 5m."
                )
            }
        }
        let quiet = speech.quiet
        return try ProcessMapper(mapper, options: options) { line in
            if !quiet { Words.line("mapper: \(line)") }
        }
    }

    /// Lets ^C, `kill` and the end of the terminal take the mapper's processes along, with what they
    /// started, before they end this one as ever.
    static func endWithSignals(_ mapper: ProcessMapper?, _ speech: SpeechOptions) {
        guard let mapper else { return }
        let quiet = speech.quiet
        let signals = [Signals.interrupt, Signals.terminate, Signals.hangUp]
        // Without it the processes die all the same; only what they started might not.
        try? Signals.beforeEnding(by: signals) {
            mapper.kill()
            if !quiet { Words.note("interrupted; the same command goes on where it was.") }
        }
    }
}
