import Loci
import Migration

/// A plan for people.
enum PlanText {
    static func lines(
        _ plan: MigrationPlan,
        _ options: MigrationOptions,
        isMapping: Bool,
        isRefused: Bool
    ) -> [String] {
        var lines = [
            "from  \(plan.from)  \(plan.fromScheme)      to  \(plan.to)  \(plan.toScheme)",
            counts(plan, isMapping),
        ]
        var second: [String] = []
        if let largest = plan.largestDirectory {
            second.append(
                "largest new directory  \(largest.path)  \(Grouped.text(largest.memories))"
            )
        }
        if let sample = plan.sample {
            second.append("sample  \(sample.from) → \(sample.to)")
        }
        if !second.isEmpty { lines.append(second.joined(separator: "        ")) }
        lines.append(fanOut(plan))
        lines.append(shared(plan))
        lines += remarks(plan)
        if let estimate = plan.estimate {
            lines.append("moving takes \(about(estimate)) at full speed (throttle none)")
        }
        var ending = "Nothing has been changed."
        if isRefused {
            ending += " A start would be refused."
        } else {
            ending += " Start it with:  loci migrate start '\(plan.toScheme)'"
            if isMapping { ending += " --mapper CMD" }
            if options.onCollision == .suffix { ending += " --on-collision suffix" }
            if options.apart { ending += " --apart" }
        }
        return lines + [ending]
    }

    private static func fanOut(_ plan: MigrationPlan) -> String {
        let fanOut = plan.fanOut
        var line = "new directories \(Grouped.text(fanOut.directories))"
        if let widest = fanOut.widest {
            let tenths = Int((fanOut.mean * 10).rounded())
            line += "   entries in one: \(tenths / 10).\(tenths % 10) on average, "
            line += "\(Grouped.text(fanOut.largest)) at most (\(widest))"
        }
        if let deepest = plan.deepest { line += "   deepest  \(deepest)" }
        return line
    }

    /// A measured time, with no more digits than a sample is worth.
    private static func about(_ time: Duration) -> String {
        let seconds = time.components.seconds
        guard seconds > 0 else { return "less than a second" }
        return "about \(LociDuration.text(.seconds(seconds < 20 ? seconds + 1 : seconds)))"
    }

    private static func counts(_ plan: MigrationPlan, _ isMapping: Bool) -> String {
        var line =
            "memories \(Grouped.text(plan.memories))   to move \(Grouped.text(plan.toMove))"
            + "   already in place \(Grouped.text(plan.inPlace))"
        for missing in plan.missing {
            line += "   missing field \(Grouped.text(missing.memories))"
            line += " (\(missing.field) → \(missing.field)=\(isMapping ? "?" : "_"))"
        }
        if plan.toMap > 0 { line += "   for the mapper \(Grouped.text(plan.toMap))" }
        return line + "   collisions \(Grouped.text(plan.collisions.count))"
    }

    private static func shared(_ plan: MigrationPlan) -> String {
        let names = plan.shared.samples.map { "/\($0)" }.joined(separator: ", ")
        return "directories that both layouts share \(Grouped.text(plan.shared.count)) (\(names))"
            + "   consumers that list in them: mount -o layout=\(plan.from) first"
    }

    private static func remarks(_ plan: MigrationPlan) -> [String] {
        var lines: [String] = []
        if plan.foreign > 0 {
            lines.append("foreign files \(Grouped.text(plan.foreign)): they stay")
        }
        if !plan.hidden.isEmpty {
            lines.append(
                "not in the new paths  \(plan.hidden.joined(separator: ", "))   memories keep them"
            )
        }
        let lists: [(String, Int, [NamePath])] = [
            ("collisions", plan.collisions.count, plan.collisions.samples.map(\.path)),
            ("names too long", plan.tooLong.count, plan.tooLong.samples),
            ("claimed by another layout", plan.brokenClaims.count, plan.brokenClaims.samples),
            ("twins by case or normal form", plan.twins.count, plan.twins.samples),
        ]
        if let links = plan.brokenLinks {
            var line = "relative links that break \(Grouped.text(links.count))"
            for link in links.samples.prefix(3) { line += "   \(link.source): \(link.link)" }
            lines.append(line)
        }
        for (title, count, samples) in lists where count > 0 {
            let paths = samples.prefix(3).map(\.description).joined(separator: "  ")
            lines.append("\(title) \(Grouped.text(count))   \(paths)")
        }
        return lines
    }
}

extension MigrationPlan {
    /// One object a tenant; `refusal` is what a start would answer.
    func json(of tenant: TenantID, refusal: LociError?) -> JSON {
        [
            "tenant": .string(tenant.rawValue),
            "from": .integer(Int64(from.rawValue)), "fromScheme": .string(fromScheme.text),
            "to": .integer(Int64(to.rawValue)), "toScheme": .string(toScheme.text),
            "memories": .integer(Int64(memories)), "trashed": .integer(Int64(trashed)),
            "toMove": .integer(Int64(toMove)), "inPlace": .integer(Int64(inPlace)),
            "bytes": .integer(bytes), "foreign": .integer(Int64(foreign)),
            "missing": .object(
                missing.map { JSON.Member($0.field, .integer(Int64($0.memories))) }
            ),
            "toMap": .integer(Int64(toMap)),
            "hidden": .array(hidden.map { .string($0) }),
            "collisions": .integer(Int64(collisions.count)),
            "tooLong": .integer(Int64(tooLong.count)),
            "claimed": .integer(Int64(brokenClaims.count)),
            "twins": .integer(Int64(twins.count)),
            "shared": .integer(Int64(shared.count)),
            "largest": largestDirectory.map {
                ["path": JSON(path: $0.path), "memories": .integer(Int64($0.memories))]
            } ?? .null,
            "sample": sample.map { ["from": JSON(path: $0.from), "to": JSON(path: $0.to)] }
                ?? .null,
            "deepest": deepest.map { JSON(path: $0) } ?? .null,
            "newDirectories": .integer(Int64(fanOut.directories)),
            "entriesMean": .number(fanOut.mean),
            "entriesMost": .integer(Int64(fanOut.largest)),
            "widest": fanOut.widest.map { JSON(path: $0) } ?? .null,
            "brokenLinks": brokenLinks.map { .integer(Int64($0.count)) } ?? .null,
            "brokenLinkSamples": .array(
                (brokenLinks?.samples ?? []).map {
                    ["source": JSON(path: $0.source), "link": .string($0.link)]
                }
            ),
            "estimateSeconds": estimate.map { .number($0 / .seconds(1)) } ?? .null,
            "dispute": dispute.map { .string($0.message) } ?? .null,
            "refused": refusal.map { .string($0.message) } ?? .null,
        ]
    }
}
