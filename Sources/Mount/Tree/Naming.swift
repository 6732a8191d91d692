import Catalog
import Loci
import Model

/// Decides by which layout a new name in a directory is read, and what it then means.
///
/// Where several layouts share a directory, the name tells whose it is: a layout that claims it by
/// `key=` or a literal goes first, then the one that the directory is listed by, then the others.
struct Naming {
    let reader: CatalogReader
    let table: LayoutTable
    /// The directories above the name.
    let directories: [Name]
    /// Live layouts that have the directory, the one it is listed by first.
    let layouts: [Layout]
    let now: Timestamp

    init(
        _ directory: LociFileSystem.Directory,
        having set: LayoutSet,
        _ reader: CatalogReader,
        now: Timestamp
    ) throws {
        self.reader = reader
        self.now = now
        table = directory.table
        guard let path = try reader.path(ofDirectory: directory.number) else {
            throw LociFileSystem.goneNode
        }
        directories = path.names
        let live = table.liveLayouts.filter { set.contains($0.bit) }
        let first = table.layout(forDirectoryIn: set, preferring: directory.preferred)
        layouts = [first].compactMap { $0 } + live.reversed().filter { $0 != first }
    }

    /// The layout in which a memory called `name` can be here.
    ///
    /// Throws why not: `pathDoesNotFit`, `futureDate`, …
    func layout(forFile name: Name) throws -> Layout {
        var reason: (any Error)?
        for layout in layouts {
            do {
                _ = try layout.scheme.parse(directories, now: now)
                try refuseClaimed(name, by: layout)
                return layout
            } catch {
                reason = reason ?? error
            }
        }
        throw reason ?? Self.foreignOnly
    }

    private func refuseClaimed(_ name: Name, by layout: Layout) throws {
        for other in layouts where other.number != layout.number {
            guard other.scheme.standing(of: name, atDepth: directories.count) == .claims else {
                continue
            }
            throw LociError(
                .pathDoesNotFit,
                subject: name.description,
                message: "Layout \(other.number), \(other.scheme.text), has directories called "
                    + "like '\(name)' here",
                remedy: "Choose a name that is not of the form of its directories"
            )
        }
    }

    /// The layout in which a directory called `name` can be here.
    func layout(forDirectory name: Name) throws -> Layout {
        let standings = layouts.map {
            ($0, $0.scheme.standing(of: name, atDepth: directories.count))
        }
        let ordered =
            standings.filter { $0.1 == .claims } + standings.filter { $0.1 == .mayHold }
        var reason: (any Error)?
        for (layout, _) in ordered.isEmpty ? standings : ordered {
            do {
                _ = try layout.scheme.parsePrefix(directories + [name], now: now)
                return layout
            } catch {
                reason = reason ?? error
            }
        }
        throw reason ?? Self.foreignOnly
    }

    static let foreignOnly = LociError(
        .pathDoesNotFit,
        subject: "directory",
        message: "No layout has memories in this directory",
        remedy: "See the schemes in .loci/README.md"
    )
}
