package import Blobs
package import Linux
package import SQL
import Synchronization

/// Counts the durable steps of whatever goes through it, and lets one of them fail.
///
/// Stands around a catalog's connection and a store of blobs. A crash test runs an operation once
/// to learn its steps, then once more for each of them.
package final class Faults: Sendable {
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        /// The process ends: that step fails and every later one.
        case crash
        /// `ENOSPC`.
        case noSpace
        /// `EIO`.
        case inputOutput
        /// `EACCES`.
        case denied
    }

    /// How a step fails: a kind, and whether all that follow fail too until it is mended.
    package struct Failing: Hashable, Sendable, CustomStringConvertible {
        package let kind: Kind
        package let isLasting: Bool

        package var description: String { isLasting ? "\(kind) from" : "\(kind) at" }

        /// A crash, each error of a disk once, and a disk that stays full.
        package static let all = [
            Failing(kind: .crash, isLasting: true), Failing(kind: .noSpace, isLasting: true),
            Failing(kind: .noSpace, isLasting: false),
            Failing(kind: .inputOutput, isLasting: false),
            Failing(kind: .denied, isLasting: false),
        ]
    }

    private struct State {
        var steps: [String] = []
        var failing: Failing?
        var at = 0
        var hasStruck = false
    }

    private let state = Mutex(State())

    package init() {}

    /// Counts from now on; nothing fails any more.
    package func mend() { state.withLock { $0 = State() } }

    /// Lets the step of that number fail, counted from now; from 0.
    package func arm(_ failing: Failing, at step: Int) {
        state.withLock { $0 = State(failing: failing, at: step) }
    }

    /// What has been counted, by name.
    package var steps: [String] { state.withLock(\.steps) }

    /// Whether the step that was armed was reached.
    package var hasStruck: Bool { state.withLock(\.hasStruck) }

    /// Counts a step; returns how it fails.
    package func next(_ name: String) -> Kind? {
        state.withLock { state in
            let number = state.steps.count
            state.steps.append(name)
            guard let failing = state.failing, number >= state.at else { return nil }
            guard number == state.at || failing.isLasting else { return nil }
            state.hasStruck = true
            return failing.kind
        }
    }

    // MARK: Which to try

    /// Whether a step lasts by itself; a row lasts when its transaction is committed.
    package static func isDurable(_ step: String) -> Bool { step.first?.isLowercase == true }

    /// The numbers of the steps that tell something new where they fail.
    ///
    /// A crash between two rows of a transaction is one before its commit. An error of the disk is
    /// tried at each durable step, and at the first and the last row that each statement writes.
    package static func worthFailing(_ steps: [String], _ failing: Failing) -> [Int] {
        steps.indices.filter { number in
            if isDurable(steps[number]) { return true }
            guard failing.kind != .crash else { return false }
            return steps.firstIndex(of: steps[number]) == number
                || steps.lastIndex(of: steps[number]) == number
        }
    }

    /// A row of the table of operations and their steps, for who reads the log of a test.
    package static func row(_ operation: String, _ steps: [String]) -> String {
        let durable = steps.count(where: isDurable)
        let tried = Failing.all.map { worthFailing(steps, $0).count }.reduce(0, +)
        return "step table: \(operation): \(durable) durable steps, \(steps.count - durable) rows, "
            + "\(tried) failures tried"
    }

    // MARK: What it stands around

    package func around(_ connection: any SQLConnection) -> any SQLConnection {
        InterceptedConnection(connection) { [self] (step) throws(SQLError) in
            let kind: Kind? =
                switch step {
                case .statement(let sql): next(sql)
                case .commit: next("commit")
                case .checkpoint: next("checkpoint")
                }
            if let kind { throw kind.sql }
        }
    }

    package func around(_ blobs: DirectoryBlobStore) -> any BlobStore {
        InterceptedBlobStore(blobs) { [self] (step) throws(BlobError) in
            if let kind = next(step.name) { throw kind.blob }
        }
    }
}

extension Faults.Kind {
    package var errno: Errno {
        switch self {
        case .crash: .canceled
        case .noSpace: .noSpace
        case .inputOutput: .inputOutput
        case .denied: .accessDenied
        }
    }

    package var blob: BlobError { self == .noSpace ? .noSpace(nil) : .failed(errno, nil) }

    /// As SQLite tells of it.
    package var sql: SQLError {
        let (kind, code): (SQLError.Kind, Int32) =
            switch self {
            case .noSpace: (.full, 13)
            case .denied: (.readOnly, 8)
            case .crash, .inputOutput: (.inputOutput, 10)
            }
        return SQLError(
            kind: kind,
            code: code,
            systemError: errno.rawValue,
            message: "the test lets it fail",
            statement: nil
        )
    }
}

extension InterceptedBlobStore.Step {
    var name: String {
        switch self {
        case .read: "read a blob"
        case .place: "place a file"
        case .write: "write a blob"
        case .link: "link a blob"
        case .syncContents: "sync contents"
        case .makeDurable: "sync keys"
        case .syncAll: "sync everything"
        case .remove: "remove a blob"
        case .removeEmptyDirectories: "remove empty directories"
        case .removePartials: "remove partials"
        }
    }
}
