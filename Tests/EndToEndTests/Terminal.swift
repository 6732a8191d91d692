/// Drives programs that want a terminal: each step is typed when what it waits for was shown.
enum Terminal {
    /// What to wait for, and what to type then; as Python bytes.
    typealias Step = (shown: String, keys: String)

    /// Cuts the line, writes another, saves, leaves.
    static let nano: [Step] = [
        ("first", #"\x0bchanged\x0f"#), ("Write", #"\r"#), ("Wrote", #"\x18"#),
    ]

    static let vim: [Step] = [("first", #"cwchanged\x1b"#), ("changed", #":wq\r"#)]

    /// A script that opens `$F` with a program and types.
    ///
    /// `name`: a file that has to be there, beside `$F`, before the last step.
    static func driving(
        _ program: [String],
        typing steps: [Step],
        whenThere name: String? = nil
    ) -> String {
        let words = program.map { "'\($0)'" }.joined(separator: ", ")
        let typed = steps.map { "(b'\($0.shown)', b'\($0.keys)')" }.joined(separator: ", ")
        let there = name.map { "'\($0)'" } ?? "None"
        return """
            python3 - "$F" <<'END'
            import os, pty, re, select, sys, time
            file, there = sys.argv[1], \(there)
            steps = [\(typed)]
            pid, terminal = pty.fork()
            if pid == 0:
                os.environ['TERM'] = 'xterm'
                program = [\(words), file]
                os.execvp(program[0], program)
            def more():
                if not select.select([terminal], [], [], 60)[0]: sys.exit('nothing more came')
                try: return os.read(terminal, 65536)
                except OSError: return b''
            for step, (shown, keys) in enumerate(steps):
                seen = b''
                while shown not in re.sub(rb'\\x1b[\\[(][0-9;?]*[A-Za-z]', b'', seen):
                    piece = more()
                    if not piece: sys.exit(f'{shown} did not come: {seen}')
                    seen += piece
                if there and step == len(steps) - 1:
                    path = os.path.join(os.path.dirname(file), there)
                    for _ in range(600):
                        if os.path.exists(path): break
                        time.sleep(0.1)
                    else: sys.exit(f'{path} did not come')
                os.write(terminal, keys)
            while more(): pass
            sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            END

            """
    }
}
