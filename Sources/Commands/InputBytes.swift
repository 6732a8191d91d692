import Linux
import Loci

/// Reads what a command was given to read.
enum InputBytes {
    /// The most bytes that one memory can have through the command line.
    static let limit = 1 << 30

    /// The bytes of a file, or of standard input for `-` and nothing.
    static func read(_ argument: String?) throws(LociError) -> [UInt8] {
        guard let argument, argument != "-" else { return try standardInput() }
        return try file(RawArguments.bytes(argument))
    }

    static func standardInput() throws(LociError) -> [UInt8] {
        let input = File(owning: 0)
        let result: Result<[UInt8], Errno>
        do throws(Errno) {
            result = .success(try input.readAll(limit: limit))
        } catch {
            result = .failure(error)
        }
        _ = input.release()
        return try unwrap(result, "stdin")
    }

    static func file(_ path: [UInt8]) throws(LociError) -> [UInt8] {
        do throws(Errno) {
            return try File.open(path).readAll(limit: limit)
        } catch {
            throw failure(error, path, "read")
        }
    }

    private static func unwrap(
        _ result: Result<[UInt8], Errno>,
        _ subject: String
    ) throws(LociError) -> [UInt8] {
        do throws(Errno) {
            return try result.get()
        } catch {
            throw failure(error, Array(subject.utf8), "read")
        }
    }

    /// A system's failure on a path of the user's, as ours.
    static func failure(_ error: Errno, _ path: [UInt8], _ verb: String) -> LociError {
        let shown = String(decoding: path, as: UTF8.self)
        let code: LociError.Code =
            switch error {
            case .noSuchFile: .notFound
            case .accessDenied, .notPermitted: .notPermitted
            case .isDirectory: .isADirectory
            case .notDirectory: .notADirectory
            case .noSpace, .quotaExceeded: .noSpace
            case .readOnlyFileSystem: .readOnly
            case .nameTooLong: .nameTooLong
            case .notConnected: .deadMount
            default: .inputOutput
            }
        return LociError(
            code,
            subject: shown,
            message: "'\(shown)' cannot be \(verb == "read" ? "read" : verb): "
                + "\(error.explanation).",
            systemError: error.rawValue,
            cause: error
        )
    }
}
