import Catalog
import Loci
import SQL

extension Preparer {
    /// Memories that failed in an earlier attempt: with a mapper that may know better by now, or in
    /// a directory that is free by now.
    ///
    /// `chosen`: only those.
    /// Returns why the mapper was asked no more, and left some as they were; nil where it was not.
    @discardableResult
    func retryFailures(of chosen: Set<MemoryID>? = nil) async throws(LociError) -> LociError? {
        var stop: LociError?
        for step in [MigrationErrorStep.map, .place] where step == .place || mapper != nil {
            var cursor: Int64 = 0
            while true {
                let failed = try await readFailed(step, after: cursor)
                guard let last = failed.last else { break }
                cursor = last.row
                let memories = failed.filter { chosen?.contains($0.id) ?? true }
                guard !memories.isEmpty else { continue }
                let asking: PreparingPage.Asking = step == .map ? .failed : .nobody
                var page = try await readPage(asking: asking) { _ throws(SQLError) in memories }
                do throws(LociError) {
                    _ = try await decide(&page, counting: false)
                } catch  where error.code == .mapperFailed {
                    // Others may fare better: these are listed, and the next start tries them.
                    if options.leaveUnmapped { try await passOver(chosen) }
                    await mapper?.end()
                    try await mapper?.begin()
                    stop = error
                    break
                }
                _ = try await commit(page, cursor: nil, counting: 0)
            }
        }
        return stop
    }

    /// Takes what is listed as the mapper's error for a skip, as `leaveUnmapped` wants it.
    private func passOver(_ chosen: Set<MemoryID>?) async throws(LociError) {
        var cursor: Int64 = 0
        while true {
            let listed = try await listed([.map], after: cursor)
            guard let last = listed.last else { return }
            cursor = last.memory
            let failed = listed.filter { chosen?.contains($0.id) ?? true }
            var page = try await readPage(asking: .nobody) { reader throws(SQLError) in
                var memories: [MemoryRow] = []
                for row in failed {
                    if let memory = try reader.memory(row: row.memory) { memories.append(memory) }
                }
                return memories
            }
            for row in failed { page.decisions[row.memory] = .skip(reason: row.reason) }
            _ = try await commit(page, cursor: nil, counting: 0)
        }
    }

    /// Those that failed so far, and that trying again may help.
    func failedBefore() async throws(LociError) -> Set<MemoryID> {
        let steps: [MigrationErrorStep] = mapper == nil ? [.place] : [.map, .place]
        var failed: Set<MemoryID> = []
        var cursor: Int64 = 0
        while true {
            let listed = try await listed(steps, after: cursor)
            guard let last = listed.last else { return failed }
            cursor = last.memory
            for row in listed { failed.insert(row.id) }
        }
    }

    private func listed(
        _ steps: [MigrationErrorStep],
        after cursor: Int64
    ) async throws(LociError) -> [MigrationErrorRow] {
        let (reader, path, id) = (reader, catalog.path, run.id)
        return try await BlockingPool.shared.run { () throws(LociError) in
            try reader.use(path) {
                try $0.migrationErrors(of: id, steps: steps, after: cursor, limit: 1000)
            }
        }
    }

    private func readFailed(
        _ step: MigrationErrorStep,
        after cursor: Int64
    ) async throws(LociError) -> [MemoryRow] {
        let (reader, path, id) = (reader, catalog.path, run.id)
        return try await BlockingPool.shared.run { () throws(LociError) in
            try reader.use(path) {
                try $0.memoriesFailed(in: id, step: step, after: cursor, limit: 100)
            }
        }
    }
}
