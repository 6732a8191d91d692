import Catalog
import FUSE
import Glibc
import Linux
import Loci
import Model
import Testing

@testable import Mount

@Suite("Listings for who wants names, and for who looks at files")
struct ListingHabitsTests {
    @Test("a process that is not known is tried with one file; then it is known")
    func learns() {
        let habits = ListingHabits()
        #expect(habits.begin(7) == .allButOne)
        // Nothing was kept from it: its directory had no file.
        #expect(habits.begin(7) == .allButOne)
        habits.noteWithheld(from: 7)
        #expect(habits.begin(7) == .names)
        #expect(habits.begin(7) == .names)
        habits.noteLookup(by: 7)
        #expect(habits.begin(7) == .full)
        habits.noteLookup(by: 7)
        #expect(habits.begin(7) == .full)
    }

    @Test("who looks up what was kept from it gets all attributes from then on")
    func looks() {
        let habits = ListingHabits()
        habits.noteLookup(by: 7)
        #expect(habits.begin(7) == .allButOne)
        habits.noteWithheld(from: 7)
        habits.noteLookup(by: 7)
        #expect(habits.begin(7) == .full)
    }

    @Test("the rest of a large directory is served by what is known of the process by then")
    func goesOn() {
        let habits = ListingHabits()
        #expect(habits.goOn(7, byNames: false) == .allButOne)
        #expect(habits.goOn(7, byNames: true) == .names)
        habits.noteWithheld(from: 7)
        #expect(habits.goOn(7, byNames: false) == .names)
        // In the next directory names are what it wants, but where all listings are full.
        #expect(habits.begin(7) == .names)
        #expect(habits.goOn(7, byNames: true) == .names && habits.goOn(7, byNames: false) == .full)
        habits.noteLookup(by: 7)
        // Whatever another process began meanwhile.
        #expect(habits.goOn(7, byNames: true) == .full)
        #expect(habits.looks(7) && !habits.looks(8))
        #expect(habits.goOn(0, byNames: false) == .names)
    }

    @Test("processes are told apart, and of two in one slot the last one is known")
    func tellsApart() {
        let habits = ListingHabits()
        for pid in [Int32(7), 8] { habits.noteWithheld(from: pid) }
        habits.noteLookup(by: 7)
        #expect(habits.begin(7) == .full)
        #expect(habits.begin(8) == .names)
        #expect(habits.begin(7 + 256) == .allButOne)
        habits.noteWithheld(from: 7 + 256)
        #expect(habits.begin(7) == .allButOne)
        // A process of another namespace has no number.
        habits.noteWithheld(from: 0)
        #expect(habits.begin(0) == .full)
    }

    @Test("a directory is listed by names for whoever wants names, and in full for the others")
    func listsAsWished() {
        let listings = NamesListings()
        let (first, second) = (NodeID(7), NodeID(8))
        #expect(listings.begin(first, .full) == .full && !listings.contains(first))
        #expect(listings.begin(first, .names) == .names && listings.contains(first))
        #expect(listings.begin(second, .allButOne) == .allButOne && !listings.contains(second))
        #expect(listings.begin(first, .names) == .names && listings.contains(first))
        #expect(listings.begin(first, .full) == .full && !listings.contains(first))
        #expect(listings.begin(first, .names) == .names && listings.contains(first))
        #expect(listings.begin(first, .allButOne) == .allButOne && !listings.contains(first))
    }

    @Test("where a process looks up two files that were listed by name, nobody gets names only")
    func pauses() {
        let listings = NamesListings()
        #expect(listings.begin(NodeID(7), .names) == .names)
        for _ in 1...2 { listings.noteLookup(in: NodeID(8), by: 100) }
        #expect(listings.begin(NodeID(9), .names) == .names)
        for pid in [Int32(100), 101, 100] { listings.noteLookup(in: NodeID(7), by: pid) }
        #expect(listings.begin(NodeID(10), .names) == .names)
        listings.noteLookup(in: NodeID(9), by: 100)
        #expect(!listings.contains(NodeID(7)))
        #expect(listings.begin(NodeID(11), .names) == .full)
        // The first file that anybody looks up, also by a process without a number.
        let others = NamesListings()
        #expect(others.begin(NodeID(7), .names) == .names)
        others.noteLookup(in: NodeID(7), by: 0)
        #expect(others.contains(NodeID(7)))
    }

