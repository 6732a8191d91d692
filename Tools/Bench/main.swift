// Bench: what Tools/bench measures within one process. See there for the words.

let usage = """
    usage: Bench migrate DIR MEMORIES FILES-A-DIRECTORY swapped|scattered
           Bench tree DIR FILES FILES-A-DIRECTORY
    """

let arguments = Array(CommandLine.arguments.dropFirst())
switch (arguments.first, arguments.count) {
case ("migrate", 5):
    let bench = try MigrateBench(
        directory: arguments[1],
        memories: Int(arguments[2]) ?? 100_000,
        perDirectory: Int(arguments[3]) ?? 500,
        scattered: arguments[4] == "scattered"
    )
    try await bench.run()
case ("tree", 4):
    try Corpus(count: Int(arguments[2]) ?? 100_000, perDirectory: Int(arguments[3]) ?? 100)
        .write(to: arguments[1])
default:
    print(usage)
    throw Failed.usage
}

enum Failed: Error { case usage }
