import Linux

/// A program that shows a directory in another place, as Debian packages it.
struct Peer: Sendable {
    let name: String
    /// The program and its options, without the directories.
    let options: [String]
    /// What stands behind the options, of the source, the mount point and a directory for it.
    let places: Places
    /// The package, as Debian calls it.
    var package: String { String(name.prefix { $0 != ":" }) }
    /// Whether it must not share the source with others.
    var isApart = false

    typealias Places = @Sendable (_ source: String, _ mount: String, _ work: String) -> [String]

    private static let day = "86400"
    private static let timeouts =
        "attr_timeout=\(day),entry_timeout=\(day),negative_timeout=\(day)"
    private static let mergerfsCaches =
        "cache.files=auto-full,cache.attr=\(day),cache.entry=\(day),"
        + "cache.negative_entry=\(day),cache.readdir=true,cache.symlinks=true,"
        + "cache.statfs=\(day),cache.open=\(day),xattr=nosys,minfreespace=0"

    /// Each with all its caches on, as is right where nobody changes the source behind its back;
    /// `NAME:plain` has the defaults.
    static let all: [Peer] = [
        Peer("bindfs", ["bindfs", "-o", "kernel_cache," + timeouts], plainPlaces),
        Peer("bindfs:plain", ["bindfs"], plainPlaces),
        Peer("mergerfs", ["mergerfs", "-o", mergerfsCaches], plainPlaces),
        Peer("mergerfs:plain", ["mergerfs", "-o", "minfreespace=0"], plainPlaces),
        // Its default caches for good.
        Peer("fuse-overlayfs", ["fuse-overlayfs"]) { source, mount, work in
            [
                "-o", "lowerdir=\(work)/lower,upperdir=\(source),workdir=\(work)/work", mount,
            ]
        },
        // Written back at once: the default of 5 s would burden what is measured then.
        rclone("rclone", ["--dir-cache-time", "24h", "--attr-timeout", "24h"]),
        rclone("rclone:plain", []),
        Peer("unionfs-fuse", ["unionfs", "-o", "cow,kernel_cache," + timeouts], unionPlaces),
        Peer("unionfs-fuse:plain", ["unionfs", "-o", "cow"], unionPlaces),
    ]

    static let defaults = all.map(\.name).filter { !$0.hasSuffix(":plain") }

    private static let plainPlaces: Places = { source, mount, _ in [source, mount] }

    private static let unionPlaces: Places = { source, mount, _ in [source + "=RW", mount] }

    private static func rclone(_ name: String, _ caches: [String]) -> Peer {
        let writes = ["--vfs-cache-mode", "writes", "--vfs-write-back", "0s"]
        var peer = Peer(name, ["rclone", "mount"] + writes + caches) { source, mount, work in
            [
                "--daemon", "--daemon-wait", "30s", "--config", work + "/none.conf",
                "--cache-dir", work + "/cache", source, mount,
            ]
        }
        // It drives what it has read out of the kernel's memory (posix_fadvise), so that the disk
        // and all peers over the same source would be measured cold.
        peer.isApart = true
        return peer
    }

    private init(
        _ name: String,
        _ options: [String],
        _ places: @escaping Places
    ) {
        self.name = name
        self.options = options
        self.places = places
    }

    /// The peer of that name, over `shared` or a source of its own below `work`.
    static func subject(_ name: String, shared: String, work: String) throws -> Subject {
        guard let peer = all.first(where: { $0.name == name }) else {
            let known = all.map(\.name).joined(separator: ", ")
            throw Trouble("no peer is called '\(name)'; there are \(known)")
        }
        let plain = name.split(separator: ":").joined(separator: "-")
        let (mount, own) = ("\(work)/\(plain)/mnt", "\(work)/\(plain)")
        let source = peer.isApart ? own + "/source" : shared
        let directory = try File.open(work, .directory)
        for name in ["mnt", "lower", "work", "cache", "source"] {
            _ = try directory.makeDirectoriesBeneath("\(plain)/\(name)")
        }
        let scratch = "tree=scratch/user=\(plain)/topic=writes"
        _ = try File.open(source, .directory).makeDirectoriesBeneath(scratch)
        return Subject(
            name: name,
            about: peer.options.joined(separator: " "),
            root: mount,
            mountCommand: peer.options + peer.places(source, mount, own),
            scratch: scratch,
            source: source,
            package: peer.package
        )
    }
}
