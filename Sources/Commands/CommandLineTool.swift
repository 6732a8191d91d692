import ArgumentParser
import Linux
import Loci

/// The command line: reads arguments, runs a command, ends with its status.
package enum CommandLineTool {
    /// Runs what the process was started with, and ends the process.
    ///
    /// Not `async`: waiting for tasks would lend the main thread to the system's queues, which let
    /// all signals through to it, and a daemon reads its signals elsewhere.
    package static func main() -> Never {
        let arguments = Array(Terminal.arguments.dropFirst().map(RawArguments.text))
        // A reader that goes away is seen where it is written to.
        try? Signals.ignore(Signals.brokenPipe)
        if arguments.first == "mount", arguments.contains("--foreground") {
            Terminal.exit(serve(arguments).rawValue)
        }
        Task { Terminal.exit(await run(arguments).rawValue) }
        while true { SystemClock.sleep(.seconds(3600)) }
    }

    /// A mount in the foreground has this thread for itself.
    private static func serve(_ arguments: [String]) -> ExitStatus {
        do {
            guard let verb = try LociCommand.parseAsRoot(arguments) as? MountVerb else {
                return .usage
            }
            if let descriptor = verb.workerDescriptor { return verb.worker.run(on: descriptor) }
            try verb.serve()
            return .done
        } catch {
            return report(error, arguments)
        }
    }

    /// Runs one command; everything that goes wrong was said when this returns.
    static func run(_ arguments: [String]) async -> ExitStatus {
        do {
            try Spelling.check(arguments)
            return try await execute(arguments)
        } catch {
            return report(error, arguments)
        }
    }

    private static func report(_ error: any Error, _ arguments: [String]) -> ExitStatus {
        let json = wantsJSON(arguments)
        if let status = error as? ExitStatus { return status }
        guard let error = error as? LociError else {
            return explain(error, arguments, json: json)
        }
        if error.code == .cancelled, error.subject == "stdout" { return .done }
        Failure.report(error, json: json)
        return ExitStatus(error.code)
    }

    private static func execute(_ arguments: [String]) async throws -> ExitStatus {
        let command = try LociCommand.parseAsRoot(arguments)
        if let asynchronous = command as? any AsyncParsableCommand {
            try await perform(asynchronous)
        } else {
            try performNow(command)
        }
        return .done
    }

    private static func perform<Command: AsyncParsableCommand>(
        _ command: Command
    ) async throws {
        var command = command
        try await command.run()
    }

    /// The parser's own commands, such as help.
    private static func performNow<Command: ParsableCommand>(_ command: Command) throws {
        var command = command
        try command.run()
    }

    /// Help and the version are answers; all else that the parser throws is a usage error.
    private static func explain(
        _ error: any Error,
        _ arguments: [String],
        json: Bool
    ) -> ExitStatus {
        guard LociCommand.exitCode(for: error) != .success else {
            var output = Output()
            try? output.line(LociCommand.fullMessage(for: error))
            try? output.flush()
            return .done
        }
        guard String(describing: type(of: error)).contains("CommandError") else {
            let failure = Failure.wrapped(error)
            Failure.report(failure, json: json)
            return ExitStatus(failure.code)
        }
        let verbs = Spelling.verbs(in: arguments)
        let message = LociCommand.message(for: error)
        let help = (["loci"] + verbs + ["--help"]).joined(separator: " ")
        Failure.report(
            LociError(
                .invalidArgument,
                subject: verbs.joined(separator: " "),
                message: message,
                remedy: "Read:  \(help)"
            ),
            json: json
        )
        return .usage
    }

    private static func wantsJSON(_ arguments: [String]) -> Bool {
        arguments.prefix { $0 != "--" }.contains("--json")
    }
}

/// Names verbs that were nearly written.
enum Spelling {
    /// The verbs at the head of the arguments, as far as they exist.
    static func verbs(in arguments: [String]) -> [String] {
        var commands = LociCommand.configuration.subcommands
        var verbs: [String] = []
        for argument in arguments {
            guard let next = commands.first(where: { name(of: $0) == argument }) else { break }
            verbs.append(argument)
            commands = next.configuration.subcommands
        }
        return verbs
    }

    /// Throws where a verb is meant and none of that name exists.
    static func check(_ arguments: [String]) throws(LociError) {
        let verbs = verbs(in: arguments)
        guard verbs.count < arguments.count else { return }
        var commands = LociCommand.configuration.subcommands
        for verb in verbs {
            guard let next = commands.first(where: { name(of: $0) == verb }) else { return }
            commands = next.configuration.subcommands
        }
        let word = arguments[verbs.count]
        guard !commands.isEmpty, word != "help", !word.hasPrefix("-") else { return }
        let names = commands.filter { $0.configuration.shouldDisplay }.map { name(of: $0) }
        let full = (["loci"] + verbs).joined(separator: " ")
        let near = NearMiss.nearest(to: word, in: names)
        throw LociError(
            .invalidArgument,
            subject: word,
            message: "'\(full) \(word)' is not a command"
                + (near.map { "; did you mean '\(full) \($0)'?" } ?? "."),
            remedy: "Read:  \(full) --help"
        )
    }

    private static func name(of command: any ParsableCommand.Type) -> String {
        command.configuration.commandName ?? ""
    }
}
