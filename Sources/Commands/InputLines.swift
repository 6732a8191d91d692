import Linux
import Loci

/// Standard input as lines, some at a time as they come: for lists of any length.
struct InputLines: ~Copyable {
    /// No path has so many bytes.
    private static let longest = 1 << 20

    private let file: File
    private let end: UInt8
    private var piece = [UInt8](repeating: 0, count: 1 << 16)
    /// What was read of a line that has not ended.
    private var begun: [UInt8] = []
    private var isOver = false

    /// `end`: what each line ends with; the last one needs none.
    init(end: UInt8) throws(LociError) {
        self.end = end
        do throws(Errno) {
            file = try File(owning: 0).keepingOpen()
        } catch {
            throw InputBytes.failure(error, Array("stdin".utf8), "read")
        }
    }

    /// The lines that came, without their ends and without empty ones; nil after the last.
    mutating func next() throws(LociError) -> [[UInt8]]? {
        while !isOver {
            let count: Int
            do throws(Errno) {
                count = try file.readPiece(into: &piece)
            } catch {
                throw InputBytes.failure(error, Array("stdin".utf8), "read")
            }
            isOver = count == 0
            begun.append(contentsOf: piece[..<count])
            let lines = takeLines()
            if !lines.isEmpty { return lines }
            guard begun.count <= Self.longest else {
                throw LociError(
                    .invalidArgument,
                    subject: "stdin",
                    message: "A line of the input has more than \(Self.longest) bytes.",
                    remedy: "Give one path a line, or with -0 one before each NUL."
                )
            }
        }
        return nil
    }

    private mutating func takeLines() -> [[UInt8]] {
        let whole = isOver ? begun.count : (begun.lastIndex(of: end).map { $0 + 1 } ?? 0)
        defer { begun.removeFirst(whole) }
        return begun.prefix(whole).split(separator: end).map { Array($0) }
    }
}
