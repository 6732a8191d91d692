import Catalog
package import FUSE
import Glibc
import Linux
import Loci
import Model

// Holes: what was never written reads as zeros and takes no space. Only SEEK_DATA and SEEK_HOLE come
// here; the kernel does the other seeks by itself.
extension LociFileSystem {
    package func lseek(
        _ request: consuming Request,
        node: NodeID,
        offset: Int64,
        whence: Int32
    ) {
        let attempt = Attempt(request, node)
        let thread = thread(attempt.thread)
        defer { finish(thread) }
        do {
            let seek = Seek(offset: offset, wantsData: whence == File.seekData)
            switch Place(node) {
            case .generated(let number):
                guard let content = generated.content(of: number) else { throw Self.goneNode }
                request.reply(offset: try seek.within(Int64(content.bytes.count)))
            case .node(let number):
                if let found = try staging.extent(of: number, seek.find, within: seek.within) {
                    request.reply(offset: found)
                } else {
                    request.reply(offset: try seek.find(try openWhole(number, thread)))
                }
            case .past(.revision, let number):
                let size = try revision(number, thread.current()).size
                request.reply(offset: try seek.within(size))
            default: request.fail(EISDIR)
            }
        } catch let error as Errno where error == .noSuchAddress {
            // An answer, not a failure: there is no more of it.
            request.fail(ENXIO)
        } catch {
            request.fail(errno(of: error, attempt))
        }
    }

    private func openWhole(_ number: NodeNumber, _ thread: ThreadReader) throws -> File {
        let reader = try thread.current()
        guard let node = try reader.node(number) else { throw Self.goneNode }
        guard node.kind == .memory else { return try foreignFiles.open(number, .readOnly) }
        return try tenant.openBlob(shownBy: number, reader: reader)
    }

    private struct Seek {
        let offset: Int64
        let wantsData: Bool

        func find(_ file: borrowing File) throws(Errno) -> Int64 {
            wantsData ? try file.nextData(from: offset) : try file.nextHole(from: offset)
        }

        /// In a file without holes.
        func within(_ size: Int64) throws(Errno) -> Int64 {
            guard offset >= 0, offset < size else { throw .noSuchAddress }
            return wantsData ? offset : size
        }
    }
}
