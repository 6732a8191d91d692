import Loci
import Migration

/// Says a failure to a person, and with `--json` to a program too.
enum Failure {
    /// A sentence and its remedy, each with its full stop.
    static func sentence(_ error: LociError) -> String {
        var text = ended(error.message)
        if let remedy = error.remedy { text += " " + ended(remedy) }
        return text
    }

    static func ended(_ text: String) -> String {
        guard let last = text.last, !".!?:'\"}".contains(last) else { return text }
        return text + "."
    }

    /// The object that `--json` gives for a failure.
    static func json(_ error: LociError) -> JSON {
        var members: [JSON.Member] = [
            .init("code", .string(error.code.rawValue)),
            .init("exit", .integer(Int64(ExitStatus(error.code).rawValue))),
            .init("subject", .string(error.subject)),
            .init("message", .string(ended(error.message))),
        ]
        if let remedy = error.remedy { members.append(.init("remedy", .string(ended(remedy)))) }
        if let number = error.systemError {
            members.append(.init("errno", .integer(Int64(number))))
        }
        return .object([.init("error", .object(members))] + more(error))
    }

    /// What stands beside a failure: each one who is in the way of retiring a layout.
    static func more(_ error: LociError) -> [JSON.Member] {
        guard let found = error.cause as? MigrationBlockers else { return [] }
        return [.init("blockers", .array(found.blockers.map(\.json)))]
    }

    /// Reads back what `json` wrote; nil for anything else.
    static func error(_ json: JSON) -> LociError? {
        guard let error = json["error"], let word = error["code"]?.stringValue,
            let code = LociError.Code(rawValue: word)
        else { return nil }
        return LociError(
            code,
            subject: error["subject"]?.stringValue ?? "",
            message: error["message"]?.stringValue ?? "",
            remedy: error["remedy"]?.stringValue,
            systemError: error["errno"]?.integerValue.map { Int32(truncatingIfNeeded: $0) }
        )
    }

    /// Says it on standard error, and on standard output as JSON where that was asked for.
    static func report(_ error: LociError, json wantsJSON: Bool) {
        Words.note(sentence(error))
        guard wantsJSON else { return }
        var output = Output()
        try? output.line(json(error))
        try? output.flush()
    }

    /// An error of any kind as one of ours.
    static func wrapped(_ error: any Error) -> LociError {
        if let error = error as? LociError { return error }
        return LociError(
            .inputOutput,
            subject: "loci",
            message: "Loci failed: \(error)",
            cause: error
        )
    }
}
