import Linux
public import Model

// A store is one when it has `loci.json`, which comes last. Until then `.unfinished` says that what
// is there is ours to throw away: a crash leaves either a store or a directory that `create` takes.

extension Store {
    /// Makes a store in a directory that is empty or missing, with one tenant.
    ///
    /// Durable when it returns. What a crash left of an earlier try is made anew.
    ///
    /// Throws `storeExists`, `notEmpty` where something else is there, `notPermitted`.
    public static func create(
        at path: String,
        tenant: TenantID = .main,
        scheme: Scheme = .folders,
        origin: Origin
    ) throws(LociError) -> Store {
        try create(
            at: path,
            tenant: tenant,
            scheme: scheme,
            origin: origin,
            environment: StoreEnvironment()
        )
    }

    package static func create(
        at path: String,
        tenant: TenantID = .main,
        scheme: Scheme = .folders,
        origin: Origin,
        environment: StoreEnvironment
    ) throws(LociError) -> Store {
        try make(at: path, environment) { store throws(LociError) in
            try store.makeTenant(tenant, scheme: scheme, origin: origin)
        }
    }

    /// Makes a store, and fills it before it is one.
    static func make(
        at path: String,
        _ environment: StoreEnvironment,
        _ fill: (Store) throws(LociError) -> Void
    ) throws(LociError) -> Store {
        let path = try StoreFiles.absolute(path)
        if StoreFiles.exists(path + "/" + Description.fileName) {
            throw LociError(
                .storeExists,
                subject: path,
                message: "\(path) is a store already.",
                remedy: "Use it as it is, or give another directory."
            )
        }
        if !StoreFiles.exists(path) {
            let parent = StoreFiles.parent(of: path)
            guard StoreFiles.exists(parent) else {
                throw LociError(
                    .notFound,
                    subject: parent,
                    message: "The directory \(parent), where the store would be, is missing.",
                    remedy: "Make it with: mkdir -p \(parent)"
                )
            }
            try StoreFiles.makeDirectory(path, mode: 0o755)
            try StoreFiles.syncDirectory(StoreFiles.parent(of: path))
        }
        return try StoreOwner(of: path).act { () throws(LociError) in
            try begin(path)
            let description = Description(id: try randomName(16), created: environment.clock())
            try StoreFiles.write(Array(readme.utf8), to: path + "/README.txt")
            let store = try Store(
                path: path,
                id: description.id,
                created: description.created,
                environment: environment
            )
            try fill(store)
            try StoreFiles.write(
                description.json.bytes(.pretty) + [UInt8(ascii: "\n")],
                to: path + "/" + Description.fileName
            )
            try StoreFiles.naming(path) { () throws(Errno) in
                try File.workingDirectory.unlink(path + "/" + unfinished)
            }
            try StoreFiles.syncDirectory(path)
            return store
        }
    }

    /// Marks the directory as ours, and empties one that an earlier try left.
    private static func begin(_ path: String) throws(LociError) {
        // A kill may have left the mark itself half made.
        let names = try StoreFiles.names(in: path).filter { $0 != unfinished + ".new" }
        if names.isEmpty {
            try StoreFiles.write([], to: path + "/" + unfinished)
            return
        }
        guard names.contains(unfinished) else {
            throw LociError(
                .notEmpty,
                subject: path,
                message: "\(path) is not empty, and it is not a store.",
                remedy: "Give a directory that is empty or does not exist."
            )
        }
        for name in names where name != unfinished {
            let whole = path + "/" + name
            if name.hasPrefix(newPrefix) || StoreFiles.exists(whole + "/catalog.db") {
                try StoreFiles.removeTree(whole)
            }
        }
    }

    static let unfinished = ".unfinished"
    static let newPrefix = ".new-"
    static let deletedPrefix = ".deleted-"

    static func randomName(_ bytes: Int) throws(LociError) -> String {
        try StoreFiles.naming("/dev/urandom") { () throws(Errno) in
            Hex.text(try Machine.random(count: bytes))
        }
    }

    // MARK: Opening

    /// Opens a store.
    ///
    /// Throws `storeNotFound`, `notAStore`, `formatTooNew`, `formatUnknown`, `notPermitted`.
    public static func open(at path: String) throws(LociError) -> Store {
        try open(at: path, environment: StoreEnvironment())
    }

    package static func open(
        at path: String,
        environment: StoreEnvironment
    ) throws(LociError) -> Store {
        let path = try StoreFiles.absolute(path)
        let description = try Description(at: path)
        return try Store(
            path: path,
            id: description.id,
            created: description.created,
            environment: environment
        )
    }

    /// Opens the store that a path is or lies in.
    ///
    /// A path inside a mount is not inside the store: a mount says in `.loci/status.json` which
    /// store it shows.
    ///
    /// Throws `storeNotFound`, and like `open(at:)`.
    public static func containing(_ path: String) throws(LociError) -> Store {
        let whole = try StoreFiles.absolute(path)
        var current = whole
        while true {
            if StoreFiles.exists(current + "/" + Description.fileName) {
                return try open(at: current)
            }
            if current == "/" { break }
            current = StoreFiles.parent(of: current)
        }
        throw LociError(
            .storeNotFound,
            subject: whole,
            message: "\(whole) is not in a store.",
            remedy: "Give a store, or make one with: loci init STORE"
        )
    }
}

/// What `loci.json` says.
struct Description: Hashable, Sendable {
    static let fileName = "loci.json"

    let id: String
    let created: Timestamp

    init(id: String, created: Timestamp) {
        self.id = id
        self.created = created
    }

    var json: JSON {
        [
            "format": .integer(Int64(Store.formatVersion)), "id": .string(id),
            "created": .string(created.description),
        ]
    }

    /// Reads it.
    init(at path: String) throws(LociError) {
        guard StoreFiles.exists(path) else { throw LociError(store: .noSuchFile, at: path) }
        let file = path + "/" + Self.fileName
        guard StoreFiles.exists(file) else {
            guard StoreFiles.isDirectory(path) else {
                throw LociError(store: .notDirectory, at: path)
            }
            let isUnfinished = StoreFiles.exists(path + "/" + Store.unfinished)
            throw LociError(
                .notAStore,
                subject: path,
                message: isUnfinished
                    ? "The store at \(path) was not finished: something stopped loci init."
                    : "\(path) is not a store: it has no \(Self.fileName).",
                remedy: isUnfinished
                    ? "Make it again with: loci init \(path)"
                    : "Give the directory that loci init made."
            )
        }
        let bytes = try StoreFiles.naming(file) { () throws(Errno) in
            try File.open(file).readAll(limit: 64 << 10)
        }
        guard let json = try? JSON(parsing: bytes), let format = json["format"]?.integerValue else {
            throw LociError(
                .notAStore,
                subject: file,
                message: "\(file) is not what loci init writes.",
                remedy: "Restore it from a backup."
            )
        }
        guard format <= Store.formatVersion else {
            throw LociError(
                .formatTooNew,
                subject: path,
                message: "The store at \(path) has format \(format), and this program knows "
                    + "\(Store.formatVersion).",
                remedy: "Use a newer loci."
            )
        }
        guard format == Store.formatVersion, let id = json["id"]?.stringValue,
            let text = json["created"]?.stringValue, let created = try? Timestamp(text)
        else {
            throw LociError(
                .formatUnknown,
                subject: path,
                message: "The store at \(path) has the unknown format \(format).",
                remedy: "Restore \(file) from a backup."
            )
        }
        self.init(id: id, created: created)
    }
}
