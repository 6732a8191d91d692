/// Why two schemes cannot be live side by side.
package struct Dispute: Hashable, Sendable {
    /// The number of directories that both share above the disputed name.
    package let depth: Int
    /// What is in dispute, a full sentence.
    package let message: String
    /// A scheme that would not dispute, or another way, a full sentence.
    package let remedy: String

    /// The dispute as the error that refuses the new scheme.
    package func error(for scheme: Scheme) -> LociError {
        LociError(
            .schemesDispute,
            subject: scheme.text,
            message: message,
            remedy: remedy
        )
    }
}

/// Names that one scheme claims in directories that it shares with another.
///
/// A memory of the other layout whose component at `depth` the claimant would take for its own has
/// no path: a plan refuses such values, and a write that would make one is refused too.
package struct Claim: Hashable, Sendable {
    /// The number of directories that both schemes share; the claimed name comes next.
    package let depth: Int
    /// The `key=…` or literal segment that claims.
    package let claimant: Scheme.Segment

    /// Whether a path of the other layout takes a claimed name, as a directory or as the memory's
    /// own name.
    package func isBroken(by directories: [Name], name: Name) -> Bool {
        let component = depth < directories.count ? directories[depth] : name
        guard depth <= directories.count else { return false }
        return claimant.claims(component)
    }
}

extension Scheme.Segment {
    /// Whether a name in a shared directory is this segment's for certain: `key=…` by its
    /// beginning, a literal by all of it; a field without a key claims nothing.
    package func claims(_ name: Name) -> Bool {
        switch self {
        case .literal(let literal): name == literal
        case .field(let key?, _): name.hasPrefix(key.prefix)
        case .field(nil, _), .rest: false
        }
    }

    /// Whether the segment claims any name at all.
    fileprivate var isClaimant: Bool {
        switch self {
        case .literal, .field(_?, _): true
        case .field(nil, _), .rest: false
        }
    }
}

extension Scheme {
    /// How a scheme stands to a name in one of its directories.
    package enum Standing: Hashable, Sendable {
        /// The name is this scheme's for certain.
        case claims
        /// The name is this scheme's if no other scheme claims it.
        case mayHold
        /// No directory of the scheme at that depth is called so.
        case refuses
    }

    /// How this scheme stands to a directory called `name` below `depth` directories.
    package func standing(of name: Name, atDepth depth: Int) -> Standing {
        guard depth < segments.count else { return rest == nil ? .refuses : .mayHold }
        let segment = segments[depth]
        if segment.claims(name) { return .claims }
        return segment.isClaimant ? .refuses : .mayHold
    }

    /// The number of leading segments that both schemes have in common: as many directories may be
    /// shared.
    package func sharedDepth(with other: Scheme) -> Int {
        zip(segments, other.segments).prefix { $0 == $1 }.count
    }

    /// What this scheme claims against `other` where their paths part; nil where it claims nothing
    /// or parts from another claim, which has its own names.
    package func claim(over other: Scheme) -> Claim? {
        let depth = sharedDepth(with: other)
        guard depth < segments.count, segments[depth].isClaimant else { return nil }
        return Claim(depth: depth, claimant: segments[depth])
    }

    /// Whether some name could be either scheme's, for all values of all fields; nil where none
    /// can.
    ///
    /// Symmetric. The schemes part at their first segments that differ. There, at least one must
    /// claim its names by a key or a literal, and two that claim must claim different ones. A
    /// scheme that ends where the other goes on has its files there, and the other's directories
    /// among them must be claimed. Names that are claimed are then refused to the other side's
    /// values and file names: see `claim(over:)`.
    package func disputes(with other: Scheme) -> Dispute? {
        let depth = sharedDepth(with: other)
        let mine = depth < segments.count ? segments[depth] : nil
        let theirs = depth < other.segments.count ? other.segments[depth] : nil
        guard Self.isDisputed(mine, theirs) else { return nil }
        let shared = segments.prefix(depth).map(\.text).joined(separator: "/")
        if mine == nil, theirs == nil {
            return Dispute(
                depth: depth,
                message: "The scheme '\(text)' is live already.",
                remedy: "Use cutover or revert to list that layout."
            )
        }
        let place = shared.isEmpty ? "at the top" : "below \(shared)"
        return Dispute(
            depth: depth,
            message: "The schemes '\(text)' and '\(other.text)' dispute a path: \(place), one "
                + "name could be \(Self.noun(mine)) of the one "
                + "or \(Self.noun(theirs)) of the other.",
            remedy: remedy(against: other, at: depth)
        )
    }

    private static func isDisputed(_ mine: Segment?, _ theirs: Segment?) -> Bool {
        switch (mine, theirs) {
        case (nil, nil): true
        case (.literal(let a)?, .literal(let b)?): a == b
        case (.field(let a?, _)?, .field(let b?, _)?): a == b
        case (.literal(let name)?, .field(let key?, _)?),
            (.field(let key?, _)?, .literal(let name)?):
            name.hasPrefix(key.prefix)
        default: !(mine?.isClaimant ?? false) && !(theirs?.isClaimant ?? false)
        }
    }

    private static func noun(_ segment: Segment?) -> String {
        segment.map { $0.text } ?? "a file"
    }

    /// Proposes this scheme with a key of its own where the two part, if that settles the dispute.
    private func remedy(against other: Scheme, at depth: Int) -> String {
        let apart = "--apart, which keeps each layout whole under .loci/layouts/"
        guard depth < segments.count, case .field(nil, let field) = segments[depth] else {
            return "Use a key that tells them apart, such as key={field}, or \(apart)."
        }
        let word = field.text.split(separator: ":").last.map { $0.prefix { $0 != "(" } } ?? ""
        for key in [field.name, String(word), "by-" + field.name] {
            var proposal = segments
            proposal[depth] = .field(Key(key), field)
            let scheme = Scheme(segments: proposal)
            if scheme.disputes(with: other) == nil {
                return "Write '\(scheme.text)', or use \(apart)."
            }
        }
        return "Use a key that tells them apart, or \(apart)."
    }
}
