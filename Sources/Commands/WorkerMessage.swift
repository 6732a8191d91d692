import Linux
import Loci
import Mount

/// What the keeper of a mount and the worker that serves it say to each other: JSON, one object a
/// message, and descriptors beside it.
///
/// ```
///  keeper                                   worker
///  begin ───────────────────────────────▶   opens the tenant, checks what can be checked
///           ◀─────────────────── prepared
///  device  (+ device, + lock) ──────────▶   takes the mount over, resumes what is staged
///           ◀──────────── ready (+ lock)    serves
///  end ─────────────────────────────────▶   commits, unmounts
///  yield ───────────────────────────────▶   answers what it received, leaves the rest
///           ◀─────────────────────── done   exits 0
///           ◀───────────────────── failed   instead of prepared or ready; exits
/// ```
enum WorkerMessage: Sendable {
    case begin(Begin)
    case prepared(Prepared)
    /// The kernel's first request.
    case device([UInt8])
    case ready
    /// The last word of a worker that ends as it was asked to, or because of an unmount.
    case done
    case failed(LociError)
    case end
    case yield

    /// The words above; another one is refused.
    static let version: Int64 = 1

    struct Begin: Sendable {
        /// Of the workers before; nil for the first one, which makes one.
        var session: String?
        /// As it was given; for others than the first absolute.
        var mountPoint: String
        var keeper: Int32
        var began: Timestamp
        var restarts: Int
        var lastDeath: String?
    }

    struct Prepared: Sendable {
        var session: String
        /// Absolute.
        var mountPoint: String
        /// Of the tenant: `STORE/<tenant>`.
        var directory: String
    }
}

extension WorkerMessage {
    var json: JSON {
        switch self {
        case .begin(let begin):
            [
                "say": "begin", "version": .integer(Self.version),
                "session": begin.session.map { .string($0) } ?? .null,
                "mountPoint": .string(begin.mountPoint), "keeper": .integer(Int64(begin.keeper)),
                "began": .integer(begin.began.nanoseconds),
                "restarts": .integer(Int64(begin.restarts)),
                "lastDeath": begin.lastDeath.map { .string($0) } ?? .null,
            ]
        case .prepared(let prepared):
            [
                "say": "prepared", "version": .integer(Self.version),
                "session": .string(prepared.session),
                "mountPoint": .string(prepared.mountPoint),
                "directory": .string(prepared.directory),
            ]
        case .device(let beginning):
            ["say": "device", "beginning": .string(Hex.text(beginning))]
        case .ready: ["say": "ready"]
        case .done: ["say": "done"]
        case .failed(let error): ["say": "failed", "failure": Failure.json(error)]
        case .end: ["say": "end"]
        case .yield: ["say": "yield"]
        }
    }

    /// Reads what `json` made; nil for anything else.
    init?(_ bytes: [UInt8]) {
        guard let json = try? JSON(parsing: bytes), let word = json["say"]?.stringValue else {
            return nil
        }
        switch word {
        case "begin":
            guard let begin = Begin(json) else { return nil }
            self = .begin(begin)
        case "prepared":
            guard let prepared = Prepared(json) else { return nil }
            self = .prepared(prepared)
        case "device":
            guard let text = json["beginning"]?.stringValue, let bytes = Hex.bytes(text) else {
                return nil
            }
            self = .device(bytes)
        case "ready": self = .ready
        case "done": self = .done
        case "failed":
            guard let error = json["failure"].flatMap({ Failure.error($0) }) else { return nil }
            self = .failed(error)
        case "end": self = .end
        case "yield": self = .yield
        default: return nil
        }
    }

    func send(on socket: MessageSocket, passing files: [Int32] = []) throws(Errno) {
        try socket.send(json.bytes(), passing: files)
    }
}

extension WorkerMessage.Begin {
    fileprivate init?(_ json: JSON) {
        guard json["version"]?.integerValue == WorkerMessage.version,
            let mountPoint = json["mountPoint"]?.stringValue,
            let keeper = json["keeper"]?.integerValue, let began = json["began"]?.integerValue,
            let restarts = json["restarts"]?.integerValue
        else { return nil }
        self.init(
            session: json["session"]?.stringValue,
            mountPoint: mountPoint,
            keeper: Int32(truncatingIfNeeded: keeper),
            began: Timestamp(nanoseconds: began),
            restarts: Int(restarts),
            lastDeath: json["lastDeath"]?.stringValue
        )
    }
}

extension WorkerMessage.Prepared {
    fileprivate init?(_ json: JSON) {
        guard json["version"]?.integerValue == WorkerMessage.version,
            let session = json["session"]?.stringValue,
            let mountPoint = json["mountPoint"]?.stringValue,
            let directory = json["directory"]?.stringValue
        else { return nil }
        self.init(session: session, mountPoint: mountPoint, directory: directory)
    }
}
