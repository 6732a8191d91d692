import FUSE
import Glibc
import Linux
import Loci
import Model
import Synchronization

// `.loci/migration`: progress, who uses old paths, what failed; and `ctl`, which takes commands.
extension LociFileSystem {
    private static let control = "ctl"

    /// The files of `.loci/migration`.
    static let migrationNames = MigrationPanel.Report.allCases.map(\.rawValue) + [control]

    func findMigration(_ text: String) throws -> KernelEntry? {
        guard let panel else { return nil }
        if text == Self.control {
            // Whom the kernel lets write is who may do the same to the store, whatever uid= says.
            let owner = try File.status(of: tenant.directory).user
            return make([], mode: S_IFREG | 0o600, uid: owner, edits: .migration)
        }
        guard let report = MigrationPanel.Report(rawValue: text) else { return nil }
        // They name paths: as open as the directories are in which those can be listed.
        let text = try migrationTexts.text(of: report, panel.text)
        return make(text, mode: S_IFREG | directoryPermissions & 0o444)
    }

    /// Does what one whole command line at offset 0 says.
    ///
    /// Waits for the step; the other request threads go on. Who writes while another's step is
    /// done is told so, and keeps no thread.
    func writeControl(
        _ bytes: RawSpan,
        at offset: Int64,
        _ caller: Caller,
        _ thread: ThreadReader
    ) throws {
        guard let panel else { throw Self.generatedFile }
        var text = unsafe bytes.withUnsafeBytes { unsafe Array($0) }
        if text.last == UInt8(ascii: "\n") { text.removeLast() }
        guard offset == 0, text.count < 1024, !text.contains(UInt8(ascii: "\n")),
            let line = String(validating: text, as: UTF8.self)
        else { throw Self.notACommandLine }
        guard !isControlled.exchange(true, ordering: .acquiringAndReleasing) else {
            throw LociError(
                .busy,
                subject: ".loci/migration/ctl",
                message: "Another command that was written to .loci/migration/ctl is being done",
                remedy: "Write it again when that is over"
            )
        }
        defer { isControlled.store(false, ordering: .releasing) }
        // Its read transaction would stand in the way of a checkpoint while it waits.
        thread.end()
        defer { migrationTexts.drop() }
        do throws(LociError) {
            try panel.control(line, caller.origin)
        } catch {
            guard error.code == .wrongState else { throw error }
            // The command line was right: it is the migration that does not allow it now.
            throw LociError(
                .busy,
                subject: error.subject,
                message: error.message,
                remedy: error.remedy,
                cause: error
            )
        }
    }

    private static let notACommandLine = LociError(
        .invalidArgument,
        subject: ".loci/migration/ctl",
        message: "A write to .loci/migration/ctl is one whole command line at offset 0",
        remedy: "Write it in one piece: echo pause > .loci/migration/ctl"
    )
}
