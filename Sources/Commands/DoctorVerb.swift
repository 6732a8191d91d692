import ArgumentParser
import Loci

struct DoctorVerb: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "doctor",
            abstract: "Look at this machine and a store, and tell what is in the way.",
            discussion: """
                Exit 0 unless something has failed, which is exit 1. Changes nothing. Without a store \
                it looks at the machine only; without --tenant at all tenants of the store. Whether \
                contents and names are as they must be, fsck tells.
                """
        )
    }

    @OptionGroup var place: TenantsOptions
    @OptionGroup var speech: SpeechOptions

    func run() async throws {
        var found = MachineDiagnosis.look()
        found += try lookAtStore()
        try tell(found)
        if found.contains(where: { $0.state == .failed }) { throw ExitStatus.no }
    }

    /// That a store cannot be opened is a finding; that none is named is none.
    private func lookAtStore() throws(LociError) -> [Diagnosis] {
        let store: Store
        let ids: [TenantID]
        do throws(LociError) {
            (store, ids) = try StoreFinder.tenants(all(place))
        } catch  where error.code == .invalidArgument && error.subject == "--store" {
            return []
        } catch  where error.code == .unknownTenant {
            throw error
        } catch {
            return Self.refused(by: "store", error)
        }
        return StoreDiagnosis.look(at: store)
            + ids.flatMap { id in
                do throws(LociError) {
                    return TenantDiagnosis.look(at: try store.tenant(id))
                } catch {
                    return Self.refused(by: id.rawValue, error)
                }
            }
    }

    private static func refused(by scope: String, _ error: LociError) -> [Diagnosis] {
        var found = Diagnoses(of: scope)
        found.fail("open", Failure.ended(error.message), error.remedy ?? "See: loci fsck")
        return found.all
    }

    private func all(_ options: TenantsOptions) -> TenantsOptions {
        var options = options
        if options.tenant.isEmpty, Terminal.environment("LOCI_TENANT") == nil {
            options.allTenants = true
        }
        return options
    }

    private func tell(_ found: [Diagnosis]) throws(LociError) {
        var table = Table("STATE", "OF", "POINT", "WHAT")
        for one in found {
            table.append(
                one.state.rawValue,
                one.scope,
                one.point,
                Name.printable(one.message + (one.remedy.map { " " + Failure.ended($0) } ?? ""))
            )
        }
        try speech.print(table, found.map(\.json))
    }
}
