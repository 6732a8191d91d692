import ArgumentParser
import Linux
import Loci
import Mount

struct MountVerb: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "mount",
            abstract: "Mount a tenant as a directory.",
            discussion: """
                Returns when the mount answers. Options: ro, tenant=, layout=N, subdir=, \
                allow_other, uid=, gid=, umask=, xattr, foreign=dot|deny|all, quiet=100ms, \
                actor=, reason=, migrate=on|off, usage=on|off, restarts=N, \
                latency=low|normal, log=.

                A daemon that dies is started again, up to restarts=N times a minute (4; 0 for \
                never), and takes the mount over: callers wait a moment and go on. --upgrade has the \
                daemon of a mount replaced by this program in the same way.

                While more than some thousand requests a second come, a mount of root's keeps all \
                processors of the machine from sleeping (latency=low; normal does not): answers \
                come sooner, and take more power.
                """
        )
    }

    @Argument(help: ArgumentHelp("The store.", valueName: "store")) var store: String
    @Argument(help: ArgumentHelp("An empty directory.", valueName: "mountpoint"))
    var directory: String?
    @Option(
        name: .customShort("o"),
        help: ArgumentHelp("Mount options, separated by commas.", valueName: "options")
    )
    var mountOptions: [String] = []
    @Option(name: .long, help: ArgumentHelp("The tenant ($LOCI_TENANT).", valueName: "id"))
    var tenant: String?
    @Flag(name: .long, help: "Stay in the foreground; READY=1 goes to $NOTIFY_SOCKET.")
    var foreground = false
    @Flag(
        name: .long,
        help: "Replace the daemon of a mount by this program; the store need not be named."
    )
    var upgrade = false
    @Option(name: .long, help: .hidden) var readyDescriptor: Int32?
    @Option(name: .long, help: .hidden) var workerDescriptor: Int32?
    @OptionGroup var speech: SpeechOptions

    /// Where it is to be mounted.
    private var mountPoint: String { directory ?? store }

    func validate() throws {
        guard directory == nil, !upgrade else { return }
        throw ValidationError("Missing expected argument '<mountpoint>'")
    }

    func run() async throws {
        if upgrade { return try MountUpgrade.run(mountPoint, speech) }
        let options = try MountOptions(parsing: mountOptions)
        try Self.requireFUSE()
        try startDaemon(options)
    }

    /// Holds the mount in this process until it ends.
    ///
    /// Blocks. For the main thread, before any other.
    func serve() throws(LociError) {
        let ready = ReadySignal(descriptor: readyDescriptor)
        do throws(LociError) {
            try Self.requireFUSE()
            let options = try MountOptions(parsing: mountOptions)
            let keeper = try MountKeeper(
                MountKeeper.Order(
                    mountPoint: String(
                        decoding: StoreFinder.absolute(RawArguments.bytes(mountPoint)),
                        as: UTF8.self
                    ),
                    source: store,
                    options: options,
                    arguments: ["mount"] + daemonArguments
                ),
                telling: ready,
                signals: try Self.signals()
            )
            try keeper.run()
        } catch {
            ready.failed(error)
            throw error
        }
    }

    /// What serves the mount, as its keeper starts it.
    var worker: MountWorker {
        MountWorker(store: store, tenant: tenant, mountOptions: mountOptions)
    }

    static func requireFUSE() throws(LociError) {
        do throws(Errno) {
            _ = try File.open("/dev/fuse", .readWrite)
            return
        } catch .accessDenied, .notPermitted {
            throw LociError(
                .notPermitted,
                subject: "/dev/fuse",
                message: "/dev/fuse cannot be opened by user \(EffectiveUser.id).",
                remedy: "Most systems let everybody open it: chmod 666 /dev/fuse. In a container "
                    + "add --device /dev/fuse --cap-add SYS_ADMIN."
            )
        } catch .noSuchFile {
        } catch {
            // A device that is there and answers otherwise: mounting says what is wrong.
            return
        }
        throw LociError(
            .fuseUnavailable,
            subject: "/dev/fuse",
            message: "/dev/fuse is missing, so nothing can be mounted here.",
            remedy: "Install fuse3 and load the module (modprobe fuse); in a container add "
                + "--device /dev/fuse --cap-add SYS_ADMIN."
        )
    }

    // MARK: The daemon

    static func signals() throws(LociError) -> Signals {
        do throws(Errno) {
            return try Signals([Signals.terminate, Signals.interrupt, Signals.hangUp])
        } catch {
            throw InputBytes.failure(error, Array("signals".utf8), "read")
        }
    }

    private func openTenant(_ options: MountOptions) throws(LociError) -> Tenant {
        var place = StoreOptions()
        place.store = store
        place.tenant = options.tenant?.rawValue ?? tenant
        return try StoreFinder.tenant(place)
    }

    // MARK: The command

    /// Starts this program again as a daemon, and waits until the mount answers.
    private func startDaemon(_ options: MountOptions) throws(LociError) {
        let answer = try MountDaemonProcess.start(
            arguments: ["mount"] + daemonArguments
        )
        if let failure = answer { throw failure }
        guard !speech.quiet else { return }
        let tenant = try openTenant(options)
        let scheme = try tenant.layout(options.layout?.rawValue).scheme
        if speech.json || Terminal.outputIsTerminal {
            try speech.print(
                "Mounted tenant \(tenant.id) on \(mountPoint): \(scheme)\n"
                    + "Why a call failed:  cat \(mountPoint)/.loci/last-error"
            ) {
                [
                    "mountPoint": .string(mountPoint), "store": .string(tenant.store.path),
                    "tenant": .string(tenant.id.rawValue), "scheme": .string(scheme.text),
                ]
            }
        }
    }

    private var daemonArguments: [String] {
        var arguments = [store, mountPoint, "--foreground"]
        for option in mountOptions { arguments += ["-o", option] }
        if let tenant { arguments += ["--tenant", tenant] }
        return arguments
    }
}
