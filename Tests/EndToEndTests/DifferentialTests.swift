import Glibc
import Linux
import Testing

/// A mount does what a plain directory does, whatever migrates underneath.
///
/// The program that performs and compares is Tools/Exercise; what differs on purpose stands in its
/// `DifferentialRules`. The environment makes runs longer or other ones: `LOCI_EXERCISE_SEED`,
/// `LOCI_EXERCISE_OPERATIONS`, `LOCI_EXERCISE_SECONDS`.
@Suite("Differential", .serialized)
struct DifferentialTests {
    /// Migrates to and fro until the process `$1` ends, and prints how often.
    ///
    /// Layout 1 stays live: it is what the mount shows.
    private static let migrateMeanwhile = """
        migrate_meanwhile() {
            local rounds=0 newest=1 scheme
            alive() { kill -0 "$1" 2>/dev/null; }
            step() {
                loci migrate "$@" --store "$S" >"$W/step" 2>&1 && return
                echo "migrate $*: exit $?"; cat "$W/step"; return 1
            }
            while true; do
                for scheme in 'tag={tag}/user={user}/{folder...}' 'owner={user}/{folder...}' \\
                    'year={created:year}/user={user}/{folder...}' \\
                    'part={id:hash(4)}/user={user}/{folder...}'; do
                    alive "$1" || { echo "migrations $rounds"; return; }
                    step start "$scheme" && step cutover || return
                    step start "new$scheme" && step cutover || return
                    newest=$((newest + 2))
                    step retire $((newest - 1)) --yes --force || return
                    loci migrate wait complete --timeout 1s --store "$S" >/dev/null 2>&1 || true
                    step revert && step abort || return
                    rounds=$((rounds + 1))
                done
            done
        }

        """

    private static func setting(_ name: String) -> String? {
        unsafe getenv(name).map { unsafe String(cString: $0) }
    }

    private static let seed = setting("LOCI_EXERCISE_SEED") ?? "1"

    /// How long: a count, or seconds.
    ///
    /// Without a wish of the environment a machine that is busy with others ends it sooner.
    private static func length(_ count: Int) -> String {
        let operations = setting("LOCI_EXERCISE_OPERATIONS")
        let seconds = setting("LOCI_EXERCISE_SECONDS").map { $0 + "s" }
        let wished = [operations, seconds].compactMap { $0 }
        return (wished.isEmpty ? ["\(count)", "150s"] : wished).joined(separator: ",")
    }

    /// Runs an exercise while migrations come and go; returns what it said.
    private static func exercise(
        _ tenant: MountedStore,
        _ arguments: String
    ) async throws -> String {
        let outcome = try await tenant.longShell(
            migrateMeanwhile
                + """
                mkdir "$W/plain"
                Exercise \(arguments) >"$W/exercise" 2>&1 &
                exercise=$!
                trap 'kill $exercise 2>/dev/null' EXIT
                migrate_meanwhile $exercise
                wait $exercise; status=$?
                trap - EXIT
                cat "$W/exercise"
                # Ended by a signal it has said nothing: SIGBUS is a page that could not be read.
                test $status -le 128 || { echo "signal $((status - 128))"; cat "$W/plain.mapping"; }
                exit $status
                """
        )
        let words = outcome.output + outcome.errors
        #expect(outcome.status == 0, "\(words)")
        let rounds = outcome.lines.first { $0.hasPrefix("migrations ") }?.split(separator: " ").last
        #expect((rounds.flatMap { Int($0) } ?? 0) > 0, "\(words)")
        return words
    }

    @Test("the same operations come to the same on a mount and on a plain directory, in migrations")
    func migrating() async throws {
        let tenant = try MountedStore(scheme: "user={user}/{folder...}", mounted: false)
        try tenant.remount("layout=1")
        let words = try await Self.exercise(
            tenant,
            #"differential "$M" "$W/plain" \#(Self.seed) \#(Self.length(100_000))"#
        )
        print(words)
        try checkAfterwards(tenant)
    }

    @Test("the same operations come to the same where directories may be empty")
    func bare() async throws {
        let tenant = try MountedStore(scheme: "user={user}/{folder...}", mounted: false)
        try tenant.remount("layout=1")
        let outcome = try await tenant.longShell(
            """
            mkdir "$W/plain"
            exec Exercise differential "$M" "$W/plain" \(Self.seed) \(Self.length(10_000)) bare 2>&1
            """
        )
        #expect(outcome.status == 0, "\(outcome.output)")
        try checkAfterwards(tenant)
    }

    @Test("names that go to and fro while their files are committed lead where they should")
    func renaming() async throws {
        let tenant = try MountedStore(scheme: "user={user}/{folder...}", mounted: false)
        try tenant.remount("layout=1")
        _ = try await Self.exercise(
            tenant,
            #"renaming "$M" \#(Self.seed) \#(Self.length(1_000)) 6"#
        )
        try tenant.must(#"loci umount "$M""#)
        #expect(try tenant.check() == nil)
    }

    /// After a remount everything is as it was, and the store is sound.
    private func checkAfterwards(_ tenant: MountedStore) throws {
        let outcome = try tenant.must(
            """
            looks() { find "$M" -mindepth 1 -printf '%P %y %m %s %i %T@\\n' | LC_ALL=C sort; }
            looks >"$W/before"
            loci umount "$M"; loci mount "$S" "$M" -o layout=1
            looks >"$W/after"
            diff "$W/before" "$W/after" || true
            Exercise compare "$M" "$W/plain"
            loci umount "$M"
            """
        )
        #expect(outcome.output == "")
        #expect(try tenant.check() == nil)
    }
}
