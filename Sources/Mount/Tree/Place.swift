package import FUSE
package import Model

/// What a node id of the kernel stands for.
///
/// ```
///  1                                   the root of the mount: of the listed, or the pinned layout
///  2 … 15                              directories of `.loci`
///  16 … 2³²                            generated files, one per lookup, dropped at FORGET
///  2³² … 2⁴⁸                           catalog nodes: files in all views, directories in the root's
///  layout << 48 | number               directories under `.loci/layouts/<layout>`
///  1 << 62 | number                    directories under `.loci/meta`
///  1 << 62 | view << 48 | number       what was: a view for each snapshot, and see `PastView`
/// ```
///
/// So files share their node, and with it pages and locks, whichever path led to them; directories
/// do not, as one can list different things in different views.
package enum Place: Hashable, Sendable {
    case root
    case special(Special)
    case generated(UInt64)
    case node(NodeNumber)
    case view(LayoutNumber, NodeNumber)
    case meta(NodeNumber)
    case past(PastView, UInt64)

    /// The directories of `.loci`.
    package enum Special: UInt64, Hashable, Sendable, CaseIterable {
        case loci = 2
        case layouts = 3
        case foreign = 4
        case byID = 5
        case meta = 6
        case migration = 7
        case search = 8
        case history = 10
        case snapshots = 11
        case trash = 12
    }

    static let firstGenerated: UInt64 = 16
    private static let firstNode: UInt64 = 1 << 32
    private static let viewShift: UInt64 = 48
    private static let viewMask: UInt64 = 0x3FFF
    private static let metaBit: UInt64 = 1 << 62
    private static let numberMask: UInt64 = 1 << viewShift - 1

    package init(_ id: NodeID) {
        let raw = id.rawValue
        if raw >= Self.firstNode {
            let number = NodeNumber(raw & Self.numberMask)
            let view = raw >> Self.viewShift & Self.viewMask
            if raw & Self.metaBit != 0, let past = PastView(rawValue: view) {
                self = .past(past, number.rawValue)
            } else if raw & Self.metaBit != 0 {
                self = .meta(number)
            } else if view != 0 {
                self = .view(LayoutNumber(Int(view)), number)
            } else {
                self = .node(number)
            }
        } else if id == .root {
            self = .root
        } else if let special = Special(rawValue: raw) {
            self = .special(special)
        } else {
            self = .generated(raw)
        }
    }

    /// Whether the kernel is told when a name comes to be in this directory: it may keep until then
    /// that there is none.
    var tellsOfNewNames: Bool {
        switch self {
        case .root, .node, .view, .special(.loci): true
        case .special, .generated, .meta, .past: false
        }
    }

    /// The catalog's number of a directory below the root.
    var directoryNumber: NodeNumber? {
        switch self {
        case .node(let number), .view(_, let number): number
        case .root, .special, .generated, .meta, .past: nil
        }
    }

    package var id: NodeID {
        switch self {
        case .root: .root
        case .special(let special): NodeID(special.rawValue)
        case .generated(let number): NodeID(number)
        case .node(let number): NodeID(number.rawValue)
        case .view(let layout, let number):
            NodeID(
                (UInt64(layout.rawValue) & Self.viewMask) << Self.viewShift | number.rawValue
            )
        case .meta(let number): NodeID(Self.metaBit | number.rawValue)
        case .past(let view, let number):
            NodeID(Self.metaBit | view.rawValue << Self.viewShift | number)
        }
    }
}

/// Through which of its trees a mount is looked at.
package enum View: Hashable, Sendable {
    /// The mount's root: resolves every live layout, lists one.
    case main
    /// `.loci/layouts/<n>`: one layout, whole.
    case layout(LayoutNumber)

    /// The node id of a directory in this view; the root of the main view is the mount's.
    func id(of directory: NodeNumber, mainRoot: NodeNumber) -> NodeID {
        switch self {
        case .main:
            directory == mainRoot ? .root : Place.node(directory).id
        case .layout(let number): Place.view(number, directory).id
        }
    }
}
