import Catalog
import FUSE
import Model
import Synchronization

extension LociFileSystem {
    /// A directory of the catalog, as one request sees it.
    struct Directory {
        let number: NodeNumber
        let view: View
        /// By which names resolve in it.
        let resolvable: LayoutSet
        /// By which it is listed where it has that layout.
        let preferred: Layout
        let table: LayoutTable
        /// What the mount's root shows.
        let mainRoot: NodeNumber

        /// The id of a directory below, in the same view.
        func id(of directory: NodeNumber) -> NodeID {
            view.id(of: directory, mainRoot: mainRoot)
        }
    }

    /// The layout that the mount's root lists: the pinned one while it lives, else the listed one.
    func mainLayout(_ table: LayoutTable) -> Layout {
        if let pinned = options.layout, let layout = table[pinned], layout.isLive { return layout }
        return table.listed
    }

    func mainRoot(_ table: LayoutTable) -> NodeNumber {
        settings.subdirectory ?? mainLayout(table).root
    }

    /// The directory that a node id stands for; nil where it is not one of the catalog's.
    ///
    /// Throws `notFound` in a view whose layout is not live any more.
    func directory(_ place: Place, _ reader: CatalogReader) throws -> Directory? {
        let table = try reader.layouts()
        let main = mainRoot(table)
        switch place {
        case .root:
            return directory(main, .main, table, main)
        case .node(let number):
            return directory(number, .main, table, main)
        case .view(let layout, let number):
            guard let layout = table[layout], layout.isLive else {
                throw LociError(
                    .notFound,
                    subject: "layout \(layout)",
                    message: "Layout \(layout) is not live",
                    remedy: "See: loci layout list"
                )
            }
            return Directory(
                number: number,
                view: .layout(layout.number),
                resolvable: layout.bit.union(.foreign),
                preferred: layout,
                table: table,
                mainRoot: main
            )
        case .special(.foreign):
            guard let root = try reader.setting(Setting.foreignRoot) else { return nil }
            return directory(NodeNumber(UInt64(root)), .main, table, main)
        case .special, .generated, .meta, .past: return nil
        }
    }

    private func directory(
        _ number: NodeNumber,
        _ view: View,
        _ table: LayoutTable,
        _ main: NodeNumber
    ) -> Directory {
        Directory(
            number: number,
            view: view,
            resolvable: table.resolvable,
            preferred: mainLayout(table),
            table: table,
            mainRoot: main
        )
    }

    // MARK: Other views

    func tellElsewhere(through queue: NotificationQueue) {
        elsewhere.withLock { $0 = queue }
    }

    /// Has the kernel look a name up again wherever it may know it, where a file is that no row has.
    ///
    /// The answer to whoever changes such a name tells of it in one view; that it changed in the
    /// others no line of the log says before the file is born.
    func expireElsewhere(_ name: Name, in directory: Directory) {
        guard layoutViewsUsed.isSet, let queue = elsewhere.withLock(\.self) else { return }
        let views = directory.table.liveLayouts.map(\.number)
        let ids =
            [View.main.id(of: directory.number, mainRoot: directory.mainRoot)]
            + views.map { Place.view($0, directory.number).id }
        for id in ids { queue.offer { $0.expire(name, in: id) } }
    }

    /// Where a directory stands.
    struct Home {
        /// Nil above roots.
        var above: NodeNumber?
        /// The live layouts that have it, and `.foreign` where it is a foreign one.
        var layouts: LayoutSet = []
    }

    func home(of directory: Directory, _ reader: CatalogReader) throws -> Home {
        let number = directory.number
        var home = Home()
        for layout in directory.table.liveLayouts where layout.root == number {
            home.layouts.insert(layout.bit)
        }
        if home.layouts.isEmpty {
            if let found = try reader.home(of: number, layouts: directory.resolvable) {
                home = Home(above: found.directory, layouts: found.layouts)
            } else if try reader.node(number)?.kind == .foreign {
                home.layouts = .foreign
            }
        }
        home.layouts.formIntersection(directory.resolvable)
        return home
    }

    /// The live layouts that have a directory, and `.foreign` where it is a foreign one.
    func layouts(of directory: Directory, _ reader: CatalogReader) throws -> LayoutSet {
        try home(of: directory, reader).layouts
    }

    /// The layouts of a directory in which something is to be made.
    ///
    /// Throws `notFound` where none is left: who still works in a directory whose layouts ended
    /// would make what nobody finds.
    func livingLayouts(of directory: Directory, _ reader: CatalogReader) throws -> LayoutSet {
        let set = try layouts(of: directory, reader)
        guard !set.isEmpty else { throw Self.goneNode }
        return set
    }

    /// The directory, or what to say where names cannot be in it.
    func writableDirectory(_ place: Place, _ reader: CatalogReader) throws -> Directory {
        if let directory = try directory(place, reader) { return directory }
        if Self.trashDirectory(place) != nil { throw Self.onlyOut }
        if case .past = place { throw Self.readOnlyPast }
        throw LociError(
            .notPermitted,
            subject: ".loci",
            message: "Nothing can be made, renamed or removed in this directory of .loci"
        )
    }

    /// The catalog's number behind an id, where there is one.
    func number(_ place: Place, _ reader: CatalogReader) throws -> NodeNumber? {
        switch place {
        case .root: mainRoot(try reader.layouts())
        case .node(let number), .view(_, let number), .meta(let number): number
        case .special(.foreign):
            try reader.foreignRoot()
        case .special, .generated, .past: nil
        }
    }

    /// Refuses changes where `nodelete` protects the names of the old layout.
    func checkDeletes(
        _ directory: Directory,
        _ entry: CatalogEntry?,
        _ reader: CatalogReader
    ) throws {
        let live = directory.table.liveLayouts
        guard live.contains(where: \.refusesDeletes) else { return }
        for set in [try layouts(of: directory, reader), entry?.layouts].compactMap({ $0 }) {
            let having = live.filter { set.contains($0.bit) }
            if !having.isEmpty, having.allSatisfy(\.refusesDeletes) {
                throw LociError(
                    .readOnly,
                    subject: "layout \(having[0].number)",
                    message: "Only an old layout has this directory, and its paths refuse "
                        + "changes of names since the cut-over (--old-paths nodelete)",
                    remedy: "Use the path of the listed layout: loci stat PATH names it"
                )
            }
        }
    }
}
