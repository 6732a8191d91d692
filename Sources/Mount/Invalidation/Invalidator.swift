import Catalog
package import FUSE
package import Linux
import Model
import Synchronization

/// Tells the kernel what changed, in the order that no stale answer survives: first the names, each
/// of which waits for a listing in flight, then the listings, then content.
///
/// ```
///  change log ─▶ names thread ─▶ queue: expire, invalidate names ─▶ drop listings
///                      └────────▶ pages thread ─▶ queue: drop attributes and pages
/// ```
///
/// Threads of its own: the kernel may wait for a request that a request thread is serving.
package final class Invalidator: Sendable {
    private let notifier: Notifier
    private let names: NotificationQueue
    let fileSystem: LociFileSystem
    private let pages: PagesQueue

    package init(_ notifier: Notifier, _ fileSystem: LociFileSystem) throws(Errno) {
        self.notifier = notifier
        self.fileSystem = fileSystem
        let names = NotificationQueue(notifier)
        self.names = names
        // A name that was dropped before a page is dropped in the kernel before it.
        pages = try PagesQueue(notifier) { names.flush() }
    }

    package func start() throws(Errno) {
        names.start()
        try pages.start()
        fileSystem.namesListings.tell(names)
        fileSystem.tellElsewhere(through: names)
    }

    package func stop() {
        pages.stop()
        names.end()
    }

    /// Waits until the kernel was told of all names and listings that were dropped before.
    func flush() { names.flush() }

    /// Whether the kernel was told of all that was dropped before, pages too.
    var isSettled: Bool { pages.isIdle && notifier.isOpen }

    // MARK: One name

    /// How a name is dropped.
    enum Manner {
        /// Looked up again at the next use.
        ///
        /// Whoever works in the directory notices nothing.
        case expire
        /// Gone from the cache, also for a lookup that is being answered this moment.
        case invalidate
    }

    /// Drops a name of a directory in every view that may know it.
    func drop(_ name: Name, in directory: NodeNumber, _ manner: Manner, _ table: LayoutTable) {
        for parent in ids(of: directory, table) {
            switch manner {
            case .expire: names.post { $0.expire(name, in: parent) }
            case .invalidate: names.post { $0.invalidate(name, in: parent) }
            }
        }
    }

    /// Expires a name in all views but the main one, whose name the kernel knows to be right.
    func dropElsewhere(_ name: Name, in directory: NodeNumber, _ table: LayoutTable) {
        let main = View.main.id(of: directory, mainRoot: fileSystem.mainRoot(table))
        for parent in ids(of: directory, table) where parent != main {
            names.post { $0.expire(name, in: parent) }
        }
    }

    /// Drops the listings of the directories of `.loci` that follow layouts.
    func dropSpecial() {
        for special in [Place.Special.layouts, .meta, .foreign, .history] {
            names.post { _ = try? $0.invalidateNode(Place.special(special).id) }
        }
    }

    /// Drops the listing and the attributes of a directory in every view.
    func dropListing(_ directory: NodeNumber, _ table: LayoutTable) {
        for id in ids(of: directory, table) {
            names.post { _ = try? $0.invalidateNode(id) }
        }
    }

    /// The ids that a directory has: in the main view, under `layouts/`, `meta/` and
    /// `history/`.
    private func ids(of directory: NodeNumber, _ table: LayoutTable) -> [NodeID] {
        var main = [View.main.id(of: directory, mainRoot: fileSystem.mainRoot(table))]
        // A root of its own was the mount's root, or may be it yet.
        if main != [.root], table.all.contains(where: { $0.root == directory }) {
            main.append(.root)
        }
        guard fileSystem.specialViewsUsed.isSet else { return main }
        let views = table.all.map { Place.view($0.number, directory).id }
        let history = Place.past(.history, directory.rawValue).id
        return main + [Place.meta(directory).id, history] + views
    }

    // MARK: Content

    /// Drops a file's attributes and pages, soon: after the names that were dropped before.
    func dropContent(_ node: NodeNumber) { pages.add(.content(NodeID(node.rawValue))) }

    func dropAttributes(_ node: NodeNumber) { pages.add(.attributes(NodeID(node.rawValue))) }

    /// Drops everything; for a restore in place.
    func dropAll() { names.post { try? $0.incrementEpoch() } }
}

/// A thread that drops pages, which can take long where many are dirty or mapped.
///
/// Who adds waits while too many wait already: what it has not followed yet stays in the change log.
final class PagesQueue: Sendable {
    enum Item: Hashable, Sendable {
        case content(NodeID)
        case attributes(NodeID)
    }

    /// A megabyte or two.
    static let limit = 1 << 16

    private struct State {
        /// In no order: each is of another node, and all names were dropped before.
        var items: Set<Item> = []
        var isSending = false
    }

    private let queue: NotificationQueue
    private let names: @Sendable () -> Void
    private let state = Mutex(State())
    private let wake: WakeEvent
    private let stopping = Atomic<Bool>(false)
    private let thread = Mutex<Thread?>(nil)

    /// `names`: waits until the kernel was told of the names that were dropped before.
    init(_ notifier: Notifier, after names: @escaping @Sendable () -> Void) throws(Errno) {
        queue = NotificationQueue(notifier)
        self.names = names
        wake = try WakeEvent()
    }

    func start() throws(Errno) {
        queue.start()
        let started = try Thread.spawn(name: "loci-pages") { self.run() }
        thread.withLock { $0 = started }
    }

    func stop() {
        stopping.store(true, ordering: .releasing)
        wake.signal()
        queue.end()
        thread.withLock { $0 }?.join()
    }

    /// Whether all that was added was sent.
    var isIdle: Bool { state.withLock { $0.items.isEmpty && !$0.isSending } }

    func add(_ item: Item) {
        while !stopping.load(ordering: .acquiring) {
            let isAdded = state.withLock { state in
                guard state.items.count < Self.limit else { return state.items.contains(item) }
                state.items.insert(item)
                return true
            }
            wake.signal()
            if isAdded { return }
            SystemClock.sleep(.milliseconds(1))
        }
    }

    private func run() {
        while !stopping.load(ordering: .acquiring) {
            _ = try? wake.wait(timeout: .seconds(1))
            let batch = state.withLock { state in
                defer { state.items = [] }
                state.isSending = !state.items.isEmpty
                return state.items
            }
            guard !batch.isEmpty else { continue }
            names()
            for item in batch {
                switch item {
                case .content(let id): queue.post { _ = try? $0.invalidateNode(id) }
                case .attributes(let id): queue.post { _ = try? $0.invalidateAttributes(id) }
                }
            }
            queue.flush()
            state.withLock { $0.isSending = false }
        }
    }
}
