public import Loci

/// What a migration would do.
///
/// Nothing is changed by making one.
public struct MigrationPlan: Sendable {
    /// The layout that is listed now.
    public let from: LayoutNumber
    /// Its scheme.
    public let fromScheme: Scheme
    /// The number that the new layout would get.
    public let to: LayoutNumber
    /// The scheme that was asked for.
    public let toScheme: Scheme

    /// Memories, without the trash.
    public var memories = 0
    /// Memories in the trash.
    public var trashed = 0
    /// Memories whose contents would move to another place in the store.
    public var toMove = 0
    /// Contents that are kept: current ones, earlier ones, and those of the trash.
    public var revisions = 0
    /// Memories whose contents stay where they are.
    public var inPlace = 0
    /// Bytes of the current contents that would move.
    ///
    /// Links move them; no byte is copied where the file system can link.
    public var bytes: Int64 = 0
    /// Foreign entries; they stay.
    public var foreign = 0

    /// Fields that the new scheme shows and memories lack: they would be `_`.
    public var missing: [MissingField] = []
    /// Memories that lack such a field, where a mapper is to find it: where they will be is not
    /// known, and nothing below counts them.
    public var toMap = 0
    /// Attributes that the old layout shows and the new one does not.
    ///
    /// The memories keep them.
    public var hidden: [String] = []
    /// Memories that would get a path that another has.
    public var collisions = PlanCount<Collision>()
    /// Memories whose path has a component of more than 255 bytes.
    public var tooLong = PlanCount<NamePath>()
    /// Memories whose path, in one layout, takes a name that another claims.
    public var brokenClaims = PlanCount<NamePath>()
    /// Paths that are told apart only by case or normal form: one file on other systems.
    public var twins = PlanCount<NamePath>()
    /// Directories that the new layout shares with the listed one, the root included.
    public var shared = PlanCount<NamePath>()
    /// The new directory that holds the most memories.
    public var largestDirectory: Directory?
    /// The new path with the most components.
    public var deepest: NamePath?
    /// How many new directories there would be, and how much they hold.
    public var fanOut = FanOut()
    /// Relative links that lead somewhere today and would not from the new place; nil where nobody
    /// asked for them.
    ///
    /// Links are followed from a text's own path: by its old path it can still be read while both
    /// layouts live, but tools that follow a link start at the path that they opened.
    public var brokenLinks: PlanCount<BrokenLink>?
    /// How long moving would take at full speed, from a sample that was measured on this store;
    /// nil where nothing moves or nothing could be measured.
    public var estimate: Duration?
    /// One memory before and after.
    public var sample: Sample?
    /// Why the scheme cannot live beside another one in the same tree; nil where it can.
    public var dispute: LociError?

    init(from: LayoutNumber, fromScheme: Scheme, to: LayoutNumber, toScheme: Scheme) {
        self.from = from
        self.fromScheme = fromScheme
        self.to = to
        self.toScheme = toScheme
    }

    /// A field and how many memories lack it.
    public struct MissingField: Hashable, Sendable {
        /// The attribute.
        public let field: String
        /// Memories, without the trash.
        public let memories: Int
    }

    /// Memories that would get one path.
    public struct Collision: Hashable, Sendable {
        /// The path.
        public let path: NamePath
        /// Those that were met, the first 8, in the order in which they were added.
        public let memories: [MemoryID]
    }

    /// A directory and how many memories it holds.
    public struct Directory: Hashable, Sendable {
        /// The directory.
        public let path: NamePath
        /// Memories directly in it.
        public let memories: Int
    }

    /// The new directories in numbers.
    public struct FanOut: Hashable, Sendable {
        /// Directories that only the new layout has.
        public internal(set) var directories = 0
        /// The most entries that one of them holds, directories and memories.
        public internal(set) var largest = 0
        /// Which one that is.
        public internal(set) var widest: NamePath?
        /// Entries of a directory on average.
        public internal(set) var mean: Double = 0
    }

    /// A relative link that would lead nowhere, or elsewhere.
    public struct BrokenLink: Hashable, Sendable {
        /// The text that has it, in the listed layout.
        public let source: NamePath
        /// The link as it is written.
        public let link: String
    }

    /// A memory's paths.
    public struct Sample: Hashable, Sendable {
        /// In the listed layout.
        public let from: NamePath
        /// In the new one.
        public let to: NamePath
    }
}

/// How many there are, and the first few of them.
public struct PlanCount<Sample: Hashable & Sendable>: Hashable, Sendable {
    /// All of them.
    public private(set) var count = 0
    /// The first 8.
    public private(set) var samples: [Sample] = []

    static var kept: Int { 8 }

    mutating func add(_ sample: @autoclosure () -> Sample) {
        count += 1
        if samples.count < Self.kept { samples.append(sample()) }
    }
}

extension MigrationPlan {
    /// The first reason for which a start with these options is refused; nil where there is none.
    public func refusal(_ options: MigrationOptions) -> LociError? {
        if !options.apart {
            if let dispute { return dispute }
            if let path = brokenClaims.samples.first { return claimBroken(path) }
        }
        if let path = tooLong.samples.first {
            return LociError(
                .nameTooLong,
                subject: path.description,
                message: "\(tooLong.count) memories would get a name of more than 255 bytes, "
                    + "such as '\(path)'.",
                remedy: "Shorten the attribute, or show only its beginning: {field:first(n)}."
            )
        }
        guard options.onCollision == .fail, let first = collisions.samples.first else {
            return nil
        }
        return LociError(
            .collision,
            subject: first.path.description,
            message: "\(collisions.count) memories would get a path that another memory has, "
                + "such as '\(first.path)'.",
            remedy: "Use a scheme that tells them apart, or --on-collision suffix."
        )
    }

    private func claimBroken(_ path: NamePath) -> LociError {
        LociError(
            .schemesDispute,
            subject: path.description,
            message: "\(brokenClaims.count) memories have a path in one layout that another "
                + "layout claims, such as '\(path)'.",
            remedy: "Use another key in the scheme, or --apart, which keeps each layout whole "
                + "under .loci/layouts/."
        )
    }
}
