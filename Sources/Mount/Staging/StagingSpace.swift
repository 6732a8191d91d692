import Blobs
import Linux
import Synchronization

/// The folder of one session: its staged files and its journal.
final class StagingSpace: Sendable {
    /// Descriptors that staged files keep open; others are opened for each access.
    ///
    /// A copy of many files stages more of them than a process may have open.
    static let maximumOpenFiles = 256

    let session: StagingSession
    let journal: StagingJournal
    fileprivate let openFiles = Atomic<Int>(0)

    init(session: StagingSession, directory: String) throws(Errno) {
        self.session = session
        journal = try StagingJournal(path: "\(directory)/staging/\(session.name)/journal")
    }

    /// A new, empty staged file.
    func makeBytes() throws(Errno) -> StagedBytes {
        let staged = try session.create()
        let number = staged.number
        let isKept = openFiles.wrappingAdd(1, ordering: .relaxed).newValue <= Self.maximumOpenFiles
        if !isKept { openFiles.wrappingSubtract(1, ordering: .relaxed) }
        let file = staged.takeFile()
        return StagedBytes(number, in: self, kept: isKept ? OpenFile(file) : nil)
    }

    /// A staged file that the journal names.
    func bytes(_ number: UInt64) -> StagedBytes { StagedBytes(number, in: self, kept: nil) }
}

/// A descriptor that several owners share.
final class OpenFile: Sendable {
    let file: File

    init(_ file: consuming File) { self.file = file }
}

/// One staged file.
///
/// Once sealed, its bytes never change.
final class StagedBytes: Sendable {
    let number: UInt64
    private let space: StagingSpace
    private let kept: OpenFile?

    fileprivate init(_ number: UInt64, in space: StagingSpace, kept: OpenFile?) {
        self.number = number
        self.space = space
        self.kept = kept
    }

    deinit {
        if kept != nil { space.openFiles.wrappingSubtract(1, ordering: .relaxed) }
    }

    /// The file for reading and writing at offsets; `ENOENT` once it was removed.
    func open() throws(Errno) -> OpenFile {
        if let kept { return kept }
        return try openAnew()
    }

    /// With a position of its own.
    func openAnew() throws(Errno) -> OpenFile {
        OpenFile(try space.session.open(number).takeFile())
    }

    func remove() throws(Errno) { try space.session.remove(number) }
}
