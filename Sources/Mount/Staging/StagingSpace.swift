import Blobs
import Linux
import Synchronization

/// The folder of one session: its staged files and its journal.
final class StagingSpace: Sendable {
    /// Descriptors that staged files keep open; others are opened for each access.
    ///
    /// A copy of many files stages more of them than a process may have open.
    static let maximumOpenFiles = 256

    /// Bytes of all nodes together that stand in memory; what comes above goes into files.
    static let inlineCapacity = 16 << 20
    /// A journal that is larger gets no more bytes: it is cut when nothing is staged.
    static let inlineJournal: Int64 = 64 << 20

    let session: StagingSession
    let journal: StagingJournal
    fileprivate let openFiles = Atomic<Int>(0)
    private let inlineBytes = Atomic<Int>(0)

    init(session: StagingSession, directory: String) throws(Errno) {
        self.session = session
        journal = try StagingJournal(path: "\(directory)/staging/\(session.name)/journal")
    }

    /// A new, empty staged file.
    func makeFile() throws(Errno) -> StagedFileBytes {
        let staged = try session.create()
        let number = staged.number
        let isKept = openFiles.wrappingAdd(1, ordering: .relaxed).newValue <= Self.maximumOpenFiles
        if !isKept { openFiles.wrappingSubtract(1, ordering: .relaxed) }
        let file = staged.takeFile()
        return StagedFileBytes(number, in: self, kept: isKept ? OpenFile(file) : nil)
    }

    /// A staged file that the journal names.
    func file(_ number: UInt64) -> StagedFileBytes { StagedFileBytes(number, in: self, kept: nil) }

    /// Whether so many bytes of a node may stand in memory and in the journal.
    func mayInline(_ size: Int64) -> Bool {
        size <= StagedBytes.inlineLimit && journal.size < Self.inlineJournal
            && inlineBytes.load(ordering: .relaxed) < Self.inlineCapacity
    }

    func countInline(_ bytes: Int) { inlineBytes.add(bytes, ordering: .relaxed) }
}

/// A descriptor that several owners share.
final class OpenFile: Sendable {
    let file: File

    init(_ file: consuming File) { self.file = file }
}

/// One staged file.
final class StagedFileBytes: Sendable {
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
