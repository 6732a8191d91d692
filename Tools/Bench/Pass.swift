import Linux

/// Where everybody runs: this process with all that it starts from then on, daemons and clients.
struct Pass {
    private let before: String
    private let runner: Runner

    /// Remembers where this process may run now.
    init(_ runner: Runner) {
        self.runner = runner
        before = RunningProcess.current.status("Cpus_allowed_list") ?? "0"
    }

    /// `pinned`: all on one processor; `unpinned`: as it was.
    func enter(_ pass: String) throws {
        // The last one: the first serves most interrupts.
        let last = before.split { $0 == "," || $0 == "-" }.last.map(String.init) ?? "0"
        let processors = pass == "pinned" ? last : before
        let process = String(RunningProcess.current.id)
        _ = try runner.run(["taskset", "--all-tasks", "--cpu-list", "--pid", processors, process])
        guard RunningProcess.current.status("Cpus_allowed_list") == processors else {
            throw Trouble("this process cannot be moved to processor \(processors)")
        }
    }

    /// Throws where a daemon of a subject does not run where this process runs.
    func check(_ subject: Subject) throws {
        let processors = RunningProcess.current.status("Cpus_allowed_list")
        let processes = subject.processes(runner)
        if processes.isEmpty { throw Trouble("its daemon was not found") }
        for process in processes.filter(\.exists)
        where process.status("Cpus_allowed_list") != processors {
            throw Trouble("its process \(process.id) is not on the processors of this pass")
        }
    }
}
