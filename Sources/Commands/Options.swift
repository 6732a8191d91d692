import ArgumentParser
import Linux
import Loci

extension ColorChoice: ExpressibleByArgument {}

/// How a command speaks; every command has these.
struct SpeechOptions: ParsableArguments {
    @Flag(name: .long, help: "Print JSON: one object, or one a line for lists and streams.")
    var json = false

    @Flag(name: .shortAndLong, help: "Say nothing; the exit code tells.")
    var quiet = false

    @Option(name: .long, help: "Use colours: auto, always or never.")
    var color = ColorChoice.auto

    /// Whether tables are aligned.
    var isAligned: Bool { Terminal.outputIsTerminal }

    var hasColor: Bool { Terminal.wantsColor(color, isTerminal: Terminal.outputIsTerminal) }

    /// Prints rows: JSON Lines, or a table.
    func print(_ table: Table, _ objects: @autoclosure () -> [JSON]) throws(LociError) {
        guard !quiet else { return }
        var output = Output()
        if json {
            for object in objects() { try output.line(object) }
        } else {
            for line in table.lines(aligned: isAligned, color: hasColor) {
                try output.line(line)
            }
        }
        try output.flush()
    }

    /// Prints one result: a JSON object, or a sentence.
    func print(
        _ sentence: @autoclosure () throws(LociError) -> String,
        _ object: () throws(LociError) -> JSON
    ) throws(LociError) {
        guard !quiet else { return }
        var output = Output()
        if json { try output.line(object()) } else { try output.line(sentence()) }
        try output.flush()
    }
}

/// The end of each path that comes out.
struct PathOptions: ParsableArguments {
    @Flag(name: .customShort("0"), help: "End each path with NUL instead of a line feed.")
    var nul = false
}

/// Which store and which tenant; every command that works on one tenant has these.
struct StoreOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp("The store, or a path inside a mount ($LOCI_STORE).", valueName: "dir")
    )
    var store: String?

    @Option(name: .long, help: ArgumentHelp("The tenant ($LOCI_TENANT).", valueName: "id"))
    var tenant: String?
}

/// Which store and which tenants; for commands that work on several.
struct TenantsOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp("The store, or a path inside a mount ($LOCI_STORE).", valueName: "dir")
    )
    var store: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "A tenant, or a pattern such as 'team-*'; may be repeated ($LOCI_TENANT).",
            valueName: "id"
        )
    )
    var tenant: [String] = []

    @Flag(name: .long, help: "All tenants of the store.")
    var allTenants = false

    func validate() throws {
        guard allTenants, !tenant.isEmpty else { return }
        throw ValidationError("Give --tenant or --all-tenants, not both.")
    }

    /// Whether more than one tenant may be meant.
    var maySayMany: Bool {
        allTenants || tenant.count > 1 || tenant.contains(where: Glob.isPattern)
    }
}

/// Who changes something and why, for the change log.
struct OriginOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp("Who does this, for the change log ($LOCI_ACTOR).", valueName: "who")
    )
    var actor: String?

    @Option(
        name: .long,
        help: ArgumentHelp("Why, for the change log ($LOCI_REASON).", valueName: "why")
    )
    var reason: String?

    var origin: Origin {
        Origin(
            actor: actor ?? Terminal.environment("LOCI_ACTOR")
                ?? UserName.actor(of: EffectiveUser.id),
            uid: EffectiveUser.id,
            pid: RunningProcess.current.id,
            process: "loci",
            reason: reason ?? Terminal.environment("LOCI_REASON")
        )
    }
}

/// The word that what cannot be undone wants.
struct ConfirmOptions: ParsableArguments {
    @Flag(name: .long, help: "Do it without being asked: it cannot be undone.")
    var yes = false

    /// Asks on a terminal; elsewhere refuses without `--yes`.
    func confirm(_ question: String, subject: String) throws(LociError) {
        if yes { return }
        if Terminal.inputIsTerminal && Terminal.errorIsTerminal {
            Words.say("\(question) Type yes to go on: ")
            if readLine() == "yes" { return }
        }
        throw LociError(
            .needsConfirmation,
            subject: subject,
            message: "\(question) Nothing was changed.",
            remedy: "To do it, add --yes."
        )
    }
}

/// What must hold for a write to happen.
struct ConditionOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp("Only if this is the current revision; else exit 6.", valueName: "n")
    )
    var ifRevision: Int?

    @Flag(name: .long, help: "Only if there is no memory of that path; else exit 6.")
    var ifAbsent = false

    var expected: RevisionNumber? { ifRevision.map { RevisionNumber($0) } }
}

/// `key=value`, as `--set` and `loci set` take it.
struct Assignment: ExpressibleByArgument {
    let key: String
    /// Nil where nothing follows the `=`: the attribute is removed.
    let value: String?

    init?(argument: String) {
        guard let equals = argument.firstIndex(of: "="), equals != argument.startIndex else {
            return nil
        }
        key = String(argument[..<equals])
        let text = argument[argument.index(after: equals)...]
        value = text.isEmpty ? nil : String(text)
    }

    /// Refuses values that are not UTF-8, which attributes are.
    func check() throws(LociError) {
        for text in [key, value ?? ""] where RawArguments.bytes(text) != Array(text.utf8) {
            throw LociError(
                .notUTF8,
                subject: key,
                message: "The value of '\(key)' is not UTF-8.",
                remedy: "Attributes are text; write it as UTF-8."
            )
        }
        if value?.utf8.contains(0) == true {
            throw LociError(
                .invalidArgument,
                subject: key,
                message: "The value of '\(key)' holds a NUL."
            )
        }
    }
}

extension [Assignment] {
    /// The attributes that are set, and nil for those that are removed; the last one counts.
    func checked() throws(LociError) -> [String: String?] {
        var values: [String: String?] = [:]
        for assignment in self {
            try assignment.check()
            values.updateValue(assignment.value, forKey: assignment.key)
        }
        return values
    }
}
