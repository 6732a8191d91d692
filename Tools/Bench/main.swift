// Bench: what Tools/bench measures within one process. See there for the words.

let usage = """
    usage: Bench migrate DIR MEMORIES FILES-A-DIRECTORY swapped|scattered
           Bench tree DIR FILES FILES-A-DIRECTORY
           Bench commits STORE LOCI
           Bench search DIR MEMORIES
           Bench vectors DIR MEMORIES
           Bench searched MOUNT
           Bench fill DIR MEMORIES
           Bench cutover STORE MOUNT LOCI FLIPS
           Bench readers STORE MOUNT FILES FILES-A-DIRECTORY READERS FLIPS
           Bench reader MOUNT FILES FILES-A-DIRECTORY PHASE-FILE SEED
           Bench mount|scale|all --work DIR [--OPTION VALUE]…
           Bench table FILE
           Bench charts FILE --out DIR
           Bench operate KIND DIRECTORY NUMBER…
    """

func number(_ text: String) -> Int { Int(text) ?? 1 }

let arguments = Array(CommandLine.arguments.dropFirst())
switch (arguments.first, arguments.count) {
case ("migrate", 5):
    let bench = try MigrateBench(
        directory: arguments[1],
        memories: number(arguments[2]),
        perDirectory: number(arguments[3]),
        scattered: arguments[4] == "scattered"
    )
    try await bench.run()
case ("tree", 4):
    try Corpus(count: number(arguments[2]), perDirectory: number(arguments[3]))
        .write(to: arguments[1])
case ("commits", 3):
    try await CommitsBench(store: arguments[1], loci: arguments[2]).run()
case ("search", 3):
    try await SearchBench(directory: arguments[1], count: number(arguments[2])).run()
case ("vectors", 3):
    try await VectorsBench(directory: arguments[1], count: number(arguments[2])).run()
case ("searched", 2):
    try SearchBench.mounted(at: arguments[1])
case ("fill", 3):
    try await CutoverBench.fill(arguments[1], count: number(arguments[2]))
case ("cutover", 5):
    try CutoverBench(
        store: arguments[1],
        mount: arguments[2],
        loci: arguments[3],
        flips: number(arguments[4])
    ).run()
case ("readers", 7):
    let bench = try ReadersBench(
        store: arguments[1],
        mount: arguments[2],
        corpus: Corpus(count: number(arguments[3]), perDirectory: number(arguments[4])),
        readers: number(arguments[5]),
        flips: number(arguments[6])
    )
    try await bench.run()
case ("reader", 6):
    try PacedReader(
        mount: arguments[1],
        corpus: Corpus(count: number(arguments[2]), perDirectory: number(arguments[3])),
        phasePath: arguments[4],
        seed: UInt64(number(arguments[5]))
    ).run()
default:
    do {
        let rest = Array(arguments.dropFirst())
        if try await !Verbs.run(arguments.first ?? "", rest) { throw Failed.usage }
    } catch Failed.usage {
        Program.say(usage)
        Program.leave(2)
    } catch {
        Program.say("Bench: \(error)")
        Program.leave(1)
    }
}

enum Failed: Error { case usage }
