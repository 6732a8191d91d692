import Linux

// exercise: readers, writers and a walker for Tools/demo. Each runs until the phase file says
// `stop`, then prints one line of counts and exits 1 if anything was wrong.

func number(_ text: String) -> UInt64 { UInt64(text) ?? 1 }

/// How long an exercise goes on: `COUNT`, `SECONDSs`, or both with a comma; whichever is over first.
struct Lengths {
    let count: Int?
    let seconds: Int?

    init(_ text: String) {
        let parts = text.split(separator: ",")
        count = parts.compactMap { Int($0) }.first
        seconds = parts.filter { $0.hasSuffix("s") }.compactMap { Int($0.dropLast()) }.first
    }
}

func finish(_ tally: Tally) -> Never {
    say(tally.line)
    leave(tally.wrong + tally.failed == 0 ? 0 : 1)
}

let usage = """
    usage: Exercise collect SOURCE TARGET
           Exercise list CORPUS old|new
           Exercise read MOUNT CORPUS PHASE-FILE SEED
           Exercise walk MOUNT CORPUS PHASE-FILE
           Exercise write MOUNT PHASE-FILE NUMBER YEAR
           Exercise differential MOUNT PLAIN SEED [OPERATIONS][,SECONDSs] [bare]
           Exercise compare MOUNT PLAIN
           Exercise renaming MOUNT SEED [STEPS][,SECONDSs] WRITERS
    """

let arguments = Array(CommandLine.arguments.dropFirst())
switch (arguments.first, arguments.count) {
case ("collect", 3):
    let (files, bytes) = try Collector.collect(from: arguments[1], to: arguments[2])
    say("files=\(files) bytes=\(bytes)")
case ("list", 3):
    for file in try Corpus(arguments[1]).files {
        say(String(decoding: arguments[2] == "old" ? file.old : file.new, as: UTF8.self))
    }
case ("read", 5):
    var reader = Reader(
        mount: arguments[1],
        corpus: try Corpus(arguments[2]),
        phasePath: arguments[3],
        seed: number(arguments[4])
    )
    try reader.run()
    finish(reader.tally)
case ("walk", 4):
    var walker = Walker(
        mount: arguments[1],
        corpus: try Corpus(arguments[2]),
        phasePath: arguments[3]
    )
    try walker.run()
    finish(walker.tally)
case ("write", 5):
    var writer = Writer(
        mount: arguments[1],
        phasePath: arguments[2],
        number: Int(number(arguments[3])),
        year: Int(number(arguments[4]))
    )
    try writer.run()
    finish(writer.tally)
case ("differential", 5), ("differential", 6):
    let lengths = Lengths(arguments[4])
    var exercise = try Differential(
        Differential.Options(
            mount: arguments[1],
            plain: arguments[2],
            seed: number(arguments[3]),
            operations: lengths.count,
            seconds: lengths.seconds,
            keepsDirectories: arguments.last != "bare"
        )
    )
    leave(exercise.run() ? 0 : 1)
case ("compare", 3):
    leave(Differential.compare(mount: arguments[1], plain: arguments[2]) ? 0 : 1)
case ("renaming", 5):
    let lengths = Lengths(arguments[3])
    let renaming = Renaming(
        mount: arguments[1],
        seed: number(arguments[2]),
        steps: lengths.count,
        seconds: lengths.seconds
    )
    leave(try renaming.run(writers: Int(number(arguments[4]))) ? 0 : 1)
default:
    say(usage)
    leave(2)
}
