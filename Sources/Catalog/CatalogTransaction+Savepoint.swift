import Model
import SQL

extension CatalogTransaction {
    /// Runs `body` so that what it wrote is taken back where it throws, and nothing else: one
    /// memory of a batch can fail without the others.
    package func savepoint<R>(_ body: () throws -> R) throws -> R {
        try run("SAVEPOINT one")
        let (mark, texts) = (log.count, newTexts.count)
        do {
            let result = try body()
            try run("RELEASE one")
            return result
        } catch {
            try run("ROLLBACK TO one")
            try run("RELEASE one")
            log.takeBack(to: mark)
            newTexts.removeSubrange(texts...)
            reader.forgetLayouts()
            ensured = nil
            throw error
        }
    }
}
