import Blobs
import Glibc
import Linux
import Loci

/// A mapper's command line, read and found: what is started, and what identifies it.
///
/// The line is split into words as a shell does it, with `'…'`, `"…"` and `\`; nothing is expanded,
/// and no shell runs. What only a shell could do is refused, naming `sh -c`.
struct MapperCommand: Hashable, Sendable {
    /// The line as it was given.
    let line: String
    /// The program's path.
    let executable: String
    /// With the program's name as the first.
    let arguments: [String]
    /// The line, and the SHA-256 of the program's file; of an interpreter's script too.
    let identity: String

    /// Throws `invalidArgument` where the line cannot be read, or its program is not there.
    init(_ line: String) throws(LociError) {
        self.line = line
        arguments = try Self.words(line)
        guard let name = arguments.first else {
            throw Self.refusal(line, "The mapper's command is empty.")
        }
        executable = try Self.find(name, line)
        var files = [executable]
        if let script = Self.script(arguments) { files.append(script) }
        var hashes: [String] = []
        for file in files { hashes.append(try Self.hash(file, line)) }
        identity = "\(line) sha256:\(hashes.joined(separator: "+"))"
    }

    /// An identity for sentences: of each hash the beginning.
    static func shown(_ identity: String) -> String {
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

    // MARK: Words

    private static func words(_ line: String) throws(LociError) -> [String] {
        var words: [String] = []
        var word: String?
        var rest = Substring(line)
        while let character = rest.popFirst() {
            switch character {
            case " ", "\t", "\n":
                if let whole = word { words.append(whole) }
                word = nil
            case "'":
                guard let end = rest.firstIndex(of: "'") else { throw unclosed(line) }
                word = (word ?? "") + rest[..<end]
                rest = rest[rest.index(after: end)...]
            case "\"":
                word = (word ?? "") + (try quoted(&rest, line))
            case "\\":
                guard let next = rest.popFirst() else { throw unclosed(line) }
                word = (word ?? "") + String(next)
            case "|", "&", ";", "<", ">", "(", ")", "$", "`", "*", "?",
                "#" where word == nil,
                "~" where word == nil:
                throw shellOnly(character, line)
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
        _ line: String
    ) throws(LociError) -> String {
        var text = ""
        while let character = rest.popFirst() {
            switch character {
            case "\"": return text
            case "$", "`": throw shellOnly(character, line)
            case "\\":
                guard let next = rest.popFirst() else { throw unclosed(line) }
                if !"\"\\$`".contains(next) { text.append("\\") }
                text.append(next)
            default: text.append(character)
            }
        }
        throw unclosed(line)
    }

    private static func unclosed(_ line: String) -> LociError {
        refusal(line, "The mapper's command '\(line)' has a quote that is not closed.")
    }

    private static func shellOnly(_ character: Character, _ line: String) -> LociError {
        LociError(
            .invalidArgument,
            subject: line,
            message: "The mapper's command '\(line)' has a '\(character)', and no shell reads it.",
            remedy: "Quote it, or give the line to a shell: --mapper \"sh -c '…'\""
        )
    }

    private static func refusal(_ line: String, _ message: String) -> LociError {
        LociError(
            .invalidArgument,
            subject: line,
            message: message,
            remedy: "Give a program and its arguments, such as: --mapper 'python3 topics.py'"
        )
    }

    // MARK: Files

    private static func find(_ name: String, _ line: String) throws(LociError) -> String {
        if name.contains("/") {
            guard isFile(name) else {
                throw refusal(line, "The mapper's program '\(name)' is not there.")
            }
            guard isExecutable(name) else {
                throw LociError(
                    .invalidArgument,
                    subject: line,
                    message: "The mapper's program '\(name)' cannot be executed.",
                    remedy: "Make it executable with: chmod +x \(name)"
                )
            }
            return name
        }
        for directory in searchPath() {
            let path = (directory.isEmpty ? "." : directory) + "/" + name
            if isFile(path), isExecutable(path) { return path }
        }
        throw refusal(line, "The mapper's program '\(name)' was not found in PATH.")
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

    /// Programs whose first argument that is a file is what they run.
    private static let interpreters: Set<String> = [
        "awk", "bash", "bun", "dash", "deno", "env", "fish", "gawk", "guile", "java", "jq", "julia",
        "ksh", "lua", "luajit", "mawk", "nice", "node", "nodejs", "perl", "php", "pypy", "python",
        "ruby", "Rscript", "sh", "swift", "tclsh", "timeout", "uv", "zsh",
    ]

    /// The script that an interpreter was given; nil of any other program.
    private static func script(_ arguments: [String]) -> String? {
        let name = arguments[0].split(separator: "/").last.map(String.init) ?? ""
        // python3.12, lua5.4
        let stem = name.prefix { !$0.isNumber && $0 != "-" }
        guard interpreters.contains(String(stem)) else { return nil }
        return arguments.dropFirst().first { !$0.isEmpty && isFile($0) }
    }

    private static func hash(_ path: String, _ line: String) throws(LociError) -> String {
        do throws(Errno) {
            let file = try File.open(path)
            var hasher = ContentHasher()
            var piece = [UInt8](repeating: 0, count: 1 << 18)
            while true {
                let count = try file.readPiece(into: &piece)
                if count == 0 { return Hex.text(hasher.finalize()) }
                hasher.update(count == piece.count ? piece : Array(piece[..<count]))
            }
        } catch {
            throw LociError(
                .invalidArgument,
                subject: line,
                message: "The mapper's file '\(path)' cannot be read: \(error.explanation).",
                remedy: "Its hash identifies the mapper: make it readable.",
                systemError: error.rawValue
            )
        }
    }
}