    @Test("so many directories are known to have been listed by names; the others are full")
    func isBounded() {
        let listings = NamesListings()
        let limit = UInt64(NamesListings.limit)
        for number in 1...limit { #expect(listings.begin(NodeID(number), .names) == .names) }
        #expect(listings.begin(NodeID(limit + 1), .names) == .full)
        #expect(listings.contains(NodeID(1)) && listings.contains(NodeID(limit)))
        #expect(listings.begin(NodeID(1), .names) == .names)
        #expect(listings.begin(NodeID(1), .full) == .full)
        #expect(listings.begin(NodeID(limit + 1), .names) == .names)
    }

    /// A mount with ten files in each of three directories, and maybe many in one more; and the
    /// number of the mount's lookups.
    private struct Counted {
        let mounted: MountedTenant
        let directories = ["a", "b", "c"].map { "user=bob/topic=\($0)" }

        init(many: Int = 0) async throws {
            mounted = try MountedTenant()
            let large = try (0..<many).map {
                NewMemory(
                    .bytes(Array("text \($0)".utf8)),
                    name: try Name("\($0).md"),
                    attributes: ["user": "bob", "topic": "large"]
                )
            }
            for result in try await mounted.outside.append(
                contentsOf: large,
                origin: MountedTenant.origin
            ) { _ = try result.get() }
            for directory in directories {
                for number in 0..<10 {
                    try await mounted.add("\(directory)/\(number).md", "text \(number)")
                }
            }
            // What was added is forgotten with this mount.
            mounted.unmount()
            try mounted.mount()
        }

        var lookups: UInt64 { mounted.daemon.fileSystem.requestCounts["lookup"] }
        var listings: UInt64 {
            let counts = mounted.daemon.fileSystem.requestCounts
            return counts["readdir"] + counts["readdirplus"]
        }

        func names(_ directory: String) throws -> [String] {
            try File.open(mounted.full(directory), [.readOnly, .directory]).entries()
                .map { String(decoding: $0.name, as: UTF8.self) }.sorted()
        }

        /// How many lookups `body` needs.
        func lookups(of body: () throws -> Void) rethrows -> UInt64 {
            let before = lookups
            try body()
            return lookups - before
        }

        /// Lists directories on a thread, to which this mount has not listed anything before.
        func onThread<R: Sendable>(_ body: @escaping @Sendable () throws -> R) throws -> R {
            let other: @Sendable () throws(any Error) -> R = { () throws(any Error) in try body() }
            let none: () throws(any Error) -> Void = {}
            return try Thread.inParallel(name: "lister", other, none).0.get()
        }
    }

    private static let ten = (0..<10).map { "\($0).md" }

    @Test("who lists and looks at nothing gets names; once somebody looks, listings are full again")
    func listsNames() async throws {
        let counted = try await Counted()
        let mounted = counted.mounted
        try counted.onThread {
            for directory in counted.directories {
                let names = try counted.names(directory)
                #expect(names == Self.ten)
            }
        }
        // Whoever lists them again asks nothing, and the kernel knows none of the files: each is
        // looked up. That tells what is wanted now.
        let first = try counted.onThread {
            let before = counted.listings
            defer {
                #expect(counted.listings == before)
            }
            return try counted.lookups {
                let names = try counted.names(counted.directories[1])
                #expect(names == Self.ten)
                for name in names { _ = try mounted.status("\(counted.directories[1])/\(name)") }
            }
        }
        #expect(first >= 10)
        mounted.daemon.invalidator.flush()
        // So the next directory, which was listed by names too, is listed again.
        let second = try counted.onThread {
            try counted.lookups {
                let names = try counted.names(counted.directories[2])
                #expect(names == Self.ten)
                for name in Self.ten {
                    let status = try mounted.status("\(counted.directories[2])/\(name)")
                    #expect(status.st_size == 6 && status.st_mode & S_IFMT == S_IFREG)
                }
            }
        }
        #expect(second <= 2)
        // And what was tried with one file stays as it is.
        let third = try counted.lookups {
            for name in Self.ten { _ = try mounted.status("\(counted.directories[0])/\(name)") }
        }
        #expect(third <= 2)
    }

    /// Enough for a listing of several pieces.
    private static let many = 1000
    private static let large = "user=bob/topic=large"

    @Test("who looks at files gets them all from a large directory, too")
    func looksAtLargeDirectory() async throws {
        let counted = try await Counted(many: Self.many)
        let lookups = try counted.onThread {
            let name = try #require(try counted.names(counted.directories[0]).first)
            _ = try counted.mounted.status("\(counted.directories[0])/\(name)")
            return try counted.lookups {
                let names = try counted.names(Self.large)
                #expect(names.count == Self.many)
                for name in names { _ = try counted.mounted.status("\(Self.large)/\(name)") }
            }
        }
        // The directory.
        #expect(lookups <= 2)
    }

    @Test("who reads a large directory to its end gets no attributes from its later pieces")
    func listsLargeDirectory() async throws {
        let counted = try await Counted(many: Self.many)
        let names = try counted.onThread { try counted.names(Self.large) }
        #expect(Set(names).count == Self.many)
        let lookups = try counted.lookups {
            for name in names { _ = try counted.mounted.status("\(Self.large)/\(name)") }
        }
        #expect(lookups > UInt64(Self.many / 2) && lookups < UInt64(Self.many))
    }

    @Test("so it is in a snapshot, where who looks at files gets them all")
    func listsLargePast() async throws {
        let counted = try await Counted(many: Self.many)
        try counted.mounted.makeDirectory(".loci/snapshots/s")
        let past = ".loci/snapshots/s/\(Self.large)"
        for looks in [false, true] {
            counted.mounted.unmount()
            try counted.mounted.mount()
            let lookups = try counted.onThread {
                if looks {
                    let name = try #require(try counted.names(counted.directories[0]).first)
                    _ = try counted.mounted.status("\(counted.directories[0])/\(name)")
                }
                let names = try counted.names(past)
                #expect(Set(names).count == Self.many)
                return try counted.lookups {
                    for name in names { _ = try counted.mounted.status("\(past)/\(name)") }
                }
            }
            // Each path asks for the snapshot's own directory anew.
            let files = Int(lookups) - Self.many
            #expect(looks ? files <= 5 : files > Self.many / 2, "\(files)")
        }
    }

    @Test("what another process edits while a directory is listed the first time shows as it is")
    func listsWhatChanges() async throws {
        let counted = try await Counted(many: 120)
        let (mounted, outside) = (counted.mounted, counted.mounted.outside)
        let edited = try outside.list(under: try NamePath(Self.large), limit: 20).memories
        #expect(edited.count == 20)
        for round in 0..<30 {
            mounted.unmount()
            try mounted.mount()
            let text = [UInt8](repeating: UInt8(ascii: "x"), count: 100 + round)
            let edits = Task {
                for memory in edited {
                    _ = try await outside.edit(
                        memory.id,
                        content: text,
                        origin: MountedTenant.origin
                    )
                }
            }
            // Long enough that edits fall into a listing.
            let list: @Sendable () throws(any Error) -> Void = { () throws(any Error) in
                for _ in 1...3 { _ = try counted.names(Self.large) }
            }
            try Thread.inParallel(name: "lister", list, list).0.get()
            try await edits.value
            let newest = try outside.catalog.read { try $0.lastChange() }
            _ = mounted.eventually(within: .seconds(20)) {
                mounted.daemon.follower.followedThrough >= newest
                    && mounted.daemon.invalidator.isSettled
            }
            for memory in edited {
                let status = try mounted.status("\(Self.large)/\(memory.name)")
                #expect(status.st_size == text.count, "round \(round), \(memory.name)")
            }
        }
    }

    @Test("who looks at files needs a lookup for one of them")
    func looksAtFiles() async throws {
        let counted = try await Counted()
        let lookups = try counted.onThread {
            try counted.lookups {
                for directory in counted.directories {
                    for name in try counted.names(directory) {
                        let text = try counted.mounted.read("\(directory)/\(name)")
                        #expect(text == "text \(name.dropLast(3))")
                    }
                }
            }
        }
        // The directories, and one file.
        #expect(lookups <= 5)
    }
}
