import Linux
import Loci
import Synchronization

/// The bytes that one node has in staging.
///
/// Few bytes stand in memory, and each change of them in the journal: making a file costs far more
/// than writing what a note has, and `fsync` is one sync of the journal. More bytes have a file of
/// the session's folder.
///
/// Once sealed, its bytes never change: who writes takes a copy.
final class StagedBytes: Sendable {
    /// More bytes than that go into a file.
    static let inlineLimit = 16 << 10

    /// nil: in memory and in the journal.
    let file: StagedFileBytes?
    private let space: StagingSpace
    private let few: Mutex<[UInt8]>

    /// Those of a file.
    init(_ file: StagedFileBytes, in space: StagingSpace) {
        self.file = file
        self.space = space
        few = Mutex([])
    }

    /// Those that the journal has.
    init(_ bytes: [UInt8], in space: StagingSpace) {
        file = nil
        self.space = space
        few = Mutex(bytes)
        space.countInline(bytes.count)
    }

    deinit {
        if file == nil { space.countInline(-few.withLock { $0.count }) }
    }

    /// What the journal has; nil where a file has them.
    var inline: [UInt8]? { file == nil ? few.withLock { $0 } : nil }

    /// Reads from `offset`, as many bytes as the buffer takes; 0 at the end.
    ///
    /// `ENOENT` once the file was removed.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(Errno) -> Int {
        if let file { return unsafe try file.open().file.read(into: buffer, at: offset) }
        let bytes = few.withLock { $0 }
        guard offset < bytes.count else { return 0 }
        let piece = bytes[Int(offset)...].prefix(buffer.count)
        unsafe buffer.copyBytes(from: piece)
        return piece.count
    }

    /// Changes what stands in memory, after the journal was told.
    func change(_ body: (inout [UInt8]) -> Void) {
        let grown = few.withLock { few in
            let before = few.count
            body(&few)
            return few.count - before
        }
        space.countInline(grown)
    }

    /// Writes all of them to `target`, from its position; returns how many.
    func copyContents(to target: borrowing File) throws(Errno) -> Int64 {
        if let file { return try file.openAnew().file.copyContents(to: target) }
        let bytes = few.withLock { $0 }
        try target.write(bytes)
        return Int64(bytes.count)
    }

    /// Removes the file, if there is one.
    func remove() throws(Errno) { try file?.remove() }
}

extension StagedBytes {
    /// What a commit places: the bytes, or the file with them, open as long as that takes.
    enum Sealed {
        case bytes([UInt8])
        case file(OpenFile)

        var source: PendingContent.Source {
            switch self {
            case .bytes(let bytes): .bytes(bytes)
            case .file(let file): .file(descriptor: file.file.descriptor)
            }
        }
    }

    func sealed() throws(Errno) -> Sealed {
        if let file { return .file(try file.open()) }
        return .bytes(few.withLock { $0 })
    }
}

extension [UInt8] {
    /// Puts bytes at an offset, with zeros before them where it is beyond the end.
    mutating func put(_ bytes: some Collection<UInt8>, at offset: Int) {
        if offset + bytes.count > count {
            append(contentsOf: repeatElement(0, count: offset + bytes.count - count))
        }
        replaceSubrange(offset..<offset + bytes.count, with: bytes)
    }

    /// Cuts them, or lengthens them with zeros.
    mutating func resize(to count: Int) {
        if count <= self.count {
            removeLast(self.count - count)
        } else {
            append(contentsOf: repeatElement(0, count: count - self.count))
        }
    }
}
