import Blobs
import Linux
import Synchronization
import TestSupport
import Testing

@Suite("Blobs in a directory")
struct DirectoryBlobStoreTests {
    let scratch: Scratch
    let conformance: Conformance<DirectoryBlobStore>
    private var store: DirectoryBlobStore { conformance.store }
    private var data: String { "\(scratch.path)/data" }

    init() throws {
        scratch = try Scratch()
        try scratch.open().makeDirectory("data")
        conformance = Conformance(
            store: try DirectoryBlobStore(root: "\(scratch.path)/data"),
            scratch: scratch
        )
    }

    @Test("bytes survive the removal of their first key")
    func survives() throws { try conformance.placedBytesSurviveTheirFirstKey() }

    @Test("every operation may be repeated")
    func repeats() throws { try conformance.everythingMayBeRepeated() }

    @Test("other bytes under a key are never replaced")
    func neverReplaces() throws { try conformance.otherBytesAreNeverReplaced() }

    @Test("a link from a key that is not there says so")
    func missing() throws { try conformance.missingSourceIsNotFound() }

    @Test("a staged file is placed, and placed again")
    func places() throws { try conformance.stagedFileIsPlaced() }

    @Test("a file that cannot be linked is copied, and nothing else stays behind")
    func copies() throws { try conformance.unlinkedFileIsCopied() }

    @Test("the hash is SHA-256")
    func hashes() throws { try conformance.hashIsSHA256() }

    @Test("a walk meets each blob once")
    func walks() throws { try conformance.walkMeetsEachBlobOnce() }

    @Test("a link wins against somebody who removes its directory all the time")
    func races() throws { try conformance.linksRaceWithRemovalOfDirectories() }

    @Test("a symbolic link planted among the blobs is never followed")
    func followsNoLink() throws {
        let root = try File.open(data, [.readOnly, .directory])
        try root.makeSymbolicLink("out", to: "/etc")
        try root.makeSymbolicLink("file", to: "/etc/passwd")
        let inside = try BlobKey("out/passwd")
        #expect(throws: BlobError.failed(.symlinkLoop, inside)) { _ = try store.open(inside) }
        #expect(throws: BlobError.failed(.symlinkLoop, try BlobKey("file"))) {
            _ = try store.open(BlobKey("file"))
        }
        #expect(throws: BlobError.failed(.symlinkLoop, try BlobKey("out/new"))) {
            try store.write([1], at: BlobKey("out/new"), syncing: false)
        }
        var strays: Set<[UInt8]> = []
        try store.walk { item in if case .stray(let path) = item { strays.insert(path) } }
        #expect(strays == [Array("out".utf8), Array("file".utf8)])
    }

    @Test("another process that replaces a directory does not mislead an open one")
    func noticesReplacedDirectory() throws {
        let other = try DirectoryBlobStore(root: data)
        let (one, two) = (try BlobKey("d/1"), try BlobKey("d/2"))
        try store.write([1], at: one, syncing: false)
        try other.remove(one)
        try other.removeEmptyDirectories(above: [one])
        try other.write([2], at: two, syncing: false)
        try store.write([1], at: one, syncing: false)
        try store.link(two, to: BlobKey("d/3"))
        #expect(try other.read(one) == [1])
        #expect(try other.read(BlobKey("d/3")) == [2])
    }

    @Test("removing directories stops at the root and at what is not empty")
    func keepsNeeded() throws {
        let (gone, kept) = (try BlobKey("a/b/c/1"), try BlobKey("a/2"))
        try store.write([1], at: gone, syncing: false)
        try store.write([1], at: kept, syncing: false)
        try store.remove(gone)
        try store.removeEmptyDirectories(above: [gone, kept])
        let root = try File.open(data, [.readOnly, .directory])
        #expect(try root.open("a", .directory).entries().map(\.name) == [Array("2".utf8)])
    }

    @Test("what a crash left half written goes, but not what is young or elsewhere")
    func removesPartials() throws {
        let key = try BlobKey("d/1")
        try store.write([1], at: key, syncing: false)
        let root = try File.open(data, [.readOnly, .directory])
        let directory = try root.open("d", .directory)
        _ = try directory.open(".placing-1", [.readWrite, .create])
        try scratch.open().makeDirectory("outside")
        let outside = try scratch.open().open("outside", .directory)
        _ = try outside.open(".placing-2", [.readWrite, .create])
        try root.makeSymbolicLink("out", to: "\(scratch.path)/outside")

        try store.removePartials(besides: key, before: 0)
        #expect(try directory.entries().count == 2)
        for name in ["d/1", "out/1", "d/1/2", "nowhere/1"] {
            try store.removePartials(besides: BlobKey(name), before: .max)
        }
        #expect(try directory.entries().map(\.name) == [Array("1".utf8)])
        #expect(try outside.entries().map(\.name) == [Array(".placing-2".utf8)])
    }

    @Test("an intercepted store tells each step, and stops where it is told to")
    func intercepts() throws {
        let key = try BlobKey("x")
        let intercepted = InterceptedBlobStore(store) { step throws(BlobError) in
            if step == .remove(key) { throw .failed(.canceled, key) }
        }
        try intercepted.write([1], at: key, syncing: false)
        #expect(throws: BlobError.failed(.canceled, key)) { try intercepted.remove(key) }
        #expect(try intercepted.exists(key))
    }
}

@Suite("Blob keys")
struct BlobKeyTests {
    @Test(
        "what could lead elsewhere is no key",
        arguments: ["", "/a", "a/", "a//b", ".", "a/../b", "..", "a/.", "a\0b"]
    )
    func refuses(text: String) {
        #expect(throws: BlobError.self) { _ = try BlobKey(text) }
    }

    @Test("two normal forms of one text are two keys")
    func comparesBytes() throws {
        #expect(try BlobKey("\u{E9}") != BlobKey("e\u{301}"))
    }

    @Test("a partition too deep is cut between directories, and the key fits")
    func cuts() throws {
        let directory = [UInt8](repeating: UInt8(ascii: "x"), count: 200)
        let deep = [[UInt8]](repeating: directory, count: 40)
        let key = try BlobKey(partition: deep, id: "01ABC", revision: 3, extension: "m/d")
        #expect(key.bytes.count <= BlobKey.maximumLength)
        #expect(key.lastComponent == Array("01ABC.3.md".utf8))
        #expect(key.directory.split(separator: UInt8(ascii: "/")).allSatisfy { $0.count == 200 })
        let plain = try BlobKey(partition: [], id: "01ABC", revision: 1, extension: "")
        #expect(plain.text == "01ABC.1.bin")
    }
}
