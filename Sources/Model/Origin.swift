/// Who makes a change and why, as the change log keeps it.
public struct Origin: Hashable, Sendable {
    /// Who is responsible: a person, an agent, a service.
    public var actor: String
    /// The user id of the process.
    public var uid: UInt32
    /// The process, where it is known.
    public var pid: Int32?
    /// The command of the process, where it is known.
    public var process: String?
    /// Why, in the words of the actor.
    public var reason: String?

    /// Makes an origin; what is not known is left out.
    public init(
        actor: String,
        uid: UInt32,
        pid: Int32? = nil,
        process: String? = nil,
        reason: String? = nil
    ) {
        self.actor = actor
        self.uid = uid
        self.pid = pid
        self.process = process
        self.reason = reason
    }
}
