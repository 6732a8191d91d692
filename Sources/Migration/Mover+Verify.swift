import Blobs
import Catalog
import Loci
import SQL

extension Mover {
    /// With `verify full`, reads every blob of the batch again and compares its SHA-256.
    ///
    /// Under the key that it is about to have, before any row names that key: so no old key can be
    /// collected whose blob was not hashed at its new place.
    ///
    /// What differs was damaged before, if the old key has the very same bytes: it is listed, and
    /// moves all the same, since moving changes no byte, and the old key is only another name of
    /// the same damage. Mended, it is found so by the next migration, or by `loci fsck`.
    ///
    /// Where the old key has other bytes, the copy is what is wrong: then nothing is committed, the
    /// old key stays, and the migration pauses with the reason.
    func verify(_ batch: MoveBatch) throws(LociError) {
        guard let run = batch.verifying,
            try MigrationOptions(recorded: run.options).verify == .full
        else { return }
        for move in batch.moves where move.isDone {
            let new: BlobDigest
            do throws(BlobError) {
                new = try tenant.blobs.hash(move.new)
            } catch .notFound where move.isInPlace {
                // Gone since the row was read; if not, committing or fsck will tell.
                continue
            } catch {
                throw LociError(blob: error)
            }
            if new.sha256 == move.hash.bytes, new.size == move.size { continue }
            try requireSameDamage(move, new)
            _ = try write { transaction in
                try transaction.recordError(
                    run.id,
                    memory: move.memory,
                    step: .verify,
                    reason: "revision \(move.revision) is not what its SHA-256 says"
                )
            }
        }
    }

    private func requireSameDamage(_ move: Move, _ new: BlobDigest) throws(LociError) {
        guard !move.isInPlace else { return }
        let old = try naming { () throws(BlobError) in try tenant.blobs.hash(move.old) }
        guard old != new else { return }
        throw LociError(
            .corrupt,
            subject: move.new.text,
            message: "The content '\(move.old.text)' was read back as other bytes from "
                + "'\(move.new.text)'; it stays where it is.",
            remedy: "Look at the disk. Then: loci migrate resume"
        )
    }
}
