import Catalog
import Loci
import Model

// Where an unborn file may have a name.

extension Staging {
    /// Checks that a memory can be made there; it is listed at `position`.
    func place(
        _ name: Name,
        in directory: NodeNumber,
        view: Layout,
        at position: ListingPosition,
        replacing replaced: ReplacedMemory? = nil,
        _ reader: CatalogReader
    ) throws(LociError) -> StagedPlace {
        do {
            let table = try reader.layouts()
            guard let path = try reader.path(ofDirectory: directory),
                let layout = table.layout(forDirectoryIn: path.layouts, preferring: view)
            else {
                throw LociError(
                    .notFound,
                    subject: name.description,
                    message: "The directory of \"\(name)\" is no longer there"
                )
            }
            let parsed = try layout.scheme.parse(path.names, now: tenant.clock())
            for case .id(let id) in parsed.findings {
                guard let other = try reader.memory(id), other.row != replaced?.memory else {
                    continue
                }
                throw LociError.nameTaken(name)
            }
            return StagedPlace(
                directory: directory,
                name: name,
                layout: layout.number,
                directories: path.names,
                position: position,
                replaces: replaced
            )
        } catch {
            throw LociError(catalogError: error, subject: name.description)
        }
    }
}
