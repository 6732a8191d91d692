import Glibc
import Linux

/// What the three standard streams are, and what this process was told about them.
enum Terminal {
    static var inputIsTerminal: Bool { isatty(0) == 1 }
    static var outputIsTerminal: Bool { isatty(1) == 1 }
    static var errorIsTerminal: Bool { isatty(2) == 1 }

    /// The value of an environment variable, or nil where it is unset or empty.
    static func environment(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        let text = unsafe String(cString: value)
        return text.isEmpty ? nil : text
    }

    /// Whether a stream that is, or is not, a terminal gets colours.
    static func wantsColor(_ choice: ColorChoice, isTerminal: Bool) -> Bool {
        switch choice {
        case .always: true
        case .never: false
        case .auto:
            isTerminal && environment("NO_COLOR") == nil && environment("TERM") != "dumb"
        }
    }

    /// The working directory as an absolute path; nil where it was removed.
    static var workingDirectory: [UInt8]? {
        guard let path = unsafe getcwd(nil, 0) else { return nil }
        defer { unsafe free(path) }
        return unsafe Array(UnsafeRawBufferPointer(start: path, count: strlen(path)))
    }

    /// What this process was started with, the program's name first, byte for byte.
    static var arguments: [[UInt8]] {
        var arguments: [[UInt8]] = []
        for index in 0..<Int(CommandLine.argc) {
            guard let argument = unsafe CommandLine.unsafeArgv[index] else { break }
            let bytes = unsafe UnsafeRawBufferPointer(start: argument, count: strlen(argument))
            unsafe arguments.append(Array(bytes))
        }
        return arguments
    }

    /// Ends the process.
    ///
    /// Not `exit`: what it has libraries clean up, threads of ours may be using that have not quite
    /// ended.
    static func exit(_ status: Int32) -> Never {
        fflush(nil)
        _exit(status)
    }

    /// Makes this process act as another user for good; only root may.
    static func become(user: UInt32, group: UInt32) throws(Errno) {
        guard setgroups(0, nil) == 0, setgid(group) == 0, setuid(user) == 0 else {
            throw Errno(rawValue: errno)
        }
    }
}

/// When to use colours.
enum ColorChoice: String, CaseIterable, Sendable {
    case auto
    case always
    case never
}
