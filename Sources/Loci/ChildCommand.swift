import Digest
import Glibc
package import Linux
package import Model

/// A child process's command line, read and found: what is started, and what identifies it.
///
/// The line is split into words as a shell does it, with `'…'`, `"…"` and `\`; nothing is expanded,
/// and no shell runs. What only a shell could do is refused, naming `sh -c`.
package struct ChildCommand: Hashable, Sendable {
    /// The line as it was given.
    package let line: String
    /// What it is for.
    package let role: Role
    /// The program's path.
    package let executable: String
    /// With the program's name as the first.
    package let arguments: [String]
    /// The line, and the SHA-256 of the program's file and of each argument that is a file.
    package let identity: String
    /// What a child process is for, as sentences name it.
    package enum Role: String, Hashable, Sendable, CustomStringConvertible {
        case mapper, embedder

        package var description: String { rawValue }

        /// The option that names its command.
        var option: String { "--\(rawValue)" }

        /// The name of a script that could be one.
        var script: String { self == .mapper ? "topics.py" : "embed.py" }

        /// What it is called when such a child fails.
        var failure: LociError.Code { self == .mapper ? .mapperFailed : .embedderFailed }
    }

    /// What the line and its errors are about.
    fileprivate struct Given {
        let line: String
        let role: Role
    }

    /// What was hashed.
    private let files: [HashedFile]

    /// Throws `invalidArgument` where the line cannot be read, or its program is not there.
    package init(_ line: String, as role: Role) throws(LociError) {
        (self.line, self.role) = (line, role)
        let given = Given(line: line, role: role)
        arguments = try Self.words(given)
        guard let name = arguments.first else {
            throw Self.refusal(given, "The \(role)'s command is empty.")
        }
        executable = try Self.find(name, given)
        try Self.requireScript(arguments, given)
        var files: [HashedFile] = []
        for path in [executable] + Self.files(in: arguments) {
            files.append(try HashedFile(path, given))
        }
        self.files = files
        identity = "\(line) sha256:\(files.map(\.hash).joined(separator: "+"))"
    }

    /// The line for sentences.
    package var shownLine: String { ShownText.shown(line) }

    /// Whether its files still are what identifies it.
    package var isUnchanged: Bool { files.allSatisfy(\.isUnchanged) }

    /// An identity for sentences: of each hash the beginning.
    package static func shown(_ identity: String) -> String {
        var shown = ""
        var run = ""
        for character in identity + " " {
            if character.isHexDigit {
                run.append(character)
                continue
            }
            shown += run.count >= 64 ? run.prefix(12) + "…" : run
            run = ""
            shown.append(character)
        }
        return String(shown.dropLast())
    }

    /// Why it cannot be started.
    package func unstartable(_ error: Errno) -> LociError {
        let why: String
        switch error {
        case .noExecutable: why = "it is no program, and does not begin with a '#!' line"
        case .noSuchFile: why = "what its '#!' line names is not there"
        default: why = error.explanation
        }
        return LociError(
            role.failure,
            subject: line,
            message: "The \(role) '\(shownLine)' cannot be started: \(why).",
            remedy: error == .noExecutable
                ? "Begin it with a line such as '#!/usr/bin/env python3', and give the same "
                    + "command again."
                : "Run it by hand, mend it, and give the same command again.",
            systemError: error.rawValue
        )
    }

    // MARK: Words

    private static func words(_ given: Given) throws(LociError) -> [String] {
        var words: [String] = []
        var word: String?
        var rest = Substring(given.line)
        while let character = rest.popFirst() {
            switch character {
            case " ", "\t", "\n":
                if let whole = word { words.append(whole) }
                word = nil
            case "'":
                guard let end = rest.firstIndex(of: "'") else { throw unclosed(given) }
                word = (word ?? "") + rest[..<end]
                rest = rest[rest.index(after: end)...]
            case "\"":
                word = (word ?? "") + (try quoted(&rest, given))
            case "\\":
                guard let next = rest.popFirst() else { throw unclosed(given) }
                word = (word ?? "") + String(next)
            case "|", "&", ";", "<", ">", "(", ")", "$", "`", "*", "?",
                "#" where word == nil,
                "~" where word == nil:
                throw shellOnly(character, given)
            default:
                word = (word ?? "") + String(character)
            }
        }
        if let whole = word { words.append(whole) }
        return words
    }

    /// What stands before the next `"`, which is taken too.
    private static func quoted(
        _ rest: inout Substring,
        _ given: Given
    ) throws(LociError) -> String {
        var text = ""
        while let character = rest.popFirst() {
            switch character {
            case "\"": return text
            case "$", "`": throw shellOnly(character, given)
            case "\\":
                guard let next = rest.popFirst() else { throw unclosed(given) }
                if !"\"\\$`".contains(next) { text.append("\\") }
                text.append(next)
            default: text.append(character)
            }
        }
        throw unclosed(given)
    }

    private static func unclosed(_ given: Given) -> LociError {
        let command = "The \(given.role)'s command '\(given.line)'"
        return refusal(given, "\(command) has a quote that is not closed.")
    }

    private static func shellOnly(_ character: Character, _ given: Given) -> LociError {
        LociError(
            .invalidArgument,
            subject: given.line,
            message: "The \(given.role)'s command '\(given.line)' has a '\(character)', "
                + "and no shell reads it.",
            remedy: "Quote it, or give the line to a shell: \(given.role.option) \"sh -c '…'\""
        )
    }

    private static func refusal(_ given: Given, _ message: String) -> LociError {
        LociError(
            .invalidArgument,
            subject: given.line,
            message: message,
            remedy: "Give a program and its arguments, such as: "
                + "\(given.role.option) 'python3 \(given.role.script)'"
        )
    }

    // MARK: Files

    private static func find(_ name: String, _ given: Given) throws(LociError) -> String {
        if name.contains("/") {
            let kind = (try? File.status(of: name))?.kind
            guard let kind else {
                throw refusal(given, "The \(given.role)'s program '\(name)' is not there.")
            }
            guard kind == .file else {
                let what = kind == .directory ? "a directory" : "no file"
                throw refusal(given, "The \(given.role)'s program '\(name)' is \(what).")
            }
            guard isExecutable(name) else {
                throw LociError(
                    .invalidArgument,
                    subject: given.line,
                    message: "The \(given.role)'s program '\(name)' cannot be executed.",
                    remedy: "Make it executable with: chmod +x \(name)"
                )
            }
            return name
        }
        for directory in searchPath() {
            let path = (directory.isEmpty ? "." : directory) + "/" + name
            if isFile(path), isExecutable(path) { return path }
        }
        let message = "The \(given.role)'s program '\(name)' was not found in PATH."
        guard isFile(name) else { throw refusal(given, message) }
        throw LociError(
            .invalidArgument,
            subject: given.line,
            message: message,
            remedy: "Name the one that lies here with its directory: \(given.role.option) ./\(name)"
        )
    }

    private static func searchPath() -> [Substring] {
        let standard = "/usr/local/bin:/usr/bin:/bin"
        let path = unsafe getenv("PATH").map { unsafe String(cString: $0) } ?? standard
        return path.split(separator: ":", omittingEmptySubsequences: false)
    }

    private static func isFile(_ path: String) -> Bool {
        (try? File.status(of: path))?.kind == .file
    }

    private static func isExecutable(_ path: String) -> Bool { unsafe access(path, X_OK) == 0 }

    // MARK: Scripts

    private static let shells: Set<String> = ["bash", "dash", "fish", "ksh", "sh", "zsh"]
    /// Programs that do nothing without a script, and how they are given one as an argument.
    private static let interpreters: Set<String> = [
        "guile", "lua", "luajit", "node", "nodejs", "perl", "php", "pypy", "python", "ruby",
        "Rscript", "tclsh",
    ]
    private static let inlineWords: Set<String> = ["--eval", "--print", "--command", "--run"]

    /// The program's name without directory and version: of `/usr/bin/python3.12`, `python`.
    private static func stem(_ arguments: [String]) -> String {
        let name = arguments[0].split(separator: "/").last.map(String.init) ?? ""
        return String(name.prefix { !$0.isNumber && $0 != "-" })
    }

    private static func files(in arguments: [String]) -> [String] {
        let given = arguments.dropFirst().filter { !$0.isEmpty }
        var files = given.filter(isFile)
        guard shells.contains(stem(arguments)) else { return files }
        for script in given where !isFile(script) {
            for word in script.split(whereSeparator: { " \t\n'\"`|&;<>()$=".contains($0) }) {
                if isFile(String(word)), !files.contains(String(word)) {
                    files.append(String(word))
                }
            }
        }
        return files
    }

    /// Throws where an interpreter is given neither a script that is there nor its text.
    private static func requireScript(
        _ arguments: [String],
        _ given: Given
    ) throws(LociError) {
        let stem = stem(arguments)
        let isShell = shells.contains(stem)
        guard isShell || interpreters.contains(stem) else { return }
        let words = arguments.dropFirst()
        let inline = isShell ? "cs" : "cmeErp"
        let isInline = words.contains { word in
            guard word.hasPrefix("-") else { return false }
            return word.hasPrefix("--")
                ? inlineWords.contains(String(word.prefix { $0 != "=" }))
                : word.contains { inline.contains($0) }
        }
        guard !isInline, !words.contains(where: isFile) else { return }
        let names = words.filter { !$0.hasPrefix("-") }
        guard let script = names.first(where: { $0.contains { "./".contains($0) } }) ?? names.first
        else {
            let line = ShownText.shown(given.line)
            throw refusal(given, "The \(given.role) '\(line)' is given no script.")
        }
        let shown = ShownText.shown(script)
        throw refusal(given, "The \(given.role)'s script '\(shown)' is not there.")
    }
}

