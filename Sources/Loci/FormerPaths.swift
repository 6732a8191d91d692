import Catalog
import Model
import SQL

/// Finds the memory that a path of the past led to.
///
/// Follows names that ended as well as those that stand, whatever layout has or had them. Remembers
/// directories: for one state of the catalog only.
struct FormerPaths {
    /// How many directories of the past are looked into at each level.
    private static let breadth = 8

    private let roots: [NodeNumber]
    private var directories: [NamePath: [NodeNumber]] = [:]

    /// `roots`: where paths begin; those of ended layouts may be gone by now.
    init(roots: [NodeNumber]) { self.roots = roots }

    /// The memory that had the path last, or has it.
    mutating func memory(at path: NamePath, _ reader: CatalogReader) throws -> MemoryRow? {
        guard let name = path.last else { return nil }
        for node in try nodes(named: name, in: nodes(at: path.parent, reader), reader) {
            if let memory = try reader.memory(shownBy: node) { return memory }
        }
        return nil
    }

    private mutating func nodes(
        at path: NamePath,
        _ reader: CatalogReader
    ) throws -> [NodeNumber] {
        guard let name = path.last else { return roots }
        if let known = directories[path] { return known }
        let found = try nodes(named: name, in: nodes(at: path.parent, reader), reader)
        directories[path] = found
        return found
    }

    /// Those that stand first, then the latest to end.
    private func nodes(
        named name: Name,
        in directories: [NodeNumber],
        _ reader: CatalogReader
    ) throws -> [NodeNumber] {
        let all = LayoutSet(rawValue: .max)
        var found: [NodeNumber] = []
        for directory in directories {
            if let entry = try reader.entry(in: directory, named: name, layouts: all) {
                found.append(entry.node)
            }
            found += try reader.formerNodes(in: directory, named: name, limit: Self.breadth)
        }
        var seen: Set<NodeNumber> = []
        return Array(found.filter { seen.insert($0).inserted }.prefix(Self.breadth))
    }
}
