import Linux

/// The verbs that compare mounts: see Tools/bench for the words.
enum Verbs {
    /// True where the verb is one of these.
    static func run(_ verb: String, _ arguments: [String]) async throws -> Bool {
        switch verb {
        case "mount", "scale", "all": try await measure(verb, try BenchOptions(arguments))
        case "table":
            guard arguments.count == 1 else { throw Failed.usage }
            print(Tables.text(try Results(reading: arguments[0])), terminator: "")
        case "charts":
            guard arguments.count == 3, arguments[1] == "--out" else { throw Failed.usage }
            try draw(try Results(reading: arguments[0]), arguments[2])
        case "operate": try Operations(arguments).run()
        default: return false
        }
        return true
    }

    private static func measure(_ verb: String, _ options: BenchOptions) async throws {
        // What one verb measured stays when the other one runs.
        let isThere = (try? File.status(of: options.json)) != nil
        var results = isThere ? try Results(reading: options.json) : Results()
        if verb != "scale" {
            var bench = try MountBench(options)
            results.mount = try bench.run()
            try results.write(to: options.json)
        }
        if verb != "mount" {
            var bench = try ScaleBench(options)
            results.scale = try await bench.run()
            try results.write(to: options.json)
        }
        print(Tables.text(results), terminator: "")
        if verb == "all" { try draw(results, options.out) }
    }

    private static func draw(_ results: Results, _ directory: String) throws {
        for name in try Charts.write(results, to: directory) { print("\(directory)/\(name)") }
    }
}