/// A file of a child process, and what it was.
private struct HashedFile: Hashable, Sendable {
    let path: String
    let hash: String
    private let stamp: Stamp

    /// What changes wherever a file's bytes do.
    private struct Stamp: Hashable {
        let identity: FileStatus.Identity
        let size: Int64
        let modified: Int64
        let changed: Int64

        init?(_ path: String) {
            guard let status = try? File.status(of: path) else { return nil }
            (identity, size) = (status.identity, status.size)
            (modified, changed) = (status.modificationTime, status.changeTime)
        }
    }

    init(_ path: String, _ given: ChildCommand.Given) throws(LociError) {
        self.path = path
        do throws(Errno) {
            // Before it is read: a later change then is one.
            guard let stamp = Stamp(path) else { throw .noSuchFile }
            self.stamp = stamp
            hash = try Self.hash(path)
        } catch {
            throw LociError(
                .invalidArgument,
                subject: given.line,
                message: "The \(given.role)'s file '\(path)' cannot be read: \(error.explanation).",
                remedy: "Its hash identifies the \(given.role): make it readable.",
                systemError: error.rawValue
            )
        }
    }

    /// Reads it again where its stamp is another one.
    var isUnchanged: Bool { Stamp(path) == stamp || (try? Self.hash(path)) == hash }

    private static func hash(_ path: String) throws(Errno) -> String {
        let file = try File.open(path)
        var hasher = ContentHasher()
        var piece = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = try file.readPiece(into: &piece)
            if count == 0 { return Hex.text(hasher.finalize()) }
            hasher.update(count == piece.count ? piece : Array(piece[..<count]))
        }
    }
}
