import ArgumentParser
import Linux
import Loci

/// The program that turns texts into vectors.
struct EmbedderOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "A program that turns texts into vectors ($LOCI_EMBEDDER).",
            valueName: "cmd"
        )
    )
    var embedder: String?

    /// The help's words about embedders.
    static let discussion = """
        An embedder prints one JSON object a line, and flushes it: first, when it is ready, \
        {"protocol":1,"id":"all-MiniLM-L6-v2","dimensions":384}; then for each line \
        {"id":1,"kind":"text","text":…} (or "kind":"query") one {"id":1,"vector":[…]}, or "error": \
        reason where it has none. Up to 32 are open at a time, answered in any order. It ends at \
        the end of its input. CMD is split into words, and no shell runs; it is never stored, only \
        the id and the dimensions are, and those of another embedder are refused. Tools/embedder in \
        Loci's source is one.
        """

    /// The embedder, its program found; nil where none is given.
    func embedder(_ speech: SpeechOptions) throws(LociError) -> ProcessEmbedder? {
        let standing = Terminal.environment("LOCI_EMBEDDER").flatMap { $0.isEmpty ? nil : $0 }
        guard let line = embedder ?? standing else { return nil }
        let quiet = speech.quiet
        let embedder = try ProcessEmbedder(line) { line in
            if !quiet { Words.line("embedder: \(line)") }
        }
        // Without it the process dies all the same; only what it started might not.
        try? Signals.beforeEnding(by: [Signals.interrupt, Signals.terminate, Signals.hangUp]) {
            embedder.kill()
        }
        return embedder
    }

    /// The embedder that `option` cannot do without.
    func embedder(for option: String, _ speech: SpeechOptions) throws(LociError) -> ProcessEmbedder
    {
        if let embedder = try embedder(speech) { return embedder }
        throw LociError(
            .invalidArgument,
            subject: option,
            message: "\(option) needs the embedder that made the vectors.",
            remedy: "Name its command with --embedder CMD or in LOCI_EMBEDDER."
        )
    }
}
