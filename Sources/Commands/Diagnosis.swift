import Loci

/// One point that was looked at, and how it is.
struct Diagnosis {
    enum State: String {
        case ok
        case warning
        case failed
    }

    let scope: String
    let point: String
    let state: State
    let message: String
    /// What to do; nil where all is well.
    let remedy: String?

    var json: JSON {
        [
            "scope": .string(scope), "point": .string(point), "state": .string(state.rawValue),
            "message": .string(message), "remedy": remedy.map { .string($0) } ?? .null,
        ]
    }
}

/// What was found so far about one thing: the machine, the store, a tenant.
struct Diagnoses {
    let scope: String
    private(set) var all: [Diagnosis] = []

    init(of scope: String) { self.scope = scope }

    mutating func ok(_ point: String, _ message: String) {
        add(point, .ok, message, nil)
    }

    mutating func warn(_ point: String, _ message: String, _ remedy: String) {
        add(point, .warning, message, remedy)
    }

    mutating func fail(_ point: String, _ message: String, _ remedy: String) {
        add(point, .failed, message, remedy)
    }

    /// Runs one look; that it cannot be done is a finding of its own.
    mutating func look(
        at point: String,
        _ body: (inout Diagnoses) throws -> Void
    ) {
        do {
            try body(&self)
        } catch {
            let error = Failure.wrapped(error)
            fail(point, Failure.ended(error.message), error.remedy ?? "See: loci fsck")
        }
    }

    private mutating func add(
        _ point: String,
        _ state: Diagnosis.State,
        _ message: String,
        _ remedy: String?
    ) {
        all.append(
            Diagnosis(scope: scope, point: point, state: state, message: message, remedy: remedy)
        )
    }
}
